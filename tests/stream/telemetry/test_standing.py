"""Sums of what others count, who come and go."""

import gc

from workers.standing_shards import TWO_MODELS, StandingShard

from stream.admission.snoozes import Snooze
from stream.champion.contenders import ORDER, SCORING, Aside
from stream.telemetry.figures import ListStanding, ModelStanding
from stream.telemetry.standing import DISABLED, FAILED, Sums, lists, models, snoozes


class Somebody:
    """Counts."""


def test_sums_do_not_go_back_when_somebody_goes():
    sums, first, second = Sums(), Somebody(), Somebody()
    sums.count(first, {("late",): 3})
    sums.count(first, {("late",): 5})
    sums.count(second, {("late",): 2})
    del first
    gc.collect()
    sums.count(second, {("late",): 4, ("dlq", "wire", "oversize"): 1})
    assert sums.totals == {("late",): 9, ("dlq", "wire", "oversize"): 1}


def test_what_somebody_had_counted_before_is_no_part_of_them():
    sums, heir = Sums(), Somebody()
    sums.note(heir, {("late",): 1_000})
    assert sums.knows(heir)
    sums.count(heir, {("late",): 1_002})
    assert sums.totals == {("late",): 2}


def test_a_count_that_goes_back_takes_nothing_away():
    sums, somebody = Sums(), Somebody()
    for n in (5, 3, 6):
        sums.count(somebody, {("late",): n})
    assert sums.totals == {("late",): 8}


def test_a_list_is_as_long_as_the_state_that_has_most_of_it():
    one, other = StandingShard(), StandingShard()
    one.sizes["stolen"], one.versions["stolen"] = 3, 2
    other.sizes["stolen"], other.versions["stolen"] = 4, 1
    assert lists([one, other]) == (ListStanding("stolen", 4, 100, 2),)
    assert lists([]) == ()


def test_a_snooze_that_every_state_has_is_one_until_it_is_over():
    shards = [StandingShard(), StandingShard()]
    for shard in shards:
        shard.admission.snooze(Snooze("*", "card", 7, 1_000, "ann"), 0)
    assert snoozes(shards) == 1
    for shard in shards:
        shard.clock.watermark_us = 1_000
    assert snoozes(shards) == 0
    assert snoozes([]) == 0


def test_a_model_decides_or_has_failed_if_it_does_in_any_state_and_is_ready_if_it_is_in_all():
    one, other = StandingShard(), StandingShard()
    one.lineup.at = 1

    def stand():
        return models(TWO_MODELS, [one, other])

    assert stand() == (
        ModelStanding("model", "logistic", True, "", False, 20),
        ModelStanding("other", "forest", True, "", False, 8),
    )
    one.contenders[1].aside = Aside(ORDER, "too slow")
    assert stand()[1].aside == DISABLED
    other.contenders[1].aside = Aside(SCORING, "ValueError")
    assert stand()[1].aside == FAILED
    one.contenders[0].ready = True
    assert [each.ready for each in stand()] == [False, False]
    other.contenders[0].ready = True
    assert [each.ready for each in stand()] == [True, False]
    assert models(TWO_MODELS, []) == ()
