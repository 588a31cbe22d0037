"""How much longer a run of benchmarks takes."""

from __future__ import annotations

from collections.abc import Sequence

# Of what a benchmark takes, about so much is left of it with ``--quick``.
_QUICK = 0.2
# So many seconds of a run weigh as much as what is known beforehand of how fast the machine is.
_TRUST_S = 30.0


class Pace:
    """What is left, by what every benchmark takes elsewhere and by how fast this machine was yet.

    Parameters
    ----------
    takes_s : sequence of float
        Seconds of each, in the order in which they run.
    quick : bool
        Whether they do less.
    """

    def __init__(self, takes_s: Sequence[float], *, quick: bool = False) -> None:
        self._takes_s = list(takes_s)
        self._pace = _QUICK if quick else 1.0
        self._done = 0
        self._known_s = self._took_s = _TRUST_S
        self._took_s *= self._pace

    def took(self, seconds: float) -> None:
        """Note how long the next one took."""
        known_s = self._takes_s[self._done]
        self._done += 1
        # Of one of which nothing is known nothing is learned.
        if known_s > 0:
            self._known_s += known_s
            self._took_s += seconds
            self._pace = self._took_s / self._known_s

    def left_s(self, since_s: float = 0.0) -> float:
        """Return the seconds that are left.

        Parameters
        ----------
        since_s : float
            So long ago the next one began.
        """
        now_s, *later_s = self._takes_s[self._done :] or [0.0]
        return max(now_s * self._pace - since_s, 0.0) + sum(later_s) * self._pace


def words(seconds: float) -> str:
    """Say about how long it is."""
    if seconds < 90:
        return "about a minute left" if seconds >= 30 else "less than a minute left"
    return f"about {round(seconds / 60)} minutes left"
