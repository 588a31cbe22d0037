"""Snapshots by a child process: the state as it was, and nobody waits or fails with it."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from models.states.snapshot import State, pack
from stream.snapshots import background
from stream.snapshots.background import BackgroundWriter, unshared
from stream.snapshots.folder import SnapshotFolder
from stream.spill import Spill

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
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


def test_only_memory_that_is_shared_is_copied(tmp_path):
    mine, spilled = large(10), Spill(tmp_path)("rows", (3, 4))
    found = unshared(State("s/1", {}, {"mine": mine[2:], "spilled": spilled}))
    assert np.shares_memory(found.arrays["mine"], mine)
    assert not np.shares_memory(found.arrays["spilled"], spilled)


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
    """Let a child hang in the middle of its file."""
    real = os.fsync
    parent = os.getpid()

    def hanging(descriptor):
        if os.getpid() != parent:
            time.sleep(PATIENCE_S)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", hanging)


def parts(writer):
    return [path for path in writer.folder.folder.iterdir() if path.suffix == ".part"]


def until_there_is_a_part(writer):
    deadline_s = time.monotonic() + PATIENCE_S
    while not parts(writer):
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_a_child_that_is_killed_is_a_failure_and_leaves_nothing(writer, monkeypatch):
    slow(monkeypatch)
    assert writer.start(State("s/1"), 1)
    until_there_is_a_part(writer)
    assert writer.wait(0.05) is None
    os.kill(writer._child.pid, signal.SIGKILL)
    result = writer.wait(PATIENCE_S)
    assert result.error == "its process was ended before it was done"
    assert not parts(writer)
    assert writer.folder.numbers() == []


def test_stop_gives_up_what_is_being_written(writer, monkeypatch):
    slow(monkeypatch)
    assert writer.start(State("s/1"), 1)
    until_there_is_a_part(writer)
    pid = writer._child.pid
    writer.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not parts(writer)
    assert not writer.busy
    assert writer.wait(1.0) is None


def test_where_no_process_can_be_made_it_is_a_failure_like_others(writer, monkeypatch):
    def refuse():
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(os, "fork", refuse)
    before = sorted(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None
    assert writer.start(State("s/1"), 1)
    assert "Cannot allocate memory" in writer.wait(1.0).error
    if before is not None:
        assert sorted(os.listdir("/proc/self/fd")) == before
    assert gc.isenabled()


def test_nothing_of_the_parent_runs_in_the_child(tmp_path):
    """Neither exits, nor threads, nor destructors, nor a second line of what is buffered."""
    program = """
import atexit, gc, os, sys, threading, warnings
from pathlib import Path
import numpy as np
warnings.simplefilter("error")
from models.states.snapshot import State
from stream.snapshots.background import BackgroundWriter
from stream.snapshots.folder import SnapshotFolder
parent = os.getpid()
said = lambda what: os.write(2, f"{what} in the child\\n".encode()) if os.getpid() != parent else 0
atexit.register(said, "atexit")
os.nice = lambda _: said("destructors") if gc.isenabled() else 0
stop = threading.Event()
thread = threading.Thread(target=stop.wait); thread.start()
sys.stdout.write("once")
writer = BackgroundWriter(SnapshotFolder(Path(sys.argv[1])))
for number in range(1, 30):
    assert writer.start(State("s/1", {}, {str(i): np.arange(i) for i in range(300)}), number)
    assert writer.wait(60).error == ""
stop.set(); thread.join()
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", program, str(tmp_path)]
    ended = subprocess.run(
        command, env=environment, timeout=120, check=False, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "once", "")


@pytest.mark.skipif(background._LIBC is None, reason="nobody tells a child here")
def test_a_child_dies_with_its_parent(tmp_path):
    program = """
import os, signal, sys, time
from pathlib import Path
from models.states.snapshot import State
from stream.snapshots.background import BackgroundWriter
from stream.snapshots.folder import SnapshotFolder
parent = os.getpid()
os.fsync = lambda _: time.sleep(0 if os.getpid() == parent else 60)
writer = BackgroundWriter(SnapshotFolder(Path(sys.argv[1])))
writer.start(State("s/1"), 1)
while not list(Path(sys.argv[1]).glob("*.part")): time.sleep(0.01)
print(writer._child.pid, flush=True)
os.kill(parent, signal.SIGKILL)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", program, str(tmp_path)]
    ended = subprocess.run(
        command, env=environment, timeout=60, check=False, capture_output=True, text=True
    )
    pid = int(ended.stdout)
    deadline_s = time.monotonic() + 10
    while is_alive(pid):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_it_may_be_started_by_any_thread(writer):
    results = []

    def work():
        assert writer.start(State("s/1"), 1)
        results.append(writer.wait(PATIENCE_S))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE_S)
    assert results[0].error == ""
