"""Characters of TOML texts and their places, beside tomllib."""

import random
import tomllib

import pytest

from stream.toml.texts import character_places


@pytest.mark.parametrize(
    ("literal", "value", "places"),
    [
        ('"ab"', "ab", [1, 2, 3]),
        ("'a\\b'", "a\\b", [1, 2, 3, 4]),
        ('"a\\n\\u00e9b"', "a\néb", [1, 2, 4, 10, 11]),
        ('"""\nab"""', "ab", [4, 5, 6]),
        ("'''\nab'''", "ab", [4, 5, 6]),
        ('"""a \\\n   b"""', "a b", [3, 4, 10, 11]),
        ('"""a\nb"""', "a\nb", [3, 4, 5, 6]),
        ('""""a""""', '"a"', [3, 4, 5, 6]),
        ('""', "", [1]),
        ('"\\U0001F600"', "\U0001f600", [1, 11]),
    ],
)
def test_every_character_has_its_place(literal, value, places):
    assert character_places(literal) == (value, places)
    assert tomllib.loads(f"k = {literal}")["k"] == value


def test_any_text_is_read_as_tomllib_reads_it():
    rng = random.Random(3)
    parts = ["a", " ", "\t", "\n", "\\n", "\\\\", '\\"', "\\u00e9", "\\\n  ", "é", "'", "\\t"]
    for _ in range(3000):
        quote = rng.choice(['"', '"""', "'", "'''"])
        inside = "".join(rng.choices(parts, k=rng.randint(0, 12)))
        literal = quote + inside + quote
        try:
            value = tomllib.loads(f"k = {literal}")["k"]
        except tomllib.TOMLDecodeError:
            continue
        read, places = character_places(literal)
        assert read == value
        assert len(places) == len(value) + 1
        assert places == sorted(places)
        for letter, place in zip(value, places, strict=False):
            assert literal[place] in (letter, "\\")


def test_what_is_no_escape_sequence_is_no_text():
    with pytest.raises(ValueError, match="unknown escape sequence at 1"):
        character_places('"\\q"')
