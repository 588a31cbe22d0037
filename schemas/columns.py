"""Columns: what a batch of transactions looks like inside the engine.

A batch is one block of 64-bit words, one row a column and one column an event,
so that decoding writes into a single allocation and kernels read contiguous
memory. The block is seen through three typed views of the same bytes: integers,
unsigned words (keyed hashes) and doubles.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Rows of the block that every batch has.
EVENT_TIME_US = 0
AMOUNT_MINOR = 1
TRANSACTION_KEY = 2
ID_START = 3
ID_STOP = 4
REASON = 5
ARRIVAL_TIME_US = 6
PARTITION = 7
OFFSET = 8
FIRST_MAPPED = 9

# A required value that was null or absent. Chosen outside every valid range.
MISSING = np.iinfo(np.int64).min

# The key of an entity or category that is null: "nobody", never looked up.
NO_KEY = 0


class Reason(IntEnum):
    """Why a row became a dead letter; `OK` for a row that was taken.

    The names are stable: they are published in dead-letter headers and metrics.
    """

    OK = 0
    # wire
    NULL_VALUE = 1
    TOO_SHORT = 2
    WRONG_MAGIC = 3
    UNKNOWN_SCHEMA_ID = 4
    OVERSIZE = 5
    # decode
    TRUNCATED = 10
    TRAILING_BYTES = 11
    VARINT_TOO_LONG = 12
    INT_OUT_OF_RANGE = 13
    NEGATIVE_LENGTH = 14
    BAD_UNION_INDEX = 15
    BAD_ENUM_INDEX = 16
    BAD_BOOLEAN = 17
    BAD_UTF8 = 18
    DECIMAL_TOO_LONG = 19
    UNREADABLE_FIELD = 20
    # validate
    ID_EMPTY = 30
    ID_TOO_LONG = 31
    ENTITY_EMPTY = 32
    AMOUNT_MISSING = 33
    AMOUNT_NOT_FINITE = 34
    AMOUNT_NEGATIVE = 35
    AMOUNT_TOO_LARGE = 36
    EVENT_TIME_MISSING = 37
    EVENT_TIME_TOO_EARLY = 38
    EVENT_TIME_IN_FUTURE = 39
    EVENT_TOO_LATE = 40
    # label
    LABEL_UNKNOWN_TRANSACTION = 50
    LABEL_TIME_BEFORE_EVENT = 51
    LABEL_WITHOUT_VERDICT = 52
    LABEL_CONFIDENCE_INVALID = 53
    LABEL_TOO_OLD = 54
    # control
    CONTROL_UNKNOWN_KIND = 60
    CONTROL_UNKNOWN_ENTITY = 61
    CONTROL_KEY_INVALID = 62
    CONTROL_TEXT_INVALID = 63
    CONTROL_UNKNOWN_MODEL = 64
    CONTROL_MODEL_SET_ASIDE = 65
    CONTROL_MODEL_DECIDES = 66
    CONTROL_MODEL_COLD = 67
    CONTROL_RULES_INVALID = 68
    CONTROL_SNOOZES_FULL = 69
    # lists, by orders
    CONTROL_LIST_ORDER_INVALID = 70
    CONTROL_LIST_ORDER_TOO_LONG = 71
    CONTROL_LIST_UNKNOWN = 72
    CONTROL_LIST_KEY_INVALID = 73
    CONTROL_LIST_TIME_INVALID = 74
    CONTROL_LIST_FULL = 75

    @property
    def stage(self) -> str:
        """Where it was refused: wire, decode, validate, time, label or control."""
        control = "control", "control"
        stages = ("wire", "decode", "decode", "validate", "time", "label", *control)
        return stages[self.value // 10]


REASON_TEXT: dict[Reason, str] = {
    Reason.OK: "taken",
    Reason.NULL_VALUE: "the record has no value; a transaction is never a tombstone",
    Reason.TOO_SHORT: "shorter than the 5 bytes of magic and schema id: "
    "produce in the Confluent wire format",
    Reason.WRONG_MAGIC: "the first byte is not 0: produce in the Confluent wire format",
    Reason.UNKNOWN_SCHEMA_ID: "the schema id is not among those allowed at start: "
    "add the writer schema to the registry and restart",
    Reason.OVERSIZE: "longer than limits.record_bytes_max",
    Reason.TRUNCATED: "the bytes end inside a field",
    Reason.TRAILING_BYTES: "bytes are left after the last field: wrong writer schema id?",
    Reason.VARINT_TOO_LONG: "an integer takes more bytes than its value needs, or more than 10",
    Reason.INT_OUT_OF_RANGE: "an int field holds more than 32 bits",
    Reason.NEGATIVE_LENGTH: "a string or bytes field has a negative length",
    Reason.BAD_UNION_INDEX: "a union names a branch that the schema does not have",
    Reason.BAD_ENUM_INDEX: "an enum names a symbol that the schema does not have",
    Reason.BAD_BOOLEAN: "a boolean is neither 0 nor 1",
    Reason.BAD_UTF8: "a string is not valid UTF-8",
    Reason.DECIMAL_TOO_LONG: "a decimal takes more than 16 bytes",
    Reason.UNREADABLE_FIELD: "a field of the file cannot be read as its type",
    Reason.ID_EMPTY: "the transaction id is empty",
    Reason.ID_TOO_LONG: "the transaction id is longer than limits.id_bytes_max",
    Reason.ENTITY_EMPTY: "an entity id is empty: send null where it is not known",
    Reason.AMOUNT_MISSING: "the amount is null",
    Reason.AMOUNT_NOT_FINITE: "the amount is NaN or infinite",
    Reason.AMOUNT_NEGATIVE: "the amount is negative: send refunds on a topic of their own",
    Reason.AMOUNT_TOO_LARGE: "the amount is above limits.amount_minor_max: wrong unit?",
    Reason.EVENT_TIME_MISSING: "the event time is null",
    Reason.EVENT_TIME_TOO_EARLY: "the event time is before limits.event_time_min: wrong unit?",
    Reason.EVENT_TIME_IN_FUTURE: "the event time is further ahead of the arrival time than "
    "limits.future_skew_max: wrong unit or clock?",
    Reason.EVENT_TOO_LATE: "the event is older than the watermark allows: decided without a score, "
    "not counted in any window",
    Reason.LABEL_UNKNOWN_TRANSACTION: "no kept transaction has this id: never scored, "
    "or already forgotten; labels.correctable keeps them longer",
    Reason.LABEL_TIME_BEFORE_EVENT: "the label is older than its transaction",
    Reason.LABEL_WITHOUT_VERDICT: "the label does not say whether it was fraud",
    Reason.LABEL_CONFIDENCE_INVALID: "the label's confidence is not above 0 and at most 1: "
    "send 1 where nobody measured it",
    Reason.LABEL_TOO_OLD: "the label is older than any transaction that is kept: "
    "labels.correctable keeps them longer",
    Reason.CONTROL_UNKNOWN_KIND: "this release knows no such order: upgrade it",
    Reason.CONTROL_UNKNOWN_ENTITY: "the entity is not one of fields.entities",
    Reason.CONTROL_KEY_INVALID: "the key is not a hash of 16 hexadecimal digits: "
    "send it with `fraudstream erase`",
    Reason.CONTROL_TEXT_INVALID: "the key is not the JSON that this kind of order takes: "
    "send it with the command of its kind",
    Reason.CONTROL_UNKNOWN_MODEL: "no contender has this name: model.name and model.challengers "
    "say which there are",
    Reason.CONTROL_MODEL_SET_ASIDE: "the model was set aside, by an order or because it failed: "
    "`fraudstream models list` says why",
    Reason.CONTROL_MODEL_COLD: "the model has not learned enough labels to give a score: wait",
    Reason.CONTROL_MODEL_DECIDES: "the champion cannot be disabled: promote another one first",
    Reason.CONTROL_RULES_INVALID: "a rule names what is not declared where the worker runs, or is "
    "no rule: check it with `fraudstream rules check` and the worker's configuration",
    Reason.CONTROL_SNOOZES_FULL: "there are as many snoozes as there may be: let some of them end",
    Reason.CONTROL_LIST_ORDER_INVALID: "the order is not the JSON that changes a list, with a "
    "reason and by whom: send it with `fraudstream lists`",
    Reason.CONTROL_LIST_ORDER_TOO_LONG: "the order changes more than 1,000 entries: "
    "send several, as `fraudstream lists import` does",
    Reason.CONTROL_LIST_UNKNOWN: "no list has this name where the worker runs: declare it as "
    "[lists.NAME], restart the worker and send the order again",
    Reason.CONTROL_LIST_KEY_INVALID: "a key is not a hash of 16 hexadecimal digits, or stands "
    "twice in the order: send it with `fraudstream lists`",
    Reason.CONTROL_LIST_TIME_INVALID: "an entry ends before it begins, or a time lies before 2000 "
    "or after 2200: are they microseconds?",
    Reason.CONTROL_LIST_FULL: "the list has no room for all that is added, so nothing of the order "
    "was done: remove entries or raise entries_max of the list, then send it again",
}


@dataclass(frozen=True)
class Layout:
    """Which mapped column lies in which row of the block.

    Attributes
    ----------
    entities, numeric, categorical : tuple of str
        Names from the configuration, in its order. Entities and categories
        are 64-bit keyed hashes, numeric inputs are doubles (NaN for null).
    """

    entities: tuple[str, ...]
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()

    @property
    def first_entity(self) -> int:
        """Row of the first entity."""
        return FIRST_MAPPED

    @property
    def first_numeric(self) -> int:
        """Row of the first numeric input."""
        return self.first_entity + len(self.entities)

    @property
    def first_categorical(self) -> int:
        """Row of the first categorical input."""
        return self.first_numeric + len(self.numeric)

    @property
    def width(self) -> int:
        """Number of rows of the block."""
        return self.first_categorical + len(self.categorical)


class Transactions:
    """A batch of decoded transactions; rows that were refused are in it with their reason.

    Parameters
    ----------
    layout : Layout
    longs : ndarray of int64, shape (layout.width, n)
        The block; the batch keeps a reference, not a copy.
    data : ndarray of uint8
        The joined bytes that the id spans point into.
    """

    __slots__ = ("data", "layout", "longs")

    def __init__(self, layout: Layout, longs: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
        self.layout = layout
        self.longs = longs
        self.data = data

    def __len__(self) -> int:
        return self.longs.shape[1]

    @property
    def words(self) -> NDArray[np.uint64]:
        """The block as unsigned words."""
        return self.longs.view(np.uint64)

    @property
    def doubles(self) -> NDArray[np.float64]:
        """The block as doubles."""
        return self.longs.view(np.float64)

    @property
    def event_time_us(self) -> NDArray[np.int64]:
        """When each payment was made, microseconds since the epoch, shape (n,)."""
        return self.longs[EVENT_TIME_US]

    @property
    def arrival_time_us(self) -> NDArray[np.int64]:
        """When the broker or the producer stamped each record, microseconds, shape (n,)."""
        return self.longs[ARRIVAL_TIME_US]

    @property
    def amount_minor(self) -> NDArray[np.int64]:
        """Amounts in minor units, shape (n,)."""
        return self.longs[AMOUNT_MINOR]

    @property
    def transaction_key(self) -> NDArray[np.uint64]:
        """Keyed hash of each transaction id, shape (n,)."""
        return self.words[TRANSACTION_KEY]

    @property
    def reason(self) -> NDArray[np.int64]:
        """`Reason` of each row, shape (n,)."""
        return self.longs[REASON]

    @property
    def partition(self) -> NDArray[np.int64]:
        """Partition each record came from, shape (n,)."""
        return self.longs[PARTITION]

    @property
    def offset(self) -> NDArray[np.int64]:
        """Offset of each record in its partition, shape (n,)."""
        return self.longs[OFFSET]

    @property
    def entities(self) -> NDArray[np.uint64]:
        """Keyed hashes of the entity ids, 0 for null, shape (n_entities, n)."""
        return self.words[FIRST_MAPPED : self.layout.first_numeric]

    @property
    def numeric(self) -> NDArray[np.float64]:
        """Numeric inputs, NaN for null, shape (n_numeric, n)."""
        return self.doubles[self.layout.first_numeric : self.layout.first_categorical]

    @property
    def categorical(self) -> NDArray[np.uint64]:
        """Keyed hashes of the categories, 0 for null, shape (n_categorical, n)."""
        return self.words[self.layout.first_categorical :]

    def span(self, start: int, stop: int) -> Transactions:
        """View the rows from `start` to before `stop`."""
        if start == 0 and stop == len(self):
            return self
        return Transactions(self.layout, self.longs[:, start:stop], self.data)

    def transaction_id(self, row: int) -> str:
        """Return the id of one row as text; empty for a row refused before its id was read."""
        start, stop = self.longs[ID_START, row], self.longs[ID_STOP, row]
        return self.data[start:stop].tobytes().decode("utf-8", "replace")


def join(values: Sequence[bytes | None]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Lay records end to end.

    Returns
    -------
    data : ndarray of uint8
    lengths : ndarray of int64, shape (n,)
        Of each record; a null record is empty.
    """
    try:
        data = b"".join(values)  # type: ignore[arg-type]
    except TypeError:  # A null value: rare, so the common road does not look for it.
        values = [value or b"" for value in values]
        data = b"".join(values)  # type: ignore[arg-type]
    lengths = np.fromiter(map(len, values), np.int64, len(values))  # type: ignore[arg-type]
    return np.frombuffer(data, np.uint8), lengths
