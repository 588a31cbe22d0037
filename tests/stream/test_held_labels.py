"""Held records: as they came, each once, and of bounded size."""

from __future__ import annotations

from stream.held_labels import RECORD_BYTES_MAX, HeldLabels


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
