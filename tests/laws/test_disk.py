"""Law e on a disk that fails: full, broken once or for good, and without power after that."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest
from fault_log import injects, repeats, seen
from seeds import seeds
from sim import ALERTS, DEAD, DECISIONS, DRIFT, REVIEWS, SETTINGS, World, send_traffic
from simulated import groups
from simulated.disk_faults import CALLS, Disk
from simulated.groups import alone, every_record_was_taken_once, group_of
from simulated.lives import one_life, settle, without_deaths
from simulated.outputs import alerted, by_id, decided, missing, said
from simulated.world import ON_A_BAD_DISK

PAYMENTS = 150


def live_on_a_bad_disk(seed, folder, power_fails):
    """A world whose disk failed again and again, and the worker that took everything after it."""
    setting = list(SETTINGS)[seed % len(SETTINGS)]
    world = World(seed, folder / "disk", exactly_once=seed % 3 == 0, setting=setting)
    send_traffic(world, PAYMENTS)
    world.keep = int(world.rng.choice([1, 1, 3]))
    disk = Disk(world)
    disk.is_followed_by_death = power_fails
    with disk.between():
        for _ in range(int(world.rng.integers(2, 7))):
            disk.arm()
            one_life(world, int(world.rng.choice([50, 400, 2000])), ends=ON_A_BAD_DISK)
            if power_fails and world.chance(0.8):
                disk.power_fails()
            if world.chance(0.7):
                disk.repair()
        disk.repair()
        world.fuse = None
        last = settle(world)
    return world, disk, last


@injects(
    "simulated: opening, writing, renaming or fsync of journal and snapshots fails (no room, an "
    "error), once or from then on, and the worker is killed at any point",
    "a worker ends or goes on; no payment lost, no alert twice; every output and the state, bit "
    "for bit, as on a good disk",
)
@seeds(6)
def test_a_disk_that_fails_loses_nothing(seed, tmp_path):
    world, disk, last = live_on_a_bad_disk(seed, tmp_path, power_fails=False)
    reference, other = without_deaths(world, tmp_path / "other")
    faults = world.deaths + len(disk.failed)
    seen(faults, PAYMENTS, missing(world, other), repeats(alerted(world)))
    assert last.state() == reference.state()
    assert Counter(alerted(world)) == Counter(alerted(other))
    assert by_id(said(world, ALERTS)) == by_id(said(other, ALERTS))
    for topic in (DECISIONS, DEAD, REVIEWS, DRIFT):
        assert set(said(world, topic)) == set(said(other, topic))
    last.bury()


@injects(
    "simulated: the same, and the power fails: what no fsync has reached is lost, or some of it",
    "no payment lost, each in the state once, no alert twice",
)
@seeds(6)
def test_what_is_relied_on_is_on_the_disk(seed, tmp_path):
    world, disk, last = live_on_a_bad_disk(seed, tmp_path, power_fails=True)
    _, other = without_deaths(world, tmp_path / "other")
    lost, again = len(decided(other) - decided(world)), repeats(alerted(world))
    seen(world.deaths + len(disk.failed), PAYMENTS, lost, again)
    assert again == 0
    assert decided(world) == decided(other)
    counters = last.worker.shard.engine.counters
    assert counters.decisions + counters.refused == PAYMENTS
    last.bury()


@injects(
    "simulated group: the same for what goes from owner to owner, and workers killed",
    "each record in one state, once; no payment lost, no alert twice; all as on a good disk",
)
@seeds(2)
def test_who_takes_over_on_a_bad_disk_takes_over_all(seed, tmp_path):
    disks = []

    def disk_of(world):
        disks.append(stack.enter_context(Disk(world).between()))
        return disks[0]

    with ExitStack() as stack:
        group = group_of(seed, tmp_path, 2, 0, exactly_once=seed % 2 == 0, disk_of=disk_of)
    other, states = alone(group, tmp_path / "other")
    faults = group.n_killed + len(disks[0].failed)
    seen(faults, groups.PAYMENTS, missing(group, other), repeats(alerted(group)))
    every_record_was_taken_once(group)
    assert group.final == states
    assert Counter(said(group, ALERTS)) == Counter(said(other, ALERTS))
    assert set(said(group, DECISIONS)) == set(said(other, DECISIONS))


@pytest.mark.slow
def test_every_call_fails_for_journal_and_snapshots(tmp_path):
    """What the laws say is said of disks on which all of it happens."""
    failed, why = set(), set()
    for seed in range(32):
        world, disk, last = live_on_a_bad_disk(seed, tmp_path / str(seed), power_fails=False)
        last.bury()
        for each in disk.failed:
            call, _, path = each.partition(" ")
            name = path.rpartition("/")[2].partition("-")[0]
            failed.add((call, name if name in ("segment", "snapshot") else "folder"))
        why |= {type(error).__name__ for error in world.failures}
    print(failed, why)
    assert {("open", "segment"), ("write", "segment"), ("fsync", "segment")} <= failed
    assert {("open", "snapshot"), ("write", "snapshot"), ("fsync", "snapshot")} <= failed
    assert {("rename", "snapshot"), ("fsync", "folder")} <= failed
    assert {call for call, _ in failed} == set(CALLS)
    assert "RecoveryError" in why
