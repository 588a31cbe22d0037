"""Labels that came early wait here until all others of their time are known too.

Frauds are found within hours, genuine payments only by nobody having complained for weeks.
Of the payments of one day the frauds would therefore be learned first, and a calibrator,
which learns how many of them there are, would take the first days of scores for nothing
but fraud. So it learns each payment when it is mature, whenever its label came.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from stream.decide import Said


class UnripeLabels:
    """What models said of payments whose labels are known and whose time has not come.

    Parameters
    ----------
    maturity_us : int
        The age from which a payment that nobody labelled counts as genuine.
    """

    def __init__(self, maturity_us: int) -> None:
        self.maturity_us = maturity_us
        self._taken = 0
        # Event time, number in order of arrival, what was said, whether it was fraud.
        self._waiting: list[tuple[float, int, list[float], bool]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(
        self, said: Said, y: NDArray[np.bool_], now_us: int
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Take labels; return raw scores and labels of those that need not wait, in order."""
        early = said.time_us > now_us - self.maturity_us
        for at in np.flatnonzero(early).tolist():
            self._taken += 1
            held = (float(said.time_us[at]), self._taken, said.raw[at].tolist(), bool(y[at]))
            heapq.heappush(self._waiting, held)
        return said.raw[~early], y[~early]

    def ripe(self, now_us: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
        """Give out those whose time has come, by event time; None if there are none.

        Returns
        -------
        raw : ndarray of float64, shape (n, n_contenders)
        y : ndarray of bool, shape (n,)
        """
        ripe = []
        while self._waiting and self._waiting[0][0] <= now_us - self.maturity_us:
            ripe.append(heapq.heappop(self._waiting))
        if not ripe:
            return None
        return np.array([row[2] for row in ripe]), np.array([row[3] for row in ripe], np.bool_)
