"""What an entry is, and that nothing of it can be changed behind its hash."""

import hashlib

import pytest

from schemas.records import RecordCodec, builtin
from stream.audit_trail.chain import FIRST_PREVIOUS, Act, Step, canonical_json, entry_of, following

ACT = Act(
    "ann", "erase", Step.ORDERED, "r-1", "card 00aa", None, '{"a":1}', None, "asked by \u00e4"
)


def test_an_entry_is_hashed_as_its_contract_says():
    """By hand, as somebody without this code would."""
    entry = following(None, ACT, 17)
    text = (
        '["fraudstream.audit/1",0,17,"ann","erase","ORDERED","r-1","card 00aa",null,'
        '"{\\"a\\":1}",null,"asked by \u00e4","' + "0" * 64 + '"]'
    )
    assert entry.hash == hashlib.sha256(text.encode()).hexdigest()
    names = [field["name"] for field in builtin("audit")["fields"]]
    assert names == [*entry.record()], "the fields are hashed in the order of the contract"


def test_entries_follow_one_another():
    first = following(None, ACT, 17)
    second = following(first, ACT, 16)
    assert (first.sequence, first.previous) == (0, FIRST_PREVIOUS)
    assert (second.sequence, second.previous) == (1, first.hash)
    assert first.hash != second.hash
    assert first.is_intact
    assert second.is_intact


def test_an_entry_is_the_same_from_its_record():
    codec = RecordCodec(builtin("audit"), 20)
    entry = following(following(None, ACT, 17), ACT._replace(before="{}", orders="[]"), 18)
    assert entry_of(codec.decode(codec.encode(entry.record()))) == entry


@pytest.mark.parametrize("name", Act._fields)
def test_whatever_of_an_act_is_changed_shows(name):
    entry = following(None, ACT, 17)
    other = Step.DONE if name == "step" else "other"
    changed = entry._replace(act=entry.act._replace(**{name: other}))
    assert not changed.is_intact


@pytest.mark.parametrize(
    "changes", [{"sequence": 1}, {"at_us": 18}, {"previous": "1" * 64}, {"hash": "1" * 64}]
)
def test_whatever_of_an_entry_is_changed_shows(changes):
    assert not following(None, ACT, 17)._replace(**changes).is_intact


def test_what_moves_from_one_field_to_the_next_shows():
    one = following(None, ACT._replace(who="a", what="bc"), 1)
    assert one.hash != following(None, ACT._replace(who="ab", what="c"), 1).hash
    assert one.hash != following(None, ACT._replace(who="a", what="bc", before="null"), 1).hash


def test_json_has_one_form():
    assert canonical_json({"b": [1, None, True], "a": "\u00e4\n\u2028"}) == (
        '{"a":"\u00e4\\n\u2028","b":[1,null,true]}'
    )
