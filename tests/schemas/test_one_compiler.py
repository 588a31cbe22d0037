"""Processes that need the same kernel compile it once."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numba
import pytest

from schemas import one_compiler
from schemas.one_compiler import one_at_a_time
from schemas.records import PACKAGE

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")

# A kernel whose compiling is noted, and takes a while.
NEEDY = """
    import sys, time
    from numba.core import event
    from slow import slow

    class Noting(event.Listener):
        def on_start(self, event):
            print("compiles", flush=True)
            time.sleep(1.0)
        def on_end(self, event): pass

    print("ready", flush=True)
    sys.stdin.readline()
    event.register("numba:compile", Noting())
    print(slow({value}), flush=True)
"""


def needy(folder: Path, value: str) -> subprocess.Popen:
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(folder / "kernels"),
        "PYTHONPATH": os.pathsep.join((str(folder), str(PACKAGE.parent))),
    }
    program = textwrap.dedent(NEEDY).format(value=value)
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(folder: Path, values: tuple[str, ...]) -> list[list[str]]:
    """What processes said that were let go at the same time."""
    source = "from schemas.jit import kernel\n\n@kernel\ndef slow(x):\n    return x + 1\n"
    (folder / "slow.py").write_text(source)
    processes = [needy(folder, value) for value in values]
    try:
        for each in processes:
            assert each.stdout.readline() == "ready\n"
        for each in processes:
            each.stdin.write("go\n")
            each.stdin.flush()
        return [each.communicate(timeout=60)[0].split() for each in processes]
    finally:
        for each in processes:
            each.kill()
            each.wait()


def test_one_of_them_compiles_and_all_have_it(tmp_path):
    found = said(tmp_path, ("1", "1", "1"))
    assert sorted(found) == [["2"], ["2"], ["compiles", "2"]]


def test_kernels_of_other_types_that_are_compiled_at_the_same_time_are_all_kept(tmp_path):
    values = "1", "1.5", "True"
    assert said(tmp_path, values) == [["compiles", "2"], ["compiles", "2.5"], ["compiles", "2"]]
    assert said(tmp_path, values) == [["2"], ["2.5"], ["2"]]


class Dispatcher:
    def __init__(self, work):
        self.compile = work


def test_a_kernel_may_need_itself_with_other_types(tmp_path):
    depths = []

    def work(depth):
        depths.append(depth)
        if depth:
            dispatcher.compile(depth - 1)

    dispatcher = Dispatcher(work)
    one_at_a_time(dispatcher, tmp_path / "new" / "lock")
    dispatcher.compile(2)
    assert depths == [2, 1, 0]


def test_an_error_leaves_nothing_held(tmp_path):
    def work(signature):
        raise ValueError(signature)

    dispatcher = Dispatcher(work)
    one_at_a_time(dispatcher, tmp_path / "lock")
    for _ in range(2):
        with pytest.raises(ValueError, match="int64"):
            dispatcher.compile("int64")
    assert not one_compiler._held


def test_a_process_that_was_stopped_holds_nobody_up_for_ever(tmp_path, monkeypatch):
    lock = tmp_path / "lock"
    holder = f"""
        import fcntl, os, sys
        fcntl.lockf(os.open({str(lock)!r}, os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
        print("held", flush=True)
        sys.stdin.read()
    """
    monkeypatch.setattr(one_compiler, "_SECONDS_MAX", 0.2)
    dispatcher = Dispatcher(lambda signature: signature)
    one_at_a_time(dispatcher, lock)
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(holder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        began = time.monotonic()
        assert dispatcher.compile("int64") == "int64"
        assert time.monotonic() - began >= 0.2
        process.stdin.close()


def test_without_a_place_for_the_file_it_is_compiled_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    dispatcher = Dispatcher(lambda signature: signature)
    one_at_a_time(dispatcher, tmp_path / "file" / "lock")
    assert dispatcher.compile("int64") == "int64"
