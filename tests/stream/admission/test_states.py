"""Orders and states that are none are refused whole, and nothing has changed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from models.states.snapshot import State, pack
from schemas.errors import SnapshotError
from stream.admission.admission import Admission
from stream.admission.snoozes import NAME_MAX, Snooze, SnoozeError, Snoozes, read_snooze

ENTITIES = ("card", "merchant")
GOOD = {"rule": "night", "entity": "card", "key": "00000000000000ff", "until": 17, "by": "ann"}


def test_an_order_is_read_and_written():
    snooze = read_snooze(json.dumps(GOOD), ENTITIES)
    assert snooze == Snooze("night", "card", 0xFF, 17, "ann")
    assert read_snooze(snooze.text(), ENTITIES) == snooze
    known = read_snooze(json.dumps(GOOD | {"reason": "travels"}), ENTITIES)
    assert known == snooze._replace(reason="travels")
    assert read_snooze(known.text(), ENTITIES) == known


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"rule": ""}, "rule, by and reason"),
        ({"rule": "x" * (NAME_MAX + 1)}, "rule, by and reason"),
        ({"by": "x" * (NAME_MAX + 1)}, "rule, by and reason"),
        ({"reason": "x" * (NAME_MAX + 1)}, "rule, by and reason"),
        ({"reason": None}, "type str"),
        ({"entity": "curd"}, "no entity is 'curd'"),
        ({"key": "ff"}, "16 hexadecimal"),
        ({"key": "0" * 16}, "16 hexadecimal"),
        ({"key": "00000000000000FF"}, "16 hexadecimal"),
        ({"until": -1}, "microseconds"),
        ({"until": 2**63}, "microseconds"),
        ({"until": 1.5}, "type int"),
        ({"until": True}, "type int"),
        ({"rule": None}, "type str"),
        ({"more": 1}, "and nothing else"),
    ],
)
def test_what_is_no_snooze_is_said(changes, text):
    with pytest.raises(SnoozeError, match=text):
        read_snooze(json.dumps(GOOD | changes), ENTITIES)


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "[" * 100_000, "{}", '"night"'])
def test_another_text_is_no_snooze(text):
    with pytest.raises(SnoozeError):
        read_snooze(text, ENTITIES)


def test_there_is_room_for_so_many_and_what_is_over_makes_room():
    snoozes = Snoozes(ENTITIES, 2)
    assert snoozes.take(Snooze("a", "card", 1, 10, ""), 0)
    assert snoozes.take(Snooze("b", "card", 1, 20, ""), 0)
    assert not snoozes.take(Snooze("c", "card", 1, 30, ""), 9)
    assert snoozes.take(Snooze("c", "card", 1, 30, ""), 10)
    assert [each.rule for each in snoozes.in_force(10)] == ["b", "c"]


def test_one_that_is_over_ends_an_earlier_one():
    snoozes = Snoozes(ENTITIES)
    snoozes.take(Snooze("a", "card", 1, 100, ""), 0)
    assert snoozes.take(Snooze("a", "card", 1, 0, ""), 50)
    assert len(snoozes) == 0


@pytest.fixture
def admission():
    of = Admission(ENTITIES, 100, "card")
    of.admit(
        np.array([1, 1, 1], np.int8),
        np.array([[1, 2, 1], [9, 9, 9]], np.uint64),
        np.array([5, 6, 7]),
    )
    of.snooze(Snooze("a", "card", 1, 100, "ann"), 0)
    return of


def with_part(state, name, **changes):
    part = state.parts[name]
    header = {**part.header, **changes.pop("header", {})}
    arrays = {**part.arrays, **changes}
    return replace(state, parts={**state.parts, name: State(part.kind, header, arrays)})


DAMAGED = {
    "another kind": lambda s: replace(s, kind="other/1"),
    "no count": lambda s: replace(s, header={"grouped": 1}),
    "a count below 0": lambda s: replace(s, header={"grouped": -1, "snoozed": 0}),
    "a part missing": lambda s: replace(s, parts={"groups": s.parts["groups"]}),
    "a key twice": lambda s: with_part(s, "groups", keys=np.array([1, 1], np.uint64)),
    "a key of nobody": lambda s: with_part(s, "groups", keys=np.array([1, 0], np.uint64)),
    "too few keys": lambda s: with_part(s, "groups", keys=np.array([1], np.uint64)),
    "a group below 0": lambda s: with_part(s, "groups", grouped=np.array([0, -1])),
    "times of another type": lambda s: with_part(s, "groups", times_us=np.array([0.5, 1.0])),
    "no list": lambda s: with_part(s, "snoozes", header={"snoozes": 3}),
    "no text": lambda s: with_part(s, "snoozes", header={"snoozes": [3]}),
    "no snooze": lambda s: with_part(s, "snoozes", header={"snoozes": ["{}"]}),
    "no key": lambda s: with_part(
        s, "snoozes", header={"snoozes": [json.dumps(GOOD | {"key": "x"})]}
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_state_that_is_damaged_is_refused_and_nothing_has_changed(admission, damage):
    kept = pack(admission.state())
    with pytest.raises(SnapshotError):
        admission.restore(DAMAGED[damage](admission.state()))
    assert pack(admission.state()) == kept


def test_snoozes_of_an_entity_that_is_no_more_are_left_out(admission):
    other = Admission(("merchant",))
    other.restore(admission.state())
    assert len(other.snoozes) == 0
