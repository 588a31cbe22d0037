"""Law e: killed anywhere and started again, a worker says and is what it would have been."""

from __future__ import annotations

from collections import Counter

import pytest
from fault_log import injects, repeats, seen
from inputs.published import published
from seeds import seeds
from sim import (
    ALERTS,
    CONTROL,
    DEAD,
    DECISIONS,
    DRIFT,
    IN,
    LABELS,
    REVIEWS,
    SETTINGS,
    Killed,
    SimWorker,
    World,
    key_of,
    send_traffic,
)
from simulated.lives import live_and_die, without_deaths
from simulated.outputs import alerted, by_id, decided, missing, said

from stream.snapshots.folder import SnapshotFolder

PAYMENTS = 150
CONTROL_CODEC = published("control")
NUMBER_OF = {key_of(f"card-{number}"): number for number in range(30)}


def world_of(seed, folder):
    """A world with traffic, and workers that are configured in one of all ways."""
    world = World(seed, folder, setting=list(SETTINGS)[seed % len(SETTINGS)])
    send_traffic(world, PAYMENTS)
    return world


def note(world, other, faults=None):
    """Count what is missing beside a world without faults, and which alerts came again."""
    faults = world.deaths if faults is None else faults
    seen(faults, PAYMENTS, missing(world, other), repeats(alerted(world)))


def erased_keys(world):
    """Those of the orders to erase that were taken."""
    found = set()
    for (topic, _), log in world.broker.logs.items():
        orders = [CONTROL_CODEC.decode(record.value()) for record in log if topic == CONTROL]
        found |= {int(each["key"], 16) for each in orders if each["entity"] == "card"}
    return found


def known_after(world, key):
    """Whether any payment of a card came after the last order to erase it."""
    steps = {}
    for entry in world.history:
        topic = (IN, LABELS, CONTROL)[entry.kind]
        for run in entry.runs:
            for offset in range(run.first, run.behind):
                steps[topic, run.partition, offset] = entry.step
    orders, payments = [0], [-1]
    for (topic, partition), log in world.broker.logs.items():
        for record in log:
            step = steps.get((topic, partition, record.offset()), 0)
            if topic == CONTROL:
                order = CONTROL_CODEC.decode(record.value())
                orders += [step] * (order["entity"] == "card" and int(order["key"], 16) == key)
            elif topic == IN:
                # Avro writes a text's length before it: card-1 is not card-10.
                name = f"card-{NUMBER_OF[key]}".encode()
                payments += [step] * (bytes([2 * len(name)]) + name in (record.value() or b""))
    return max(payments) > max(orders)


@injects(
    "simulated: a worker killed at any of its points, up to 7 times",
    "no payment lost, no alert twice; every output and the state, bit for bit, as without a death",
)
@seeds(16)
def test_killed_anywhere_it_says_and_is_what_it_would_have_been(seed, tmp_path):
    world = world_of(seed, tmp_path / "disk")
    last = live_and_die(world, int(world.rng.integers(1, 8)))
    reference, other = without_deaths(world, tmp_path / "other")
    note(world, other)
    assert last.state() == reference.state()

    ours, theirs = said(world, ALERTS), said(other, ALERTS)
    assert Counter(by_id(ours).keys()) == Counter(alerted(world))
    assert by_id(ours) == by_id(theirs)
    for topic in (DECISIONS, DEAD, REVIEWS, DRIFT):
        assert set(said(world, topic)) == set(said(other, topic))
    assert not [text for text in world.told if "damaged" in text]

    # A clean stop leaves nothing to do again, and nothing to say.
    last.bury()
    heir = SimWorker(world)
    before = {place: len(log) for place, log in world.broker.logs.items()}
    heir.live(turns=0)
    assert heir.worker.shard.recovery.stats.replayed == 0
    assert heir.state() == reference.state()
    assert before == {place: len(log) for place, log in world.broker.logs.items()}
    heir.bury()


@injects(
    "simulated: a worker killed at any point before and after orders to erase",
    "no order lost: no file knows who was erased",
)
@seeds(6)
def test_no_file_knows_who_was_erased_wherever_the_worker_was_killed(seed, tmp_path):
    world = World(seed, tmp_path / "disk")
    # So many that some who are erased pay no more.
    send_traffic(world, PAYMENTS, orders_share=0.3)
    last = live_and_die(world, int(world.rng.integers(1, 8)))
    assert last.worker.shard.recovery.stats.erasures_pending == 0
    gone = {key for key in erased_keys(world) if not known_after(world, key)}
    files = [*world.folder.glob("snapshot-*"), *world.folder.glob("segment-*")]
    assert any(path.name.startswith("snapshot-") for path in files)
    known = {
        f"{key:016x}": path
        for path in files
        for data in [path.read_bytes()]
        for key in gone
        if key.to_bytes(8, "little") in data or f"{key:016x}".encode() in data
    }
    seen(world.deaths, len(gone), len(known))
    assert known == {}
    last.bury()


@injects(
    "simulated: the power fails, and the journal's tail is lost",
    "no payment lost, each in the state once, no alert twice",
)
@seeds(6)
def test_a_lost_tail_of_the_journal_loses_no_payment_and_repeats_no_alert(seed, tmp_path):
    world = World(seed, tmp_path / "disk")
    send_traffic(world, PAYMENTS)

    def power_fails(world):
        segments = sorted(world.folder.glob("segment-*"))
        for path in segments[-1:] if world.chance(0.7) else segments[-2:]:
            data = path.read_bytes()
            keep = world.durable.get(path.name, 0)
            path.write_bytes(data[: int(world.rng.integers(keep, len(data) + 1))])

    last = live_and_die(world, int(world.rng.integers(1, 6)), power_fails)
    _, other = without_deaths(world, tmp_path / "other")
    lost, again = len(decided(other) - decided(world)), repeats(alerted(world))
    # Which alerts there are depends on the order, and that may be another now.
    seen(world.deaths, PAYMENTS, lost, again)
    assert again == 0
    assert decided(world) == decided(other)
    # And each payment is in the state once, in whatever order.
    counters = last.worker.shard.engine.counters
    assert counters.decisions + counters.refused == PAYMENTS
    last.bury()


@injects(
    "simulated: a bit of the newest snapshot flipped after a death",
    "it is passed over; no payment lost, no alert twice, the state as without it",
)
@seeds(6)
def test_a_damaged_snapshot_is_passed_over_and_nothing_is_lost(seed, tmp_path):
    world = World(seed, tmp_path / "disk")
    send_traffic(world, PAYMENTS)

    damaged = []

    def damage_the_newest(world):
        whole = [each for each in SnapshotFolder(world.folder).listed() if not each.why]
        if len(whole) > 1:
            path = whole[0].path
            data = bytearray(path.read_bytes())
            data[int(world.rng.integers(0, len(data)))] ^= 1 << int(world.rng.integers(0, 8))
            path.write_bytes(bytes(data))
            damaged.append(path)

    last = live_and_die(world, 4, damage_the_newest)
    reference, other = without_deaths(world, tmp_path / "other")
    note(world, other, len(damaged))
    assert last.state() == reference.state()
    assert by_id(said(world, ALERTS)) == by_id(said(other, ALERTS))
    assert len(said(world, ALERTS)) == len(said(other, ALERTS))
    last.bury()


def test_the_same_seed_is_the_same_world(tmp_path):
    worlds = []
    for name in ("one", "two"):
        world = World(7, tmp_path / name)
        send_traffic(world, PAYMENTS)
        life = SimWorker(world)
        world.fuse = 200
        with pytest.raises(Killed) as death:
            life.live()
        life.bury()
        worlds.append((str(death.value), world.passed, world.history, world.rng.random()))
    assert worlds[0] == worlds[1]


def test_every_point_of_death_is_one_that_workers_come_by(tmp_path):
    """The points above are the whole list: a life comes by each of them."""
    passed, alerts = set(), 0
    for seed in range(6):
        world = World(seed, tmp_path / str(seed))
        send_traffic(world, PAYMENTS)
        live_and_die(world, 3).bury()
        passed |= set(world.passed)
        alerts += len(said(world, ALERTS))
    assert alerts > 100
    assert passed == {
        *("poll", "polled", "assigned", "before journal", "after journal", "publish"),
        *("published", "flushed", "before commit", "after commit", "before segment"),
        *("after segment", "snapshot begins", "snapshot is written", "snapshot is there"),
        *("before outcome", "after outcome", "replay", "tail"),
    }
