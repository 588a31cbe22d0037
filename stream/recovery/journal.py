"""The journal's bytes: in which order, and in which batches, the engine took its inputs.

The records themselves stay in Kafka; the journal says only which were taken. A segment
is a file:

========  ======  =======================================================
Position  Length  What
========  ======  =======================================================
0         8       `MAGIC`
8         4       version of this layout
12        -       frames: first the header, then the entries
========  ======  =======================================================

A frame is

========  ======  =======================================================
Position  Length  What
========  ======  =======================================================
0         4       length of its payload, at least 1
4         4       CRC-32 of that length and the payload
8         -       payload
========  ======  =======================================================

The header's payload is JSON, `Header`. An entry, written before its step, has the payload

========  ======  =======================================================
Position  Length  What
========  ======  =======================================================
0         1       `Kind`
1         8       number of the step, one more than that of the entry before
9         8       the worker's clock at the poll, milliseconds since the epoch
17        4       `stream.recovery.runs.fingerprint` of its records
21        -       its runs in the order taken, 16 bytes each: partition (4
                  bytes), first offset (8), length (4)
========  ======  =======================================================

What the step came to, written behind it and before any of it is published, has the payload

========  ======  =======================================================
Position  Length  What
========  ======  =======================================================
0         1       255
1         8       number of the step, that of the entry before
9         4       `stream.recovery.outcome.outcome_of` what was decided
========  ======  =======================================================

Numbers are little-endian, partition, offset and clock signed. Layout 1 had no outcomes.
Reading never fails: what comes before the damage is given, and the damage in words. A header
that gets a field, and a payload that changes, is another layout.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from enum import IntEnum

import msgspec
import numpy as np

from stream.recovery.runs import Run

MAGIC = b"\x89fjourn\n"
VERSION = 2
# Layouts that are read.
READ = 1, 2
PAYLOAD_MAX = 2**20

_PREFIX = struct.Struct("<8sI")
_FRAME = struct.Struct("<II")
_ENTRY = struct.Struct("<BQqI")
_OUTCOME = struct.Struct("<BQI")
_OUTCOME_KIND = 255
_RUN = np.dtype([("partition", "<i4"), ("first", "<i8"), ("length", "<u4")])


class Kind(IntEnum):
    """What the engine was called with."""

    TRANSACTIONS = 0
    LABELS = 1
    CONTROL = 2
    SHARED = 3
    TRAINING = 4
    MODELS = 5


# Of the others nothing is published at once, and nothing is decided.
DECIDING = frozenset({Kind.TRANSACTIONS, Kind.LABELS, Kind.CONTROL})


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What must be the same for a segment's entries to be taken again with the same result.

    Attributes
    ----------
    number : int
        The segment's, and that of the snapshot that it begins behind, if there is one.
    first_step : int
        Number of its first entry.
    since_ms : int
        Nothing that comes of its entries was published before this, milliseconds since the
        epoch.
    offsets : list of (str, int, int)
        Topic, partition and where it goes on: the next offset, or -1 for its beginning.
    code : str
        The code's version; other code must come to what entries say they came to.
    configuration : str
        Digest of all that decides.
    transactions, labels : str
        The topics.
    transaction_schemas, label_schemas : list of int
        Ids that were decoded; records of others were refused.
    control : str
        The topic of orders; empty where none were taken, as before there was one.
    control_schemas : list of int
    shared, training, models : str
        The topics on which partitions tell each other; empty where they do not.
    outcome : int or None
        What the step before the first came to, for a journal whose writer died before it said so.
    """

    number: int
    first_step: int
    since_ms: int
    offsets: list[tuple[str, int, int]]
    code: str
    configuration: str
    transactions: str
    labels: str
    transaction_schemas: list[int]
    label_schemas: list[int]
    control: str = ""
    control_schemas: list[int] = []
    shared: str = ""
    training: str = ""
    models: str = ""
    outcome: int | None = None


@dataclass(frozen=True)
class Entry:
    """One call of the engine.

    Attributes
    ----------
    kind : Kind
    step : int
    now_ms : int
        The worker's clock when the records were polled; no arrival is later.
    check : int
        `stream.recovery.runs.fingerprint` of the records.
    runs : tuple of Run
        Which records, in the order taken.
    outcome : int or None
        `stream.recovery.outcome.outcome_of` what was decided. None: nothing is published of it,
        or layout 1 did not say.
    """

    kind: Kind
    step: int
    now_ms: int
    check: int
    runs: tuple[Run, ...]
    outcome: int | None = None


@dataclass(frozen=True)
class Segment:
    """What can be read of a segment.

    Attributes
    ----------
    header : Header or None
        None if not even that can be read.
    entries : list of Entry
        Those up to the end, or up to the damage.
    damage : str
        What is wrong with what follows; empty: nothing.
    foreign : str
        In what layout it is, where this release reads others; there are entries in it, for all
        that is known.
    """

    header: Header | None
    entries: list[Entry]
    damage: str = ""
    foreign: str = ""


_json = msgspec.json.Encoder(order="deterministic")
_header = msgspec.json.Decoder(Header)


def begin_segment(header: Header) -> bytes:
    """Return the first bytes of a segment."""
    return _PREFIX.pack(MAGIC, VERSION) + _frame(_json.encode(header))


def entry_bytes(entry: Entry) -> bytes:
    """Return the frame of an entry."""
    runs = np.array(list(entry.runs), _RUN).tobytes()
    return _frame(_ENTRY.pack(entry.kind, entry.step, entry.now_ms, entry.check) + runs)


def outcome_bytes(step: int, outcome: int) -> bytes:
    """Return the frame of what a step came to."""
    return _frame(_OUTCOME.pack(_OUTCOME_KIND, step, outcome))


def read_segment(data: bytes) -> Segment:
    """Read as much of a segment as is whole."""
    if len(data) < _PREFIX.size:
        return Segment(None, [], f"only {len(data)} bytes are there")
    magic, version = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        return Segment(None, [], "it does not begin as a segment")
    payload, at, damage = _payload(data, _PREFIX.size)
    if version not in READ:
        layout = f"it is in format {version}, and this release reads up to {VERSION}"
        # All layouts begin with a header; what ends with it is of a worker that was stopped.
        return Segment(None, [], foreign="" if payload and at == len(data) else layout)
    if payload is None:
        return Segment(None, [], f"its header: {damage or 'missing'}")
    try:
        header = _header.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as why:
        return Segment(None, [], f"its header: {why}")
    entries: list[Entry] = []
    while at < len(data):
        start = at
        payload, at, damage = _payload(data, start)
        if payload is None or not _add(payload, entries, header.first_step):
            return Segment(header, entries, f"at byte {start}: {damage or 'no entry'}")
    return Segment(header, entries)


def _frame(payload: bytes) -> bytes:
    length = len(payload)
    if not 0 < length <= PAYLOAD_MAX:
        raise ValueError(f"a frame of {length} bytes: give 1 to {PAYLOAD_MAX}")
    return _FRAME.pack(length, _checksum(length, payload)) + payload


def _checksum(length: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(length.to_bytes(4, "little")))


def _payload(data: bytes, at: int) -> tuple[bytes | None, int, str]:
    """Return a frame's payload, where the next frame begins, and what is wrong with this one."""
    start = at + _FRAME.size
    if start > len(data):
        return None, at, "cut short"
    length, checksum = _FRAME.unpack_from(data, at)
    if not 0 < length <= PAYLOAD_MAX:
        return None, at, f"a length of {length} bytes"
    payload = data[start : start + length]
    if len(payload) < length:
        return None, at, "cut short"
    if _checksum(length, payload) != checksum:
        return None, at, "its checksum is not that of its bytes"
    return payload, start + length, ""


def _add(payload: bytes, entries: list[Entry], first_step: int) -> bool:
    """Add an entry, or the outcome of the last one; tell whether the payload is either."""
    if entries and payload[0] == _OUTCOME_KIND:
        found = _ended(payload, entries[-1])
        entries[-1] = found or entries[-1]
    else:
        found = _entry(payload, first_step + len(entries))
        entries += [found] if found else []
    return found is not None


def _ended(payload: bytes, entry: Entry) -> Entry | None:
    """Return an entry with its outcome; None for what was not written by `outcome_bytes`."""
    if len(payload) != _OUTCOME.size or entry.outcome is not None:
        return None
    _, step, outcome = _OUTCOME.unpack(payload)
    return replace(entry, outcome=outcome) if step == entry.step else None


def _entry(payload: bytes, step: int) -> Entry | None:
    """Return the entry of a whole payload; None for what was not written by `entry_bytes`."""
    rest = len(payload) - _ENTRY.size
    if rest <= 0 or rest % _RUN.itemsize or payload[0] > max(Kind):
        return None
    kind, found, now_ms, check = _ENTRY.unpack_from(payload)
    runs = tuple(Run(*run) for run in np.frombuffer(payload, _RUN, offset=_ENTRY.size).tolist())
    if found != step or any(min(run[:2]) < 0 or run.length < 1 for run in runs):
        return None
    return Entry(Kind(kind), found, now_ms, check, runs)
