"""Redis may do what it likes: decisions and state do not know, and what it holds is the newest."""

from __future__ import annotations

from collections import Counter

from fault_log import injects, repeats, seen
from seeds import seeds
from sim import ALERTS, DEAD, DECISIONS, DRIFT, REVIEWS, SETTINGS, SimWorker, World, send_traffic
from simulated.lives import without_deaths
from simulated.outputs import alerted, by_id, missing, said
from simulated.redis import SimHashes, SimOnline

PAYMENTS = 150


@injects(
    "simulated: Redis away and back, slow beyond its bound, its answers lost, flushed",
    "every output and the state as without it; once it answers again it holds the newest of all "
    "that paid since, and nobody who was erased",
)
@seeds(4)
def test_redis_changes_nothing_and_holds_the_newest(seed, tmp_path):
    setting = list(SETTINGS)[seed % len(SETTINGS)]
    world = World(seed, tmp_path / "disk", setting=setting)
    send_traffic(world, PAYMENTS, orders_share=0.3)
    redis = SimHashes(world)
    online = SimOnline(world, redis)
    life = SimWorker(world, online=online)
    life.live()
    world.calm()
    for _ in range(50):
        life.worker.turn(0)
    while life.worker.sink.flush(1):
        pass
    online.settle()
    reference, other = without_deaths(world, tmp_path / "other")
    faults = redis.n_failed + redis.n_flushed
    seen(faults, PAYMENTS, missing(world, other), repeats(alerted(world)))
    assert life.state() == reference.state()
    assert by_id(said(world, ALERTS)) == by_id(said(other, ALERTS))
    for topic in (DECISIONS, DEAD, REVIEWS, DRIFT):
        assert Counter(said(world, topic)) == Counter(said(other, topic))
    # What was flushed and has not paid since may be gone; all else is there, as it was last. Of
    # what was flushed a payment that came late can be the only one since, with its own values.
    for owner, (at, values) in redis.there.items():
        newest, last = online.should[owner]
        assert (at, values) == (newest, last) or (redis.n_flushed and at < newest)
    assert redis.there.keys() >= online.put_at.keys() & online.should.keys()
    life.bury()
