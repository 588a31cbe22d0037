"""A server is started once for several processes, and stopped when the last is done with it."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers.shared_server import shared

USER = """
import os, sys, time
from contextlib import contextmanager
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from servers.shared_server import shared
log = Path(sys.argv[2]) / "log"

@contextmanager
def server():
    time.sleep(0.3)
    with log.open("a") as file: file.write("started\\n")
    yield f"server of {os.getpid()}"
    with log.open("a") as file: file.write("stopped\\n")

with shared(Path(sys.argv[2]) / "shared", server) as address:
    print(address, flush=True)
    sys.stdin.readline()
    if sys.argv[3] == "dies": os._exit(9)
"""


def user(folder: Path, how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(Path(__file__).parents[1]), str(folder), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()


def test_the_first_starts_it_and_waits_for_the_last_who_lives(tmp_path):
    starter = user(tmp_path, "ends")
    while not (tmp_path / "shared" / "lock").exists():
        time.sleep(0.01)
    # They come while it starts, and wait for it.
    others = [user(tmp_path, how) for how in ("ends", "dies")]
    users = [starter, *others]
    assert {said(each) for each in users} == {f"server of {starter.pid}"}
    end(starter)
    time.sleep(0.5)
    assert starter.poll() is None
    assert (tmp_path / "log").read_text() == "started\n"
    for each in others:
        end(each)
    # One that is dead is gone only once it was waited for.
    for each in (*others, starter):
        each.wait(30)
        assert each.stdout is not None
        each.stdout.close()
    assert (tmp_path / "log").read_text() == "started\nstopped\n"


def test_one_that_does_not_start_is_tried_by_the_next(tmp_path):
    @contextmanager
    def broken():
        raise RuntimeError("it does not start")
        yield ""

    @contextmanager
    def whole():
        yield "here"

    for _ in range(2):
        with pytest.raises(RuntimeError, match="does not start"), shared(tmp_path / "one", broken):
            raise AssertionError("it was used")
    for _ in range(2):
        with shared(tmp_path / "one", whole) as address:
            assert address == "here"
            assert (tmp_path / "one" / f"user-{os.getpid()}").exists()
