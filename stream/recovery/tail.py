"""The worker's side of the brokers while it recovers: inputs again, and the alerts that are out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from schemas.errors import SchemaError
from schemas.records import RecordCodec
from stream.kafka.reader import PartitionReader
from stream.partition import Partition

_TAIL_S = 30.0


class Tail:
    """The end of the alerts topic, read once for all who begin together.

    What was read before somebody began does not count for it: until then the owner before
    may have published.

    Parameters
    ----------
    topic : str
    codec : RecordCodec
        Of alerts.
    tell : callable
        Told when not all alerts could be read in time.
    """

    def __init__(self, topic: str, codec: RecordCodec, tell: Callable[[str], None]) -> None:
        self._topic = topic
        self._codec = codec
        self._tell = tell
        self._readers = 0
        self._since_ms: int | None = None
        self._first: Mapping[Partition, int] = {}
        self._found: dict[str, tuple[Partition, int]] = {}

    def begin(self) -> None:
        """Note that somebody has begun, and will ask."""
        self._readers += 1
        self._forget()

    def end(self) -> None:
        """Note that somebody will ask no more; after the last one nothing is kept."""
        self._readers -= 1
        if self._readers == 0:
            self._forget()

    def since(self, reader: PartitionReader, since_ms: int) -> dict[str, tuple[Partition, int]]:
        """Return the ids of the alerts since a time or before it, and what they are of."""
        if self._since_ms is None or since_ms < self._since_ms:
            first, behind = reader.since(self._topic, since_ms)
            # What is read already is not read again.
            behind = {place: self._first.get(place, end) for place, end in behind.items()}
            self._read(reader, first, behind, since_ms)
            self._first, self._since_ms = first, since_ms
        return self._found

    def _read(
        self,
        reader: PartitionReader,
        first: Mapping[Partition, int],
        behind: Mapping[Partition, int],
        since_ms: int,
    ) -> None:
        began_s = time.monotonic()
        for messages in reader.read(first, behind, _TAIL_S):
            for message in messages:
                try:
                    alert = self._codec.decode(message.value() or b"")
                except SchemaError:
                    continue  # Another schema's: none of this code and configuration.
                place = alert["source_topic"], alert["source_partition"]
                self._found[alert["alert_id"]] = place, alert["source_offset"]
        if time.monotonic() - began_s > _TAIL_S:
            self._tell(
                f"the alerts since {since_ms} ms could not all be read in {_TAIL_S:.0f} s: "
                "some may come again under the same id"
            )

    def _forget(self) -> None:
        self._since_ms, self._first, self._found = None, {}, {}


class KafkaReader:
    """Read the inputs and the alerts topic; see `stream.recovery.restart.Reader`.

    Parameters
    ----------
    reader : PartitionReader
    tail : Tail
    partition : int, optional
        The one whose payments' alerts are asked for; None: all.
    """

    def __init__(self, reader: PartitionReader, tail: Tail, partition: int | None = None) -> None:
        self._reader = reader
        self._tail = tail
        self._partition = partition
        self._closed = False
        tail.begin()

    def committed(self, places: list[Partition]) -> dict[Partition, int]:
        """Return the group's next offsets; negative where there is none."""
        return self._reader.committed(places)

    def read(
        self, first: Mapping[Partition, int], behind: Mapping[Partition, int]
    ) -> Iterator[list[Any]]:
        """Yield the records of offsets from `first` to before `behind`."""
        return self._reader.read(first, behind)

    def alerts(self, since_ms: int) -> dict[str, tuple[Partition, int]]:
        """Return the ids of the alerts published since a time, and the payments they are of."""
        found = self._tail.since(self._reader, since_ms)
        if self._partition is None:
            return dict(found)
        return {each: of for each, of in found.items() if of[0][1] == self._partition}

    def close(self) -> None:
        """Let go of the brokers; a second time does nothing."""
        if not self._closed:
            self._closed = True
            self._reader.close()
            self._tail.end()
