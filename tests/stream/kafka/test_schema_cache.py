import threading
import time

import pytest

from schemas.registry import RegistryUnavailableError, UnknownSchemaError
from stream.kafka.schema_cache import CACHE_SIZE, SchemaCache


class Fetch:
    """Knows even ids, and counts."""

    def __init__(self):
        self.asked = []

    def __call__(self, schema_id, deadline):
        self.asked.append(schema_id)
        if schema_id % 2:
            raise UnknownSchemaError(f"no {schema_id}")
        return {"name": f"s{schema_id}"}


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def soon():
    return time.monotonic() + 5


def test_known_schemas_are_bounded_and_the_oldest_goes_first():
    fetch = Fetch()
    cache = SchemaCache(fetch, "here", 60)
    for number in range(CACHE_SIZE + 1):
        assert cache.get(2 * number, soon()) == {"name": f"s{2 * number}"}
    assert len(fetch.asked) == CACHE_SIZE + 1
    cache.get(2 * CACHE_SIZE, soon())
    cache.get(2, soon())
    assert len(fetch.asked) == CACHE_SIZE + 1
    cache.get(0, soon())
    assert len(fetch.asked) == CACHE_SIZE + 2


def test_refused_ids_are_bounded_and_the_oldest_goes_first():
    fetch, clock = Fetch(), Clock()
    cache = SchemaCache(fetch, "here", 1e9, clock)

    def refuse(schema_id):
        clock.now += 1
        with pytest.raises(UnknownSchemaError, match=f"no {schema_id}"):
            cache.get(schema_id, soon())

    for number in range(CACHE_SIZE + 1):
        refuse(2 * number + 1)
    assert len(fetch.asked) == CACHE_SIZE + 1
    refuse(2 * CACHE_SIZE + 1)
    refuse(3)
    assert len(fetch.asked) == CACHE_SIZE + 1
    refuse(1)
    assert len(fetch.asked) == CACHE_SIZE + 2


def test_a_success_makes_nobody_wait():
    fetch = Fetch()
    cache = SchemaCache(fetch, "here", 60, Clock())
    for schema_id in (2, 4, 6):
        cache.get(schema_id, soon())
    assert fetch.asked == [2, 4, 6]


def test_one_thread_fetches_and_another_gives_up_at_its_deadline():
    started, released = threading.Event(), threading.Event()
    asked = []

    def fetch(schema_id, deadline):
        asked.append(schema_id)
        started.set()
        assert released.wait(10)
        return {"name": "s"}

    cache = SchemaCache(fetch, "here", 60)
    first = threading.Thread(target=cache.get, args=(2, soon()))
    first.start()
    assert started.wait(10)
    start = time.monotonic()
    with pytest.raises(RegistryUnavailableError, match="here is still busy"):
        cache.get(4, start + 0.1)
    assert time.monotonic() - start < 2
    released.set()
    first.join(10)
    assert cache.get(2, soon()) == {"name": "s"}
    assert asked == [2]


def test_threads_that_want_one_id_fetch_it_once():
    asked = []

    def fetch(schema_id, deadline):
        asked.append(schema_id)
        time.sleep(0.05)
        return {"name": "s"}

    gate = threading.Barrier(8)
    cache = SchemaCache(fetch, "here", 60)

    def ask():
        gate.wait(10)
        cache.get(2, soon())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert asked == [2]
