"""What an id that a person writes may be in a field."""

from __future__ import annotations

import pytest

from schemas.errors import SchemaError
from schemas.ids import ids_of
from schemas.records import builtin

FIXED = {"type": "fixed", "name": "Token", "size": 2}
CARD = {"type": "record", "name": "Card", "fields": [{"name": "id", "type": ["null", "long"]}]}
CHANNEL = {"type": "enum", "name": "Channel", "symbols": ["CHIP", "WEB"]}
SCHEMA = {
    "type": "record",
    "name": "Payment",
    "fields": [
        {"name": "text", "type": ["null", {"type": "string", "avro.java.string": "String"}]},
        {"name": "either", "type": ["string", "int"]},
        {"name": "token", "type": FIXED},
        {"name": "again", "type": ["null", "Token"]},
        {"name": "card", "type": [CARD, "null"]},
        {"name": "parent", "type": ["null", "Payment"]},
        {"name": "channel", "type": ["null", CHANNEL]},
        {"name": "before", "type": "Channel"},
        {"name": "present", "type": "boolean"},
    ],
}


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("4711", "text", ["4711"]),
        ("4711", "either", ["4711", 4711]),
        ("-5", "either", ["-5", -5]),
        ("4 711", "either", ["4 711"]),
        ("c-1", "either", ["c-1"]),
        ("0aFF", "token", [b"\x0a\xff"]),
        ("0aFF", "again", [b"\x0a\xff"]),
        ("42", "card.id", [42]),
        (str(2**63 - 1), "card.id", [2**63 - 1]),
        ("42", "parent.card.id", [42]),
        ("42", "parent.text", ["42"]),
        ("WEB", "channel", ["WEB"]),
        ("CHIP", "before", ["CHIP"]),
        ("true", "present", [1]),
        ("false", "present", [0]),
    ],
)
def test_it_is_what_the_field_holds(text, path, expected):
    assert ids_of(text, SCHEMA, path) == expected


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("c-1", "card.id"),
        (str(2**63), "card.id"),
        ("xyz", "token"),
        ("1", "no"),
        ("TRUE", "present"),
    ],
)
def test_what_it_cannot_be_is_refused_without_naming_it(text, path):
    with pytest.raises(SchemaError, match=f"field '{path}' holds") as caught:
        ids_of(text, SCHEMA, path)
    assert text not in str(caught.value).replace(path, "") or len(text) == 1


def test_a_symbol_that_is_none_is_told_those_there_are():
    with pytest.raises(SchemaError, match="its symbols are CHIP, WEB"):
        ids_of("Web", SCHEMA, "channel")


def test_the_shipped_schema_holds_texts():
    assert ids_of("4711", builtin("transaction"), "card_id") == ["4711"]
