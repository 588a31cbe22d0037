"""The topic on which partitions tell each other of payments, as records and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.errors import SchemaError
from schemas.records import RecordCodec
from stream.features.sharing import SharedLayout
from stream.kafka.sink import OutRecord

# As it lies in records, whatever this machine's own order is.
_WORD = np.dtype("<i8")


class ReceivedPayments(NamedTuple):
    """What a partition told.

    Attributes
    ----------
    partition : int
    words : ndarray of int64, shape (words, n)
        See `stream.features.sharing.SharedLayout`.
    """

    partition: int
    words: NDArray[np.int64]


class SharedPayments:
    """Writes and reads what one partition tells, and what it hears.

    Parameters
    ----------
    topic : str
    codec : RecordCodec
        Of ``schemas/shared.avsc``.
    layout : SharedLayout
    rows_max : int
        Payments that are taken at once, at most; those of others too.
    partition : int
        Its own; who only reads has none.
    """

    def __init__(
        self,
        topic: str,
        codec: RecordCodec,
        layout: SharedLayout,
        rows_max: int,
        partition: int = -1,
    ) -> None:
        self.topic = topic
        self._codec = codec
        self._layout = layout
        self._partition = partition
        self._rows_max = rows_max

    def records(self, shared: list[NDArray[np.int64]]) -> Iterator[OutRecord]:
        """Yield a record for each array of words with a payment in it."""
        for words in shared:
            if words.shape[1]:
                record = {
                    "partition": self._partition,
                    "layout": self._layout.digest,
                    "rows": words.shape[1],
                    "words": words.astype(_WORD, copy=False).tobytes(),
                }
                value = self._codec.encode_checked(record)
                yield OutRecord(self.topic, None, value, partition=self._partition)

    def read(self, value: bytes | None) -> ReceivedPayments | None:
        """Return what a record tells; None of what is no such record, or means something else."""
        try:
            record = self._codec.decode(value or b"")
        except SchemaError:
            return None
        rows, words = record["rows"], record["words"]
        fits = 0 < rows <= self._rows_max and len(words) == rows * self._layout.width * 8
        if record["layout"] != self._layout.digest or record["partition"] < 0 or not fits:
            return None
        found = np.frombuffer(words, _WORD).reshape(self._layout.width, rows)
        return ReceivedPayments(record["partition"], np.ascontiguousarray(found, np.int64))
