"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from stream.plurals import are, several, were


@pytest.mark.parametrize(
    ("n", "noun", "said"),
    [
        (0, "rule", "0 rules"),
        (1, "rule", "1 rule"),
        (2, "rule", "2 rules"),
        (1, "entry", "1 entry"),
        (1234, "entry", "1,234 entries"),
        (2, "day", "2 days"),
        (2, "match", "2 matches"),
        (3, "false alert", "3 false alerts"),
    ],
)
def test_one_is_one_and_others_are_many(n: int, noun: str, said: str) -> None:
    assert several(n, noun) == said


def test_a_verb_agrees_with_its_number() -> None:
    assert [are(n) for n in (0, 1, 2)] == ["are", "is", "are"]
    assert [were(n) for n in (0, 1, 2)] == ["were", "was", "were"]
