"""Who was on a list when, and who asked for it, against dicts and loops."""

from __future__ import annotations

import json

import numpy as np
import pytest
from naive_lists import DECLARED, KEYS, T0, NaiveLists, random_order
from seeds import seeds

from schemas.columns import Reason
from stream.lists.entries import NEVER_US
from stream.lists.history import Asked, Change, History
from stream.lists.orders import parse_lists_order


def asked(at_us, number=0, **more):
    return Asked(at_us, at_us - 5, f"r-{number}", **more)


def order(add=(), remove=(), name="blocked", until=None, reason="stolen", by="anna"):
    added = [{"key": f"{key:016x}", "until": until} for key in add]
    removed = [f"{key:016x}" for key in remove]
    whole = {"list": name, "add": added, "remove": removed, "reason": reason, "by": by}
    return parse_lists_order(json.dumps(whole))


@seeds(4)
def test_it_shows_at_any_time_what_payments_of_then_would_have_met(seed):
    rng = np.random.default_rng(seed)
    history, plain, who, now = History(DECLARED), NaiveLists(DECLARED), {}, T0
    for number in range(150):
        now += int(rng.integers(0, 10))
        asked_at = asked(now, number)
        if rng.random() < 0.1:
            key = int(KEYS[rng.integers(len(KEYS))])
            plain.erase("card", key)
            history.erase("card", key, asked_at)
        else:
            said = random_order(rng)
            took = plain.take(said, now)
            assert history.take(parse_lists_order(json.dumps(said)), asked_at) == took
            if took == Reason.OK:
                who.update(((said["list"], int(each["key"], 16)), asked_at) for each in said["add"])
        assert history.lists.versions() == plain.versions
        for name in plain.on:
            for at_us in (now, now + int(rng.integers(1, 90))):
                expected = {key for key in plain.on[name] if plain.member(name, key, at_us)}
                found = history.entries_at(name, at_us)
                assert {entry.key for entry, _ in found} == expected
                assert all(told == who[name, entry.key] for entry, told in found)
                assert [told.arrived_us for _, told in found] == sorted(
                    told.arrived_us for _, told in found
                )


def test_all_that_was_ordered_of_a_value_is_told_and_nothing_of_others():
    history = History(DECLARED, "blocked", [7, 8])
    first, second, third, fourth = (asked(T0 + at, at) for at in range(4))
    history.take(order(add=[7, 8, 9], until=T0 + 50), first)
    history.take(order(add=[9]), second)
    history.take(order(add=[7], name="trusted"), second)
    history.take(order(remove=[8, 7, 15]), third)
    history.take(order(add=[8]), third)
    history.erase("merchant", 8, fourth)
    history.erase("card", 8, fourth)
    history.erase("card", 8, fourth)
    assert history.changes == [
        Change("add", first, -(2**63), T0 + 50),
        Change("remove", third),
        Change("add", third, -(2**63), NEVER_US),
        Change("erase", fourth),
    ]
    assert history.latest == {"blocked": fourth, "trusted": second}


@pytest.mark.parametrize("name", ["blocked", "trusted"])
def test_what_was_refused_is_told_of_the_list_that_is_looked_at(name):
    history = History(DECLARED, name)
    told = asked(T0, by="anna", reason="stolen")
    assert history.take(order(add=KEYS[:4], name="trusted"), told) == Reason.CONTROL_LIST_FULL
    assert history.take(order(add=KEYS[:4], name="nobodys"), told) == Reason.CONTROL_LIST_UNKNOWN
    refused = [Change("refuse", told, refusal=Reason.CONTROL_LIST_FULL)]
    assert history.changes == (refused if name == "trusted" else [])
    assert history.latest == {}
