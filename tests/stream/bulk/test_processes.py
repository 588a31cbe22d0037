"""Processes that call functions: what they return, raise, and what is left when one dies."""

from __future__ import annotations

import operator
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from schemas.errors import InputFileError, ProcessError
from stream.bulk.processes import SpawnedProcesses
from stream.files.rows import read_rows

PATIENCE_S = 60.0


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pids_of(processes: SpawnedProcesses, n: int) -> list[int]:
    """Wait until so many processes have begun."""
    until = time.monotonic() + PATIENCE_S
    while len(processes.pids) < n:
        assert time.monotonic() < until, "no process began"
        time.sleep(0.01)
    return processes.pids


def test_calls_are_answered_each_by_its_own() -> None:
    with SpawnedProcesses(2) as processes:
        futures = [processes.submit(operator.mul, i, i) for i in range(20)]
        assert [future.result(PATIENCE_S) for future in futures] == [i * i for i in range(20)]
        pids = {processes.submit(os.getpid).result(PATIENCE_S) for _ in range(3)}
        assert os.getpid() not in pids
        begun = processes.pids
        assert pids <= set(begun)
    assert not any(map(alive, begun))


def test_they_begin_anew_and_are_not_forked() -> None:
    with SpawnedProcesses(1) as processes:
        argv = processes.submit(Path("/proc/self/cmdline").read_bytes).result(PATIENCE_S)
    assert argv.split(b"\0")[1:3] == [b"-m", b"stream.bulk.child"]


def test_what_is_printed_is_no_answer() -> None:
    with SpawnedProcesses(1) as processes:
        assert processes.submit(os.write, 1, b"\xff" * 100).result(PATIENCE_S) == 100
        assert processes.submit(operator.neg, 3).result(PATIENCE_S) == -3


def test_a_large_value_comes_whole() -> None:
    with SpawnedProcesses(1) as processes:
        value = processes.submit(operator.mul, b"x", 5_000_000).result(PATIENCE_S)
    assert value == b"x" * 5_000_000


def test_what_a_function_raises_is_raised_here_and_the_process_goes_on(tmp_path: Path) -> None:
    with SpawnedProcesses(1) as processes:
        failing = processes.submit(read_rows, tmp_path / "no.csv", [])
        with pytest.raises(InputFileError, match="no such file") as raised:
            failing.result(PATIENCE_S)
        assert "read_rows" in "".join(raised.value.__notes__)
        assert processes.submit(operator.neg, 3).result(PATIENCE_S) == -3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_dies_is_one_error_and_ends_all_others(number: signal.Signals) -> None:
    with SpawnedProcesses(2) as processes:
        futures = [processes.submit(time.sleep, 300) for _ in range(5)]
        first, second = pids_of(processes, 2)
        os.kill(first, number)
        errors = [future.exception(PATIENCE_S) for future in futures]
        assert len({str(error) for error in errors}) == 1
        assert isinstance(errors[0], ProcessError)
        assert f"signal {number.value}" in str(errors[0])
        assert not alive(first)
        assert not alive(second)
        # Nothing is begun after that.
        assert isinstance(processes.submit(os.getpid).exception(PATIENCE_S), ProcessError)


def test_what_raises_outside_ends_them_at_once() -> None:
    began = time.monotonic()

    def be_interrupted() -> None:
        with SpawnedProcesses(2) as processes:
            for _ in range(5):
                processes.submit(time.sleep, 300)
            pids.extend(pids_of(processes, 2))
            raise KeyboardInterrupt

    pids: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        be_interrupted()
    assert time.monotonic() - began < PATIENCE_S
    assert not any(map(alive, pids))
    assert not [each for each in threading.enumerate() if each.name.startswith("process-")]


def test_there_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SpawnedProcesses(0)
