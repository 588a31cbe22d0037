"""A replay is compared with what was decided, whatever code replays it."""

from __future__ import annotations

import pytest
from sim import SimWorker, World, send_traffic

from schemas.errors import RecoveryError
from stream.engine.engine import Engine
from stream.recovery.journal import outcome_bytes, read_segment
from stream.recovery.segments import Segments


@pytest.fixture
def world(tmp_path):
    world = World(5, tmp_path / "disk")
    send_traffic(world, 60, orders_share=0.0)
    # Nothing here is about chance.
    world.chance = lambda share: False
    return world


def left_by(world, code, turns=40):
    """Let a worker of some code work, and die behind its last step."""
    world.codes = iter([code])
    life = SimWorker(world)
    life.live(turns)
    step, state = life.worker.shard.recovery.progress.step, life.state()
    life.bury()
    return step, state


def heir_of(world, code, monkeypatch, shift=0.0):
    """Let a worker of some code take up what is there; it may score otherwise."""
    world.codes = iter([code])
    heir = SimWorker(world)
    if shift:
        step = Engine.step

        def otherwise(engine, batch):
            effects = step(engine, batch)
            effects.scores[:] += shift
            return effects

        monkeypatch.setattr(Engine, "step", otherwise)
    return heir


def test_other_code_takes_steps_again_that_it_decides_alike(world, monkeypatch):
    _, state = left_by(world, "old")
    heir = heir_of(world, "new", monkeypatch)
    heir.live(0)
    stats = heir.worker.shard.recovery.stats
    assert stats.replayed > 0
    assert stats.replayed_otherwise == 0
    assert heir.state() == state
    heir.bury()


def test_other_code_that_decides_a_step_otherwise_is_refused_and_the_old_goes_on(
    world, monkeypatch
):
    left_by(world, "old")
    written = {place: len(log) for place, log in world.broker.logs.items()}
    heir = heir_of(world, "new", monkeypatch, shift=1e-9)
    with pytest.raises(RecoveryError, match=r"step \d+ was decided by other code \(.*\+old\)"):
        heir.live(0)
    heir.bury()
    monkeypatch.undo()
    assert {place: len(log) for place, log in world.broker.logs.items()} == written
    again = heir_of(world, "old", monkeypatch)
    again.live(0)
    assert again.worker.shard.recovery.stats.replayed > 0
    again.bury()


def test_the_same_code_that_comes_to_another_end_says_so_and_goes_on(world, monkeypatch):
    left_by(world, "old")
    heir = heir_of(world, "old", monkeypatch, shift=1e-9)
    heir.live(0)
    assert heir.worker.shard.recovery.as_dict()["replayed_otherwise"] >= 1
    assert sum("comes to another end" in text for text in world.told) == 1
    heir.bury()


def test_who_takes_a_silent_step_again_says_what_it_came_to(world, monkeypatch):
    """A worker can die before its last step says what it came to, and so can the one after it."""
    left_by(world, "old")
    journal = Segments(world.folder)
    number = max(n for n in journal.numbers() if read_segment(journal.path(n).read_bytes()).entries)
    path = journal.path(number)
    last = read_segment(path.read_bytes()).entries[-1]
    frame = outcome_bytes(last.step, last.outcome)
    path.write_bytes(path.read_bytes().removesuffix(frame))
    assert journal.chain(0, 0).entries[-1].outcome is None
    for code in ("new", "newer"):
        heir = heir_of(world, code, monkeypatch)
        heir.live(0)
        assert heir.worker.shard.recovery.stats.replayed > 0
        heir.bury()
        assert journal.chain(0, 0).entries[-1] == last
