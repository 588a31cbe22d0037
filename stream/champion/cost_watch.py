"""Challengers that cost more than they may: found by the clock, disabled by an order.

What is decided must not depend on how fast a machine is, so nothing here touches the engine. It is
only said who should be disabled; the order to do so is a record like any other, journaled when it
is taken, and a replay disables the same challenger at the same place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from stream.champion.contenders import Contender
from stream.timed_learner import TimedLearner

# A mean of less says more of the machine than of the model.
WINDOW_S = 10.0


class CostWatch:
    """Looks at what challengers cost.

    Parameters
    ----------
    limits : mapping of str to float
        Microseconds of processor time that a payment may cost in the mean, by name.
    clock : callable
        Returns seconds that never go back.
    """

    def __init__(
        self, limits: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = {name: limit for name, limit in limits.items() if limit > 0}
        self._clock = clock
        self._began_s: float | None = None
        self._before: dict[str, tuple[int, int]] = {}

    def look(self, challengers: Mapping[str, Contender]) -> dict[str, float]:
        """Return who cost too much since the last window ended, and how much a payment.

        Most calls only look at the clock. Who was set aside is passed over, and so is who is
        not timed.
        """
        if not self._limits:
            return {}
        now_s = self._clock()
        if self._began_s is not None and now_s < self._began_s + WINDOW_S:
            return {}
        spent = {
            name: contender.learner.spent
            for name, contender in challengers.items()
            if name in self._limits
            and contender.aside is None
            and isinstance(contender.learner, TimedLearner)
        }
        found = {}
        for name, (ns, rows) in spent.items():
            ns_before, rows_before = self._before.get(name, (ns, rows))
            if rows > rows_before:
                mean_us = (ns - ns_before) / 1000 / (rows - rows_before)
                if mean_us > self._limits[name]:
                    found[name] = mean_us
        self._began_s, self._before = now_s, spent
        return found
