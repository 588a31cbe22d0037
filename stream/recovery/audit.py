"""How an alert came about, once more: a snapshot before it, and the journal up to its payment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas.decoder import Decoder
from schemas.errors import RecoveryError, SnapshotError
from schemas.records import RecordCodec
from stream.engine import Engine
from stream.held_labels import HeldLabels
from stream.kafka.by_time import by_time
from stream.publish import Publisher
from stream.recovery.identity import Identity
from stream.recovery.journal import Entry, Header, Kind
from stream.recovery.progress import Progress, restored
from stream.recovery.replaying import Place
from stream.recovery.restart import Reader, replayed
from stream.recovery.segments import Chain, Segments
from stream.snapshots.folder import SnapshotFolder

Link = tuple[Header, list[Entry]]


@dataclass(frozen=True)
class Audit:
    """What came out.

    Attributes
    ----------
    snapshot : int
        From which it was replayed; 0: from the beginning.
    steps, records : int
        That were replayed, the alert's own included.
    differs : dict of str to (object, object)
        Fields of the alert that came out otherwise: as published, as replayed. Empty: the
        record is the same, byte for byte.
    """

    snapshot: int
    steps: int
    records: int
    differs: dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Auditor:
    """What is needed to replay; nothing of the worker's folder is changed.

    Attributes
    ----------
    segments : Segments
    snapshots : SnapshotFolder
    identity : Identity
    reader : Reader
    engine : callable
        Makes an engine that has seen nothing.
    transactions, labels : Decoder
    publisher : callable
        Makes the publisher of an engine.
    codec : RecordCodec
        Of alerts.
    control : Decoder or None
        Of orders; None where none are taken.
    """

    segments: Segments
    snapshots: SnapshotFolder
    identity: Identity
    reader: Reader
    engine: Callable[[], Engine]
    transactions: Decoder
    labels: Decoder
    publisher: Callable[[Engine], Publisher]
    codec: RecordCodec
    control: Decoder | None = None

    def audit(self, value: bytes) -> Audit:
        """Replay an alert as it was published.

        Raises
        ------
        RecoveryError
            If no snapshot is kept from before it, its step is not in the journal, or code and
            configuration are others.
        """
        alert = self.codec.decode(value)
        place = alert["source_topic"], alert["source_partition"]
        offset = alert["source_offset"]
        number, progress, engine, chain = self._start(place, offset)
        first_step = progress.step
        publisher = self.publisher(engine)
        records = 0
        for header, taken in replayed(progress, chain, self.identity, self.reader):
            records += len(taken)
            raw = by_time(taken) if taken.topic == self.identity.transactions else taken
            where = raw.values, raw.arrival_time_us, raw.partition, raw.offset
            if self.control is not None and raw.topic == self.identity.control:
                engine.control(self.control.only(header.control_schemas).decode(*where))
                continue
            if raw.topic != self.identity.transactions:
                engine.label(self.labels.only(header.label_schemas).decode(*where))
                continue
            batch = self.transactions.only(header.transaction_schemas).decode(*where)
            effects = engine.step(batch)
            if raw.topic == place[0] and progress.positions.get(place, 0) > offset:
                again = [
                    each
                    for each in publisher.alerts(batch, effects)
                    if each["alert_id"] == alert["alert_id"]
                ]
                differs = self._compare(alert, value, again[0] if again else {})
                return Audit(number, progress.step - first_step, records, differs)
        raise RecoveryError(f"the journal ends before record {offset} of {place[0]}[{place[1]}]")

    def _start(self, place: Place, offset: int) -> tuple[int, Progress, Engine, Chain]:
        """Return the newest state from before a payment, and the steps that follow."""
        for number in [*self.snapshots.numbers(), 0]:
            engine = self.engine()
            progress = Progress()
            try:
                if number:
                    state = self.snapshots.read(number)
                    progress = restored(state, engine, HeldLabels())
            except SnapshotError:
                continue  # One that is damaged; an older one does as well.
            if progress.positions.get(place, 0) > offset:
                continue
            chain = self.segments.chain(number, progress.step)
            chain = Chain(_up_to(chain.links, place, offset))
            for header, entries in chain.links:
                if entries and (differs := self.identity.differs(header)):
                    raise RecoveryError(
                        f"the alert was decided with another {differs}: audit it with that"
                    )
            if chain.entries:
                return number, progress, engine, chain
        raise RecoveryError(
            f"no snapshot from before record {offset} of {place[0]}[{place[1]}] is kept, or no "
            f"journal behind it: alerts can be audited for recovery.keep snapshots"
        )

    def _compare(
        self, alert: dict[str, Any], value: bytes, again: dict[str, Any]
    ) -> dict[str, tuple[Any, Any]]:
        if again and self.codec.encode(again) == value:
            return {}
        again = self.codec.decode(self.codec.encode(again)) if again else {}
        differs = {
            name: (said, again.get(name))
            for name, said in alert.items()
            if repr(said) != repr(again.get(name))
        }
        return differs or {"bytes": (value.hex(), "")}


def _up_to(links: list[Link], place: Place, offset: int) -> list[Link]:
    """Return the segments up to the one in which a payment was taken; all if none has it."""
    for at, (_, entries) in enumerate(links):
        for entry in entries:
            if entry.kind is Kind.TRANSACTIONS and any(
                run.partition == place[1] and run.first <= offset < run.behind for run in entry.runs
            ):
                return links[: at + 1]
    return links
