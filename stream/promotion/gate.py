"""The gate: every challenger beside the champion, on payments that are mature.

Of a payment it is known only once it is mature whether it was fraud. Compared are the scores of
decision time, of payments that the present champion decided and both had scored. When another
model becomes champion all comparisons begin anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.anytime import AnytimeMean
from models.members import Stateful, restore_members, states_of
from models.states.restoring import array, count, require, require_kind
from models.states.snapshot import State
from stream.decide import DecisionScores
from stream.promotion.days import PairedDays
from stream.promotion.parameters import PromotionParameters
from stream.promotion.recommendation import Compared, Recommendation, recommendation_of

_KIND, _PAIR_KIND = "gate/1", "pair/1"
_COUNT_MAX = 2**62
_NEVER_US = -(2**62)
# Of log losses: a score that is certain and wrong costs 34.5 nats, not everything.
_EPSILON = 1e-15


class Pair:
    """The champion and one challenger."""

    def __init__(self) -> None:
        self.difference = AnytimeMean(-1.0, 1.0)
        self.days = PairedDays()
        self.frauds = 0
        # Champion's and challenger's: squared errors, log losses.
        self._losses = np.zeros((2, 2))

    def update(
        self,
        scores: NDArray[np.float64],
        alerted: NDArray[np.bool_],
        y: NDArray[np.bool_],
        times_us: NDArray[np.int64],
    ) -> None:
        """Take payments; see `stream.promotion.days.PairedDays.update`."""
        errors = (scores - y) ** 2
        p = np.clip(scores, _EPSILON, 1.0 - _EPSILON)
        self._losses[0] += errors.sum(axis=1)
        self._losses[1] -= np.where(y, np.log(p), np.log1p(-p)).sum(axis=1)
        self.frauds += int(np.count_nonzero(y))
        self.difference.update(errors[0] - errors[1])
        self.days.update(scores, alerted, y, times_us)

    def compared(self, champion: str, challenger: str, error: float) -> Compared:
        """Return how the two compare."""
        n = self.difference.n
        brier, log_loss = (self._losses / n if n else np.full((2, 2), math.nan)).tolist()
        low, high = self.difference.interval(error)
        return Compared(
            champion,
            challenger,
            n,
            self.frauds,
            self.days.closed,
            (brier[0], brier[1]),
            (log_loss[0], log_loss[1]),
            self.difference.mean,
            low,
            high,
            self.days.alerts,
            self.days.hits,
            self.days.difference(),
        )

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        arrays = {"losses": self._losses.copy()}
        return State(_PAIR_KIND, {"frauds": self.frauds}, arrays, states_of(self._parts))

    def restore(self, state: State) -> None:
        """Go on from a state; SnapshotError, and no change, if it is damaged."""
        require_kind(state, _PAIR_KIND)
        frauds = count(state, "frauds", 0, _COUNT_MAX)
        losses = array(state, "losses", np.float64, (2, 2))
        restore_members(self._parts, state)
        self.frauds, self._losses = frauds, losses

    @property
    def _parts(self) -> dict[str, Stateful]:
        return {"difference": self.difference, "days": self.days}


class Gate:
    """All challengers beside the champion.

    Parameters
    ----------
    names : sequence of str
        Of all contenders, by slot; the first decides.
    parameters : PromotionParameters
    """

    def __init__(self, names: Sequence[str], parameters: PromotionParameters) -> None:
        self.parameters = parameters
        self._names = tuple(names)
        self._champion = 0
        self._began_us = _NEVER_US
        # The youngest payment that was compared.
        self._latest_us = _NEVER_US
        self._pairs = self._new_pairs()

    def begin(self, champion: int, since_us: int) -> None:
        """Compare with another champion from now on: nothing that was counted is of it."""
        self._champion, self._began_us, self._latest_us = champion, since_us, _NEVER_US
        self._pairs = self._new_pairs()

    def judge(
        self, said: DecisionScores, y: NDArray[np.bool_], times_us: NDArray[np.int64]
    ) -> None:
        """Compare on payments that are mature now.

        Parameters
        ----------
        said : DecisionScores
        y : ndarray of bool, shape (n,)
            True for fraud.
        times_us : ndarray of int64, shape (n,)
            Of the payments.
        """
        mine = said.decided_by(self._champion) & (times_us >= self._began_us)
        champion = said.scores_of(self._champion)
        mine &= ~np.isnan(champion)
        if not mine.any():
            return
        self._latest_us = max(self._latest_us, int(times_us[mine].max()))
        alerted = champion >= said.alerting
        for slot, pair in self._pairs.items():
            scores = said.scores_of(slot)
            both = mine & ~np.isnan(scores)
            if both.any():
                two = np.stack([champion[both], scores[both]])
                pair.update(two, alerted[both], y[both], times_us[both])

    def recommendations(self) -> list[Recommendation]:
        """Return what there is to say of every challenger, in the order of slots."""
        return [recommendation_of(self._compared(slot), self.parameters) for slot in self._pairs]

    def should_go_back(self, former: str) -> Compared | None:
        """Return how the champion before compares, if it is better beyond doubt; else None.

        Only the payments of the canary count, and only while no later one is mature.
        """
        canary_us = self.parameters.canary_us
        if not canary_us or self._latest_us >= self._began_us + canary_us:
            return None
        compared = self._compared(self._names.index(former))
        return compared if compared.low > 0.0 else None

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        header = {
            "champion": self._names[self._champion],
            "began_us": self._began_us,
            "latest_us": self._latest_us,
            "challengers": sorted(self._named()),
        }
        return State(_KIND, header, parts=states_of(self._named()))

    def restore(self, state: State) -> None:
        """Go on from a state; SnapshotError, and no change, if it is damaged.

        Of a challenger that it does not know nothing is counted yet.
        """
        require_kind(state, _KIND)
        champion = state.header.get("champion")
        require(state, champion in self._names, f"its champion {champion!r} is nobody")
        challengers = state.header.get("challengers")
        require(state, challengers == sorted(state.parts), "the counts of some are missing")
        times = (count(state, name, _NEVER_US, _COUNT_MAX) for name in ("began_us", "latest_us"))
        other = Gate(self._names, self.parameters)
        other._champion = self._names.index(champion)
        other._pairs = other._new_pairs()
        other._began_us, other._latest_us = times
        pairs = {name: each for name, each in other._named().items() if name in state.parts}
        parts = {name: state.parts[name] for name in pairs}
        restore_members(pairs, State(_KIND, parts=parts))
        vars(self).update(vars(other))

    def _compared(self, slot: int) -> Compared:
        # Several that are tried at once share the probability of an error.
        error = self.parameters.error / len(self._pairs)
        names = self._names[self._champion], self._names[slot]
        return self._pairs[slot].compared(*names, error)

    def _named(self) -> dict[str, Pair]:
        return {self._names[slot]: pair for slot, pair in self._pairs.items()}

    def _new_pairs(self) -> dict[int, Pair]:
        slots = range(len(self._names))
        return {slot: Pair() for slot in slots if slot != self._champion}
