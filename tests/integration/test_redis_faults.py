"""Whatever becomes of Redis, what is decided is the same, no turn waits, and it heals by itself."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import redis
from fault_log import injects, seen
from seeds import seeds
from servers.kafka_server import unique_name
from servers.redis_server import RedisServer
from servers.tcp_proxy import TcpProxy
from sim import IN, KEY, Killed, SimWorker, World, parts, send_traffic

from schemas.columns import Reason
from stream.app import engine_of
from stream.engine.parameters import Keep
from stream.store.client import RedisAddress
from stream.store.entity_columns import entity_columns
from stream.store.feature_hashes import FeatureHashes, look_up
from stream.store.keys import features_key
from stream.store.online import OnlineFeatures
from stream.warm_up import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from schemas.columns import Transactions
    from stream.engine.effects import Effects

pytestmark = pytest.mark.redis

# Nobody is erased: that is the one way back, and tests/stream/store has tests of it.
PAYMENTS = 1000
SECONDS = 20
# Of real time, so that the thread has something to do between turns.
TURN_S = 0.004
# Above what a turn spends on it on a busy machine, below what the thread waits for a frozen Redis.
PUT_MAX_S = 1.0
FROZEN_S = 2.0
# For tests of what is lost, not of a bound: a machine may be busier than Redis is slow.
PATIENT_S = 10.0
ENTITIES = entity_columns(parts()[0].engine_parameters().features)
Value = tuple[tuple[int, int, int], dict[str, float]]


class Watched(OnlineFeatures):
    """Online features that know what every entity's were, in the order of its payments."""

    def __init__(self, url: str, timeout_s: float = 0.1) -> None:
        self.group = unique_name("group")
        self.told: list[str] = []
        self.known: dict[tuple[str, int], list[Value]] = defaultdict(list)
        self.slowest_s = 0.0
        hashes = FeatureHashes(RedisAddress(url, timeout_s), self.group, IN, 86_400_000_000)
        super().__init__(hashes, ENTITIES, self.told.append)

    def put(self, batch: Transactions, effects: Effects) -> None:
        # All that a turn has to do with Redis; the rest of it waits for disks, too.
        began_s = time.perf_counter()
        super().put(batch, effects)
        self.slowest_s = max(self.slowest_s, time.perf_counter() - began_s)
        taken = (effects.reasons == Reason.OK) & ~effects.duplicate
        for row in np.flatnonzero(taken).tolist():
            mark = (
                int(batch.event_time_us[row]),
                int(batch.partition[row]),
                int(batch.offset[row]),
            )
            for of in ENTITIES:
                key = int(batch.entities[of.place, row])
                values = zip(of.names, effects.readings.matrix[row, of.columns], strict=True)
                known = {name: float(value) for name, value in values if not math.isnan(value)}
                self.known[of.entity, key].append((mark, known))

    def settle(self) -> None:
        """Wait until nothing waits to be written and all is well."""
        deadline = time.monotonic() + SECONDS
        while self.behind_seconds or self.as_dict()["state"] != "ok":
            assert time.monotonic() < deadline, self.as_dict()
            time.sleep(0.01)

    def newest(self) -> dict[tuple[str, int], Value]:
        return {of: max(values, key=lambda each: each[0]) for of, values in self.known.items()}

    def there(self, url: str) -> dict[tuple[str, int], Value]:
        """Read what Redis has of every entity that is known."""
        found = {}
        for entity, key in self.known:
            one = look_up(RedisAddress(url, 5.0), [features_key(self.group, entity, key)])
            if one is not None:
                topic, partition, offset = one.source.rsplit("/", 2)
                assert topic == IN
                found[entity, key] = (one.event_time_us, int(partition), int(offset)), one.values
        return found


class Run:
    """A worker on a simulated broker and a real Redis, turn by turn."""

    def __init__(self, seed: int, folder: Path, online: Watched | None) -> None:
        self.world = World(seed, folder)
        send_traffic(self.world, PAYMENTS, orders_share=0.0)
        self.life = SimWorker(self.world, online=online)
        self.life.worker.recover(_Never())
        self.online = online
        self.n = self.faults = 0

    def turns(self, n: int, pause_s: float = TURN_S) -> None:
        for _ in range(n):
            self.life.worker.turn(0)
            time.sleep(pause_s)
            self.n += 1

    def end(self) -> tuple[Any, bytes]:
        """Return all that was said, and the state."""
        said = {
            place: [(record.key(), record.value(), record.headers()) for record in log]
            for place, log in self.world.broker.logs.items()
        }
        state = self.life.state()
        self.life.bury()
        return said, state


class _Never:
    def is_set(self) -> bool:
        return False


def unlike(one: list[Any], other: list[Any]) -> Counter[Any]:
    """Return which records of one are not in the other, or not as often."""
    return Counter(map(repr, one)) - Counter(map(repr, other))


@pytest.fixture(scope="module")
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let no turn be the one that compiles: Redis would be back before it ends."""
    config, decoders, _, control = parts()
    warm_up(engine_of(config, KEY, Keep.VALUES), *decoders, control)
    first = Run(1, tmp_path_factory.mktemp("first"), None)
    first.turns(120, 0)
    first.end()


@pytest.fixture
def run(
    tmp_path: Path, request: pytest.FixtureRequest, _compiled: None
) -> Iterator[Callable[..., Run]]:
    """Make runs; at the end each is what a worker without Redis would have said and been."""
    made: list[tuple[int, Run]] = []

    def make(seed: int, online: Watched) -> Run:
        made.append((seed, Run(seed, tmp_path / f"run-{len(made)}", online)))
        return made[-1][1]

    yield make
    for seed, each in made:
        without = Run(seed, tmp_path / f"without-{seed}", None)
        without.turns(each.n, 0)
        ours, theirs = each.end(), without.end()
        lost = sum(len(unlike(theirs[0][place], ours[0][place])) for place in theirs[0])
        repeated = sum(len(unlike(ours[0][place], theirs[0][place])) for place in theirs[0])
        if request.node.get_closest_marker("injects"):
            seen(each.faults, PAYMENTS, lost, repeated)
        assert ours == theirs
        assert each.online is not None
        assert each.online.slowest_s < PUT_MAX_S, each.online.slowest_s


Shown = dict[tuple[str, int], Any]


def assert_shown(there: Shown, newest: Shown, before: Shown) -> set[tuple[str, int]]:
    """Whoever paid since Redis forgot all is there as it is; return who did.

    Others may be gone, or there with what a payment that came late was decided by.
    """
    since = {of for of, value in newest.items() if value != before.get(of)}
    assert there.keys() >= since
    for of, found in there.items():
        assert found == newest[of] or (of not in since and found[0] < newest[of][0])
    return since


@seeds(2)
def test_all_is_well(redis_server: RedisServer, run: Callable[..., Run], seed: int) -> None:
    online = Watched(redis_server.url, PATIENT_S)
    each = run(seed, online)
    each.turns(120)
    online.settle()
    assert online.there(redis_server.url) == online.newest()
    online.close()
    assert online.told == []


AS_WITHOUT = "no turn waits; all that is said, and the state, as without Redis; it heals by itself"


@injects("Redis not there at the start", AS_WITHOUT)
def test_a_redis_that_is_not_there_at_the_start(
    redis_server: RedisServer, run: Callable[..., Run]
) -> None:
    redis_server.kill()
    online = Watched(redis_server.url)
    each = run(1, online)
    each.faults += 1
    each.turns(120)
    assert online.as_dict()["state"] == "degraded"
    assert "cannot be reached" in online.told[0]
    redis_server.restart()
    online.settle()
    # What happened while it was away is written too.
    assert online.there(redis_server.url) == online.newest()
    assert online.as_dict()["dropped"] == 0
    online.close()


@injects("Redis killed (kill -9); it comes back empty", AS_WITHOUT)
def test_a_redis_that_is_killed_in_the_middle_and_comes_back_empty(
    redis_server: RedisServer, run: Callable[..., Run]
) -> None:
    online = Watched(redis_server.url)
    each = run(2, online)
    each.turns(50)
    redis_server.kill()
    each.faults += 1
    before = online.newest()
    each.turns(50)
    assert online.as_dict()["state"] == "degraded"
    redis_server.restart()
    online.settle()
    each.turns(50)
    online.settle()
    there, newest = online.there(redis_server.url), online.newest()
    assert_shown(there, newest, before)
    assert [text for text in online.told if "answers again" in text]
    online.close()


@injects("Redis frozen (SIGSTOP)", AS_WITHOUT)
def test_a_frozen_redis_holds_nobody_up(redis_server: RedisServer, run: Callable[..., Run]) -> None:
    online = Watched(redis_server.url, FROZEN_S)
    each = run(3, online)
    each.turns(40)
    redis_server.pause()
    each.faults += 1
    each.turns(150, 0.02)
    said = online.as_dict()
    assert said["state"] == "degraded"
    assert said["failed"] > 0
    assert said["behind_seconds"] > 0.5
    assert "does not answer within 2000 ms" in online.told[0]
    redis_server.resume()
    online.settle()
    assert online.there(redis_server.url) == online.newest()
    online.close()


@injects("Redis slow, and slower than its bound", AS_WITHOUT)
def test_a_slow_redis_is_written_to_all_the_same(
    redis_server: RedisServer, run: Callable[..., Run]
) -> None:
    with TcpProxy(redis_server.ports[0]) as proxy:
        proxy.latency_s = 0.05
        online = Watched(f"redis://127.0.0.1:{proxy.port}/0", timeout_s=0.5)
        each = run(4, online)
        each.turns(120)
        online.settle()
        assert online.there(redis_server.url) == online.newest()
        # And slower than its bound it is as good as gone.
        proxy.latency_s = 1.0
        each.faults += 1
        each.turns(100, 0.01)
        assert online.as_dict()["state"] == "degraded"
        proxy.latency_s = 0.0
        online.settle()
        assert online.there(redis_server.url) == online.newest()
        online.close()


@injects("Redis flushed", AS_WITHOUT)
def test_a_redis_that_is_flushed_in_the_middle_fills_again(
    redis_server: RedisServer, run: Callable[..., Run]
) -> None:
    online = Watched(redis_server.url, PATIENT_S)
    each = run(5, online)
    each.turns(60)
    online.settle()
    before = online.newest()
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        client.script_flush()
    each.faults += 1
    assert online.there(redis_server.url) == {}
    each.turns(60)
    online.settle()
    assert assert_shown(online.there(redis_server.url), online.newest(), before)
    assert online.told == []
    online.close()


@injects("Redis's replies lost on the wire", AS_WITHOUT)
@seeds(2)
def test_lost_replies_apply_nothing_twice_and_lose_nothing(
    redis_server: RedisServer, run: Callable[..., Run], seed: int
) -> None:
    with TcpProxy(redis_server.ports[0]) as proxy:
        online = Watched(f"redis://127.0.0.1:{proxy.port}/0")
        each = run(seed, online)
        for _ in range(6):
            each.turns(12)
            proxy.drop_replies = True
            each.turns(12)
            proxy.drop_replies = False
        assert proxy.dropped > 0
        each.faults = proxy.dropped
        assert online.failed > 0
        online.settle()
        assert online.there(redis_server.url) == online.newest()
        online.close()


@injects("Redis fails over to a replica that is behind", AS_WITHOUT)
def test_after_a_failover_older_values_are_overwritten_by_the_next_payment(
    redis_server: RedisServer, run: Callable[..., Run]
) -> None:
    with RedisServer() as replica, TcpProxy(redis_server.ports[0]) as proxy:
        follower = redis.Redis.from_url(replica.url)
        online = Watched(f"redis://127.0.0.1:{proxy.port}/0")
        each = run(6, online)
        follower.replicaof("127.0.0.1", redis_server.ports[0])
        each.turns(40)
        online.settle()
        wait_for_the_same(redis_server, replica)
        # From here on the replica hears nothing, and nobody notices.
        follower.replicaof("NO", "ONE")
        at_the_cut = online.there(replica.url)
        each.turns(40)
        online.settle()
        lost = {of for of, value in online.newest().items() if at_the_cut.get(of) != value}
        assert lost
        proxy.target = replica.ports[0]
        proxy.cut()
        each.faults += 1
        before = online.newest()
        each.turns(60)
        online.settle()
        there, newest = online.there(replica.url), online.newest()
        later = {of for of, value in newest.items() if value != before.get(of)}
        assert later & lost
        for of, value in newest.items():
            if of in later:
                assert there.get(of) == value
            elif of in there:
                # A payment that came late, or again, shows what is newer than what is there.
                assert at_the_cut.get(of, there[of])[0] <= there[of][0] <= value[0]
        online.close()
        follower.close()


def wait_for_the_same(one: RedisServer, other: RedisServer) -> None:
    """Wait until a replica has all that its primary has."""
    with redis.Redis.from_url(one.url) as first, redis.Redis.from_url(other.url) as second:
        deadline = time.monotonic() + SECONDS
        while True:
            info = second.info("replication")
            behind = first.info("replication")["master_repl_offset"]
            if info.get("master_link_status") == "up" and info["slave_repl_offset"] >= behind:
                return
            assert time.monotonic() < deadline
            time.sleep(0.02)


@injects("a worker dies and replays over a real Redis", "what is in Redis never goes back")
@seeds(3)
def test_a_worker_that_dies_and_replays_brings_nothing_back(
    redis_server: RedisServer, tmp_path: Path, seed: int
) -> None:
    world = World(seed, tmp_path / "disk")
    send_traffic(world, PAYMENTS, orders_share=0.0)
    online = Watched(redis_server.url)
    marks: dict[tuple[str, int], tuple[int, int, int]] = {}

    def look() -> None:
        for of, (mark, _) in online.there(redis_server.url).items():
            assert mark >= marks.get(of, mark)
            marks[of] = mark

    for _ in range(4):
        life = SimWorker(world, online=online)
        world.fuse = int(world.rng.integers(100, 600))
        try:
            life.live()
        except Killed:
            pass
        finally:
            life.bury()
        look()
    last = SimWorker(world, online=online)
    last.live()
    online.settle()
    look()
    there, newest = online.there(redis_server.url), online.newest()
    seen(world.deaths, len(newest), sum(there.get(of) != value for of, value in newest.items()))
    assert there == newest
    last.bury()
    online.close()
