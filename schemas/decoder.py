"""The compiled Avro decoder: a batch of records becomes columns.

For each allowed writer schema the source of `schemas.compiler` becomes one Numba
kernel. It trusts nothing: every read is bounds-checked, integers must be minimal
and at most 10 bytes, union and enum indexes in range, strings UTF-8, and a record
must end exactly where its bytes end. What is wrong with a row is a `Reason` in its
column; nothing is ever raised for a row.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import astuple, dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numba import float64, int64, uint64
from numpy.typing import NDArray

from schemas import primitives
from schemas.columns import (
    AMOUNT_MINOR,
    ARRIVAL_TIME_US,
    EVENT_TIME_US,
    ID_START,
    ID_STOP,
    OFFSET,
    PARTITION,
    REASON,
    TRANSACTION_KEY,
    Layout,
    Reason,
    Transactions,
    join,
)
from schemas.compiler import Program
from schemas.jit import kernel
from schemas.kernel_cache import kernel_folder
from schemas.memory import double_at, float_at
from schemas.siphash import hash_texts, key_words, siphash24, siphash24_word


@dataclass(frozen=True)
class Limits:
    """What a single record may be, at most.

    The order of the attributes is the order in which kernels read them.

    Attributes
    ----------
    record_bytes_max : int
        Length of a framed record.
    id_bytes_max : int
        Length of a transaction id.
    amount_minor_max : int
        Largest amount, minor units.
    event_time_min_us : int
        Earliest event time, microseconds since the epoch.
    future_skew_max_us : int
        How far the event time may lie ahead of the arrival time.
    """

    record_bytes_max: int = 4096
    id_bytes_max: int = 64
    amount_minor_max: int = 10**12
    event_time_min_us: int = 946_684_800_000_000  # 2000-01-01
    future_skew_max_us: int = 300_000_000


class Decoder:
    """Decode framed records of the allowed writer schemas.

    Parameters
    ----------
    layout : Layout
    programs : mapping of int to Program
        Schema id to its program; all compiled with the same roles. The first is
        tried first, so put the commonest first.
    hash_key : bytes
        16 bytes, the key of every id's hash.
    limits : Limits, optional
    """

    def __init__(
        self,
        layout: Layout,
        programs: Mapping[int, Program],
        hash_key: bytes,
        limits: Limits | None = None,
    ) -> None:
        self.layout = layout
        self.limits = limits or Limits()
        self._limits = np.array(astuple(self.limits), np.int64)
        self._keys = np.array(key_words(hash_key))
        self._seen: dict[int, None] = {}
        self._kernels = [
            (schema_id, _build(program.source), hash_texts(["", *program.symbols], hash_key)[1:])
            for schema_id, program in programs.items()
        ]

    @property
    def schema_ids(self) -> tuple[int, ...]:
        """The writer schemas that are decoded, in the order in which they are tried."""
        return tuple(schema_id for schema_id, *_ in self._kernels)

    @property
    def seen(self) -> tuple[int, ...]:
        """The writer schemas of which a good record came, by this decoder or one made of it.

        In the order in which they came.
        """
        return tuple(self._seen)

    def only(self, schema_ids: Container[int]) -> Decoder:
        """Return a decoder of some of the schemas; records of the others are refused by it.

        Raises
        ------
        ValueError
            If it has none of them.
        """
        decoder = copy(self)
        decoder._kernels = [each for each in self._kernels if each[0] in schema_ids]
        if not decoder._kernels:
            raise ValueError(f"none of {self.schema_ids} would be left")
        return decoder

    def decode(
        self,
        values: Sequence[bytes | None],
        arrival_time_us: NDArray[np.int64] | int,
        partition: NDArray[np.int64] | int = 0,
        offset: NDArray[np.int64] | int = 0,
    ) -> Transactions:
        """Decode a batch.

        Parameters
        ----------
        values : sequence of bytes or None, length n
            Records in the Confluent wire format.
        arrival_time_us, partition, offset : ndarray of int64, shape (n,), or int
            When and where each record arrived.

        Returns
        -------
        Transactions
            All n rows; `reason` tells which were refused.
        """
        data, lengths = join(values)
        longs = np.empty((self.layout.width, len(values)), np.int64)
        longs[ARRIVAL_TIME_US] = arrival_time_us
        longs[PARTITION] = partition
        longs[OFFSET] = offset
        batch = Transactions(self.layout, longs, data)
        first, left = True, len(values)
        for schema_id, decode_rows, symbols in self._kernels:
            unknown = decode_rows(
                schema_id,
                first,
                data,
                lengths,
                longs,
                self._limits,
                symbols,
                self._keys,
            )
            if (
                unknown < left
                and schema_id not in self._seen
                and (longs[REASON] == Reason.OK).any()
            ):
                self._seen[schema_id] = None
            first, left = False, unknown
            if not unknown:
                break
        return batch


# What generated source may name: the primitives and the columns, nothing else.
_NAMES: dict[str, Any] = {
    **{name: value for name, value in vars(primitives).items() if not name.startswith("_")},
    **{reason.name: int(reason) for reason in Reason},
    "np": np,
    "int64": int64,
    "uint64": uint64,
    "float64": float64,
    "kernel": kernel,
    "double_at": double_at,
    "float_at": float_at,
    "siphash24": siphash24,
    "siphash24_word": siphash24_word,
    "AMOUNT_MINOR": AMOUNT_MINOR,
    "ARRIVAL_TIME_US": ARRIVAL_TIME_US,
    "EVENT_TIME_US": EVENT_TIME_US,
    "ID_START": ID_START,
    "ID_STOP": ID_STOP,
    "REASON": REASON,
    "TRANSACTION_KEY": TRANSACTION_KEY,
}


def _build(source: str) -> Callable[..., int]:
    """Turn generated source into a kernel.

    The text is also written beside the compiled kernels: Numba's disk cache is
    keyed by a source file, and a person can read it. What is executed is always
    the text in hand, never the file.
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    path = kernel_folder(__name__) / f"decoder_{digest}.py"
    if not path.exists() or path.read_text() != source:
        # Where nothing can be written the kernel is compiled all the same, and not kept.
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_text(source)
    # Numba finds a cached kernel's globals again through sys.modules.
    module = ModuleType(f"{__name__}.decoder_{digest}")
    sys.modules[module.__name__] = module
    vars(module).update(_NAMES)
    exec(compile(source, str(path), "exec"), vars(module))  # noqa: S102 - our own text, see above.
    built: Callable[..., int] = module.decode_rows
    return built
