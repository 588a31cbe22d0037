"""How rules stand over all states, and sums of what they did, of those in force alone."""

from __future__ import annotations

import gc
from typing import Any, cast

from workers.standing_shards import StandingShard, rule, rule_set

from stream.rules.rule import Mode
from stream.shards.shard import Shard
from stream.telemetry.rules_standing import RuleMeter


class Meter:
    """A meter, and what it says as plain values."""

    def __init__(self) -> None:
        self.meter = RuleMeter()

    def note(self, shard: StandingShard) -> None:
        self.meter.note(cast("Shard", shard))

    def look(self, *shards: StandingShard) -> dict[str, list[int]]:
        """Count, and return what each rule in force did since the start."""
        for shard in shards:
            self.meter.count(cast("Shard", shard))
        found = self.meter.standing(cast("list[Shard]", list(shards)))
        names = [head.id for head in found.heads]
        return dict(zip(names, found.since_start.tolist(), strict=True))


def standing(*shards: StandingShard) -> list[tuple[Any, ...]]:
    found = RuleMeter().standing(cast("list[Shard]", list(shards)))
    return [tuple(each) for each in found.rows()]


def test_rules_are_counted_in_all_states():
    rules = rule("a"), rule("b", Mode.SHADOW), rule("c", share=0.25)
    one, other = StandingShard(*rules), StandingShard(*rules)
    one.rules.match("a", live=3, failed=1)
    other.rules.match("a", live=4)
    other.rules.match("b", shadow=5)
    other.rules.match("c", live=1, shadow=2)
    assert standing(one, other) == [
        ("a", "block", "live", 1.0, 7, 0, 1),
        ("b", "block", "shadow", 1.0, 0, 5, 0),
        ("c", "block", "live", 0.25, 1, 2, 0),
    ]


def test_what_tripped_in_one_state_has_tripped_and_what_is_over_is_expired():
    rules = rule("a"), rule("b", expires_us=1_000)
    one, other = StandingShard(*rules), StandingShard(*rules)
    other.rules.tripped = ["a", "b"]
    assert [each[2] for each in standing(one, other)] == ["tripped", "tripped"]
    other.clock.watermark_us = 1_000
    assert [each[2] for each in standing(one, other)] == ["tripped", "expired"]


def test_a_state_that_has_other_rules_for_a_moment_is_left_out():
    one, other = StandingShard(rule("a")), StandingShard(rule("b"))
    one.rules.match("a", live=1)
    other.rules.match("b", live=9)
    assert standing(one, other) == [("a", "block", "live", 1.0, 1, 0, 0)]
    assert standing() == []


def test_sums_do_not_go_back_when_a_state_goes():
    meter, one, other = Meter(), StandingShard(rule("a")), StandingShard(rule("a"))
    one.rules.match("a", live=3, shadow=1)
    other.rules.match("a", live=2, failed=4)
    assert meter.look(one, other) == {"a": [5, 1, 4]}
    del one
    gc.collect()
    other.rules.match("a", live=1)
    assert meter.look(other) == {"a": [6, 1, 4]}


def test_what_a_state_had_counted_before_is_no_part_of_them():
    meter, shard = Meter(), StandingShard(rule("a"))
    shard.rules.match("a", live=1_000)
    meter.note(shard)
    shard.rules.match("a", live=2)
    assert meter.look(shard) == {"a": [2, 0, 0]}


def test_when_other_rules_come_the_same_id_goes_on_and_the_others_are_told_of_no_more():
    meter, shard = Meter(), StandingShard(rule("a"), rule("b"))
    shard.rules.match("a", live=5)
    shard.rules.match("b", live=7)
    assert meter.look(shard) == {"a": [5, 0, 0], "b": [7, 0, 0]}
    shard.rules.replace(rule_set(rule("a", limit=2.0), rule("c")))
    shard.rules.match("a", live=2)
    shard.rules.match("c", shadow=1)
    assert meter.look(shard) == {"a": [7, 0, 0], "c": [0, 1, 0]}
    # It is not remembered either: who comes again begins anew.
    shard.rules.replace(rule_set(rule("b")))
    assert meter.look(shard) == {"b": [0, 0, 0]}


def test_the_same_rules_applied_again_go_on():
    meter, shard = Meter(), StandingShard(rule("a"))
    shard.rules.match("a", live=5)
    meter.look(shard)
    shard.rules.replace(rule_set(rule("a")))
    shard.rules.match("a", live=3)
    assert meter.look(shard) == {"a": [8, 0, 0]}
    assert standing(shard) == [("a", "block", "live", 1.0, 3, 0, 0)]


def test_what_a_state_did_that_was_ahead_is_counted_once_the_others_follow():
    meter, one, ahead = Meter(), StandingShard(rule("a")), StandingShard(rule("a"))
    meter.look(one, ahead)
    ahead.rules.replace(rule_set(rule("b")))
    ahead.rules.match("b", live=4)
    assert meter.look(one, ahead) == {"a": [0, 0, 0]}
    one.rules.replace(rule_set(rule("b")))
    one.rules.match("b", live=1)
    assert meter.look(one, ahead) == {"b": [5, 0, 0]}


def test_without_states_nothing_is_told_and_nothing_is_forgotten():
    meter, shard = Meter(), StandingShard(rule("a"))
    shard.rules.match("a", live=5)
    meter.look(shard)
    assert meter.look() == {}
    assert meter.look(shard) == {"a": [5, 0, 0]}


def test_what_was_said_does_not_change_when_more_is_counted():
    meter, shard = RuleMeter(), cast("Shard", StandingShard(rule("a")))
    said = meter.standing([shard])
    cast("Any", shard).rules.match("a", live=5)
    meter.count(shard)
    meter.standing([shard])
    assert not said.counts.any()
    assert not said.since_start.any()
