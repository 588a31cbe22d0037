"""What happened is marked once, when it is seen, and in the words of those who did it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from workers.standing_shards import TWO_MODELS, StandingShard, rule, rule_set

from stream.champion.contenders import ORDER, SCORING, Aside
from stream.champion.reigns import Cause, Reign
from stream.page.markers import Markers
from stream.page.what_happened import LISTS_MARKED_EVERY_MS, WhatHappened
from stream.rules.rule import Mode
from stream.telemetry.figures import Figures
from stream.telemetry.rules_standing import RuleMeter
from stream.telemetry.standing import lists, models


class Watched:
    """States that are looked at, and a clock that is turned by hand."""

    def __init__(self, *shards: StandingShard, path: Path | None = None) -> None:
        self.shards = shards
        self.now_ms = LISTS_MARKED_EVERY_MS
        self.markers = Markers(path)
        self.happened = WhatHappened(self.markers, lambda: self.now_ms)

    def look(self, **figures: Any) -> list[tuple[str, str]]:
        """Look once; return what was marked by that."""
        before = len(self.markers.shown())
        shards = cast("Any", list(self.shards))
        self.happened.look(
            shards,
            Figures(
                0.0,
                0.0,
                rules=RuleMeter().standing(shards),
                lists=lists(shards),
                models=models(TWO_MODELS, shards),
                **figures,
            ),
        )
        return [(each["kind"], each["text"]) for each in self.markers.shown()[before:]]


@pytest.fixture
def watched() -> Watched:
    return Watched(StandingShard(rule("a"), rule("b", Mode.SHADOW)))


def test_rules_that_come_are_marked_with_what_is_other_than_before(watched: Watched) -> None:
    digest = watched.shards[0].rules.rules.digest
    assert watched.look() == [("rules", f"rules {digest} are in force: 2, 1 of them live")]
    assert watched.look() == []
    others = rule_set(rule("b"), rule("c"))
    watched.shards[0].rules.replace(others)
    text = f"rules {others.digest} are in force: 2, 2 of them live; 1 new, 1 changed, 1 gone"
    assert watched.look(watermark_us=7_000) == [("rules", text)]
    assert watched.markers.shown()[-1]["event_ms"] == 7
    assert watched.look() == []


def test_no_rules_are_no_news_unless_there_were_some() -> None:
    watched = Watched(StandingShard())
    assert watched.look() == []
    watched.shards[0].rules.replace(rule_set(rule("a")))
    ((_, text),) = watched.look()
    assert text.endswith("1, 1 of them live; 1 new")
    watched.shards[0].rules.replace(rule_set())
    ((_, text),) = watched.look()
    assert text.endswith("0, 0 of them live; 1 gone")


def test_over_a_restart_the_same_rules_are_no_news(tmp_path: Path) -> None:
    path = tmp_path / "markers.json"
    shard = StandingShard(rule("a"))
    shard.rules.tripped = ["a"]
    first = Watched(shard, path=path)
    assert [kind for kind, _ in first.look()] == ["rules", "breaker"]
    assert Watched(shard, path=path).look() == []
    shard.rules.replace(rule_set(rule("b")))
    assert [kind for kind, _ in Watched(shard, path=path).look()] == ["rules"]


def test_a_rule_that_trips_is_marked_each_time(watched: Watched) -> None:
    rules = watched.shards[0].rules
    watched.look()
    tripped = "a matched too much: it is in shadow until rules are applied again"
    rules.tripped = ["a"]
    assert watched.look() == [("breaker", tripped)]
    assert watched.look() == []
    rules.replace(rules.rules)
    again = "a decides again: the same rules were applied once more"
    assert watched.look() == [("breaker", again)]
    rules.tripped = ["a"]
    assert watched.look() == [("breaker", tripped)]


def test_other_rules_of_which_one_trips_at_once(watched: Watched) -> None:
    rules = watched.shards[0].rules
    rules.tripped = ["a"]
    watched.look()
    rules.replace(rule_set(rule("a", limit=3.0)))
    rules.tripped = ["a"]
    assert [kind for kind, _ in watched.look()] == ["rules", "breaker"]


def test_a_tripped_rule_that_expires_does_not_decide_again() -> None:
    watched = Watched(StandingShard(rule("a", expires_us=1_000)))
    shard = watched.shards[0]
    shard.rules.tripped = ["a"]
    watched.look()
    shard.clock.watermark_us = 2_000
    assert watched.look() == []


def test_changes_of_lists_are_counted_and_marked_once_a_minute(watched: Watched) -> None:
    shard = watched.shards[0]
    shard.versions["stolen"], shard.sizes["stolen"] = 5, 50
    assert [kind for kind, _ in watched.look()] == ["rules"]
    shard.versions["stolen"] = 6
    assert watched.look() == [("lists", "stolen was changed once and has 50 entries")]
    for second in range(1, 60):
        watched.now_ms += 1000
        shard.versions["stolen"] = 6 + second
        assert watched.look() == []
    watched.now_ms += 1000
    assert watched.look() == [("lists", "stolen was changed 59 times and has 50 entries")]
    watched.now_ms += LISTS_MARKED_EVERY_MS
    assert watched.look() == []


def test_a_list_that_is_behind_for_a_moment_is_no_news(watched: Watched) -> None:
    shard = watched.shards[0]
    shard.versions["stolen"] = 9
    watched.look()
    shard.versions["stolen"] = 2
    assert watched.look() == []
    shard.versions["stolen"] = 3
    assert [kind for kind, _ in watched.look()] == ["lists"]


def test_who_becomes_champion_is_marked_with_who_ordered_it_and_why() -> None:
    watched = Watched(StandingShard(), StandingShard())
    assert watched.look() == []
    for shard in watched.shards:
        shard.crown(Reign("other", 1, 10, Cause.ORDER, "ann", "better for weeks"))
    assert watched.look() == [("promotion", "other decides, by ann: better for weeks")]
    watched.shards[1].crown(Reign("model", 2, 20, Cause.ROLLBACK, "canary", "it was worse"))
    assert watched.look() == [("rollback", "model decides again, by canary: it was worse")]
    watched.shards[0].crown(Reign("model", 3, 30, Cause.ROLLBACK))
    assert watched.look() == [("rollback", "model decides again")]


def test_champions_that_followed_one_another_within_a_second_are_all_marked() -> None:
    watched = Watched(StandingShard())
    watched.look()
    watched.shards[0].crown(Reign("other", 1, 10, Cause.ORDER, "ann"))
    watched.shards[0].crown(Reign("model", 2, 20, Cause.ROLLBACK, "ben"))
    assert [kind for kind, _ in watched.look()] == ["promotion", "rollback"]


def test_models_that_are_ready_or_asked_nothing_are_marked() -> None:
    watched = Watched(StandingShard())
    decides, contender = watched.shards[0].contenders
    assert watched.look() == []
    decides.ready = True
    assert watched.look() == [("model", "model has seen enough labels and gives scores")]
    contender.aside = Aside(ORDER, "too slow")
    assert watched.look() == [("model", "other is disabled: it is asked nothing")]
    contender.aside = None
    assert watched.look() == [("model", "other is asked again")]
    contender.aside = Aside(SCORING, "ValueError")
    assert watched.look() == [("model", "other failed: it is asked nothing any more")]


def test_a_contract_is_marked_when_its_first_payment_comes(tmp_path: Path) -> None:
    path = tmp_path / "markers.json"
    watched = Watched(StandingShard(), path=path)
    assert watched.look() == []
    watched.shards[0].schemas_seen = (1,)
    assert watched.look() == [("schema", "the first payment written with schema 1 came")]
    watched.shards[0].schemas_seen = (1, 9)
    assert watched.look() == [("schema", "the first payment written with schema 9 came")]
    assert Watched(*watched.shards, path=path).look() == []


def test_a_policy_is_marked_when_it_is_another(watched: Watched) -> None:
    assert ("policy", "decisions are made under policy p1") in watched.look(policy_version="p1")
    assert watched.look(policy_version="p1") == []
    assert watched.look(policy_version="p2") == [("policy", "decisions are made under policy p2")]


def test_a_worker_without_partitions_is_no_news(watched: Watched) -> None:
    watched.look()
    shards, watched.shards = watched.shards, ()
    assert watched.look() == []
    watched.shards = shards
    assert watched.look() == []
