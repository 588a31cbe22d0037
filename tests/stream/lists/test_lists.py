"""Lists against dicts and loops; their state, damaged and whole."""

from __future__ import annotations

import json

import numpy as np
import pytest
from naive_lists import DECLARED, KEYS, T0, NaiveLists, random_order
from seeds import seeds

from models.states.snapshot import State, pack, unpack
from schemas.columns import NO_KEY, Reason
from schemas.errors import SnapshotError
from stream.lists.declaration import ListDeclaration, ListKind
from stream.lists.entries import ALWAYS_US, NEVER_US, Entry
from stream.lists.lists import Lists
from stream.lists.orders import parse_lists_order


def order(name="blocked", add=(), remove=(), reason="stolen", until=None, since=None):
    added = [{"key": f"{key:016x}", "until": until, "since": since} for key in add]
    removed = [f"{key:016x}" for key in remove]
    whole = {"list": name, "add": added, "remove": removed, "reason": reason, "by": "anna"}
    return parse_lists_order(json.dumps(whole))


def members(lists, name, keys, times):
    return lists.members(name, np.array(keys, np.uint64), np.array(times, np.int64)).tolist()


def restarted(lists, declared=DECLARED):
    other = Lists(declared)
    # It had other entries before, which must be gone.
    other.take(order("odd_shops", add=[5, 6]), T0)
    other.restore(unpack(pack(lists.state())))
    return other


def assert_same(lists, plain):
    assert lists.versions() == plain.versions
    for name, on in plain.on.items():
        found = {each.key: tuple(each[1:]) for each in lists.entries(name)}
        assert found == on
        assert lists.sizes()[name] == len(on)
    untils = [until for on in plain.on.values() for _, until, _ in on.values()]
    assert lists.due_us == min(untils, default=NEVER_US)


@seeds(6)
def test_everything_equals_dicts_and_loops_across_restarts(seed):
    rng = np.random.default_rng(seed)
    lists, plain, now = Lists(DECLARED), NaiveLists(DECLARED), T0
    refused = []
    for _ in range(250):
        now += int(rng.integers(0, 6)) - (rng.random() < 0.01) * 20
        asked = random_order(rng)
        took = lists.take(parse_lists_order(json.dumps(asked)), now)
        assert took == plain.take(asked, now)
        refused.append(took)
        if rng.random() < 0.2:
            lists.expire(now)
            plain.expire(now)
        if rng.random() < 0.2:
            column, key = str(rng.choice(["card", "merchant"])), int(KEYS[rng.integers(len(KEYS))])
            before = sum(plain.versions.values())
            plain.erase(column, key)
            assert lists.erase(column, key) == sum(plain.versions.values()) - before
        if rng.random() < 0.2:
            lists = restarted(lists)
        keys = [*KEYS, NO_KEY, 12345]
        for name in plain.on:
            # Late ones, early ones, and those of the very moment in which an entry ends.
            ends = [each[1] for each in plain.on[name].values()]
            for time in [now, now - 40, now + 40, *ends, *(end - 1 for end in ends)]:
                found = members(lists, name, keys, [time] * len(keys))
                assert found == [plain.member(name, key, time) for key in keys]
        assert_same(lists, plain)
    assert set(refused) == {Reason.OK, Reason.CONTROL_LIST_FULL, Reason.CONTROL_LIST_UNKNOWN}


@seeds(3)
def test_how_payments_are_cut_into_batches_never_matters(seed):
    rng = np.random.default_rng(seed)
    lists = Lists(DECLARED)
    for _ in range(8):
        lists.take(parse_lists_order(json.dumps(random_order(rng))), T0)
    keys = rng.choice(np.array([*KEYS, NO_KEY], np.uint64), 400)
    times = T0 + rng.integers(-50, 200, 400)
    for name in lists.declared:
        whole = lists.members(name, keys, times)
        cuts = np.sort(rng.integers(0, 401, 9))
        pieces = zip(np.split(keys, cuts), np.split(times, cuts), strict=True)
        assert np.concatenate([lists.members(name, *each) for each in pieces]).tolist() == (
            whole.tolist()
        )
    # A row of a block of columns, some of whose events are left out.
    block = np.zeros((3, 500), np.uint64)
    block[1, 50:450] = keys
    assert lists.members("blocked", block[1, 50:450], times).tolist() == (
        lists.members("blocked", keys, times).tolist()
    )


def test_an_order_acts_on_whatever_arrives_after_it_and_ends_by_event_time():
    lists = Lists(DECLARED)
    assert members(lists, "blocked", [7], [T0]) == [False]
    lists.take(order(add=[7], until=T0 + 100), T0)
    # Made long before, but decided now, with what is known now.
    assert members(lists, "blocked", [7, 7, 7], [T0 - 10**12, T0 + 99, T0 + 100]) == [
        True,
        True,
        False,
    ]
    # The watermark has passed the end, and yet a late payment of before is judged as of then.
    assert members(lists, "blocked", [7], [T0 + 99]) == [True]
    lists.expire(T0 + 99)
    assert lists.sizes()["blocked"] == 1
    lists.expire(T0 + 100)
    assert lists.sizes()["blocked"] == 0


def test_an_entry_may_begin_later():
    lists = Lists(DECLARED)
    lists.take(order(add=[7], since=T0 + 50, until=T0 + 60), T0)
    assert members(lists, "blocked", [7] * 4, [T0 + 49, T0 + 50, T0 + 59, T0 + 60]) == [
        False,
        True,
        True,
        False,
    ]


def test_nobody_is_never_on_a_list():
    lists = Lists(DECLARED)
    lists.take(order(add=[1, 8, 16]), T0)
    assert members(lists, "blocked", [NO_KEY, 1], [T0, T0]) == [False, True]
    assert members(lists, "trusted", [NO_KEY, 1], [T0, T0]) == [False, False]


def test_a_list_that_is_full_refuses_an_order_as_a_whole_and_forgets_nobody():
    lists = Lists(DECLARED)
    assert lists.take(order("trusted", add=[1, 2, 7], until=T0 + 10), T0) == Reason.OK
    assert lists.take(order("trusted", add=[8], remove=[9]), T0) == Reason.CONTROL_LIST_FULL
    assert lists.versions()["trusted"] == 1
    assert members(lists, "trusted", [1, 2, 7, 8], [T0] * 4) == [True, True, True, False]
    # Who is there already needs no room, and who leaves makes some.
    assert lists.take(order("trusted", add=[1], until=T0 + 10), T0) == Reason.OK
    assert lists.take(order("trusted", add=[8], remove=[2], until=T0 + 10), T0) == Reason.OK
    assert members(lists, "trusted", [1, 2, 7, 8], [T0] * 4) == [True, False, True, True]
    # So does who has ended.
    assert lists.take(order("trusted", add=[15, 16, 17]), T0 + 10) == Reason.OK
    assert lists.versions()["trusted"] == 4


def test_what_has_ended_already_is_not_put_on_a_list_and_ends_what_was_said_before():
    lists = Lists(DECLARED)
    lists.take(order(add=[7]), T0)
    assert lists.take(order(add=[7, 8], until=T0 + 5), T0 + 5) == Reason.OK
    assert lists.sizes()["blocked"] == 0
    assert lists.versions()["blocked"] == 2


def test_an_entry_tells_why_somebody_is_on_a_list():
    lists = Lists(DECLARED)
    lists.take(order(add=[7], until=T0 + 5, reason="reported stolen"), T0)
    lists.take(order(add=[8], reason="chargebacks"), T0)
    assert lists.entry("blocked", 7, T0) == Entry(7, ALWAYS_US, T0 + 5, "reported stolen")
    assert lists.entry("blocked", 7, T0 + 5) is None
    lists.take(order(add=[7], reason="chargebacks"), T0)
    assert lists.entry("blocked", 7, T0 + 5) == Entry(7, ALWAYS_US, NEVER_US, "chargebacks")
    # A reason that nobody has any more is kept no longer.
    assert len(lists.entries("blocked")._reasons) == 1
    lists.take(order(remove=[7, 8]), T0)
    assert len(lists.entries("blocked")._reasons) == 0


@pytest.mark.parametrize("keys", [[7, 8], [8, 7], [7, 8, 9]])
def test_who_is_erased_is_on_no_list_of_that_column_and_in_no_array(keys):
    lists = Lists(DECLARED)
    lists.take(order("blocked", add=keys), T0)
    lists.take(order("trusted", add=[7]), T0)
    lists.take(order("odd_shops", add=[7]), T0)
    assert lists.erase("card", 7) == 2
    assert lists.erase("card", 7) == 0
    assert members(lists, "blocked", [7, 8], [T0, T0]) == [False, True]
    assert members(lists, "odd_shops", [7], [T0]) == [True]
    assert lists.versions() == {"blocked": 2, "trusted": 2, "odd_shops": 1}
    kept = lists.entries("blocked")
    for memory in (kept._entries["key"], kept._buckets["key"]):
        assert np.uint64(7) not in memory


def test_a_restart_goes_on_to_the_same_bytes_whatever_numbers_reasons_had():
    lists = Lists(DECLARED)
    for at, reason in enumerate(["a", "b", "c", "a"]):
        lists.take(order("odd_shops", add=[at + 1], reason=reason), T0)
    lists.take(order("odd_shops", remove=[1, 4]), T0)
    lists.take(order("odd_shops", add=[9], reason="a"), T0)
    other = restarted(lists)
    assert pack(other.state()) == pack(lists.state())
    for each in (lists, other):
        each.take(order("odd_shops", add=[2, 11], reason="d"), T0)
    assert pack(other.state()) == pack(lists.state())


def test_lists_may_come_and_go_between_restarts_but_not_change_their_column():
    lists = Lists(DECLARED)
    lists.take(order("blocked", add=[7]), T0)
    lists.take(order("odd_shops", add=[8]), T0)
    odd_shops = DECLARED[2]
    other = restarted(lists, (odd_shops, ListDeclaration("new", "card")))
    assert other.versions() == {"odd_shops": 1, "new": 0}
    assert members(other, "odd_shops", [8, 5], [T0, T0]) == [True, False]
    changed = Lists([ListDeclaration("blocked", "merchant")])
    with pytest.raises(SnapshotError, match="of is 'card' in the state and 'merchant' here"):
        changed.restore(lists.state())
    # A list that the state does not know begins empty, whatever it was.
    emptied = Lists(DECLARED)
    emptied.take(order("blocked", add=[7]), T0)
    emptied.restore(State("lists/1"))
    assert emptied.versions() == dict.fromkeys(emptied.declared, 0)
    assert emptied.sizes() == dict.fromkeys(emptied.declared, 0)


def damaged(state, name, change):
    """Return a state one of whose lists is changed: array, header value or kind."""
    part = state.parts[name]
    header, arrays = dict(part.header), {key: each.copy() for key, each in part.arrays.items()}
    kind = change(header, arrays) or part.kind
    return State(state.kind, parts={**state.parts, name: State(kind, header, arrays)})


def put(array, at, value):
    def change(header, arrays):
        arrays[array][at] = value

    return change


def told(name, value):
    def change(header, arrays):
        header[name] = value

    return change


def cut(array):
    def change(header, arrays):
        arrays[array] = arrays[array][:-1]

    return change


def without(array):
    def change(header, arrays):
        del arrays[array]

    return change


def other_text(header, arrays):
    arrays["texts"] = np.frombuffer(b"\xff" * len(arrays["texts"]), np.uint8)


def same_text(header, arrays):
    arrays["texts"] = np.frombuffer(b"abab", np.uint8)
    arrays["text_stops"][:] = [2, 4]
    header["text_bytes"] = 4


DAMAGES = {
    "of another format": lambda header, arrays: "list/2",
    "version below 0": told("version", -1),
    "version no number": told("version", True),
    "more entries than it can have": told("entries", 7),
    "entries no number": told("entries", None),
    "fewer entries than arrays": told("entries", 2),
    "fewer texts than arrays": told("texts", 1),
    "fewer bytes than arrays": told("text_bytes", 1),
    "a key twice": put("keys", 0, 8),
    "a key of nobody": put("keys", 0, 0),
    "an entry that ends before it begins": put("until_us", 0, ALWAYS_US),
    "a reason that is not there": put("reasons", 0, 2),
    "a reason below 0": put("reasons", 0, -1),
    "reasons in another order": put("reasons", slice(0, 3), [1, 0, 0]),
    "a reason that nobody has": put("reasons", slice(0, 3), 0),
    "texts that end before they begin": put("text_stops", 0, -1),
    "texts that overlap": put("text_stops", 0, 99),
    "texts that are not all": put("text_stops", 1, 4),
    "an empty reason": put("text_stops", 0, 0),
    "no text": other_text,
    "the same text twice": same_text,
    **{
        f"{how} {name}": change(name)
        for name in ("keys", "since_us", "until_us", "reasons", "texts", "text_stops")
        for how, change in (("short", cut), ("without", without))
    },
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_refused_and_changes_nothing(damage):
    lists, other = Lists(DECLARED), Lists(DECLARED)
    lists.take(order("trusted", add=[1, 2], until=T0 + 9), T0)
    lists.take(order("blocked", add=[7, 8], reason="stolen"), T0)
    lists.take(order("blocked", add=[9], reason="lost"), T0)
    other.take(order("odd_shops", add=[5]), T0)
    other.take(order("blocked", add=[6]), T0)
    before = pack(other.state())
    with pytest.raises(SnapshotError):
        other.restore(damaged(lists.state(), "blocked", DAMAGES[damage]))
    assert pack(other.state()) == before
    other.restore(lists.state())
    assert pack(other.state()) == pack(lists.state())


def test_a_state_of_something_else_is_refused():
    with pytest.raises(SnapshotError, match="lists/1"):
        Lists(DECLARED).restore(State("caps/1"))


def test_more_entries_than_there_is_room_for_are_told_with_the_remedy():
    lists = Lists(DECLARED)
    lists.take(order("blocked", add=[1, 2, 7]), T0)
    smaller = Lists([ListDeclaration("blocked", "card", ListKind.DENY, 2)])
    with pytest.raises(SnapshotError, match="3 entries, and entries_max is 2: raise that"):
        smaller.restore(lists.state())
    with pytest.raises(ValueError, match="entries_max must be 1 or more"):
        Lists([ListDeclaration("blocked", "card", ListKind.DENY, 0)])
