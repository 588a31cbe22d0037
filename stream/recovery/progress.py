"""How far a worker has come in its inputs, and the state that belongs to exactly this place."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import count, require, require_kind
from models.states.snapshot import State
from schemas.errors import SnapshotError
from stream.engine.engine import Engine
from stream.kafka.source import RawBatch
from stream.partition import Partition
from stream.recovery.identity import Identity
from stream.recovery.journal import Entry, Header
from stream.shards.held_labels import HeldLabels

_KIND = "worker/1"
# In a snapshot's header: those before it are to be deleted.
AFTER_ERASURE = "after_erasure"


@dataclass
class Progress:
    """Where the inputs were left.

    Attributes
    ----------
    step : int
        Calls of the engine so far.
    since_ms : int or None
        Of what comes of later steps nothing was published before this, milliseconds since the
        epoch; None: nobody was here before.
    positions : dict of Partition to int
        The offset behind the last record of each partition; -1: its beginning.
    """

    step: int = 0
    since_ms: int | None = None
    positions: dict[Partition, int] = field(default_factory=dict)

    def take(self, raw: RawBatch, entry: Entry) -> None:
        """Come as far as a batch."""
        self.step = entry.step
        self.positions.update(raw.next_offsets())

    def follow(self, header: Header) -> None:
        """Begin where a segment of the journal says, where no snapshot says it."""
        if self.since_ms is None:
            self.since_ms = header.since_ms
        for topic, partition, at in header.offsets:
            self.positions.setdefault((topic, partition), at)

    def new(self, raw: RawBatch) -> NDArray[np.bool_]:
        """Tell which records lie behind all that was taken before them, shape (n,)."""
        new = np.ones(len(raw), np.bool_)
        for partition in set(raw.partition.tolist()):
            here = np.flatnonzero(raw.partition == partition)
            last = self.positions.get((raw.topic, partition), 0) - 1
            before = np.maximum.accumulate(np.concatenate([[last], raw.offset[here]]))[:-1]
            new[here] = raw.offset[here] > before
        return new

    def state(
        self, identity: Identity, engine: Engine, held: HeldLabels, after_erasure: bool = False
    ) -> State:
        """Return the state of the worker; its arrays hold until the next step.

        Parameters
        ----------
        identity : Identity
        engine : Engine
        held : HeldLabels
        after_erasure : bool
            Whether older snapshots know somebody whom this one must not know.
        """
        offsets = [[topic, p, at] for (topic, p), at in sorted(self.positions.items())]
        header = {
            "code_version": identity.code,
            "configuration": identity.configuration,
            "step": self.step,
            "since_ms": self.since_ms or 0,
            "offsets": offsets,
            AFTER_ERASURE: after_erasure,
        }
        return State(_KIND, header, {}, {"engine": engine.state(), "held": held.state()})


def restored(state: State, engine: Engine, held: HeldLabels) -> Progress:
    """Give engine and held labels their state back; return how far the worker had come.

    Raises
    ------
    SnapshotError
        The state is in another form, of another engine or damaged. A worker that was told so
        is to be thrown away.
    """
    require_kind(state, _KIND)
    step = count(state, "step", 0, 2**63 - 1)
    since_ms = count(state, "since_ms", -(2**62), 2**62)
    positions = _positions(state)
    whole = {"engine", "held"} <= state.parts.keys()
    require(state, whole, "the state of the engine or of held labels is missing")
    engine.restore(state.parts["engine"])
    held.restore(state.parts["held"])
    return Progress(step, since_ms, positions)


def _positions(state: State) -> dict[Partition, int]:
    """Return the offsets of a header."""
    positions: dict[Partition, int] = {}
    offsets = state.header.get("offsets")
    for each in offsets if isinstance(offsets, list) else [None]:
        match each:
            case [str(topic), int(partition), int(offset)] if partition >= 0 and offset >= -1:
                positions[topic, partition] = offset
            case _:
                raise SnapshotError(f"{_KIND}: offsets holds {each!r}, which is no place")
    return positions
