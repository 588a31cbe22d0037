"""The topic on which scorers tell the trainer what labels teach, as records and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from schemas.errors import SchemaError
from schemas.records import RecordCodec
from stream.kafka.sink import OutRecord
from stream.labels.examples import Examples
from stream.shared_model.messages import OFFSET_MAX, Position, SentExamples

# As they lie in records, whatever this machine's own order is.
_FLOAT = np.dtype("<f8")
# Of a record, well below what Kafka takes as one.
_BYTES_MAX = 2**19
# As many as a configuration may have.
_PARTITIONS_MAX = 1024
_FRAUD, _NEWS, _KINDS_AT, _VERDICT_MAX = 1, 2, 2, 15


class ReceivedExamples(NamedTuple):
    """What a record tells, as `stream.shared_model.training.Training.learn` takes it.

    Attributes
    ----------
    partition : int
    place : Position
    examples : Examples
    """

    partition: int
    place: Position
    examples: Examples


class ExampleRecords:
    """Writes and reads examples.

    Parameters
    ----------
    topic : str
    codec : RecordCodec
        Of ``schemas/training_example.avsc``.
    layout : str
        Digest of the features' names.
    n_features : int
    partition : int
        Its own; who only reads has none.
    """

    def __init__(
        self, topic: str, codec: RecordCodec, layout: str, n_features: int, partition: int = -1
    ) -> None:
        self.topic = topic
        self._codec = codec
        self._layout = layout
        self._n_features = n_features
        self._partition = partition
        # A weight and a verdict stand beside the features.
        self._rows_max = max(1, _BYTES_MAX // (_FLOAT.itemsize * (n_features + 1) + 1))

    def records(self, told: Iterable[SentExamples]) -> Iterator[OutRecord]:
        """Yield the records of what is told, cut so that each is one message of Kafka's."""
        for offset, each in groupby(told, attrgetter("offset")):
            parts = (part for examples in each for part in self._cut(examples.examples))
            for part, examples in enumerate(parts):
                yield self._record(Position(offset, part), examples)

    def _cut(self, examples: Examples) -> Iterator[Examples]:
        n, size = len(examples.is_fraud), self._rows_max
        for first in range(0, n, size):
            rows = slice(first, first + size)
            columns = (None if column is None else column[rows] for column in examples)
            yield Examples(*columns)  # type: ignore[arg-type]

    def _record(self, place: Position, examples: Examples) -> OutRecord:
        verdicts = examples.is_fraud * _FRAUD + examples.news * _NEWS
        verdicts = verdicts.astype(np.uint8) | (examples.kinds << _KINDS_AT)
        weights = np.zeros(0) if examples.weights is None else examples.weights
        record = {
            "partition": self._partition,
            "layout": self._layout,
            **place._asdict(),
            "rows": len(examples.is_fraud),
            "features": examples.features.astype(_FLOAT, copy=False).tobytes(),
            "verdicts": verdicts.tobytes(),
            "weights": weights.astype(_FLOAT, copy=False).tobytes(),
        }
        value = self._codec.encode_checked(record)
        return OutRecord(self.topic, None, value, partition=self._partition)

    def read(self, value: bytes | None) -> ReceivedExamples | None:
        """Return what a record tells; None of what is no such record, or means something else."""
        try:
            record = self._codec.decode(value or b"")
        except SchemaError:
            return None
        n, place = record["rows"], Position(record["offset"], record["part"])
        if record["layout"] != self._layout or not 0 < n <= self._rows_max:
            return None
        verdicts = np.frombuffer(record["verdicts"], np.uint8)
        lengths = len(record["features"]), len(record["weights"]), len(verdicts)
        wide = n * self._n_features * _FLOAT.itemsize
        if lengths not in ((wide, 0, n), (wide, n * _FLOAT.itemsize, n)):
            return None
        # A copy: what was read from bytes cannot be written to, and kernels are compiled for
        # what can.
        features = np.frombuffer(record["features"], _FLOAT).astype(np.float64)
        weights = np.frombuffer(record["weights"], _FLOAT).astype(np.float64)
        sound = np.isfinite(weights).all() and (weights > 0.0).all()
        if not (0 <= record["partition"] < _PARTITIONS_MAX and sound):
            return None
        if min(place) < 0 or place.offset > OFFSET_MAX or verdicts.max() > _VERDICT_MAX:
            return None
        examples = Examples(
            features.reshape(n, self._n_features),
            np.zeros((n, 0)),
            (verdicts & _FRAUD) != 0,
            np.zeros(n, np.bool_),
            (verdicts & _NEWS) != 0,
            (verdicts >> _KINDS_AT).astype(np.uint8),
            weights if len(weights) else None,
        )
        return ReceivedExamples(record["partition"], place, examples)
