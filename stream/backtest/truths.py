"""What payments were, as far as labels say by now."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from stream.evaluation.ledger import UNKNOWN


class Truths:
    """Labels, whenever they came.

    The label of the later time stands, the later arrival where times are equal, as the engine
    has it; but here no cap withholds one, and none comes too late.

    Parameters
    ----------
    confidence_min : float
        One that is less sure says nothing.

    Attributes
    ----------
    latest_us : int or None
        Time of the latest label.
    """

    def __init__(self, confidence_min: float) -> None:
        self._confidence_min = confidence_min
        self._keys: list[NDArray[np.uint64]] = []
        self._times_us: list[NDArray[np.int64]] = []
        self._frauds: list[NDArray[np.bool_]] = []
        self.latest_us: int | None = None

    def add(self, labels: Transactions) -> None:
        """Take labels in the order in which they arrived."""
        sure = labels.numeric[1] >= self._confidence_min
        taken = (labels.reason == Reason.OK) & sure
        if not taken.any():
            return
        self._keys.append(labels.transaction_key[taken])
        self._times_us.append(labels.event_time_us[taken])
        self._frauds.append(labels.numeric[0][taken] == 1.0)
        latest_us = int(self._times_us[-1].max())
        self.latest_us = latest_us if self.latest_us is None else max(latest_us, self.latest_us)

    def of(self, keys: NDArray[np.uint64], times_us: NDArray[np.int64]) -> NDArray[np.int8]:
        """Return what payments were: 1 for fraud, 0 for genuine, `UNKNOWN` without a label.

        Parameters
        ----------
        keys : ndarray of uint64, shape (n,)
        times_us : ndarray of int64, shape (n,)
            When they were made; a label from before that is of something else.
        """
        found = np.full(len(keys), UNKNOWN, np.int8)
        if not self._keys:
            return found
        labelled = np.concatenate(self._keys)
        label_times_us = np.concatenate(self._times_us)
        order = np.lexsort((np.arange(len(labelled)), label_times_us, labelled))
        labelled = labelled[order]
        # The last of each key is the one that stands.
        places = np.searchsorted(labelled, keys, side="right") - 1
        hit = (places >= 0) & (labelled[places] == keys)
        hit &= label_times_us[order][places] >= times_us
        found[hit] = np.concatenate(self._frauds)[order][places[hit]]
        return found
