"""The worker's side of the brokers while it recovers: inputs again, and the alerts that are out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from schemas.errors import SchemaError
from schemas.records import RecordCodec
from stream.kafka.reader import PlaceReader
from stream.recovery.replaying import Place

_TAIL_S = 30.0


class KafkaReader:
    """Read the inputs and the alerts topic; see `stream.recovery.recovery.Reader`.

    Parameters
    ----------
    reader : PlaceReader
    alerts_topic : str
    codec : RecordCodec
        Of alerts.
    tell : callable
        Told when not all alerts could be read in time.
    """

    def __init__(
        self,
        reader: PlaceReader,
        alerts_topic: str,
        codec: RecordCodec,
        tell: Callable[[str], None],
    ) -> None:
        self._reader = reader
        self._alerts_topic = alerts_topic
        self._codec = codec
        self._tell = tell

    def committed(self, places: list[Place]) -> dict[Place, int]:
        """Return the group's next offsets; negative where there is none."""
        return self._reader.committed(places)

    def read(self, first: Mapping[Place, int], behind: Mapping[Place, int]) -> Iterator[list[Any]]:
        """Yield the records of offsets from `first` to before `behind`."""
        return self._reader.read(first, behind)

    def alerts(self, since_ms: int) -> dict[str, tuple[Place, int]]:
        """Return the ids of the alerts published since a time, and the payments they are of."""
        first, behind = self._reader.since(self._alerts_topic, since_ms)
        found: dict[str, tuple[Place, int]] = {}
        began_s = time.monotonic()
        for messages in self._reader.read(first, behind, _TAIL_S):
            for message in messages:
                try:
                    alert = self._codec.decode(message.value() or b"")
                except SchemaError:
                    continue  # Another schema's: none of this code and configuration.
                place = alert["source_topic"], alert["source_partition"]
                found[alert["alert_id"]] = place, alert["source_offset"]
        if time.monotonic() - began_s > _TAIL_S:
            self._tell(
                f"the alerts since {since_ms} ms could not all be read in {_TAIL_S:.0f} s: "
                "some may come again under the same id"
            )
        return found

    def close(self) -> None:
        """Let go of the brokers."""
        self._reader.close()
