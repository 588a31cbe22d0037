"""How an alert came about, once more: a snapshot before it, and the journal up to its payment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas.errors import RecoveryError
from schemas.records import RecordCodec
from stream.engine.engine import Engine
from stream.partition import Partition
from stream.records.publish import Publisher
from stream.recovery.history import History, Start, take
from stream.recovery.journal import Entry, Header, Kind
from stream.recovery.segments import Chain

Link = tuple[Header, list[Entry]]


@dataclass(frozen=True)
class Reproduction:
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
class Reproducer:
    """What is needed to replay an alert.

    Attributes
    ----------
    history : History
    publisher : callable
        Makes the publisher of an engine.
    codec : RecordCodec
        Of alerts.
    """

    history: History
    publisher: Callable[[Engine], Publisher]
    codec: RecordCodec

    def reproduce(self, value: bytes) -> Reproduction:
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
        (number, progress, engine), chain = self._start(place, offset)
        first_step = progress.step
        publisher = self.publisher(engine)
        records = 0
        for taken in self.history.steps(progress, chain):
            records += len(taken.batch)
            effects = take(engine, taken)
            if effects is not None and progress.positions.get(place, 0) > offset:
                again = [
                    each
                    for each in publisher.alerts(taken.batch, effects)
                    if each["alert_id"] == alert["alert_id"]
                ]
                differs = self._compare(alert, value, again[0] if again else {})
                return Reproduction(number, progress.step - first_step, records, differs)
        raise RecoveryError(f"the journal ends before record {offset} of {place[0]}[{place[1]}]")

    def _start(self, place: Partition, offset: int) -> tuple[Start, Chain]:
        """Return the newest state from before a payment, and the steps that follow."""
        for start in self.history.starts():
            if start.progress.positions.get(place, 0) > offset:
                continue
            chain = Chain(_up_to(self.history.chain(start).links, place, offset))
            for header, entries in chain.links:
                if entries and (differs := self.history.identity.differs(header)):
                    raise RecoveryError(
                        f"the alert was decided with another {differs}: reproduce it with that"
                    )
            if chain.entries:
                return start, chain
        raise RecoveryError(
            f"no snapshot from before record {offset} of {place[0]}[{place[1]}] is kept, or no "
            f"journal behind it: alerts can be reproduced for recovery.keep snapshots"
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


def _up_to(links: list[Link], place: Partition, offset: int) -> list[Link]:
    """Return the segments up to the one in which a payment was taken; all if none has it."""
    for at, (_, entries) in enumerate(links):
        for entry in entries:
            if entry.kind is Kind.TRANSACTIONS and any(
                run.partition == place[1] and run.first <= offset < run.behind for run in entry.runs
            ):
                return links[: at + 1]
    return links
