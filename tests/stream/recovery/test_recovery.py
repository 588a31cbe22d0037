"""What a recovery does at its edges: failures, postponements, partitions that come and go."""

from __future__ import annotations

import errno
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from inputs.published import published
from sim import (
    CONTROL,
    IN,
    KEY,
    LABELS,
    START_MS,
    SimWorker,
    SimWriter,
    World,
    _Never,
    identity,
    key_of,
    parts,
    send_traffic,
)

from models.states.snapshot import State
from schemas.compiler import compile_schema
from schemas.decoder import Decoder
from schemas.errors import ConfigError, ModelError, RecoveryError, SnapshotError, StorageError
from schemas.records import RecordCodec, builtin
from stream.app import engine_of, publisher_of
from stream.engine.engine import Engine
from stream.kafka.source import RawBatch, raw_batch
from stream.recovery.code_version import release
from stream.recovery.journal import read_segment
from stream.recovery.progress import Progress, restored
from stream.recovery.published import Published
from stream.shards.shard import Shard
from stream.snapshots.background import Result
from stream.snapshots.folder import SnapshotFolder


@pytest.fixture
def world(tmp_path):
    world = World(5, tmp_path / "disk")
    send_traffic(world, 60, orders_share=0.0)
    # Nothing here is about chance.
    world.chance = lambda share: False
    return world


def worker_of(world, turns=0):
    life = SimWorker(world)
    life.live(turns)
    return life


def batch(places, topic=IN):
    partition, offset = np.array(places, np.int64).reshape(-1, 2).T
    n = len(offset)
    return RawBatch(topic, [None] * n, [None] * n, partition, offset, np.zeros(n, np.int64), 9)


def taken(raw):
    return list(zip(raw.partition.tolist(), raw.offset.tolist(), strict=True))


def test_a_record_that_was_taken_is_not_taken_again(world):
    life = worker_of(world)
    take = life.worker.shard.recovery.take
    assert taken(take(batch([(0, 3), (1, 0), (0, 4)]))) == [(0, 3), (1, 0), (0, 4)]
    assert taken(take(batch([(0, 4), (0, 5), (1, 0), (0, 5), (1, 7)]))) == [(0, 5), (1, 7)]
    before = len(world.history)
    assert taken(take(batch([(0, 1), (1, 7)]))) == []
    assert len(world.history) == before
    # Of the other topic nothing was taken.
    assert taken(take(batch([(0, 1)], LABELS))) == [(0, 1)]
    life.bury()


def test_a_snapshot_waits_until_all_is_acknowledged(world, monkeypatch):
    life = worker_of(world, 5)
    recovery = life.worker.shard.recovery
    asked, acknowledged = [], [False, True]
    monkeypatch.setattr(recovery, "_settle", lambda s: asked.append(s) or acknowledged.pop(0))
    world.seconds += 100
    begun = list(world.passed).count("snapshot begins")
    recovery.tend()
    recovery.tend()  # Not at once again.
    assert recovery.as_dict()["snapshots_postponed"] == 1
    assert len(asked) == 1
    world.seconds += 1
    recovery.tend()
    assert list(world.passed).count("snapshot begins") == begun + 1
    life.bury()


def test_a_snapshot_that_fails_is_told_counted_and_tried_again(world, monkeypatch):
    life = worker_of(world, 5)
    recovery = life.worker.shard.recovery
    recovery._writer.wait(0)
    monkeypatch.setattr(
        recovery._writer, "poll", lambda: Result(3, None, 0.1, 10, 0.0, "the disk is full")
    )
    segments = recovery._journal.numbers()
    recovery._schedule.next_s = world.seconds + 50
    recovery.tend()
    assert "the disk is full" in world.told[-1]
    assert recovery.as_dict()["snapshots_failed"] == 1
    # What leads to the next snapshot is kept.
    assert recovery._journal.numbers()[: len(segments)] == segments
    monkeypatch.undo()
    monkeypatch.setattr(recovery, "_settle", lambda _: True)
    world.seconds += 100
    begun = list(world.passed).count("snapshot begins")
    recovery.tend()
    assert list(world.passed).count("snapshot begins") == begun + 1
    life.bury()


def test_a_last_snapshot_that_cannot_be_written_leaves_the_journal(world, monkeypatch):
    life = worker_of(world, 20)
    recovery = life.worker.shard.recovery

    def full(state, number):
        raise StorageError("no room")

    monkeypatch.setattr(recovery._snapshots, "write", full)
    world.chance = lambda share: share == 0.9  # Everything is delivered.
    recovery._writer._waiting = None
    life.worker.sink.flush(1)
    recovery.finish(1.0)
    assert "no room" in world.told[-1]
    state = life.state()
    monkeypatch.undo()
    life.bury()
    heir = worker_of(world)
    assert heir.worker.shard.recovery.stats.replayed > 0
    assert heir.state() == state
    heir.bury()


def test_partitions_without_a_memory_are_named_and_begin_where_the_group_is(world):
    life = worker_of(world, 10)
    recovery = life.worker.shard.recovery
    known = dict(recovery.progress.positions)
    starts = recovery.assigned({(IN, 0): 3, (IN, 8): 7, (LABELS, 9): -1001})
    assert starts == {(IN, 0): known[IN, 0], (IN, 8): 7, (LABELS, 9): -1}
    assert f"nothing is remembered of {IN}[8]:" in world.told[-1]
    told = len(world.told)
    # Once they are known they are known, after a crash too.
    assert recovery.assigned({(IN, 8): 7, (LABELS, 9): -1001}) == {(IN, 8): 7, (LABELS, 9): -1}
    life.bury()
    world.broker.logs[IN, 8] = world.broker.logs[LABELS, 9] = []
    heir = worker_of(world)
    assert heir.worker.shard.recovery.assigned({(IN, 8): 50})[IN, 8] == 7
    assert len(world.told) == told
    heir.bury()


def test_a_snapshot_that_was_taken_away_is_missed(world):
    life = worker_of(world, 60)
    world.chance = lambda share: True
    life.worker.turn(0)
    assert life.worker.shard.recovery.stats.snapshots > 0
    life.bury()
    for number in SnapshotFolder(world.folder).numbers():
        SnapshotFolder(world.folder).path(number).unlink()
    # The first segments went with older snapshots.
    life.worker.shard.recovery._journal.prune(2)
    heir = SimWorker(world)
    with pytest.raises(RecoveryError, match=r"behind which the journal.*is not there.*empty"):
        heir.live(0)
    heir.bury()


def test_a_worker_that_is_stopped_while_it_recovers_changes_nothing(world):
    worker_of(world, 30).bury()
    heir = SimWorker(world)

    class Now:
        def is_set(self):
            return True

    files = {path.name: path.read_bytes() for path in world.folder.iterdir()}
    heir.worker.recover(Now())
    heir.worker.finish(1.0)
    assert files == {path.name: path.read_bytes() for path in world.folder.iterdir()}
    heir.bury()


def header(**more):
    offsets = [["in", 0, 5], ["in", 1, -1]]
    whole = {"code_version": f"{release()}+x", "step": 3, "since_ms": 4, "offsets": offsets}
    return {**whole, **more}


class Nothing:
    def state(self):
        return State("nothing/1")

    def restore(self, state):
        assert state.kind == "nothing/1"


PARTS = {"engine": State("nothing/1"), "held": State("nothing/1")}


def test_a_workers_state_says_where_it_was():
    progress = restored(State("worker/1", header(), {}, PARTS), Nothing(), Nothing())
    assert progress == Progress(3, 4, {("in", 0): 5, ("in", 1): -1})


@pytest.mark.parametrize(
    "state",
    [
        State("worker/2", header(), {}, PARTS),
        State("worker/1", header(step=-1), {}, PARTS),
        State("worker/1", header(since_ms=None), {}, PARTS),
        State("worker/1", header(offsets=None), {}, PARTS),
        State("worker/1", header(offsets=[["in", 0]]), {}, PARTS),
        State("worker/1", header(offsets=[["in", -1, 0]]), {}, PARTS),
        State("worker/1", header(offsets=[["in", 0, -2]]), {}, PARTS),
        State("worker/1", header(offsets=[[0, 0, 0]]), {}, PARTS),
        State("worker/1", header(), {}, {"engine": State("nothing/1")}),
    ],
)
def test_a_state_that_is_no_workers_is_refused(state):
    with pytest.raises(SnapshotError):
        restored(state, Nothing(), Nothing())


def test_a_snapshot_of_another_release_is_taken_up():
    state = State("worker/1", header(code_version="9.9.9+x"), {}, PARTS)
    assert restored(state, Nothing(), Nothing()).step == 3


def test_of_a_step_that_decides_nothing_the_next_segment_says_nothing(world):
    """Or it would say of it what was decided in the one before."""
    life = worker_of(world, 10)
    recovery = life.worker.shard.recovery

    def said():
        recovery.assigned({(IN, 10 + len(recovery.progress.positions)): 7})
        path = recovery._journal.path(recovery._journal.numbers()[-1])
        return read_segment(path.read_bytes()).header.outcome

    recovery.decided(7)
    assert said() == 7
    recovery.take(batch([(0, 10_000)]))
    assert said() is None
    life.bury()


def test_what_was_refused_for_its_schema_is_refused_again(world):
    for log in (log for (topic, _), log in world.broker.logs.items() if topic == IN):
        for record in log[::2]:  # Of a schema that is added later.
            key, value, headers = record.content
            record.content = key, value.replace(b"\0\0\0\0\1", b"\0\0\0\0\x09", 1), headers
    config, (transactions, _), _, _ = parts()
    program = compile_schema(builtin("transaction"), config.roles())
    both = Decoder(transactions.layout, {1: program, 9: program}, KEY, config.limits.limits())

    first = SimWorker(world)
    first.shard._transactions = both.only([1])
    first.live(20)
    refused = first.worker.shard.engine.counters.refused
    assert refused > 5
    state = first.state()
    first.bury()

    heir = SimWorker(world)
    heir.shard._transactions = both
    heir.worker.shard.recovery._identity = replace(identity(), transaction_schemas=(1, 9))
    heir.live(0)
    assert heir.worker.shard.recovery.stats.replayed > 0
    assert heir.state() == state
    # From here on they are decided.
    for _ in range(60):
        heir.worker.turn(0)
    assert heir.worker.shard.engine.counters.refused - refused < 5
    heir.bury()


def test_alerts_that_are_out_of_payments_still_to_come_are_looked_for_again(world, monkeypatch):
    """Where power was lost, alerts can be older than the snapshots behind which they come."""
    life = worker_of(world, 10)
    recovery = life.worker.shard.recovery
    monkeypatch.setattr(recovery, "_settle", lambda _: True)
    since_ms = recovery.progress.since_ms
    recovery.published.found({"ahead": ((IN, 0), 10_000)})

    def snapshot():
        world.seconds += 100
        recovery._writer._waiting = None
        recovery._snapshot_step = -1
        recovery.tend()
        return recovery.progress.since_ms

    assert snapshot() == since_ms
    recovery.progress.positions[IN, 0] = 10_001
    assert snapshot() > since_ms
    life.bury()


def test_a_model_without_a_state_is_refused_before_anything_is_taken(world, monkeypatch):
    life = SimWorker(world)

    def none(_):
        raise ModelError("a Bayes has no state to keep")

    monkeypatch.setattr(Engine, "state", none)
    with pytest.raises(ConfigError, match=r"recovery\.folder: .*a Bayes has no state .* leave"):
        life.live()
    life.bury()
    assert list(world.folder.glob("s*")) == []


def test_a_held_label_leaves_as_a_dead_letter_whoever_committed_its_step(world):
    transaction, label = RecordCodec(builtin("transaction"), 1), RecordCodec(builtin("label"), 2)
    life = worker_of(world, 1)
    recovery, began_ms = life.worker.shard.recovery, world.now_ms

    def take(topic, at_ms, codec, record):
        log = world.broker.logs[topic, 0]
        world.broker.append((topic, 0), at_ms, None, codec.encode(record))
        step = life.shard.take(raw_batch(topic, [log[-1]], at_ms))
        life.worker.sink.publish(step.records, step.offsets)
        return step.offsets

    def pay(seconds):
        at_ms = began_ms + 1000 * seconds
        paid = {"transaction_id": f"late-{seconds}", "event_time": 1000 * at_ms}
        paid |= {"amount_minor": 1, "card_id": "c", "merchant_id": "m"}
        return take(IN, at_ms, transaction, paid)

    pay(0)
    said = {"transaction_id": "nobody", "is_fraud": True, "label_time": 1000 * began_ms}
    take(LABELS, began_ms, label, said | {"source": "CUSTOMER", "confidence": 1.0})
    assert "nobody" in {each.transaction_id for each in life.worker.shard.held._by_place.values()}
    # Others have committed the steps in which it has been held for long enough.
    recovery.assigned({(IN, 0): 10**6})
    assert pay(600) == {}
    # In a transaction it goes with where the group is: without offsets nobody would be refused.
    life.shard._fenced_by_offsets = True
    assert pay(1200) == {(IN, 0): 10**6}
    assert len(life.worker.shard.held) == 0
    assert life.worker.shard.stats.dead_letters_by_reason["label_unknown_transaction"] >= 1
    life.bury()


def test_a_snapshot_waits_for_the_memory_of_its_copy(world, monkeypatch):
    life = worker_of(world, 5)

    def begins():
        """Tell whether one does within some turns."""
        passed = len(world.passed)
        for _ in range(30):
            world.seconds += 1.1
            life.worker.turn(0)
        return "snapshot begins" in world.passed[passed:]

    monkeypatch.setattr(SimWriter, "has_room", lambda self, state: False)
    assert not begins()
    monkeypatch.undo()
    assert begins()
    life.bury()


def order_to_erase(world, name, partition=0):
    order = {"kind": "ERASE", "entity": "card", "key": f"{key_of(name):016x}"}
    order |= {"requested_at": START_MS * 1000, "request_id": "r"}
    value = published("control").encode(order)
    world.broker.append((CONTROL, partition), START_MS, None, value)


def numbers(world):
    return sorted(SnapshotFolder(world.folder).numbers())


@pytest.fixture
def remembering(world):
    """A worker that has taken everything, and left three snapshots, the last of all of it."""
    world.chance = lambda share: share in (0.9, 0.2)  # All is delivered, and written in a while.
    life = worker_of(world, None)
    recovery = life.worker.shard.recovery
    while len(numbers(world)) < 3 or recovery._snapshot_step != recovery.progress.step:
        recovery._snapshot_step = -1
        world.seconds += 100
        recovery.tend()
    assert recovery.stats.erasures_pending == 0
    recovery._schedule.interval_s = recovery._schedule._first_s = 1000.0
    recovery._schedule.next_s = world.seconds + 1000
    if recovery._writer.busy:
        recovery._note(recovery._writer.wait(0))
    yield life
    with suppress(OSError):  # It is dead already.
        life.bury()


def holding(world, name):
    key = key_of(name)
    texts = key.to_bytes(8, "little"), f"{key:016x}".encode()
    files = sorted(world.folder.iterdir())
    return [path.name for path in files if any(text in path.read_bytes() for text in texts)]


def test_an_erasure_is_followed_at_once_by_a_snapshot_and_older_ones_go(world, remembering):
    recovery, before = remembering.worker.shard.recovery, numbers(world)
    assert holding(world, "card-1")
    order_to_erase(world, "card-1")
    remembering.live()
    for _ in range(3):
        remembering.worker.turn(0)
    assert recovery.as_dict()["erasures_pending"] == 0
    (after,) = numbers(world)
    assert after > max(before)
    assert holding(world, "card-1") == []
    assert recovery._journal.numbers() == [after]
    assert remembering.worker.shard.engine.counters.erasures == 1
    # And then no more, until it is time.
    assert recovery._schedule.next_s > world.seconds + 900


def test_an_order_that_is_refused_is_a_dead_letter_and_erases_nothing(world, remembering):
    before = numbers(world)
    world.broker.append((CONTROL, 1), START_MS, None, b"nonsense")
    order_to_erase(world, "card-1")
    log = world.broker.log(CONTROL, 0)
    key, value, headers = log[-1].content
    log[-1].content = key, value.replace(b"card", b"curd"), headers
    remembering.live()
    said = remembering.shard.stats.dead_letters_by_reason
    assert said["wrong_magic"] == said["control_unknown_entity"] == 1
    assert numbers(world) == before
    assert remembering.worker.shard.recovery.stats.erasures_pending == 0


def test_an_erasure_is_pending_until_a_snapshot_is_whole(world, remembering, monkeypatch):
    recovery, before = remembering.worker.shard.recovery, numbers(world)
    results = []
    full = Result(9, None, 0.1, 10, 0.0, "the disk is full")
    monkeypatch.setattr(recovery._writer, "start", lambda state, number: results.append(full))
    monkeypatch.setattr(recovery._writer, "poll", lambda: results.pop() if results else None)
    order_to_erase(world, "card-1")
    remembering.live()
    for _ in range(3):
        world.seconds += 1
        remembering.worker.turn(0)
    assert recovery.as_dict()["erasures_pending"] == 1
    assert recovery.as_dict()["snapshots_failed"] >= 3
    assert "the disk is full" in world.told[-1]
    assert numbers(world) == before
    if results:
        recovery._note(results.pop())
    monkeypatch.undo()
    for _ in range(4):
        world.seconds += 1
        remembering.worker.turn(0)
    assert recovery.as_dict()["erasures_pending"] == 0
    assert holding(world, "card-1") == []


def test_one_that_was_begun_before_the_erasure_does_not_count(world, remembering):
    recovery = remembering.worker.shard.recovery
    world.chance = lambda share: share == 0.9  # It takes long to write.
    recovery._snapshot_step, recovery._schedule.next_s = -1, 0.0
    recovery.tend()
    assert recovery._writer.busy
    order_to_erase(world, "card-1")
    remembering.live()
    assert recovery._writer.busy
    recovery._note(recovery._writer.wait(0))
    assert recovery.as_dict()["erasures_pending"] == 1
    assert len(holding(world, "card-1")) == 3
    world.chance = lambda share: share in (0.9, 0.2)
    for _ in range(4):
        world.seconds += 1
        remembering.worker.turn(0)
    assert recovery.as_dict()["erasures_pending"] == 0
    assert holding(world, "card-1") == []


def test_a_worker_that_dies_before_it_has_deleted_is_followed_by_one_that_does(
    world, remembering, monkeypatch
):
    recovery = remembering.worker.shard.recovery

    def broken(number):
        raise StorageError("the disk is read-only")

    monkeypatch.setattr(recovery._snapshots, "forget_before", broken)
    order_to_erase(world, "card-1")
    remembering.live()
    for _ in range(3):
        remembering.worker.turn(0)
    assert recovery.as_dict()["erasures_pending"] == 1
    assert "read-only" in world.told[-1]
    assert holding(world, "card-1")
    remembering.bury()
    heir = worker_of(world)
    assert heir.worker.shard.recovery.stats.replayed == 0
    assert heir.worker.shard.recovery.as_dict()["erasures_pending"] == 0
    assert holding(world, "card-1") == []
    heir.bury()


def test_a_worker_that_dies_before_the_snapshot_is_followed_by_one_that_writes_it(
    world, remembering
):
    world.chance = lambda share: False  # Nothing is acknowledged, so that no snapshot is begun.
    order_to_erase(world, "card-1")
    remembering.live()
    assert remembering.worker.shard.recovery.as_dict()["erasures_pending"] == 1
    assert holding(world, "card-1")
    remembering.bury()
    heir = SimWorker(world)
    heir.worker.recover(_Never())
    recovery = heir.worker.shard.recovery
    assert recovery.stats.replayed > 0
    assert recovery.as_dict()["erasures_pending"] == 1
    assert heir.state() == remembering.state()
    world.chance = lambda share: share in (0.9, 0.2)
    for _ in range(4):
        world.seconds += 1
        heir.worker.turn(0)
    assert recovery.as_dict()["erasures_pending"] == 0
    assert holding(world, "card-1") == []
    heir.bury()


def test_much_work_brings_the_next_snapshot_sooner(world):
    life = worker_of(world, 5)
    recovery = life.worker.shard.recovery
    recovery._schedule.replay_max_s = 5.0
    world.chance = lambda share: share == 0.9  # Everything is delivered, nothing written.
    if recovery._writer.busy:
        recovery._note(recovery._writer.wait(0))
    recovery._schedule.interval_s = recovery._schedule.next_s = 10_000.0

    def begun():
        passed = len(world.passed)
        recovery._snapshot_step = -1
        recovery.tend()
        return "snapshot begins" in world.passed[passed:]

    recovery._schedule.begun()  # What was worked in real time.
    recovery.worked(4.9)
    assert not begun()
    recovery.worked(0.2)
    assert recovery.as_dict()["replay_seconds"] >= 5.1
    assert begun()
    recovery.worked(1.0)
    recovery._note(recovery._writer.wait(0))
    # Of what was worked since it was begun nothing is in it.
    assert recovery.as_dict()["replay_seconds"] == 1.0
    assert not begun()
    life.bury()


def test_a_snapshot_that_much_work_asks_for_is_not_asked_for_at_every_turn(world, monkeypatch):
    life = worker_of(world, 5)
    recovery = life.worker.shard.recovery
    recovery._schedule.replay_max_s = 5.0
    monkeypatch.setattr(recovery, "_settle", lambda timeout_s: False)
    monkeypatch.setattr(SimWriter, "poll", lambda self: None)
    recovery._writer._waiting = None
    recovery._snapshot_step = -1
    recovery._schedule.next_s = world.seconds + 1000
    postponed = recovery.stats.snapshots_postponed
    recovery.worked(6.0)
    for _ in range(5):
        recovery.tend()
    assert recovery.stats.snapshots_postponed == postponed + 1
    life.bury()


def test_what_cannot_be_deleted_is_counted_and_told_once(world, remembering, monkeypatch):
    recovery = remembering.worker.shard.recovery
    unlink = Path.unlink
    oldest = SnapshotFolder(world.folder).path(min(numbers(world)))

    def sticky(path, missing_ok=False):
        if path == oldest:
            raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
        unlink(path, missing_ok)

    def snapshot():
        recovery._snapshot_step = -1
        world.seconds += 10_000
        recovery.tend()
        if recovery._writer.busy:
            recovery._note(recovery._writer.wait(0))

    monkeypatch.setattr(Path, "unlink", sticky)
    told = len(world.told)
    snapshot()
    snapshot()
    assert recovery.as_dict()["undeleted"] == 1
    (said,) = world.told[told:]
    assert f"cannot be deleted, such as {oldest}" in said
    monkeypatch.undo()
    snapshot()
    assert recovery.as_dict()["undeleted"] == 0
    assert len(world.told) == told + 1


@pytest.mark.parametrize(
    ("guarantee", "offsets"),
    [("at_least_once", {}), ("exactly_once", {(IN, 0): 50})],
)
def test_what_is_published_in_a_transaction_goes_with_where_the_group_is(guarantee, offsets):
    config, decoders, codecs, _ = parts()
    engine = engine_of(config, KEY)
    worker = config.worker.model_copy(update={"guarantee": guarantee})
    published = Published()
    published.acknowledge({(IN, 0): 50})
    recovery = SimpleNamespace(published=published)
    config = config.model_copy(update={"worker": worker})
    made = config, engine, *decoders, publisher_of(config, engine), codecs, recovery
    assert Shard(*made)._step(batch([(0, 3)])).offsets == offsets
