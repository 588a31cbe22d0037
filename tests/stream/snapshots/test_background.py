"""Snapshots by a thread: the state as it was, and nobody waits or fails with it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from models.states import packing
from models.states.snapshot import State, pack
from stream.snapshots.background import BackgroundWriter
from stream.snapshots.folder import SnapshotFolder
from stream.spill import Spill

PATIENCE_S = 60.0


@pytest.fixture
def writer(tmp_path):
    writer = BackgroundWriter(SnapshotFolder(tmp_path, b"a key of sixteen"))
    yield writer
    writer.stop()


def large(n=2_000_000):
    return np.arange(n, dtype=np.int64)


def test_what_is_written_is_the_state_as_it_was(writer):
    array = large()
    state = State("s/1", {"n": 1}, {"view": array[10:]})
    expected = pack(state, b"a key of sixteen")
    assert writer.start(state, 1)
    array[:] = -1
    result = writer.wait(PATIENCE_S)
    assert result.error == ""
    assert result.path.read_bytes() == expected
    assert (result.number, result.bytes) == (1, len(expected))
    assert 0 < result.held_up_s <= result.seconds
    assert writer.poll() is None
    assert not writer.busy


def test_memory_that_is_shared_with_a_file_is_the_state_as_it_was_too(writer, tmp_path):
    spilled = Spill(tmp_path)("rows", (300_000, 4))
    spilled[:] = 1.0
    state = State("s/1", {}, {"rows": spilled[5:]}, {"inner": State("i/1", {}, {"a": spilled[:2]})})
    expected = pack(state, b"a key of sixteen")
    assert writer.start(state, 1)
    spilled[:] = 2.0
    assert writer.wait(PATIENCE_S).path.read_bytes() == expected


def test_one_at_a_time_until_somebody_asked_what_became_of_it(writer):
    assert writer.start(State("s/1"), 1)
    assert writer.busy
    assert not writer.start(State("s/1"), 2)
    deadline_s = time.monotonic() + PATIENCE_S
    while (result := writer.poll()) is None:
        assert time.monotonic() < deadline_s
        time.sleep(0.005)
    assert result.number == 1
    assert writer.start(State("s/1"), 2)
    assert writer.wait(PATIENCE_S).number == 2


def test_a_failure_is_told_and_the_next_one_may_succeed(writer):
    writer.folder.write(State("s/1"), 5)
    assert writer.start(State("s/1"), 4)
    result = writer.wait(PATIENCE_S)
    assert result.path is None
    assert "snapshot 5 is there already" in result.error
    assert writer.start(State("s/1"), 6)
    assert writer.wait(PATIENCE_S).error == ""


def test_a_state_that_has_no_bytes_is_the_callers_mistake(writer):
    with pytest.raises(ValueError, match="give None, bool, int"):
        writer.start(State("s/1", {"x": object()}), 1)
    assert not writer.busy


def slow(monkeypatch):
    """Let the disk hang once all of a file is written; return who tells that, and lets it go on."""
    real, hangs, go_on = os.fsync, threading.Event(), threading.Event()

    def hanging(descriptor):
        if threading.current_thread().name == "snapshot":
            hangs.set()
            go_on.wait(PATIENCE_S)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", hanging)
    return hangs, go_on


def parts(writer):
    return [path for path in writer.folder.folder.iterdir() if path.suffix == ".part"]


def test_a_disk_that_hangs_holds_nobody_up(writer, monkeypatch):
    hangs, go_on = slow(monkeypatch)
    array = large()
    assert writer.start(State("s/1", {}, {"a": array}), 1)
    assert hangs.wait(PATIENCE_S)
    assert writer.wait(0.05) is None
    assert writer.poll() is None
    begun_s = time.monotonic()
    writer.stop(timeout_s=0.1)
    assert time.monotonic() - begun_s < 5.0
    assert writer.folder.numbers() == []
    go_on.set()
    assert writer.wait(PATIENCE_S).error == ""


def test_stop_gives_up_what_is_being_written(writer, monkeypatch):
    writing, go_on = threading.Event(), threading.Event()
    real = packing._PIECE

    class Pieces(int):
        def __radd__(self, other):
            writing.set()
            go_on.wait(PATIENCE_S)
            return real + other

    monkeypatch.setattr(packing, "_PIECE", Pieces(real))
    assert writer.start(State("s/1", {}, {"a": large()}), 1)
    assert writing.wait(PATIENCE_S)
    threading.Timer(0.2, go_on.set).start()
    writer.stop(PATIENCE_S)
    assert not parts(writer)
    assert not writer.busy
    assert writer.folder.numbers() == []
    assert writer.wait(1.0) is None


def test_the_memory_of_the_copy_is_kept_for_the_next(writer):
    state = State("s/1", {}, {"a": large()})
    copies = []
    for number in (1, 2, 3):
        assert writer.start(state, number)
        assert writer.wait(PATIENCE_S).error == ""
        copies.append(writer._room)
    assert copies[0] is copies[1] is copies[2]
    larger = State("s/1", {}, {"a": large(4_000_000)})
    expected = pack(larger, b"a key of sixteen")
    assert writer.start(larger, 4)
    assert writer.wait(PATIENCE_S).path.read_bytes() == expected


def test_room_is_made_while_nobody_waits(writer):
    state = State("s/1", {}, {"a": large()})
    assert not writer.has_room(state)
    deadline_s = time.monotonic() + PATIENCE_S
    while not writer.has_room(state):
        assert time.monotonic() < deadline_s
        time.sleep(0.005)
    room = writer._room
    assert writer.start(state, 1)
    assert writer.wait(PATIENCE_S).error == ""
    assert writer._room is room


def test_a_worker_that_dies_leaves_what_the_next_deletes(tmp_path):
    program = """
import os, signal, sys, threading, time
from pathlib import Path
from models.states import packing
from models.states.snapshot import State
from stream.snapshots.background import BackgroundWriter
from stream.snapshots.folder import SnapshotFolder
os.fsync = lambda _: time.sleep(60)
writer = BackgroundWriter(SnapshotFolder(Path(sys.argv[1])))
writer.start(State("s/1"), 1)
while not list(Path(sys.argv[1]).glob("*.part")): time.sleep(0.01)
if sys.argv[2] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    for how, status in (("kill", -9), ("end", 0)):
        command = [sys.executable, "-c", program, str(tmp_path), how]
        # A thread that writes does not keep a process that has ended.
        ended = subprocess.run(command, env=environment, timeout=30, check=False)
        assert ended.returncode == status
        assert SnapshotFolder(tmp_path).numbers() == []
    SnapshotFolder(tmp_path).write(State("s/1"), 1)
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot-000000000001.state"]


def test_it_may_be_started_by_any_thread(writer):
    results = []

    def work():
        assert writer.start(State("s/1"), 1)
        results.append(writer.wait(PATIENCE_S))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE_S)
    assert results[0].error == ""


def test_where_there_is_no_memory_for_a_copy_it_is_a_failure_like_others(writer, monkeypatch):
    state = State("s/1", {}, {"a": large()})

    def refused(*args):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("stream.snapshots.background.np.empty", refused)
        assert not writer.has_room(state)
        writer._making.join(PATIENCE_S)
        assert writer.has_room(state)
        assert writer.start(state, 1)
        assert writer.busy
        assert "no memory for a copy of 16,0" in writer.wait(PATIENCE_S).error
    assert not writer.busy
    assert writer.start(state, 1)
    assert writer.wait(PATIENCE_S).error == ""
