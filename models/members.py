"""Several learners under one roof: what they say together, and their states together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models import pool
from models.base import Learner
from models.states.restoring import require
from models.states.snapshot import State
from schemas.errors import ModelError, SnapshotError


class Stateful(Protocol):
    """Whatever has a state: learners, and what stands beside them."""

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        ...

    def restore(self, state: State) -> None:
        """Go on from a state of its like; SnapshotError, and no change, if it is none."""
        ...


def log_odds_of(members: Mapping[str, Learner], X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each member says of each row, in bounded log-odds.

    Returns
    -------
    ndarray of float64, shape (n, n_members)
        NaN where a member is not ready or has no score.
    """
    scores = np.full((len(X), len(members)), np.nan)
    for at, member in enumerate(members.values()):
        if member.ready:
            scores[:, at] = member.predict_proba_many(X)
    return pool.bounded_log_odds(scores)


def contributions_of(
    members: Mapping[str, Learner], weights: NDArray[np.float64], X: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Take pooled scores apart: the weighted mean of what each member says of each feature.

    What of a member's log-odds no feature explains is in the base, and so is what bounding
    them takes away. Where there is no score all of it is 0.

    Returns
    -------
    bases : ndarray of float64, shape (n,)
    contributions : ndarray of float64, shape (n, n_features)
    """
    odds = log_odds_of(members, X)
    shares = pool.shares_many(odds, weights)
    bases, parts = np.zeros(len(X)), np.zeros(X.shape)
    for at, member in enumerate(members.values()):
        rows = shares[:, at] > 0.0
        if rows.any():
            share = shares[rows, at]
            _, said = member.contributions_many(X[rows])
            said = np.where(np.isfinite(said).all(axis=1, keepdims=True), said, 0.0)
            bases[rows] += share * (odds[rows, at] - said.sum(axis=1))
            parts[rows] += share[:, np.newaxis] * said
    return bases, parts


def states_of(members: Mapping[str, Stateful]) -> dict[str, State]:
    """Return the states of all members, by name.

    Raises
    ------
    schemas.errors.ModelError
        A member has no state.
    """
    return {name: stateful(member, name).state() for name, member in members.items()}


def restore_members(members: Mapping[str, Stateful], state: State) -> None:
    """Let every member go on from its part of a state, or none of them.

    Raises
    ------
    schemas.errors.SnapshotError
        The parts are not the members', or one is damaged; then nothing was changed.
    """
    require(state, set(state.parts) == set(members), "its parts are not the members")
    before = states_of(members)
    try:
        for name, member in members.items():
            member.restore(state.parts[name])
    except Exception as error:  # Whatever a member raises: half a state is worse.
        for earlier, member in members.items():
            member.restore(before[earlier])
        if isinstance(error, SnapshotError):
            raise SnapshotError(f"{state.kind}: member {name!r}: {error}") from error
        raise


def stateful(member: Any, name: str = "model") -> Stateful:
    """Return a member that has a state.

    Raises
    ------
    schemas.errors.ModelError
        It has none.
    """
    if not hasattr(member, "state") or not hasattr(member, "restore"):
        raise ModelError(
            f"member {name!r} is a {type(member).__name__}, which has no state to keep: "
            "leave it out of what is to be kept"
        )
    found: Stateful = member
    return found
