"""Law e for a group: whoever has a partition goes on as if there had never been another."""

from __future__ import annotations

from collections import Counter

import pytest
from fault_log import injects, seen
from seeds import seeds
from sim import (
    ALERTS,
    CONTROL,
    DECISIONS,
    IN,
    KEY,
    LABELS,
    SimSink,
    World,
    parts,
    send_traffic,
)
from simulated.group_world import GroupWorld
from simulated.outputs import decided, missing, said

from models.states.snapshot import pack
from stream.app import engine_of, publisher_of
from stream.kafka.source import raw_batch
from stream.shard import Shard

PAYMENTS = 200


def group_of(seed, folder, kills, pauses):
    """A world in which workers die and are paused; in the end all is taken."""
    world = GroupWorld(seed, folder / "disk")
    send_traffic(world, PAYMENTS, by_name=True)
    for _ in range(2):
        world.begin()
    left = {"kills": kills, "pauses": pauses}

    def trouble():
        if left["kills"] and world.actors and world.chance(0.01):
            left["kills"] -= 1
            world.n_killed += 1
            world.kill(world.actors[int(world.rng.integers(0, len(world.actors)))])
            world.begin()
        if left["pauses"] and world.actors and world.chance(0.01):
            left["pauses"] -= 1
            world.n_paused += 1
            actor = world.actors[int(world.rng.integers(0, len(world.actors)))]
            actor.paused_until_s = world.seconds + float(world.rng.choice([1.0, 10.0, 30.0]))
        if len(world.actors) < 4 and world.chance(0.003):
            world.begin()

    world.run(int(world.rng.integers(200, 2500)), trouble)
    world.settle(60_000)
    return world


def alone(world, folder):
    """Each partition's shard, made to take the same steps without a break; and what was said."""
    other = World(0, folder)
    sink, states = SimSink(other), {}
    config, decoders, codecs, control = parts()
    for partition, history in world.histories.items():
        engine = engine_of(config, KEY)
        publisher = publisher_of(config, engine)
        shard = Shard(config, engine, *decoders, publisher, codecs, control=control)
        for at, number in enumerate(sorted(history), 1):
            assert number == at, "a step is missing"
            entry = history[number]
            topic = {0: IN, 1: LABELS, 2: CONTROL}[entry.kind]
            records = [
                world.broker.logs[topic, run.partition][offset]
                for run in entry.runs
                for offset in range(run.first, run.behind)
            ]
            step = shard.take(raw_batch(topic, records, entry.now_ms))
            sink.publish(step.records, step.offsets)
        states[partition] = len(history), pack(engine.state()) + pack(shard.held.state())
    while sink.flush(1):
        pass
    return other, states


def alerts_of(world):
    found = {}
    for key, value, headers in said(world, ALERTS):
        found.setdefault(dict(headers)["ce_id"], []).append((key, value, headers))
    return found


def every_record_was_taken_once(world):
    for partition, history in world.histories.items():
        taken = Counter(
            (entry.kind, offset)
            for entry in history.values()
            for run in entry.runs
            for offset in range(run.first, run.behind)
        )
        n = sum(len(world.broker.logs[topic, partition]) for topic in (IN, LABELS, CONTROL))
        assert set(taken.values()) == {1}
        assert len(taken) == n


def note(world, other):
    """Count what is missing beside partitions that nobody took over, and what came again."""
    repeated = sum(len(each) - 1 for each in alerts_of(world).values())
    seen(world.n_killed + world.n_paused, PAYMENTS, missing(world, other), repeated)


@injects(
    "simulated group: workers killed at any of their points, others joining",
    "each record in one state, once; no payment lost, no alert twice; all as if nobody had died",
)
@seeds(12)
def test_workers_that_die_leave_no_trace(seed, tmp_path):
    world = group_of(seed, tmp_path, kills=4, pauses=0)
    other, states = alone(world, tmp_path / "other")
    note(world, other)
    every_record_was_taken_once(world)
    assert world.final == states
    ours, theirs = alerts_of(world), alerts_of(other)
    assert {len(each) for each in ours.values()} <= {1}
    assert ours == theirs
    assert set(said(world, DECISIONS)) == set(said(other, DECISIONS))


@injects(
    "simulated group: workers paused beyond their session, and one killed",
    "each record in one state, once; no payment lost; who was paused may repeat its last batch, "
    "under the same ids",
)
@seeds(12)
def test_a_worker_that_was_paused_changes_nothing_that_counts(seed, tmp_path):
    world = group_of(seed, tmp_path, kills=1, pauses=5)
    other, states = alone(world, tmp_path / "other")
    note(world, other)
    every_record_was_taken_once(world)
    assert world.final == states
    # What it had taken when it was paused it can still say: under the same ids.
    assert alerts_of(other).keys() <= alerts_of(world).keys()
    assert decided(world) == decided(other)


def test_the_same_seed_is_the_same_world(tmp_path):
    worlds = []
    for name in ("one", "two"):
        world = group_of(7, tmp_path / name, kills=2, pauses=2)
        worlds.append((world.passed, world.histories, world.rng.random()))
    assert worlds[0] == worlds[1]


@pytest.mark.slow
def test_workers_are_taken_over_and_rebalanced(tmp_path):
    """What the laws above say is said of groups in which all of it happens."""
    passed, taken_over, generations = Counter(), 0, 0
    for seed in range(6):
        world = group_of(seed, tmp_path / str(seed), kills=2, pauses=12)
        passed.update(set(world.passed))
        taken_over += world.n_taken_over
        generations += world.group.generation
    print(
        f"{taken_over} were told that they had been taken over, {generations} generations", passed
    )
    assert taken_over > 0
    assert generations > 20
    assert {"replay", "snapshot is there", "lost"} <= passed.keys()
