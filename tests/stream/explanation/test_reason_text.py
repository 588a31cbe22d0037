"""Values in words: with their unit, beside what is usual."""

from __future__ import annotations

import math

import pytest
from inputs.grammar_names import INPUTS

from stream.explanation.reason_text import NOT_KNOWN, Units, number

UNITS = Units(INPUTS)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("card.count_1h", 14.0, "14"),
        ("card.count_1h", 1234567.0, "1,234,567"),
        ("card.count_1h", 0.34567, "0.3457"),
        ("amount", 1234.5, "1,234.50"),
        ("card.share_night_1h", 0.256, "25.6 %"),
        ("card.seconds_since_last", 45.2, "45.2 s"),
        ("card.seconds_since_last", 90.0, "1.5 min"),
        ("card.seconds_since_last", 7200.0, "2 h"),
        ("card.seconds_since_last", 864000.0, "10 d"),
        ("card.seconds_since_last", 0.0, "0 s"),
        ("is_night", 1.0, "yes"),
        ("card.new_shop", 0.0, "no"),
        ("is_night", 0.04, "4 %"),
        ("input.age", -3.25, "-3.25"),
        ("amount", math.nan, NOT_KNOWN),
        ("amount", math.inf, "inf"),
        ("card.seconds_since_last", math.inf, "inf"),
        ("gone.count_1h", 3.0, "3"),
        ("not a feature", 3.5, "3.5"),
    ],
)
def test_a_value_has_its_unit(name: str, value: float, text: str) -> None:
    assert UNITS.value(name, value) == text


def test_a_reason_says_what_how_much_and_what_is_usual() -> None:
    reason = {"feature": "card.count_1h", "value": 14.0}
    assert UNITS.sentence(reason) == "card.count_1h: 14"
    said = {**reason, "text": "Many payments on this card in 1 hour", "normal": 2.0}
    assert UNITS.sentence(said) == "Many payments on this card in 1 hour: 14, usual 2"
    assert UNITS.sentence({**said, "normal": None}).endswith("1 hour: 14")


@pytest.mark.parametrize(
    ("value", "beyond", "end"),
    [
        (3.0, True, "were 3 or less (score 0.310)"),
        (30.0, True, "were 30 or more (score 0.310)"),
        (3.0, False, "were 3 (score 0.310)"),
    ],
)
def test_a_change_is_told_as_far_as_it_is_known(value: float, beyond: bool, end: str) -> None:
    change = {"feature": "card.count_1h", "value": value, "score": 0.31, "beyond": beyond}
    reasons = [{"feature": "card.count_1h", "value": 14.0}]
    said = UNITS.change({"counterfactual": change, "reasons": reasons})
    assert said == f"would not alert if card.count_1h {end}"
    assert UNITS.change({"reasons": reasons}) == UNITS.change({"counterfactual": None}) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (1e300, "1e+300"), (123456.7, "123,457"), (1e-9, "1e-09")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text
