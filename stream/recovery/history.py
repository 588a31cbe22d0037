"""What a worker took, once more: a state that it kept, and the journal behind it, decoded as then.

Nothing of the worker's folder is changed, and no member joins its group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from schemas.columns import Transactions
from schemas.decoder import Decoder
from schemas.errors import SnapshotError
from stream.engine.effects import Effects
from stream.engine.engine import Engine
from stream.exchange.partition_exchange import HeardCounts, PartitionExchange, Received, hear
from stream.kafka.merge_by_time import by_time
from stream.recovery.identity import Identity
from stream.recovery.journal import Kind
from stream.recovery.progress import Progress, restored
from stream.recovery.restart import Reader, replayed
from stream.recovery.segments import Chain, Segments
from stream.shards.held_labels import HeldLabels
from stream.snapshots.folder import SnapshotFolder


class Taken(NamedTuple):
    """One call of the engine.

    Attributes
    ----------
    kind : Kind
    batch : Transactions
        As it was decoded.
    now_ms : int
        The worker's clock when it took it, milliseconds since the epoch.
    heard : tuple of Received
        What other partitions had told, where the batch has no rows.
    """

    kind: Kind
    batch: Transactions
    now_ms: int
    heard: tuple[Received, ...] = ()


class Start(NamedTuple):
    """A state from which history goes on.

    Attributes
    ----------
    snapshot : int
        Its number; 0: the beginning, where nothing was known.
    progress : Progress
    engine : Engine
    """

    snapshot: int
    progress: Progress
    engine: Engine


@dataclass(frozen=True)
class History:
    """A folder of `recovery.folder`, and what reads its records again.

    Attributes
    ----------
    segments : Segments
    snapshots : SnapshotFolder
    identity : Identity
        Whose journal can be taken again with the same result.
    reader : Reader
    engine : callable
        Makes an engine that has seen nothing.
    transactions, labels : Decoder
    control : Decoder or None
        Of orders; None where none are taken.
    exchange : PartitionExchange or None
        Reads what partitions told each other; None where they did not.
    """

    segments: Segments
    snapshots: SnapshotFolder
    identity: Identity
    reader: Reader
    engine: Callable[[], Engine]
    transactions: Decoder
    labels: Decoder
    control: Decoder | None = None
    exchange: PartitionExchange | None = None

    def starts(self) -> Iterator[Start]:
        """Yield the states that are kept, the newest first, and at last the beginning.

        One that is damaged is passed over: an older one does as well.
        """
        for number in [*self.snapshots.numbers(), 0]:
            engine = self.engine()
            progress = Progress()
            if number:
                try:
                    progress = restored(self.snapshots.read(number), engine, HeldLabels())
                except SnapshotError:
                    continue
            yield Start(number, progress, engine)

    def chain(self, start: Start) -> Chain:
        """Return what was taken behind a state."""
        return self.segments.chain(start.snapshot, start.progress.step)

    def steps(self, progress: Progress, chain: Chain) -> Iterator[Taken]:
        """Yield what was taken, in its order; `progress` comes along.

        Raises
        ------
        RecoveryError, BrokerError
            If records of it are gone, or are others.
        """
        topics = self.identity
        for header, _, taken in replayed(progress, chain, topics, self.reader):
            raw = by_time(taken) if taken.topic == topics.transactions else taken
            if self.exchange is not None and raw.topic in self.exchange:
                heard = (self.exchange.read(raw.topic, value) for value in raw.values)
                nothing = self.transactions.decode([], 0)
                kind = topics.kind_of(raw.topic)
                yield Taken(kind, nothing, raw.now_ms, tuple(filter(None, heard)))
                continue
            if raw.topic == topics.transactions:
                kind, decoder = (
                    Kind.TRANSACTIONS,
                    self.transactions.only(header.transaction_schemas),
                )
            elif self.control is not None and raw.topic == topics.control:
                kind, decoder = Kind.CONTROL, self.control.only(header.control_schemas)
            else:
                kind, decoder = Kind.LABELS, self.labels.only(header.label_schemas)
            batch = decoder.decode(raw.values, raw.arrival_time_us, raw.partition, raw.offset)
            yield Taken(kind, batch, raw.now_ms)


def take(engine: Engine, taken: Taken) -> Effects | None:
    """Let an engine take what was taken; return what it decided of payments, else None."""
    if taken.kind is Kind.TRANSACTIONS:
        return engine.step(taken.batch)
    if taken.kind >= Kind.SHARED:
        for heard in taken.heard:
            hear(engine, heard, HeardCounts())
    elif taken.kind is Kind.CONTROL:
        engine.control(taken.batch)
    else:
        engine.label(taken.batch)
    return None
