"""Groups of workers in trouble, and what each of their partitions would be without it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from simulated.group_world import GroupWorld
from simulated.outputs import inputs_of
from simulated.producer import SimSink
from simulated.setting import CONTROL, IN, KEY, LABELS, identity, parts
from simulated.traffic import send_traffic

from models.states.snapshot import pack
from stream.app import engine_of, publisher_of
from stream.kafka.source import raw_batch
from stream.recovery.journal import Kind
from stream.shards.shard import Shard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from simulated.disk_faults import Disk
    from simulated.world import World

    from stream.recovery.journal import Entry

PAYMENTS = 200


def group_of(
    seed: int,
    folder: Path,
    kills: int,
    pauses: int,
    exactly_once: bool = False,
    disk_of: Callable[[World], Disk] | None = None,
    setting: str = "plain",
) -> GroupWorld:
    """Return a world in which workers died and were paused; in the end all is taken."""
    world = GroupWorld(seed, folder / "disk", exactly_once, setting)
    disk = None if disk_of is None else disk_of(world)
    world.on_a_bad_disk = disk is not None
    send_traffic(world, PAYMENTS, by_name=True)
    for _ in range(2):
        world.begin()
    left = {"kills": kills, "pauses": pauses}

    def trouble() -> None:
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
        if disk is not None and world.chance(0.01):
            disk.arm()
        elif disk is not None and world.chance(0.02):
            disk.repair()
        if len(world.actors) < 4 and world.chance(0.003):
            world.begin()

    world.run(int(world.rng.integers(200, 2500)), trouble)
    if disk is not None:
        disk.repair()
    world.settle(60_000)
    return world


def alone(world: GroupWorld, folder: Path) -> tuple[World, dict[int, tuple[int, bytes]]]:
    """Return what was said, and the state of each partition, without any break."""
    other = inputs_of(world, folder)
    sink, states = SimSink(other), {}
    config, decoders, codecs, control = parts(world.setting)
    for partition, history in world.histories.items():
        engine = engine_of(config, KEY)
        publisher = publisher_of(config, engine)
        shard = Shard(
            config, engine, *decoders, publisher, codecs, partition=partition, control=control
        )
        for at, number in enumerate(sorted(history), 1):
            assert number == at, "a step is missing"
            entry = history[number]
            topic = identity(world.setting).topics[entry.kind]
            step = shard.take(raw_batch(topic, records_of(world, entry), entry.now_ms))
            sink.publish(step.records, step.offsets)
        states[partition] = len(history), pack(engine.state()) + pack(shard.held.state())
    while sink.flush(1):
        pass
    return other, states


def own_examples(world: GroupWorld) -> int:
    """Return how many labels the trainer of all partitions would have learned of its own."""
    config, decoders, codecs, control = parts(world.setting)
    engine = engine_of(config, KEY)
    publisher = publisher_of(config, engine)
    shard = Shard(config, engine, *decoders, publisher, codecs, partition=0, control=control)
    topics = identity(world.setting).topics
    for number, entry in sorted(world.histories[0].items()):
        if entry.kind is not Kind.TRAINING:
            step = shard.take(raw_batch(topics[entry.kind], records_of(world, entry), entry.now_ms))
            assert step is not None, number
            list(step.records)
    return engine.learner.learned


def records_of(world: GroupWorld, entry: Entry) -> list[Any]:
    """Return the records that a journal names."""
    topic = identity(world.setting).topics[entry.kind]
    return [
        world.broker.logs[topic, run.partition][offset]
        for run in entry.runs
        for offset in range(run.first, run.behind)
    ]


def every_record_was_taken_once(world: GroupWorld) -> None:
    """Require that each is in one step of its partition."""
    for partition, history in world.histories.items():
        taken = Counter(
            (entry.kind, offset)
            for entry in history.values()
            if entry.kind < Kind.SHARED
            for run in entry.runs
            for offset in range(run.first, run.behind)
        )
        n = sum(len(world.broker.logs[topic, partition]) for topic in (IN, LABELS, CONTROL))
        assert set(taken.values()) == {1}
        assert len(taken) == n
