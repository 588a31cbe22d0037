"""Alerts on the page: read from the bytes that subscribers get, with code, normal and change."""

from __future__ import annotations

from typing import Any

from inputs.alert_samples import CODEC, alert, alert_id
from inputs.grammar_names import INPUTS

from stream.explanation.reason_text import Units
from stream.page.alerts_shown import LatestAlerts
from stream.page.board import Alert

REASON = {"feature": "card.count_1h", "value": 14.0, "contribution": 1.5, "state": "FRESH"}


def shown(*records: dict[str, Any]) -> list[Alert]:
    latest = LatestAlerts(2, lambda name: f"words of {name}", Units(INPUTS))
    latest.take(map(CODEC.encode, records), CODEC)
    return latest.shown()


def test_a_reason_has_its_code_its_words_and_what_is_usual() -> None:
    told = {**REASON, "code": "R101", "text": "Many payments on this card", "normal": 2.0}
    change = {"feature": "card.count_1h", "value": 3.0, "score": 0.31, "beyond": True}
    (one,) = shown(alert(1, reasons=[told], counterfactual=change, grouped=3))
    assert one["reasons"] == [
        {
            "code": "R101",
            "text": "Many payments on this card",
            "feature": "card.count_1h",
            "value": 14.0,
            "normal": 2.0,
            "said": "14, usual 2",
            "contribution": 1.5,
        }
    ]
    assert one["counterfactual"] == "would not alert if card.count_1h were 3 or less (score 0.310)"
    assert one["grouped"] == 3


def test_an_alert_that_says_no_words_is_shown_with_those_of_the_feature() -> None:
    (one,) = shown(alert(1, reasons=[REASON]))
    (reason,) = one["reasons"]
    assert (reason["code"], reason["text"]) == ("card.count_1h", "words of card.count_1h")
    assert (reason["said"], reason["normal"], one["counterfactual"]) == ("14", None, "")


RULE = {
    "id": "many-small",
    "version": "0123456789ab",
    "action": "BLOCK",
    "mode": "LIVE",
    "reason_code": "MANY_SMALL",
    "text": "many small payments of one card",
    "values": [
        {"name": "card.count_1h", "value": 14.0},
        {"name": "amount", "value": 1200.5},
        {"name": "country", "value": None},
        {"name": "card in lists.stolen", "value": 1.0},
    ],
}


def test_an_alert_of_a_rule_alone_has_its_words_and_no_score() -> None:
    shadow = {**RULE, "id": "a-first", "mode": "SHADOW", "action": "REVIEW", "values": []}
    (one,) = shown(alert(1, score=None, score_scaled=None, reasons=[], rules=[shadow, RULE]))
    assert one["score"] is None
    assert one["reasons"] == []
    assert one["rules"] == [
        {
            "id": "many-small",
            "code": "MANY_SMALL",
            "text": "many small payments of one card",
            "action": "BLOCK",
            "live": True,
            "said": "card.count_1h 14, amount 1,200.50, country ?, card in lists.stolen yes",
        },
        {
            "id": "a-first",
            "code": "MANY_SMALL",
            "text": "many small payments of one card",
            "action": "REVIEW",
            "live": False,
            "said": "",
        },
    ]


def test_the_latest_fifty_are_shown_the_latest_first() -> None:
    found = shown(*(alert(n) for n in range(60)))
    assert [each["alert_id"] for each in found] == [alert_id(n) for n in range(59, 9, -1)]
    assert found[0]["amount"] == "12.34"
