"""An interval of a mean that may be looked at after every value.

An interval that is right once is wrong sooner or later for whoever looks every day and stops as
soon as it says something. This one holds at all times together: with probability 1 - alpha it
never leaves out the mean of what the values were expected to be, given all before them. Nothing
else is asked of the values than a bound: they may depend on each other, and what is expected may
change. It is the empirical-Bernstein confidence sequence of Howard, Ramdas, McAuliffe & Sekhon
(Annals of Statistics 49, 2021, theorems 1 and 4); for the difference of two forecasters' scores
Choe & Ramdas (Operations Research 72, 2024) recommend it.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import scipy
from numpy.typing import NDArray

from models.states.restoring import array, count, require, require_kind
from models.states.snapshot import State

# Of the stitched boundary: each epoch's variance is ETA times the last one's, and how fast the
# probability that is left for epochs falls off. The article's own choice.
ETA = 2.0
S = 1.4
# The variance process below which the boundary is that of this much: tighter only before it.
V_MIN = 1.0

_K1 = (ETA**0.25 + ETA**-0.25) / math.sqrt(2.0)
_K2 = (math.sqrt(ETA) + 1.0) / 2.0
_KIND = "anytime_mean/1"
_COUNT_MAX = 2**62


@functools.cache
def _log_zeta() -> float:
    # scipy loads a submodule when it is first asked for: not with every command.
    return math.log(float(scipy.special.zeta(S)))


def boundary(v: float, width: float, alpha: float) -> float:
    """Return what a sum of values, less what was expected of them, never comes to reach.

    Parameters
    ----------
    v : float
        Sum of the squares of values less a guess of each that was made before it.
    width : float
        Between the least and the greatest value that there can be.
    alpha : float
        Probability with which it is reached all the same, ever.
    """
    v = max(v, V_MIN)
    length = S * math.log(math.log(v / V_MIN, ETA) + 1.0) + _log_zeta() - math.log(alpha)
    edge = _K2 * width * length
    return math.sqrt(_K1**2 * v * length + edge**2) + edge


class AnytimeMean:
    """The mean of bounded values that come one after the other, and its interval.

    Parameters
    ----------
    low, high : float
        What a value can be.

    Attributes
    ----------
    n : int
    total : float
        Sum of the values.
    """

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.low = low
        self.high = high
        self.n = 0
        self.total = 0.0
        self._v = 0.0

    @property
    def mean(self) -> float:
        """Of all values; NaN if there are none."""
        return self.total / self.n if self.n else math.nan

    def update(self, values: NDArray[np.float64]) -> None:
        """Take values, shape (n,), in their order."""
        if not len(values):
            return
        # One sum after the other, so that it does not matter how many come at once.
        totals = np.add.accumulate(np.concatenate(([self.total], values)))
        before = np.arange(self.n, self.n + len(values))
        middle = (self.low + self.high) / 2.0
        # Of each value the mean of those before it is guessed.
        guesses = np.where(before > 0, totals[:-1] / np.maximum(before, 1), middle)
        squares = (values - guesses) ** 2
        self._v = float(np.add.accumulate(np.concatenate(([self._v], squares)))[-1])
        self.total = float(totals[-1])
        self.n += len(values)

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the interval: the truth is never outside of it with probability 1 - alpha."""
        if not self.n:
            return self.low, self.high
        half = boundary(self._v, self.high - self.low, alpha / 2.0) / self.n
        return max(self.mean - half, self.low), min(self.mean + half, self.high)

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        return State(_KIND, {"n": self.n}, {"sums": np.array([self.total, self._v])})

    def restore(self, state: State) -> None:
        """Go on from a state; SnapshotError, and no change, if it is damaged."""
        require_kind(state, _KIND)
        n = count(state, "n", 0, _COUNT_MAX)
        total, v = array(state, "sums", np.float64, (2,)).tolist()
        require(state, v >= 0.0 and n * self.low <= total <= n * self.high, "its sums are wrong")
        self.n, self.total, self._v = n, total, v
