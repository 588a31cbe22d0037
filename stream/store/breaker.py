"""A circuit breaker: what fails again and again is left alone for a while, then tried once."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Circuit(Enum):
    """Whether calls go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Opens after failures in a row, and lets one call through after each pause.

    Each pause is twice the one before, up to a bound. It is one thread's: nobody else may ask.

    Parameters
    ----------
    clock : callable
        Seconds, never going back.
    failures_max : int
        Failures in a row that open it.
    pause_s, pause_max_s : float
        The first pause, and the longest.

    Raises
    ------
    ValueError
        No failure would open it, or a pause is none.

    Attributes
    ----------
    circuit : Circuit
    failures : int
        In a row.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        failures_max: int = 3,
        pause_s: float = 0.5,
        pause_max_s: float = 10.0,
    ) -> None:
        if failures_max < 1 or not 0 < pause_s <= pause_max_s:
            raise ValueError(
                f"failures_max is {failures_max} and the pauses {pause_s} to {pause_max_s} s: "
                "give at least 1, and pauses above 0 that do not shrink"
            )
        self.circuit = Circuit.CLOSED
        self.failures = 0
        self._clock = clock
        self._failures_max = failures_max
        self._first_s = self._pause_s = pause_s
        self._longest_s = pause_max_s
        self._until_s = 0.0

    def allows(self) -> bool:
        """Tell whether a call may be made now; what became of it must be told before the next."""
        if self.circuit is Circuit.OPEN and self._clock() >= self._until_s:
            self.circuit = Circuit.HALF_OPEN
        return self.circuit is not Circuit.OPEN

    def succeeded(self) -> None:
        """Take note of a call that went well: all is as in the beginning."""
        self.circuit = Circuit.CLOSED
        self.failures = 0
        self._pause_s = self._first_s

    def failed(self) -> None:
        """Take note of a call that did not."""
        self.failures += 1
        if self.failures < self._failures_max:
            return
        self.circuit = Circuit.OPEN
        self._until_s = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._longest_s)
