"""An alert told: whole, valid as JSON, and strangers' texts as nothing but texts."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import pytest
from inputs.alert_samples import alert
from inputs.grammar_names import INPUTS
from rich.console import Console

from stream.explanation.explanation import explanation, moment, value_states
from stream.explanation.html import as_html
from stream.explanation.text import as_text, printable

FEATURES = ("card.count_1h", "amount", "is_night", "input.age", "card.count_1d")
REASONS = [
    {
        "feature": "card.count_1h",
        "value": 14.0,
        "contribution": 2.0,
        "state": "FRESH",
        "code": "R101",
        "text": "Many payments on this card in 1 hour",
        "normal": 2.0,
    },
    {
        "feature": "input.age",
        "value": math.nan,
        "contribution": 0.5,
        "state": "UNKNOWN",
        "code": "R301",
        "text": "The value of age",
        "normal": None,
    },
]
RULE = {
    "id": "large-at-night",
    "version": "0011",
    "action": "BLOCK",
    "mode": "SHADOW",
    "reason_code": "N1",
    "text": "Large at night",
    "values": [{"name": "amount", "value": 812.5}, {"name": "country", "value": None}],
}
CHANGE = {"feature": "card.count_1h", "value": 3.0, "score": 0.31, "beyond": True}
NEWEST: dict[str, Any] = {
    "reasons": REASONS,
    "rules": [RULE],
    "counterfactual": CHANGE,
    "model": {"name": "forest", "digest": "abc"},
    "feature_set": "f00",
    "labels_known_until": 1_780_000_000_000_000,
    "reason_codes_version": "1",
    # The first is late, the fourth unknown; the fifth and what fills the byte are fresh.
    "value_states": bytes([0b10000001, 0]),
    "degraded": ["no_score"],
}


def told(**changes: Any) -> dict[str, Any]:
    return explanation(alert(**{**NEWEST, **changes}), INPUTS, FEATURES, "f00")


def shown(one: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(as_text(one))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_everything_is_told() -> None:
    found = told()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    first, second = found["reasons"]
    assert first["text"] == "Many payments on this card in 1 hour: 14, usual 2"
    assert (second["value"], second["text"]) == (None, "The value of age: not known")
    assert found["counterfactual"]["text"].startswith("would not alert if card.count_1h were 3 or")
    assert found["labels_known_until"] == "2026-05-28T20:26:40.000Z"
    assert found["amount"] == "12.34"
    assert found["value_states"]["not_fresh"] == {
        "card.count_1h": "LATE_CORRECTED",
        "input.age": "UNKNOWN",
    }
    assert found["model"] == {"name": "forest", "digest": "abc", "labels_learned": 17}


def test_base_reasons_and_the_others_are_the_log_odds_of_the_score() -> None:
    found = told()
    parts = sum(each["contribution"] for each in found["reasons"])
    assert found["base"] + parts + found["other_contributions"] == pytest.approx(math.log(3))
    assert told(score=None, score_scaled=None)["other_contributions"] is None


def test_an_alert_of_an_older_version_is_told_as_far_as_it_goes() -> None:
    found = explanation(alert(), INPUTS, FEATURES, "f00")
    assert found["reasons"][0]["text"] == "amount: 12.34"
    assert (found["rules"], found["counterfactual"], found["feature_set"]) == ([], None, "")
    assert found["value_states"]["not_fresh"] is None
    assert "no single change" in shown(found)
    assert "12.34" in as_html(found)


@pytest.mark.parametrize(("n", "said"), [(1, "1 review of"), (1_204, "1,204 reviews of")])
def test_what_was_held_back_before_it_is_told(n: int, said: str) -> None:
    found = told(grouped=n)
    assert found["grouped"] == n
    text = f"{said} the same entity held back since its alert before this one"
    assert text in shown(found)
    assert text in as_html(found)


def test_where_nothing_was_held_back_nothing_is_said_of_it() -> None:
    found = told()
    assert found["grouped"] == 0
    assert "held back" not in shown(found) + as_html(found)


def test_states_of_features_of_another_time_are_counted_and_not_named() -> None:
    packed = bytes([0b10000001, 0])
    assert value_states(packed, ()) == {
        "counts": {"LATE_CORRECTED": 1, "UNKNOWN": 1},
        "not_fresh": None,
    }
    assert value_states(packed, FEATURES[:4])["not_fresh"] is None
    counts = value_states(packed, FEATURES)["counts"]
    assert counts == {"LATE_CORRECTED": 1, "FRESH": 3, "UNKNOWN": 1}


def test_a_line_that_a_replay_has_written_is_told_as_the_record_is() -> None:
    words = value_states(NEWEST["value_states"], FEATURES)
    assert told(value_states=words) == told()


@pytest.mark.parametrize("time_us", [-(2**63), 2**63 - 1])
def test_a_time_beyond_the_calendar_is_a_number(time_us: int) -> None:
    assert moment(time_us) == f"{time_us} us"
    assert moment(None) is None


def test_a_person_sees_all_of_it() -> None:
    text = shown(told())
    for part in (
        "REVIEW, score 0.7500 (750 of 999), from 0.5 on",
        "R101",
        "Many payments on this card in 1 hour: 14, usual 2",
        "+2.00",
        "█" * 12,
        "rule large-at-night (in shadow, BLOCK) N1: Large at night; amount = 812.5, country = ?",
        "would not alert if card.count_1h were 3 or less (score 0.310)",
        "card.count_1h late_corrected",
        "no_score",
        "model forest abc after 17 labels, known until 2026-05-28T20:26:40.000Z",
        "fraud.transactions[0] at 1",
    ):
        assert part in text, part
    assert "drawn with probability 0.25" in shown(told(selection_probability=0.25))
    assert "no score" in shown(told(score=None, score_scaled=None))


MARKUP = "<img src=x onerror=alert(1)>[bold]\x1b[31m\x07&\"'"


def hostile() -> dict[str, Any]:
    rule = {**RULE, "id": MARKUP, "text": MARKUP, "reason_code": MARKUP}
    reason = {**REASONS[0], "text": MARKUP, "code": MARKUP, "feature": MARKUP}
    texts = dict.fromkeys(("transaction_id", "source_topic", "policy_version"), MARKUP)
    return told(**texts, rules=[rule], reasons=[reason], degraded=[MARKUP])


def test_texts_of_strangers_stay_texts_in_a_terminal() -> None:
    text = shown(hostile())
    assert "\x1b" not in text
    assert "\x07" not in text
    assert text.count("[bold]") >= 6
    assert printable("a\nb\u202ec") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


def test_texts_of_strangers_stay_texts_in_html() -> None:
    page = as_html(hostile())
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert page.count('"') % 2 == 0
    assert page.startswith("<article")
    assert page.rstrip().endswith("</article>")
    assert "http" not in page, "it needs nothing beside it"


def test_without_a_reason_that_is_said() -> None:
    found = told(reasons=[])
    assert "no feature raised the score" in shown(found)
    assert "No feature raised the score." in as_html(found)
