"""The page of a backtest: all that the report says, and texts stay texts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from stream.backtest.page import page_of
from stream.backtest.tables import headline, rule_cells, show_backtest

FOUND = {
    "payments": 5,
    "judged": 4,
    "frauds": 3,
    "genuine": 1,
    "precision": 0.75,
    "precision_95": [0.3, 0.95],
    "recall": 0.5,
    "fraud_minor": 300,
    "genuine_minor": 100,
    "value_recall": None,
}
RULE = {
    "id": "<b>large</b>",
    "action": "block",
    **FOUND,
    "in_shadow": 2,
    "new": 3,
    "new_frauds": 1,
    "overlaps": [{"id": "other", "share": 0.5}],
    "put_in_shadow": ["2026-01-01T00:00:00Z"],
}


def side(alerts: int, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "outcomes": {"allow": 90, "review": 4, "challenge": 0, "block": 6},
        "unscored": 1,
        "alerts": alerts,
        "alerts_per_day": {"mean": float(alerts), "most": alerts},
        "found": FOUND,
        "blocked": {**FOUND, "precision": None, "recall": None},
        "rules": rules,
        "days": [
            {
                "day": "2026-01-01",
                "payments": 100,
                "alerts": alerts,
                "frauds_caught": 3,
                "frauds": 6,
            }
        ],
    }


def report(candidate: bool = True) -> dict[str, Any]:
    return {
        "payments": 100,
        "first": "2026-01-01T00:00:00Z",
        "last": "2026-01-01T23:00:00Z",
        "judged": 80,
        "frauds": 6,
        "labels_known_until": None,
        "alerts_per_day_planned": 12.0,
        "change": {"rules": "abc" if candidate else None, "model": None},
        "live": side(5, []),
        "candidate": side(9, [RULE]) if candidate else None,
        "changes": [
            {
                "from": "allow",
                "to": "block",
                "payments": 4,
                "judged": 3,
                "frauds": 2,
                "genuine": 1,
                "fraud_minor": 2,
                "genuine_minor": 1,
            }
        ]
        if candidate
        else [],
        "examples": [
            {
                "transaction_id": "<script>x</script>",
                "event_time": "2026-01-01T00:00:00Z",
                "amount_minor": 5,
                "from": "allow",
                "to": "block",
                "score": None,
                "rules": ["<b>large</b>"],
                "fraud": None,
            }
        ]
        if candidate
        else [],
        "recorded": {"alerts": {"replayed": 5, "same": 5, "other": []}, "decisions": None},
    }


def test_the_page_says_what_the_report_says() -> None:
    page = page_of(report(), "Backtest")
    for said in ("Tried: rules abc", "5 of 5 alerts came out", "75.0 % (30.0 to 95.0)", "3 (1)"):
        assert said in page
    assert "put in shadow 2026-01-01T00:00:00Z" in page
    assert page.count("<rect") == 2
    assert 'class="plan"' in page


def test_texts_of_strangers_stay_texts_and_nobody_is_asked_for_anything() -> None:
    page = page_of(report(), "<i>mine</i>")
    assert "&lt;script&gt;x" in page
    assert "&lt;b&gt;large" in page
    assert "&lt;i&gt;mine" in page
    assert not re.search(r"<script|<b>|<i>|https?://|src=|@import", page)


def test_without_a_change_there_is_one_side() -> None:
    page = page_of(report(candidate=False), "Backtest")
    assert "Nothing was changed" in page
    assert "as it would be</th>" not in page
    assert page.count("<rect") == 1


def test_nothing_decided_is_a_page_too() -> None:
    empty = {**report(candidate=False), "payments": 0, "live": {**side(0, []), "days": []}}
    assert "no payment was decided" in page_of(empty, "Backtest")
    assert headline(empty) == "no payment was decided in this time"


def test_a_persons_tables_have_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    show_backtest(report())
    said = capsys.readouterr().out
    for word in ("100 payments from", "block", "75.0 %", "<b>large</b>", "not known yet"):
        assert word in said
    show_backtest({**report(), "changes": [], "examples": []})
    assert "nothing would have been decided otherwise" in capsys.readouterr().out


def test_a_rules_row_says_where_the_breaker_tripped() -> None:
    assert rule_cells({**RULE, "put_in_shadow": []})[1] == "block"
    assert rule_cells({**RULE, "new": None})[4] == "-"
