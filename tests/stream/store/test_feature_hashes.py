"""Hashes of features in a real Redis: they never go back, and whole is what they are."""

import itertools
import math

import numpy as np
import pytest
import redis
from seeds import seeds
from servers.kafka_server import unique_name
from servers.tcp_proxy import TcpProxy

from schemas.errors import StoreError
from stream.store.client import RedisAddress
from stream.store.entity_columns import EntityColumns
from stream.store.feature_hashes import FeatureHashes, look_up
from stream.store.keys import features_key
from stream.store.newest import Newest

pytestmark = pytest.mark.redis

NAMES = ("card.count_1h", "ratio(card.count_1h, card.count_1d)", "at_fraud(card, amount)")
OF = EntityColumns("card", 0, np.arange(3), NAMES)
KEY = 0xFEDCBA9876543210
DAY_US = 86_400_000_000


def rows(*marks_and_values, key=KEY):
    marks = np.array([mark for mark, _ in marks_and_values], np.int64).T
    values = np.array([value for _, value in marks_and_values], np.float64)
    keys = np.full(len(values), key, np.uint64)
    return Newest(keys, marks, np.zeros(len(values)), values)


@pytest.fixture
def place(redis_url):
    return RedisAddress(redis_url, 5.0)


@pytest.fixture
def group():
    return unique_name("group")


@pytest.fixture
def hashes(place, group):
    made = FeatureHashes(place, group, "fraud.transactions", 30 * DAY_US)
    yield made
    made.close()


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url, decode_responses=True) as made:
        yield made


def test_any_language_can_read_what_is_there(hashes, client, group):
    hashes.write(OF, rows(((1_700_000_000_000_001, 3, 2**40), (2.0, 0.1 + 0.2, math.nan))))
    key = f"fraudstream:{group}:features:card:fedcba9876543210"
    assert client.hgetall(key) == {
        "_event_time_us": "1700000000000001",
        "_source": f"fraud.transactions/3/{2**40}",
        "card.count_1h": "2.0",
        "ratio(card.count_1h, card.count_1d)": "0.30000000000000004",
    }
    assert 30 * 86_400_000 - 60_000 < client.pttl(key) <= 30 * 86_400_000


def test_without_a_time_to_live_it_stays(place, group, client):
    hashes = FeatureHashes(place, group, "t", 0)
    hashes.write(OF, rows(((1, 0, 0), (1, 2, 3))))
    assert client.ttl(features_key(group, "card", KEY)) == -1
    # One that was to go before stays from now on.
    client.expire(features_key(group, "card", KEY), 60)
    hashes.write(OF, rows(((2, 0, 1), (1, 2, 3))))
    assert client.ttl(features_key(group, "card", KEY)) == -1
    hashes.close()


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_in_any_order_the_newest_stays(hashes, place, group, order):
    # By event time, then partition, then offset.
    versions = [((5, 9, 99), (0, 0, 0)), ((6, 0, 7), (1, 1, 1)), ((6, 1, 3), (2, 2, 2))]
    versions.append(((6, 1, 20), (3, 3, math.nan)))
    for at in order:
        hashes.write(OF, rows(versions[at]))
    found = look_up(place, [features_key(group, "card", KEY)])
    assert (found.event_time_us, found.source) == (6, "fraud.transactions/1/20")
    assert found.values == {NAMES[0]: 3.0, NAMES[1]: 3.0}


@seeds(5)
def test_whatever_is_repeated_and_late_all_entities_end_at_their_newest(hashes, place, group, seed):
    rng = np.random.default_rng(seed)
    n, best = 32, {}
    for _ in range(30):
        marks = np.stack([rng.integers(0, 50, n), rng.integers(0, 3, n), rng.integers(0, 5, n)])
        keys = rng.integers(1, 20, n).astype(np.uint64)
        # The values tell the place, so that a mixture would be seen.
        hashes.write(OF, Newest(keys, marks, np.zeros(n), marks.T.astype(np.float64)))
        for key, mark in zip(keys.tolist(), marks.T.tolist(), strict=True):
            best[key] = max(best.get(key, mark), mark)
    for key, mark in best.items():
        found = look_up(place, [features_key(group, "card", key)])
        assert [found.values[name] for name in NAMES] == mark
        assert found.source == f"fraud.transactions/{mark[1]}/{mark[2]}"


def test_a_write_tells_how_many_were_not_behind(hashes):
    assert hashes.write(OF, rows(((5, 0, 0), (1, 1, 1)))) == 1
    assert hashes.write(OF, rows(((5, 0, 0), (1, 1, 1)))) == 1  # The same again is the same.
    assert hashes.write(OF, rows(((4, 0, 1), (2, 2, 2)))) == 0


def test_what_is_declared_no_more_goes_with_the_next_write(hashes, place, group):
    hashes.write(OF, rows(((1, 0, 0), (1, 2, 3))))
    fewer = EntityColumns("card", 0, np.arange(1), NAMES[2:])
    hashes.write(fewer, rows(((2, 0, 1), (9,))))
    assert look_up(place, [features_key(group, "card", KEY)]).values == {NAMES[2]: 9.0}


def test_numbers_come_back_as_they_were(hashes, place, group):
    values = [5e-324, -1.7976931348623157e308, 1 / 3, 1e16, -0.0, math.inf]
    for start in (0, 3):
        part = tuple(values[start : start + 3])
        hashes.write(OF, rows(((start, 0, start), part)))
        found = look_up(place, [features_key(group, "card", KEY)]).values
        assert [repr(found[name]) for name in NAMES] == [repr(value) for value in part]


def test_thousands_of_features_are_written(place, group):
    names = tuple(f"card.count_{n}s" for n in range(1, 4097))
    of = EntityColumns("card", 0, np.arange(4096), names)
    hashes = FeatureHashes(place, group, "t", DAY_US)
    hashes.write(of, rows(((1, 0, 0), np.arange(4096.0))))
    found = look_up(place, [features_key(group, "card", KEY)]).values
    assert found == dict(zip(names, range(4096), strict=True))
    hashes.close()


def test_a_key_that_is_no_hash_or_not_ours_heals(hashes, client, group, place):
    key = features_key(group, "card", KEY)
    for spoil in (lambda: client.set(key, "x"), lambda: client.hset(key, "_event_time_us", "soon")):
        client.delete(key)
        spoil()
        if client.type(key) == "hash":
            with pytest.raises(StoreError, match="not written by fraudstream"):
                look_up(place, [key])
        hashes.write(OF, rows(((1, 0, 0), (1, 2, 3))))
        assert look_up(place, [key]).event_time_us == 1


def test_scripts_that_are_forgotten_are_sent_again(hashes, client, place, group):
    hashes.write(OF, rows(((1, 0, 0), (1, 2, 3))))
    client.script_flush()
    hashes.write(OF, rows(((2, 0, 1), (4, 5, 6))))
    assert look_up(place, [features_key(group, "card", KEY)]).values[NAMES[0]] == 4.0


def test_a_write_whose_answer_was_lost_is_repeated_without_a_trace(redis_url, group, place):
    port = redis.connection.parse_url(redis_url).get("port", 6379)
    with TcpProxy(port) as proxy:
        hashes = FeatureHashes(
            RedisAddress(f"redis://127.0.0.1:{proxy.port}/0", 5.0), group, "t", DAY_US
        )
        hashes.write(OF, rows(((1, 0, 0), (1, 1, 1))))
        proxy.drop_replies = True
        with pytest.raises(StoreError):
            hashes.write(OF, rows(((2, 0, 1), (2, 2, 2))))
        proxy.drop_replies = False
        assert proxy.dropped == 1
        key = features_key(group, "card", KEY)
        applied = look_up(place, [key])
        assert applied.values[NAMES[0]] == 2.0
        # Meanwhile another worker was further; the repetition does not bring it back.
        other = FeatureHashes(place, group, "t", DAY_US)
        other.write(OF, rows(((3, 0, 2), (3, 3, 3))))
        hashes.write(OF, rows(((2, 0, 1), (2, 2, 2))))
        assert look_up(place, [key]).values[NAMES[0]] == 3.0
        hashes.close()
        other.close()


def test_a_full_redis_keeps_what_it_has(hashes, client, place, group):
    hashes.write(OF, rows(((1, 0, 0), (1, 2, 3))))
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(StoreError, match="is full"):
            hashes.write(OF, rows(((2, 0, 1), (4, math.nan, 6))))
    finally:
        client.config_set("maxmemory", "0")
    key = features_key(group, "card", KEY)
    assert look_up(place, [key]).values == dict(zip(NAMES, (1.0, 2.0, 3.0), strict=True))
    hashes.write(OF, rows(((2, 0, 1), (4, math.nan, 6))))
    assert look_up(place, [key]).values == {NAMES[0]: 4.0, NAMES[2]: 6.0}


def test_an_entity_is_forgotten_on_request(hashes, place, group):
    hashes.write(OF, rows(((1, 0, 0), (1, 2, 3))))
    hashes.forget("card", [KEY, 7])
    assert look_up(place, [features_key(group, "card", KEY)]) is None
