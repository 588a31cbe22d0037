"""Labels wait while the payments that they name are still to be read.

A consumer that has fallen behind is given both topics as they come, and labels are the smaller
records: it would read them long before their payments. So many can be held, and no more.
"""

from __future__ import annotations

from typing import Protocol


class Topics(Protocol):
    """A source whose topics can be left unread; `stream.kafka.source.Source`."""

    def hold_back(self, topic: str) -> None:
        """Read nothing of a topic until it is let go."""
        ...

    def let_go(self, topic: str) -> None:
        """Read a topic again."""
        ...

    def lag(self, topic: str) -> int:
        """Return how many records of a topic are still to be read, as far as is known."""
        ...


class HoldBack:
    """Hold labels back while many came before their payments, and payments lie ready.

    Parameters
    ----------
    source : Topics
    payments, labels : str
        Names of the topics.
    lag_max : int
        Payments that may lie ready all the same.
    """

    def __init__(self, source: Topics, payments: str, labels: str, lag_max: int) -> None:
        self._source = source
        self._payments, self._labels = payments, labels
        self._lag_max = lag_max
        self.holds = False
        # How often it began.
        self.times = 0

    def tend(self, share: float) -> None:
        """Look whether labels are to wait.

        Parameters
        ----------
        share : float
            Of the room for labels before their payment, what is taken. Where payments do not lie
            ready, the room is for those whose payment is yet to be made.
        """
        if not self.holds and share > 0.5 and self._lags():
            self.holds, self.times = True, self.times + 1
            self._source.hold_back(self._labels)
        elif self.holds and (share <= 0.25 or not self._lags()):
            self.holds = False
            self._source.let_go(self._labels)

    def _lags(self) -> bool:
        return self._source.lag(self._payments) > self._lag_max
