"""Rules on the page: the loudest first, and never more than somebody reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from inputs.figures import full_figures

from stream.page.rules_shown import SHOWN_MAX, rules_shown
from stream.telemetry.figures import MODES, Figures, RuleHead, RulesStanding


def test_they_are_what_the_figures_say() -> None:
    counts = {("alerts_held", "cooldown"): 36, ("alerts_held", "snooze"): 2, ("late",): 5}
    shown = rules_shown(replace(full_figures(), counts=counts))
    assert shown["in_force"] == 3
    assert shown["shown"][0] == {
        "id": "wild",
        "action": "challenge",
        "mode": "tripped",
        "share": 0.25,
        "live": 301,
        "shadow": 40,
        "failed": 0,
    }
    assert [each["id"] for each in shown["shown"]] == ["wild", "tried", "certain"]
    assert shown["lists"][0] == {
        "name": "stolen",
        "entries": 120,
        "entries_max": 1000,
        "changes": 7,
    }
    assert (shown["snoozes"], shown["by_cooldown"], shown["by_snooze"]) == (3, 36, 2)


def test_of_many_those_are_shown_that_tripped_and_those_that_matched_most() -> None:
    heads = tuple(RuleHead(f"r{n:03d}", "review", 1.0) for n in range(300))
    modes, counts = np.zeros(300, np.int8), np.zeros((300, 3), np.int64)
    modes[0] = MODES.index("tripped")
    # What failed is not matched.
    counts[:, 0], counts[:, 2] = np.arange(300), 1000 - np.arange(300)
    shown = rules_shown(Figures(0.0, 0.0, rules=RulesStanding(heads, modes, counts, counts)))
    names = [each["id"] for each in shown["shown"]]
    assert shown["in_force"] == 300
    assert len(names) == SHOWN_MAX
    assert names[:3] == ["r000", "r299", "r298"]


def test_without_rules_nothing_is_shown() -> None:
    shown = rules_shown(Figures(0.0, 0.0))
    assert (shown["in_force"], shown["shown"], shown["lists"]) == (0, [], [])
