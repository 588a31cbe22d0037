"""Held records: as they came, each once, and of bounded size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.states.snapshot import pack, unpack
from schemas.errors import SnapshotError
from stream.shards.held_labels import RECORD_BYTES_MAX, HeldLabels


def test_a_record_comes_back_as_it_came_and_once():
    held = HeldLabels()
    held.hold((1, 2), "t", b"k", b"v", [("h", b"x"), ("n", None)])
    assert held.look((1, 2)) is held.look((1, 2))
    label = held.release((1, 2))
    assert (label.transaction_id, label.key, label.value) == ("t", b"k", b"v")
    assert label.headers == (("h", b"x"), ("n", None))
    assert held.release((1, 2)) is held.look((1, 2)) is None


def test_a_large_record_keeps_its_value_alone():
    held = HeldLabels()
    held.hold((0, 0), "t", b"k", b"v" * 4096, [("h", b"x" * RECORD_BYTES_MAX)])
    label = held.release((0, 0))
    assert (label.key, len(label.value), label.headers) == (None, 4096, ())


def test_all_leave_in_order():
    held = HeldLabels()
    for offset in (3, 1, 2):
        held.hold((0, offset), str(offset), None, None, [])
    assert [place for place, _ in held.release_all()] == [(0, 3), (0, 1), (0, 2)]
    assert len(held) == 0


def some():
    held = HeldLabels()
    for offset, key in ((3, b"k"), (1, None), (2, b"")):
        held.hold((7, offset), "é", key, bytes(range(256)), [("h", b"\xff"), ("n", None)])
    held.hold((0, 0), "", None, None, [])
    return held


def test_a_state_is_all_of_them_in_their_order():
    held = some()
    restored = HeldLabels()
    restored.hold((9, 9), "gone", None, None, [])
    restored.restore(unpack(pack(held.state())))
    assert [*restored.release_all()] == [*held.release_all()]
    nothing = HeldLabels()
    restored.restore(unpack(pack(nothing.state())))
    assert len(restored) == 0


def damaged(state, **arrays):
    return replace(state, arrays={**state.arrays, **arrays})


def test_a_damaged_state_is_refused_and_changes_nothing():
    held = some()
    state = held.state()
    lengths = state.arrays["lengths"]
    records = state.arrays["records"].copy()
    records[0] = 0xC1  # MessagePack has no such byte.
    wrong = [
        replace(state, kind="held_labels/2"),
        replace(state, arrays={}),
        damaged(state, places=state.arrays["places"][[0, 0, 1, 2]]),
        damaged(state, places=state.arrays["places"][:2]),
        damaged(state, lengths=lengths + 1),
        damaged(state, lengths=lengths * 0),
        damaged(state, lengths=lengths[::-1].copy()),
        damaged(state, records=records),
        damaged(state, records=state.arrays["records"][:-1]),
    ]
    for each in wrong:
        with pytest.raises(SnapshotError):
            held.restore(each)
    assert [*held.release_all()] == [*some().release_all()]
