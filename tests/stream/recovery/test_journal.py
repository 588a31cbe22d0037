"""The journal's bytes: what was written is read, and damage is never read as something else."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from fault_log import injects, seen
from seeds import seeds

from stream.recovery.journal import (
    PAYLOAD_MAX,
    Entry,
    Header,
    Kind,
    Segment,
    begin_segment,
    entry_bytes,
    outcome_bytes,
    read_segment,
)
from stream.recovery.runs import Run

OFFSETS = [("in", 0, 2**40), ("labels", 3, -1)]
SCHEMAS = [1, 2], [5]
HEADER = Header(
    3,
    41,
    1_700_000_000_000,
    OFFSETS,
    "0.1.0+ab",
    "c0ffee",
    "in",
    "labels",
    [1, 2],
    [5],
    "control",
    [8],
)


def random_entries(rng, n, first_step=41):
    def run():
        return Run(
            int(rng.integers(0, 2**31)), int(rng.integers(0, 2**62)), int(rng.integers(1, 2**32))
        )

    return [
        Entry(
            Kind(int(rng.integers(0, 3))),
            first_step + i,
            int(rng.integers(-(2**62), 2**62)),
            int(rng.integers(0, 2**32)),
            tuple(run() for _ in range(int(rng.integers(1, 6)))),
            int(rng.integers(0, 2**32)) if rng.random() < 0.7 else None,
        )
        for i in range(n)
    ]


def frames(entries):
    """Return each frame, and what of the entries is known once it was written."""
    found = []
    for at, entry in enumerate(entries):
        found.append((entry_bytes(entry), [*entries[:at], replace(entry, outcome=None)]))
        if entry.outcome is not None:
            found.append((outcome_bytes(entry.step, entry.outcome), entries[: at + 1]))
    return found


def written(entries, header=HEADER):
    return begin_segment(header) + b"".join(frame for frame, _ in frames(entries))


def known(entries):
    """Return where each frame ends, the header's first, and the entries known by then."""
    ends, states = [len(written([]))], [[]]
    for frame, state in frames(entries):
        ends.append(ends[-1] + len(frame))
        states.append(state)
    return ends, states


@seeds(5)
def test_what_was_written_is_read(seed):
    entries = random_entries(np.random.default_rng(seed), 20)
    segment = read_segment(written(entries))
    assert (segment.header, segment.entries, segment.damage) == (HEADER, entries, "")
    assert read_segment(written([])).entries == []


def test_an_entry_lies_byte_by_byte_where_it_is_said_to():
    entry = Entry(Kind.LABELS, 7, -2, 0xDEADBEEF, (Run(3, 10**12, 5), Run(0, 4, 1)))
    payload = struct.pack("<BQqI", 1, 7, -2, 0xDEADBEEF)
    payload += struct.pack("<iqI", 3, 10**12, 5) + struct.pack("<iqI", 0, 4, 1)
    length = struct.pack("<I", len(payload))
    assert entry_bytes(entry) == length + struct.pack("<I", zlib.crc32(length + payload)) + payload


def note(segments, standing):
    """Count the entries that stand and were not read, and what was read beside them."""
    pairs = list(zip(segments, standing, strict=True))
    lost = sum(entry not in segment.entries for segment, stand in pairs for entry in stand)
    invented = sum(entry not in stand for segment, stand in pairs for entry in segment.entries)
    seen(len(pairs), sum(map(len, standing)), lost, invented)


@injects("a journal cut at every byte", "every whole entry is read, and no other")
@seeds(3)
def test_cut_at_every_byte_it_gives_the_entries_before_the_cut(seed):
    entries = random_entries(np.random.default_rng(seed), 4)
    data = written(entries)
    ends, states = known(entries)
    segments = [read_segment(data[:cut]) for cut in range(len(data))]
    wholes = [sum(end <= cut for end in ends) for cut in range(len(data))]
    note(segments, [states[max(whole - 1, 0)] for whole in wholes])
    for cut, (segment, whole) in enumerate(zip(segments, wholes, strict=True)):
        assert (segment.header is None) == (whole == 0)
        assert segment.entries == states[max(whole - 1, 0)]
        # At the end of a frame nothing is missing as far as anybody can tell.
        assert bool(segment.damage) == (cut not in ends)


@injects("every bit of a journal flipped", "every entry before the damage is read, and no other")
@seeds(3)
def test_every_flipped_bit_is_damage_and_never_another_entry(seed):
    entries = random_entries(np.random.default_rng(seed), 3)
    data = written(entries)
    ends, states = known(entries)
    segments, befores = [], []
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        segments.append(read_segment(bytes(flipped)))
        befores.append(sum(end <= bit // 8 for end in ends))
    note(segments, [states[max(before - 1, 0)] for before in befores])
    for segment, before in zip(segments, befores, strict=True):
        # Of another layout nothing is read, and nobody goes on without it.
        assert segment.damage or segment.foreign
        assert (segment.header is None) == (before == 0)
        assert segment.entries == states[max(before - 1, 0)]


@seeds(5)
def test_bytes_of_anything_are_read_without_an_exception(seed):
    rng = np.random.default_rng(seed)
    data = written(random_entries(rng, 5))
    for _ in range(300):
        begin = int(rng.integers(0, len(data)))
        junk = rng.integers(0, 256, int(rng.integers(0, 60)), np.uint8).tobytes()
        end = begin + int(rng.integers(0, 60))
        read_segment(data[:begin] + junk + data[end:])
        read_segment(junk)


def test_zeros_that_a_lost_write_left_are_no_entries():
    entries = random_entries(np.random.default_rng(1), 2)
    segment = read_segment(written(entries) + bytes(4096))
    assert segment.entries == entries
    assert segment.damage
    assert read_segment(bytes(4096)).header is None


@pytest.mark.parametrize("change", [{"step": 42}, {"runs": (Run(0, 5, 0),)}, {"runs": ()}])
def test_an_entry_that_fits_nowhere_ends_the_segment(change):
    first, second = random_entries(np.random.default_rng(2), 2)
    segment = read_segment(written([replace(first, **change), second]))
    assert segment.entries == []
    assert segment.damage


def test_a_segment_of_another_format_is_named():
    entries = random_entries(np.random.default_rng(3), 1)
    data = bytearray(written(entries))
    data[8] = 9
    assert read_segment(bytes(data)).foreign == "it is in format 9, and this release reads up to 2"
    # What a worker left that was stopped in order has a header, and nothing that could be missed.
    empty = bytearray(written([]))
    empty[8] = 9
    assert read_segment(bytes(empty)) == Segment(None, [])


def test_a_segment_of_the_release_before_is_read():
    """In layout 1 no entry says what it came to."""
    silent = [replace(each, outcome=None) for each in random_entries(np.random.default_rng(4), 5)]
    data = bytearray(written(silent))
    data[8] = 1
    assert read_segment(bytes(data)) == Segment(HEADER, silent)


@pytest.mark.parametrize(
    "frame",
    [outcome_bytes(40, 7), outcome_bytes(42, 7), outcome_bytes(41, 7) * 2],
    ids=["of a step before", "of a step to come", "twice"],
)
def test_an_outcome_is_that_of_the_step_before_it_and_said_once(frame):
    entry = replace(random_entries(np.random.default_rng(5), 1)[0], outcome=None)
    segment = read_segment(written([entry]) + frame)
    assert segment.damage.endswith("no entry")
    assert segment.entries[0].outcome in {None, 7}
    assert read_segment(begin_segment(HEADER) + outcome_bytes(40, 7)).damage.endswith("no entry")


def test_an_outcome_lies_byte_by_byte_where_it_is_said_to():
    payload = struct.pack("<BQI", 255, 7, 0xDEADBEEF)
    length = struct.pack("<I", len(payload))
    frame = length + struct.pack("<I", zlib.crc32(length + payload)) + payload
    assert outcome_bytes(7, 0xDEADBEEF) == frame


def test_an_entry_has_a_size_that_is_read_again():
    runs = tuple(Run(0, 2 * i, 1) for i in range(PAYLOAD_MAX // 16))
    with pytest.raises(ValueError, match="a frame of"):
        entry_bytes(Entry(Kind.LABELS, 1, 0, 0, runs))


def test_a_header_of_before_there_were_orders_is_read():
    older = msgspec.to_builtins(HEADER)
    del older["control"], older["control_schemas"]
    data = begin_segment(HEADER)
    prefix, payload = data[:12], msgspec.json.encode(older)
    checksum = zlib.crc32(payload, zlib.crc32(len(payload).to_bytes(4, "little")))
    frame = struct.pack("<II", len(payload), checksum) + payload
    drawn = random_entries(np.random.default_rng(1), 3)
    entries = [replace(each, outcome=None) for each in drawn]
    segment = read_segment(prefix + frame + b"".join(map(entry_bytes, entries)))
    assert segment.damage == ""
    assert segment.header == msgspec.structs.replace(HEADER, control="", control_schemas=[])
    assert segment.entries == entries
