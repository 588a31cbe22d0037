"""A worker whose disk is gone goes on from the newest copy: no payment lost, no alert twice."""

from __future__ import annotations

import shutil

from fault_log import injects, repeats, seen
from seeds import seeds
from sim import SimWorker, World, send_traffic
from simulated.lives import one_life, settle, without_deaths
from simulated.outputs import alerted, decided

from models.states.snapshot import pack
from stream.snapshots.folder import SnapshotFolder
from stream.store.folder_copies import FolderCopies

PAYMENTS = 150


def lose_the_disk(world, copies):
    """Empty the folder; what was done behind the newest copy happened in no order any more."""
    shutil.rmtree(world.folder)
    world.folder.mkdir()
    step = 0
    for number in copies.numbers():
        listed = SnapshotFolder(copies._there.folder).verify(number)
        step = int(listed.header["step"])
        break
    del world.history[step:]
    return step


@injects(
    "simulated: the worker killed and its disk lost, a copy of a snapshot taken up",
    "no payment lost, each in the state once, no alert twice",
)
@seeds(6)
def test_it_is_what_it_would_have_been_and_says_nothing_twice(seed, tmp_path):
    world = World(seed, tmp_path / "disk")
    copies = FolderCopies(tmp_path / "copies", 3)
    send_traffic(world, PAYMENTS)
    began_at = []
    for _ in range(int(world.rng.integers(1, 6))):
        one_life(world, int(world.rng.integers(0, int(world.rng.choice([100, 1000])))), copies)
        if copies.numbers() and world.chance(0.7):
            began_at.append(lose_the_disk(world, copies))
    last = settle(world, copies)
    reference, other = without_deaths(world, tmp_path / "other")
    lost = len(decided(other) - decided(world))
    seen(len(began_at), PAYMENTS, lost, repeats(alerted(world)))
    # Bit for bit the worker that took what stands, in that order.
    assert last.state() == reference.state()
    counters = last.worker.shard.engine.counters
    assert counters.decisions + counters.refused == PAYMENTS
    assert decided(world) == decided(other)
    assert repeats(alerted(world)) == 0
    print("began at steps", began_at)
    last.bury()


def test_the_disk_was_not_always_lost_in_the_beginning(tmp_path):
    """The law above would hold of empty copies too: here a copy is known to be there."""
    world = World(11, tmp_path / "disk")
    copies = FolderCopies(tmp_path / "copies", 3)
    send_traffic(world, PAYMENTS)
    life = SimWorker(world, copies=copies)
    life.live()
    while life.worker.sink.flush(1):
        pass
    world.chance = lambda share: share == 0.9
    life.worker.finish(1.0)
    state, at = life.state(), life.worker.shard.recovery.progress.step
    assert life.worker.shard.recovery.as_dict()["snapshot_copies"] > 0
    life.bury()
    assert lose_the_disk(world, copies) == at
    heir = SimWorker(world, copies=copies)
    heir.live(0)
    assert heir.state() == state
    assert heir.worker.shard.recovery.stats.replayed == 0
    assert "goes on from copy" in " ".join(world.told)
    heir.bury()


def test_a_folder_with_a_journal_takes_no_copy(tmp_path):
    world = World(12, tmp_path / "disk")
    copies = FolderCopies(tmp_path / "copies", 3)
    send_traffic(world, PAYMENTS)
    other = World(13, tmp_path / "other")
    send_traffic(other, PAYMENTS)
    first = SimWorker(other, copies=copies)
    first.live()
    other.chance = lambda share: share == 0.9
    first.worker.finish(1.0)
    first.bury()
    assert copies.numbers()
    life = SimWorker(world)
    life.live(3)
    before = pack(life.worker.shard.engine.state())
    world.chance = lambda share: False
    life.bury()
    assert not SnapshotFolder(world.folder).numbers()
    heir = SimWorker(world, copies=copies)
    heir.live(0)
    assert pack(heir.worker.shard.engine.state()) == before
    heir.bury()
