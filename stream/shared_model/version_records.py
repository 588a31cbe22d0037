"""The topic on which the trainer publishes its models, as records and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from models.states.snapshot import State, pack, unpack
from schemas.errors import ModelError, SchemaError
from schemas.records import RecordCodec
from stream.kafka.sink import OutRecord
from stream.shared_model.messages import OFFSET_MAX, ModelVersion, Position
from stream.shared_model.role import TRAINER_PARTITION

# Of a record, well below what Kafka takes as one.
_BYTES_MAX = 2**19
_PARTS_MAX = 2**8

Read = Callable[[bytes], State]


class ReceivedVersion(NamedTuple):
    """A part of a version, as `stream.shared_model.training.Training.adopt` takes it.

    Attributes
    ----------
    place : Position
    parts : int
    content : bytes
    read : callable
        Makes a state of all parts' bytes.
    """

    place: Position
    parts: int
    content: bytes
    read: Read


class VersionRecords:
    """Writes and reads versions of the models.

    Parameters
    ----------
    topic : str
    codec : RecordCodec
        Of ``schemas/model.avsc``.
    layout : str
        Digest of the features' names.
    key : bytes or None
        Versions are sealed with it, and others refused.
    """

    def __init__(
        self, topic: str, codec: RecordCodec, layout: str, key: bytes | None = None
    ) -> None:
        self.topic = topic
        self._codec = codec
        self._layout = layout
        self._key = key
        self._read: Read = partial(unpack, key=key)

    def records(self, versions: Iterable[ModelVersion]) -> Iterator[OutRecord]:
        """Yield the parts of each version.

        Raises
        ------
        schemas.errors.ModelError
            A version is larger than any that is read.
        """
        for version in versions:
            content = pack(version.state, self._key)
            starts = range(0, len(content), _BYTES_MAX)
            if len(starts) > _PARTS_MAX:
                raise ModelError(
                    f"topics.models: a version of the models has {len(content):,} bytes, and at "
                    f"most {_PARTS_MAX * _BYTES_MAX:,} are read: give fewer or smaller models"
                )
            for part, start in enumerate(starts):
                record = {
                    "layout": self._layout,
                    "offset": version.offset,
                    "part": part,
                    "parts": len(starts),
                    "state": content[start : start + _BYTES_MAX],
                }
                value = self._codec.encode_checked(record)
                # Where the topic is compacted, the parts of the newest version stay.
                key = b"part-%d" % part
                yield OutRecord(self.topic, key, value, partition=TRAINER_PARTITION)

    def read(self, value: bytes | None) -> ReceivedVersion | None:
        """Return what a record has; None of what is no such record, or of other features."""
        try:
            record = self._codec.decode(value or b"")
        except SchemaError:
            return None
        place, parts = Position(record["offset"], record["part"]), record["parts"]
        fits = 0 <= place.part < parts <= _PARTS_MAX and len(record["state"]) <= _BYTES_MAX
        if record["layout"] != self._layout or not 0 <= place.offset <= OFFSET_MAX or not fits:
            return None
        return ReceivedVersion(place, parts, record["state"], self._read)
