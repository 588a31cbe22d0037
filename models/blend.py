"""Several learners as one: a pool whose weights follow who was right.

What that is worth is bounded. Let L be the log loss, nats, of members chosen in hindsight
and changed k times in T labels, each of which always had a score; r the rate, a the share,
N the number of members and M = `models.pool.LOSS_MAX`. Then the blend's loss is at most

    (r * L + C) * M / (1 - exp(-r * M)),
    C = ln N + k * ln(N / a) - (T - 1 - k) * ln(1 - a + a / N)

because log loss is convex in log-odds (the pool loses no more than its members' weighted
mean), and by the bounds of Cesa-Bianchi & Lugosi, Prediction, Learning, and Games, 2006,
for small losses (section 2.4) and for fixed share (section 5.2). With a weight of fraud,
losses are those so weighted, and M is multiplied by it where it is above 1.

Log loss needs no weights for one fraud in a hundred payments. It is a proper scoring rule,
so the true probability loses least at any rate of fraud; and the few frauds are most of
the loss already: a payment that is fraud at rate p costs ln(1/p), 4.6 nats at 1 %, and a
genuine one 0.01. `fraud_weight` above 1 prefers members that err on the side of fraud,
and the scores are no longer calibrated to the stream's rate then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import pool
from models.base import Learner
from models.members import contributions_of, log_odds_of, restore_members, states_of
from models.states.restoring import array, count, require, require_header, require_kind
from models.states.snapshot import State
from models.weights import check_weights, require_weights

_KIND = "blend/1"
_LEARNED_MAX = 2**63 - 1
# Weights are sums of rounded products.
_SUM_ERROR_MAX = 1e-9


class Blend:
    """A weighted pool of learners, itself a learner.

    Each label first judges what every member says of its row, and then teaches them all,
    row after row; so how labels are cut into batches never matters. A member that is not
    ready takes no part, and one whose score is NaN takes none for that row: neither is
    judged. Where nobody has a score the blend has none: NaN.

    Parameters
    ----------
    members : mapping of str to Learner
        By name; they are learned from here on through the blend only.
    rate : float
        How fast weights follow losses, above 0 to 1: a difference of one nat moves the ratio
        of two weights by exp(rate).
    share : float
        Part of the weight of each member judged that is dealt out equally among them at each
        label, above 0 to below 1. Its inverse is about how many labels pass between changes
        of the best member.
    fraud_weight : float
        How many genuine payments one fraud counts for, beyond its loss; above 0.

    Attributes
    ----------
    members : dict of str to Learner
    learned : int
        How many labels were learned from.

    Raises
    ------
    ValueError
        There is no member, or a parameter is out of its range.
    """

    def __init__(
        self,
        members: Mapping[str, Learner],
        rate: float = 0.1,
        share: float = 1e-4,
        fraud_weight: float = 1.0,
    ) -> None:
        if not members:
            raise ValueError("members is empty: give at least one learner")
        _check("rate", rate, 0.0 < rate <= 1.0, "above 0 to 1")
        _check("share", share, 0.0 < share < 1.0, "between 0 and 1")
        _check("fraud_weight", fraud_weight, 0.0 < fraud_weight < math.inf, "above 0")
        self.members = dict(members)
        self.rate = float(rate)
        self.share = float(share)
        self.fraud_weight = float(fraud_weight)
        self.learned = 0
        self._weights = np.full(len(members), 1.0 / len(members))

    @property
    def ready(self) -> bool:
        """Whether some member is."""
        return any(member.ready for member in self.members.values())

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each member; none is 0 and they add up to one."""
        return dict(zip(self.members, self._weights.tolist(), strict=True))

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Judge the members by each label, then teach them; see `models.base.Learner`.

        A weight multiplies a row's loss, as `fraud_weight` does; weight of members is dealt out
        once a row, whatever it weighs.

        Raises
        ------
        schemas.errors.ModelError
            There are weights, and a member cannot weigh; then nothing was changed.
        """
        if len(X) != len(y):
            raise ValueError(f"X has {len(X)} rows and y {len(y)}: give each row its label")
        if w is not None:
            check_weights(w, len(X))
            require_weights(self)
        weights = np.ones(len(X)) if w is None else w
        members = list(self.members.values())
        for at, fraud in enumerate(y.tolist()):
            row = slice(at, at + 1)
            rate = self.rate * self.fraud_weight if fraud else self.rate
            rate *= float(weights[at])
            pool.judge(self._weights, log_odds_of(self.members, X[row])[0], fraud, rate, self.share)
            for member in members:
                member.learn_many(X[row], y[row], None if w is None else w[row])
        self.learned += len(y)

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of fraud of each row, shape (n,); NaN where there is none."""
        return pool.pooled(log_odds_of(self.members, X), self._weights)

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart; see `models.members.contributions_of`."""
        return contributions_of(self.members, self._weights, X)

    def state(self) -> State:
        """Return parameters, weights and the states of all members.

        Raises
        ------
        schemas.errors.ModelError
            A member has no state.
        """
        header = {**self._parameters(), "learned": self.learned}
        return State(_KIND, header, {"weights": self._weights.copy()}, states_of(self.members))

    def restore(self, state: State) -> None:
        """Go on where a blend of the same members was; SnapshotError, and no change, else."""
        require_kind(state, _KIND)
        require_header(state, self._parameters())
        learned = count(state, "learned", 0, _LEARNED_MAX)
        weights = array(state, "weights", np.float64, (len(self.members),))
        right = (weights > 0.0).all() and abs(weights.sum() - 1.0) <= _SUM_ERROR_MAX
        require(state, bool(right), "weights must be above 0 and add up to one")
        restore_members(self.members, state)
        self.learned = learned
        self._weights = weights

    def _parameters(self) -> dict[str, Any]:
        return {
            "members": list(self.members),
            "rate": self.rate,
            "share": self.share,
            "fraud_weight": self.fraud_weight,
        }


def _check(name: str, value: float, holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value}: give a number {what}")
