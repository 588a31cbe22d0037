"""Which of the alerts of a batch go out, one after the other in the order of decisions.

Decisions are not changed: a payment that is reviewed is reviewed, whether or not somebody is
told of it once more. All is a function of what was taken before, in event time.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.members import restore_members, states_of
from models.states.restoring import count, require_kind
from models.states.snapshot import State
from stream.admission.groups import GROUPED, GROUPS_MAX, Groups
from stream.admission.snoozes import SCORE, Snooze, Snoozes
from stream.decide import Outcome

_KIND = "admission/1"
_COUNT_MAX = 2**62
_REVIEW = int(Outcome.REVIEW)


class AlertFate(IntEnum):
    """What becomes of an alert."""

    OUT = 0
    GROUPED = 1
    SNOOZED = 2


class Admitted(NamedTuple):
    """What becomes of the alerts of a batch.

    Attributes
    ----------
    fates : ndarray of int8, shape (n,)
        `AlertFate` of each.
    grouped : ndarray of int64, shape (n,)
        Of those that go out: how many of their entity were grouped since its last; else 0.
    """

    fates: NDArray[np.int8]
    grouped: NDArray[np.int64]

    @property
    def out(self) -> NDArray[np.bool_]:
        """Return which go out, shape (n,)."""
        return self.fates == AlertFate.OUT


class Admission:
    """Lets alerts out.

    Parameters
    ----------
    entities : sequence of str
        Names, in the order of the keys of a row.
    cooldown_us : int
        See `Groups`; 0: none.
    cooldown_entity : str
        One of the names.
    groups_max : int

    Attributes
    ----------
    grouped, snoozed : int
        Alerts that did not go out.
    """

    def __init__(
        self,
        entities: Sequence[str],
        cooldown_us: int = 0,
        cooldown_entity: str = "",
        groups_max: int = GROUPS_MAX,
    ) -> None:
        self._entities = tuple(entities)
        name = cooldown_entity or self._entities[0]
        self._row = self._entities.index(name)
        self._groups = Groups(cooldown_us, name, groups_max)
        self.snoozes = Snoozes(self._entities)
        self.grouped = self.snoozed = 0

    @property
    def active(self) -> bool:
        """Whether anything can be held back; else nobody need ask."""
        return bool(self._groups.cooldown_us or len(self.snoozes))

    def admit(
        self,
        outcomes: NDArray[np.int8],
        keys: NDArray[np.uint64],
        times_us: NDArray[np.int64],
        causes: Sequence[Sequence[str]] | None = None,
        exempt: NDArray[np.bool_] | None = None,
    ) -> Admitted:
        """Decide about the alerts of a batch, in its order.

        Parameters
        ----------
        outcomes : ndarray of int8, shape (n,)
            REVIEW or stricter.
        keys : ndarray of uint64, shape (n_entities, n)
            0 where a payment has no such entity.
        times_us : ndarray of int64, shape (n,)
            Event times.
        causes : sequence of sequences of str, optional
            Names of the rules that say so of each, SCORE for the model; by default that alone.
        exempt : ndarray of bool, shape (n,), optional
            Those that always go out and begin no group, such as what was drawn at random: to
            hold one of them back would make its probability a lie.
        """
        n = len(outcomes)
        fates, grouped = np.zeros(n, np.int8), np.zeros(n, np.int64)
        for i in range(n):
            if exempt is not None and exempt[i]:
                continue
            may_wait = int(outcomes[i]) == _REVIEW
            time_us = int(times_us[i])
            of = (SCORE,) if causes is None else causes[i]
            if may_wait and self.snoozes.silence(of, keys[:, i], time_us):
                fates[i] = AlertFate.SNOOZED
                continue
            many = self._groups.take(int(keys[self._row, i]), time_us, may_wait)
            if many == GROUPED:
                fates[i] = AlertFate.GROUPED
            else:
                grouped[i] = many
        self.grouped += int((fates == AlertFate.GROUPED).sum())
        self.snoozed += int((fates == AlertFate.SNOOZED).sum())
        return Admitted(fates, grouped)

    def snooze(self, snooze: Snooze, now_us: int) -> bool:
        """Take a snooze; see `Snoozes.take`."""
        return self.snoozes.take(snooze, now_us)

    def erase(self, entity: str, key: int) -> None:
        """Forget an entity, by its name and key."""
        self.snoozes.erase(entity, key)
        if entity == self._groups.entity:
            self._groups.erase(key)

    def state(self) -> State:
        """Return all that decides what goes out next; a copy."""
        counts = {"grouped": self.grouped, "snoozed": self.snoozed}
        return State(_KIND, counts, {}, states_of(self._parts))

    def restore(self, state: State) -> None:
        """Go on from a state; SnapshotError if it is none."""
        require_kind(state, _KIND)
        counts = [count(state, name, 0, _COUNT_MAX) for name in ("grouped", "snoozed")]
        restore_members(self._parts, state)
        self.grouped, self.snoozed = counts

    @property
    def _parts(self) -> dict[str, Groups | Snoozes]:
        return {"groups": self._groups, "snoozes": self.snoozes}
