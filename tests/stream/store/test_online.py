"""What is handed over is written, newest first of all, and the loop never waits for it."""

import threading
import time

import numpy as np
import pytest

from schemas.columns import (
    ARRIVAL_TIME_US,
    EVENT_TIME_US,
    OFFSET,
    REASON,
    TRANSACTION_KEY,
    Reason,
    Transactions,
)
from schemas.errors import StoreError
from stream.app import engine_of
from stream.config.configuration import load
from stream.engine.parameters import Keep
from stream.store import online as online_module
from stream.store.breaker import Breaker
from stream.store.entity_columns import entity_columns
from stream.store.feature_hashes import ENTITIES_AT_ONCE
from stream.store.newest import newest
from stream.store.online import SHARE_MAX, OnlineFeatures

KEY = bytes(range(16))
START_US = 1_700_000_000_000_000
CONFIG = load(
    None, features={"names": ("amount", "card.{count,amount_sum}_1h", "merchant.count_1h")}
)
SECONDS = 10


def batch(cards, merchants=None, first_offset=0, at_us=START_US):
    layout = CONFIG.roles().layout
    n = len(cards)
    longs = np.zeros((layout.width, n), np.int64)
    longs[EVENT_TIME_US] = at_us + 1000 * np.arange(first_offset, first_offset + n)
    longs[ARRIVAL_TIME_US] = longs[EVENT_TIME_US]
    longs[OFFSET] = np.arange(first_offset, first_offset + n)
    longs[TRANSACTION_KEY] = 1 + longs[OFFSET]
    longs[1] = 100
    longs[layout.first_entity] = cards
    longs[layout.first_entity + 1] = 7 if merchants is None else merchants
    return Transactions(layout, longs, np.zeros(1, np.uint8))


class Written:
    """In place of Redis: what was written, in order."""

    def __init__(self):
        self.rows = []
        self.down = False
        self.held = threading.Event()
        self.held.set()
        self.closed = False
        self.attempts = 0

    def write(self, of, newest):
        self.attempts += 1
        self.held.wait(SECONDS)
        if self.down:
            raise StoreError("Redis is not there")
        marks, values = newest.marks.T.tolist(), newest.values.tolist()
        for key, mark, value in zip(newest.keys.tolist(), marks, values, strict=True):
            self.rows.append((of.entity, key, tuple(mark), value))
        return len(newest)

    def forget(self, entity, keys):
        if self.down:
            raise StoreError("Redis is not there")
        self.rows.append((entity, tuple(keys), "forgotten", None))

    def close(self):
        self.closed = True

    def of(self, entity):
        found = {}
        for of, key, mark, value in self.rows:
            if of == entity and mark == "forgotten":
                found = {each: what for each, what in found.items() if each not in key}
            elif of == entity:
                found[key] = mark[2], value
        return found


@pytest.fixture
def written():
    return Written()


@pytest.fixture
def told():
    return []


@pytest.fixture
def online(written, told):
    entities = entity_columns(CONFIG.engine_parameters().features)
    breaker = Breaker(time.monotonic, failures_max=2, pause_s=0.02, pause_max_s=0.05)
    made = OnlineFeatures(written, entities, told.append, breaker=breaker)
    yield made
    written.held.set()
    made.close(0.1)


@pytest.fixture
def engine():
    return engine_of(CONFIG, KEY, Keep.VALUES)


def wait_until(true):
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_each_entity_has_what_its_newest_payment_saw(online, written, engine):
    taken = batch([1, 2, 1, 3, 1, 0], [7, 7, 8, 0, 7, 8])
    effects = engine.step(taken)
    online.put(taken, effects)
    online.close()
    # A payment without a card says nothing of cards, and everything of its merchant.
    assert written.of("card") == {1: (4, [3, 3]), 2: (1, [1, 1]), 3: (3, [1, 1])}
    assert written.of("merchant") == {7: (4, [3]), 8: (5, [2])}
    assert len(written.rows) == 5
    assert written.closed
    assert online.as_dict() == {
        "state": "ok",
        "written": 5,
        "dropped": 0,
        "failed": 0,
        "erasures_pending": 0,
        "behind_seconds": 0.0,
    }


def test_what_was_not_taken_says_nothing(online, written, engine):
    first = batch([1, 2])
    again = batch([1, 2, 3, 4], first_offset=2)
    again.longs[TRANSACTION_KEY, :2] = first.transaction_key  # Delivered twice.
    again.longs[REASON, 2] = Reason.AMOUNT_NEGATIVE
    late = batch([5], first_offset=6, at_us=START_US - 3_600_000_000)
    for each in (first, again, late):
        online.put(each, engine.step(each))
    online.close()
    assert {key: offset for key, (offset, _) in written.of("card").items()} == {1: 0, 2: 1, 4: 5}


def test_a_busy_entity_is_written_once_for_all_that_waits(online, written, engine):
    written.held.clear()
    first = batch([9])
    online.put(first, engine.step(first))
    wait_until(lambda: written.attempts)
    for n in range(50):
        each = batch([1] * 10, first_offset=1 + 10 * n)
        online.put(each, engine.step(each))
    written.held.set()
    online.close()
    cards = [row for row in written.rows if row[0] == "card"]
    assert [(key, mark[2]) for _, key, mark, _ in cards] == [(9, 0), (1, 500)]


def test_a_redis_that_hangs_holds_nobody_up_and_no_more_than_the_bound(
    online, written, engine, monkeypatch
):
    monkeypatch.setattr(online_module, "ROWS_MAX", 100)
    written.held.clear()
    first = batch([9])
    online.put(first, engine.step(first))
    wait_until(lambda: written.attempts)
    slowest = 0.0
    for n in range(30):
        each = batch([1 + n] * 10, first_offset=1 + 10 * n)
        effects = engine.step(each)
        began_s = time.perf_counter()
        online.put(each, effects)
        slowest = max(slowest, time.perf_counter() - began_s)
    assert slowest < 0.05
    said = online.as_dict()
    assert said["dropped"] == 200
    assert said["behind_seconds"] > 0
    written.held.set()
    online.close()
    assert sorted(written.of("card")) == [9, *range(21, 31)]


def test_after_an_outage_all_that_changed_meanwhile_is_written(online, written, engine, told):
    written.down = True
    for n in range(20):
        each = batch([1 + n % 5], first_offset=n)
        online.put(each, engine.step(each))
        time.sleep(0.005)
    wait_until(lambda: online.failed >= 3)
    assert online.as_dict()["state"] == "degraded"
    (text,) = told
    assert "scoring goes on: Redis is not there" in text
    written.down = False
    wait_until(lambda: len(written.of("card")) == 5)
    wait_until(lambda: online.as_dict()["state"] == "ok" and not online.behind_seconds)
    assert {key: offset for key, (offset, _) in written.of("card").items()} == {
        1 + n % 5: n for n in range(15, 20)
    }
    assert told[1:] == ["Redis answers again: online features are written"]
    assert online.as_dict()["dropped"] == 0


def test_a_redis_that_is_down_is_not_asked_all_the_time(written, engine):
    written.down = True
    entities = entity_columns(CONFIG.engine_parameters().features)
    breaker = Breaker(time.monotonic, failures_max=3, pause_s=60.0, pause_max_s=60.0)
    online = OnlineFeatures(written, entities, breaker=breaker)
    for n in range(40):
        each = batch([1], first_offset=n)
        online.put(each, engine.step(each))
        time.sleep(0.01)
    assert written.attempts == 3
    began_s = time.monotonic()
    online.close(5.0)
    # Nothing can be done, so nothing is waited for.
    assert time.monotonic() - began_s < 2.0
    assert written.closed
    assert online.as_dict()["state"] == "degraded"


def test_at_the_end_redis_is_asked_once_more(written, engine):
    written.down = True
    entities = entity_columns(CONFIG.engine_parameters().features)
    breaker = Breaker(time.monotonic, failures_max=1, pause_s=60.0, pause_max_s=60.0)
    online = OnlineFeatures(written, entities, breaker=breaker)
    each = batch([1])
    online.put(each, engine.step(each))
    wait_until(lambda: online.failed)
    written.down = False
    online.close(5.0)
    assert written.of("card").keys() == {1}
    assert online.as_dict()["state"] == "ok"


def test_entities_that_wait_are_bounded_and_the_oldest_go(online, written, engine, monkeypatch):
    monkeypatch.setattr(online_module, "ENTITIES_MAX", 10)
    written.down = True
    first = batch([99])
    online.put(first, engine.step(first))
    wait_until(lambda: online.failed >= 2)
    for n in range(3):
        each = batch(np.arange(1, 11) + 10 * n, first_offset=1 + 10 * n)
        online.put(each, engine.step(each))
        time.sleep(0.6)
    written.down = False
    wait_until(lambda: not online.behind_seconds)
    assert sorted(written.of("card")) == list(range(21, 31))
    assert online.as_dict()["dropped"] == 21


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("rows_max", [50_000, 3])
def test_who_is_erased_is_gone_whatever_waited(
    online, written, engine, monkeypatch, down, rows_max
):
    monkeypatch.setattr(online_module, "ROWS_MAX", rows_max)
    first = batch([1, 2, 3])
    online.put(first, engine.step(first))
    wait_until(lambda: len(written.of("card")) == 3)
    written.down = down
    if down:
        again = batch([1, 2], first_offset=3)
        online.put(again, engine.step(again))
        wait_until(lambda: online.failed)
    waits = batch([1, 2], first_offset=5)
    online.put(waits, engine.step(waits))
    online.forget("card", [1, 3])
    comes_back = batch([3], first_offset=7)
    online.put(comes_back, engine.step(comes_back))
    written.down = False
    wait_until(lambda: not online.behind_seconds)
    online.close()
    assert sorted(written.of("card")) == [2, 3]
    assert written.of("card")[3][0] == 7
    # Other entities with the same hash are others.
    assert 7 in written.of("merchant")


def test_a_payment_after_the_erasure_is_there_though_one_from_before_it_is_newer_by_its_time(
    online, written, engine
):
    written.down = True
    before, late = batch([1], first_offset=5), batch([1], first_offset=6, at_us=START_US - 10**6)
    online.put(before, engine.step(before))
    online.forget("card", [1])
    online.put(late, engine.step(late))
    written.down = False
    wait_until(lambda: not online.behind_seconds)
    online.close()
    assert written.of("card")[1][0] == 6


def test_who_is_erased_while_redis_hangs_is_gone_though_rows_are_given_up(
    online, written, engine, monkeypatch
):
    monkeypatch.setattr(online_module, "ROWS_MAX", 5)
    first = batch([1, 2])
    online.put(first, engine.step(first))
    wait_until(lambda: len(written.of("card")) == 2)
    written.held.clear()
    second = batch([9], first_offset=2)
    online.put(second, engine.step(second))
    attempts = written.attempts
    wait_until(lambda: written.attempts > attempts)
    online.forget("card", [1])
    for n in range(10):
        each = batch([3], first_offset=3 + n)
        online.put(each, engine.step(each))
    written.held.set()
    online.close()
    assert sorted(written.of("card")) == [2, 3, 9]


def test_a_thread_that_has_much_to_write_leaves_most_of_the_processor_to_others(engine):
    class Busy(Written):
        def write(self, of, newest):
            self.times.append(time.monotonic())
            until = time.thread_time() + 0.005
            while time.thread_time() < until:
                pass
            return super().write(of, newest)

    busy = Busy()
    busy.times = []
    (card, _) = entity_columns(CONFIG.engine_parameters().features)
    online = OnlineFeatures(busy, [card])
    each = batch(np.arange(1, 1001))
    online.put(each, engine.step(each))
    wait_until(lambda: len(busy.of("card")) == 1000)
    pieces = len(busy.times)
    assert pieces == -(-1000 // ENTITIES_AT_ONCE)
    assert busy.times[-1] - busy.times[0] > 0.9 * (pieces - 1) * 0.005 / SHARE_MAX
    online.close()


def test_what_waits_too_long_is_said(online, written, engine, monkeypatch):
    monkeypatch.setattr(online_module, "BEHIND_MAX_S", 0.05)
    written.held.clear()
    first = batch([1])
    online.put(first, engine.step(first))
    assert online.as_dict()["state"] == "ok"
    wait_until(lambda: online.as_dict()["state"] == "degraded")
    assert online.failed == 0
    written.held.set()
    wait_until(lambda: online.as_dict()["state"] == "ok")


def test_what_is_just_being_gathered_is_not_taken_for_written(online, written, engine, monkeypatch):
    gathering, go_on = threading.Event(), threading.Event()

    def slow_newest(parts):
        gathering.set()
        go_on.wait(SECONDS)
        return newest(parts)

    monkeypatch.setattr(online_module, "newest", slow_newest)
    first = batch([1])
    online.put(first, engine.step(first))
    online.forget("card", [2])
    assert gathering.wait(SECONDS)
    assert online.behind_seconds > 0
    assert online.erasures_pending == 1
    go_on.set()
    wait_until(lambda: not online.behind_seconds)
    assert sorted(written.of("card")) == [1]
    assert online.erasures_pending == 0


def test_decisions_are_the_same_whether_values_are_kept():
    rng = np.random.default_rng(3)
    both = [engine_of(CONFIG, KEY, keep) for keep in (Keep.NOTHING, Keep.VALUES)]
    X = rng.normal(size=(5000, len(both[0].parameters.features.names)))
    y = rng.random(5000) < 0.8
    for engine in both:
        engine.learner.learn_many(X, y)
    alerts = 0
    for n in range(20):
        each = batch(rng.integers(1, 30, 50), rng.integers(1, 9, 50), first_offset=50 * n)
        one, other = (engine.step(each) for engine in both)
        assert np.array_equal(one.scores, other.scores, equal_nan=True)
        assert np.array_equal(one.outcomes, other.outcomes)
        np.testing.assert_equal(one.alerts, other.alerts)
        alerts += len(one.alerts.rows)
    assert alerts
    from models.states.snapshot import pack

    assert pack(both[0].state()) == pack(both[1].state())


def test_what_was_handed_over_is_not_changed_by_later_steps(engine):
    first = batch([1, 2, 3])
    effects = engine.step(first)
    before = effects.readings.matrix.copy()
    for n in range(5):
        engine.step(batch([1, 2, 3], first_offset=3 + 3 * n))
    assert np.array_equal(effects.readings.matrix, before, equal_nan=True)


def of_partition(partition, cards, first_offset):
    taken = batch(cards, first_offset=first_offset)
    taken.partition[:] = partition
    return taken


def test_what_waits_of_a_partition_that_went_is_not_written_any_more(online, written, engine):
    """Its next owner may have erased somebody meanwhile."""
    written.down = True
    for partition, cards, first in ((0, [1, 2], 0), (1, [3], 2)):
        taken = of_partition(partition, cards, first)
        online.put(taken, engine.step(taken))
    wait_until(lambda: written.attempts > 1)
    online.leave(0)
    # Not looked at yet, or looked at: it makes no difference.
    assert not written.of("card")
    written.down = False
    wait_until(lambda: written.of("card"))
    # It came back, and what is new of it is shown.
    taken = of_partition(0, [4], 3)
    online.put(taken, engine.step(taken))
    online.close()
    assert written.of("card").keys() == {3, 4}
    assert online.as_dict()["dropped"] >= 2
    assert not online._left


def test_what_was_handed_over_just_before_its_partition_went_is_not_written(
    online, written, engine
):
    written.held.clear()
    first = of_partition(1, [9], 0)
    online.put(first, engine.step(first))
    wait_until(lambda: written.attempts == 1)
    # The thread is busy; what comes now is in the queue.
    taken = of_partition(0, [1, 2], 1)
    online.put(taken, engine.step(taken))
    online.leave(0)
    # It came back at once.
    taken = of_partition(0, [4], 3)
    online.put(taken, engine.step(taken))
    written.held.set()
    online.close()
    assert written.of("card").keys() == {9, 4}
