"""What labels teach: learned by the state's own models, or told to the trainer of them all.

The scheme is that of a parameter server with one server (Li et al., Scaling Distributed Machine
Learning with the Parameter Server, OSDI 2014, section 2), on Kafka's log: scorers send rows, not
gradients, so that any model that learns row by row can be learned, and the trainer's order of rows
is the only one there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.members import stateful
from models.states.restoring import array, count, require, require_kind
from models.states.snapshot import State, envelope_of
from schemas.errors import SnapshotError
from stream.champion.contenders import LEARNING, PLACES, SAVING, Aside, Contender, teach
from stream.champion.lineup import Lineup
from stream.event_time import BEGINNING_US
from stream.labels.examples import Examples
from stream.labels.label_kinds import LabelKind
from stream.shared_model.messages import OFFSET_MAX, ModelVersion, Position, SentExamples
from stream.shared_model.role import Role, role_of

_KIND, _VERSION_KIND = "training/1", "model_version/1"
_FAILED = "failed"
_ARRAYS = ("heard", "part_sizes", "parts")
_NEVER_US = 2**62
# Of a partition nothing was taken yet.
_NOWHERE = (-1, -1)


class Training:
    """Who learns what; a part of the engine's state where all partitions have one model.

    Parameters
    ----------
    lineup : Lineup
        Whose models learn.
    version_interval_us : int
        Event time between two versions of the trainer; 0: each state learns alone.

    Attributes
    ----------
    role : Role
    """

    def __init__(self, lineup: Lineup, version_interval_us: int) -> None:
        self.role = Role.ALONE
        self._lineup = lineup
        self._interval_us = version_interval_us
        self._untold: list[Examples] = []
        # Of the trainer: how far it has heard of each partition, and what nobody has seen yet.
        self._heard: dict[int, tuple[int, int]] = {}
        self._unpublished = False
        self._published_us = BEGINNING_US
        # Of a scorer: the newest version that it has, and parts of the next one.
        self._adopted = -1
        self._parts: list[bytes] = []
        self._parts_of = -1

    def serve(self, partition: int) -> None:
        """Take the role of a partition's state, where all have one model."""
        if self._interval_us:
            self.role = role_of(partition)

    @property
    def due_us(self) -> int:
        """From which barrier on there is a version to publish."""
        return self._published_us + self._interval_us if self._unpublished else _NEVER_US

    def teach(self, examples: Examples) -> None:
        """Learn examples, or keep those that anybody can learn from until `tell`."""
        if self.role is Role.SCORER:
            examples = learnable(examples)
            if len(examples.is_fraud):
                self._untold.append(examples)
            return
        self._learn(examples)

    def tell(self, offset: int) -> list[SentExamples]:
        """Return what the trainer is to be told at the arrival of a payment."""
        told = [SentExamples(offset, examples) for examples in self._untold]
        self._untold = []
        return told

    def learn(self, partition: int, place: Position, examples: Examples) -> bool:
        """Learn what a partition tells; False if it was learned before, or nobody learns here.

        A place comes once: a partition that is taken up again tells some a second time.
        """
        if self.role is not Role.TRAINER or place <= self._heard.get(partition, _NOWHERE):
            return False
        self._heard[partition] = place
        self._learn(examples)
        return True

    def _learn(self, examples: Examples) -> None:
        teach(self._lineup.contenders, examples, self._lineup.at)
        self._unpublished |= self.role is Role.TRAINER and len(examples.is_fraud) > 0

    def versions(self, now_us: int, offset: int) -> list[ModelVersion]:
        """Return the version that is due at a barrier, or none.

        A model that has not seen enough is left out: scorers keep what they have, also where the
        trainer had to begin anew.
        """
        if now_us < self.due_us:
            return []
        self._published_us, self._unpublished = now_us, False
        states = {name: each.state() for name, each in self._participants() if each.contender.ready}
        parts = {name: state for name, state in states.items() if state is not None}
        named = zip(self._lineup.names, self._lineup.contenders, strict=True)
        failed = {n: list(c.aside) for n, c in named if c.aside is not None and c.aside.failed}
        state = State(_VERSION_KIND, {_FAILED: failed}, parts=parts)
        return [ModelVersion(offset, state)] if parts else []

    def adopt(
        self, place: Position, parts: int, content: bytes, read: Callable[[bytes], State]
    ) -> bool | None:
        """Take a part of a version; with the last one let the models go on from it.

        Parameters
        ----------
        place : Position
        parts : int
            How many there are of this version.
        content : bytes
        read : callable
            Makes a state of all parts, one behind the other; SnapshotError if it is none.

        Returns
        -------
        bool or None
            True: it is theirs now. None: more is to come, or they have it. False: it is
            incomplete, or of other models.
        """
        if self.role is not Role.SCORER or place.offset <= self._adopted:
            return None
        if place.part == 0:
            self._parts, self._parts_of = [], place.offset
        if place.offset != self._parts_of or place.part != len(self._parts):
            self._parts, self._parts_of = [], -1
            return False
        self._parts.append(content)
        if len(self._parts) < parts:
            return None
        whole = b"".join(self._parts)
        self._parts, self._parts_of = [], -1
        try:
            self._take_over(read(whole))
        except SnapshotError:
            return False
        self._adopted = place.offset
        return True

    def _take_over(self, state: State) -> None:
        """Let the models that a version has go on from it, all or none.

        A challenger that failed where it is learned is set aside here too: nobody teaches it any
        more. Whoever decides here goes on as it is.
        """
        require_kind(state, _VERSION_KIND)
        failed = _failed_in(state)
        participants = [(name, each) for name, each in self._participants() if name in state.parts]
        before = [(name, each, each.state()) for name, each in participants]
        try:
            for name, each, own in before:
                if own is not None:
                    each.restore(state.parts[name])
        except SnapshotError:
            for _, each, own in before:
                if own is not None:
                    each.restore(own)
            raise
        for name, each in self._participants():
            if name in failed and not each.decides:
                each.contender.aside = failed[name]

    def _participants(self) -> list[tuple[str, _Participant]]:
        """Return all contenders that take part, by name."""
        named = zip(self._lineup.names, self._lineup.contenders, strict=True)
        champion = self._lineup.champion
        return [
            (name, _Participant(each, each is champion))
            for name, each in named
            if each.aside is None
        ]

    def state(self) -> State:
        """Return how far it has heard, and what it has; a copy."""
        header = {
            "unpublished": self._unpublished,
            "published_us": self._published_us,
            "adopted": self._adopted,
            "parts_of": self._parts_of,
        }
        heard = [(partition, *place) for partition, place in sorted(self._heard.items())]
        arrays: dict[str, NDArray[Any]] = {
            "heard": np.array(heard, np.int64).reshape(-1, 3),
            "part_sizes": np.array([len(part) for part in self._parts], np.int64),
            "parts": np.frombuffer(b"".join(self._parts), np.uint8).copy(),
        }
        return State(_KIND, header, arrays)

    def restore(self, state: State) -> None:
        """Go on from a state; SnapshotError, and no change, if it is damaged."""
        require_kind(state, _KIND)
        published_us = count(state, "published_us", BEGINNING_US, _NEVER_US)
        adopted = count(state, "adopted", -1, OFFSET_MAX)
        parts_of = count(state, "parts_of", -1, OFFSET_MAX)
        unpublished = state.header.get("unpublished")
        require(state, type(unpublished) is bool, "unpublished is neither true nor false")
        lengths = [len(np.atleast_1d(state.arrays.get(name, ()))) for name in _ARRAYS]
        heard = array(state, "heard", np.int64, (lengths[0], 3))
        sizes = array(state, "part_sizes", np.int64, (lengths[1],))
        parts = array(state, "parts", np.uint8, (lengths[2],))
        whole = bool((sizes >= 0).all()) and int(sizes.sum()) == len(parts)
        require(state, whole, "its parts of a version are damaged")
        require(state, bool((heard >= 0).all()), "a place is negative")
        ends = np.cumsum(sizes).tolist()
        self._heard = {partition: (offset, part) for partition, offset, part in heard.tolist()}
        self._unpublished, self._published_us = bool(unpublished), published_us
        self._adopted, self._parts_of = adopted, parts_of
        content = parts.tobytes()
        self._parts = [content[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def _failed_in(state: State) -> dict[str, Aside]:
    """Return who failed where a version comes from, and why."""
    found = state.header.get(_FAILED)
    pairs = found.items() if type(found) is dict else ()
    sound = type(found) is dict and all(
        type(why) is list and len(why) == 2 and why[0] in PLACES and type(why[1]) is str
        for _, why in pairs
    )
    require(state, sound, "it does not say who failed")
    return {name: Aside(*why) for name, why in pairs}


class _Participant(NamedTuple):
    """A contender whose model is published, or taken over; a challenger that fails is set aside.

    When that is depends on event time alone, so it is the same in every replay.
    """

    contender: Contender
    decides: bool

    def state(self) -> State | None:
        """Return the state of its model; None: it has none."""
        try:
            state: State = stateful(self.contender.learner).state()
            # What has no bytes is found out here, and not when all are written.
            envelope_of(state)
        except Exception as error:  # Whatever a model raises: the others are to be had.
            if self.decides:
                raise
            self.contender.set_aside(SAVING, error)
            return None
        return state

    def restore(self, state: State) -> None:
        """Let its model go on from another one's state."""
        try:
            stateful(self.contender.learner).restore(state)
        except Exception as error:  # As above.
            if self.decides or isinstance(error, SnapshotError):
                raise
            self.contender.set_aside(LEARNING, error)


def learnable(examples: Examples) -> Examples:
    """Return the examples that some model learns from, without what none looks at."""
    feedback = (examples.kinds & LabelKind.FEEDBACK) != 0
    learned = examples.news | ((examples.kinds & LabelKind.DELAYED) != 0)
    if examples.weights is not None:
        learned &= examples.weights > 0.0
    rows = feedback | learned
    n = int(rows.sum())
    return Examples(
        examples.features[rows],
        np.zeros((n, 0)),
        examples.is_fraud[rows],
        np.zeros(n, np.bool_),
        examples.news[rows],
        examples.kinds[rows],
        None if examples.weights is None else examples.weights[rows],
    )
