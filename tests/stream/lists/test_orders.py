"""Orders to change lists: what is read, and the reason of everything that is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from seeds import seeds

from schemas.columns import REASON_TEXT, Reason
from stream.lists.entries import ALWAYS_US, NEVER_US
from stream.lists.orders import (
    CHANGES_MAX,
    ORDER_BYTES_MAX,
    TIME_MAX_US,
    ListsOrder,
    parse_lists_order,
    text_of,
)

T0 = 1_780_000_000_000_000
ORDER = {
    "list": "blocked",
    "add": [{"key": "00000000000000ff", "until": T0}],
    "remove": ["FFFFffff00000001"],
    "reason": "reported stolen",
    "by": "anna",
}


def parsed(**change):
    return parse_lists_order(json.dumps({**ORDER, **change}))


def test_an_order_is_read():
    order = parsed()
    assert (order.name, order.reason, order.by) == ("blocked", "reported stolen", "anna")
    assert order.keys.tolist() == [0xFF]
    assert order.since_us.tolist() == [ALWAYS_US]
    assert order.until_us.tolist() == [T0]
    assert order.removed.tolist() == [0xFFFF_FFFF_0000_0001]


def test_what_is_not_bounded_may_be_null_or_left_out():
    for entry in ({}, {"until": None, "since": None}):
        order = parsed(add=[{"key": "00000000000000ff", **entry}])
        assert (order.since_us.tolist(), order.until_us.tolist()) == ([ALWAYS_US], [NEVER_US])
    order = parsed(add=[{"key": "00000000000000ff", "since": T0}])
    assert (order.since_us.tolist(), order.until_us.tolist()) == ([T0], [NEVER_US])
    without = {name: value for name, value in ORDER.items() if name != "remove"}
    assert parse_lists_order(json.dumps(without)).removed.tolist() == []


INVALID, KEY, TIME, LONG = (
    Reason.CONTROL_LIST_ORDER_INVALID,
    Reason.CONTROL_LIST_KEY_INVALID,
    Reason.CONTROL_LIST_TIME_INVALID,
    Reason.CONTROL_LIST_ORDER_TOO_LONG,
)


def entry(**more):
    return {"add": [{"key": "00000000000000ff", **more}]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"list": 7}, INVALID),
        ({"reason": ""}, INVALID),
        ({"reason": " \n"}, INVALID),
        ({"reason": None}, INVALID),
        ({"reason": "x" * 201}, INVALID),
        ({"reason": "\ud800"}, INVALID),
        ({"by": ""}, INVALID),
        ({"by": "x" * 101}, INVALID),
        ({"by": "\udfff"}, INVALID),
        ({"add": [], "remove": []}, INVALID),
        ({"add": None}, INVALID),
        ({"expires": T0}, INVALID),
        ({"add": [{"until": T0}]}, INVALID),
        (entry(untill=T0), INVALID),
        (entry(until=1.5), INVALID),
        (entry(until="2026-12-31"), INVALID),
        (entry(until=2**70), TIME),
        ({"remove": [255]}, INVALID),
        ({"remove": ["4111111111111111x"]}, KEY),
        ({"remove": ["00000000000000f"]}, KEY),
        ({"remove": ["0000000000000000"]}, KEY),
        ({"remove": ["00000000000000ff\n"]}, KEY),
        ({"remove": ["\u06600000000000000ff"]}, KEY),
        ({"remove": ["00000000000000FF"]}, KEY),
        ({"remove": ["00000000000000fe"] * 2}, KEY),
        ({"add": [{"key": "00000000000000fe"}] * 2}, KEY),
        (entry(until=T0 // 1000), TIME),
        (entry(until=TIME_MAX_US + 1), TIME),
        (entry(since=T0 * 1000), TIME),
        (entry(since=T0, until=T0), TIME),
        (entry(since=T0 + 1, until=T0), TIME),
        ({"remove": [f"{key:016x}" for key in range(256, 256 + CHANGES_MAX)]}, LONG),
    ],
)
def test_what_is_wrong_with_an_order_has_its_reason(change, reason):
    assert parsed(**change) == reason
    assert reason.stage == "control"
    assert REASON_TEXT[reason]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "00ff", "[" * 50_000, '{"list":"\x00"}'])
def test_what_is_no_order_at_all_is_refused(text):
    assert parse_lists_order(text) == INVALID


def test_an_order_of_any_length_is_refused_before_it_is_read():
    assert parse_lists_order(" " * (ORDER_BYTES_MAX + 1)) == LONG
    assert parse_lists_order(" " * ORDER_BYTES_MAX) == INVALID


@seeds(3)
def test_an_order_that_is_written_is_read_again_and_the_longest_fits(seed):
    rng = np.random.default_rng(seed)
    keys = rng.integers(1, 2**64, CHANGES_MAX, np.uint64)
    n = int(rng.integers(1, CHANGES_MAX + 1)) if seed % 2 else CHANGES_MAX
    since = np.where(rng.random(n) < 0.2, ALWAYS_US, T0 + rng.integers(0, 99, n))
    until = np.where(rng.random(n) < 0.2, NEVER_US, T0 + rng.integers(99, 199, n))
    order = ListsOrder("l" * 64, keys[:n], since, until, keys[n:], "\x01" * 199 + "x", "ü" * 100)
    text = text_of(order)
    assert len(text.encode()) < ORDER_BYTES_MAX
    again = parse_lists_order(text)
    assert (again.name, again.reason, again.by) == (order.name, order.reason, order.by)
    for name in ("keys", "since_us", "until_us", "removed"):
        assert getattr(again, name).tolist() == getattr(order, name).tolist()
