"""Arrays on a disk: the same results, and memory that the system can take back."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from inputs.streams import build_engine, hostile_log, random_parameters, run_engine

from schemas.errors import ConfigError
from stream.labels.memory import in_memory
from stream.spill import Spill

ROOT = Path(__file__).parents[2]
MIB = 2**20


def test_an_engine_on_a_disk_says_and_keeps_the_same(tmp_path):
    rng = np.random.default_rng(5)
    parameters = replace(random_parameters(rng), waiting_max=500)
    log = hostile_log(rng, 300)
    said, kept = [], []
    for allocate in (in_memory, Spill(tmp_path)):
        result = run_engine(build_engine(parameters, allocate), log)
        said.append(result.said())
        kept.append(result.state())
    assert said[0] == said[1]
    assert kept[0] == kept[1]


# In a process of its own: one that ran other tests writes into memory they gave back, or
# gives more back meanwhile, and then nothing is seen to grow.
ANONYMOUS_KIB = """
import sys
from pathlib import Path
from stream.labels.memory import in_memory
from stream.spill import Spill

def anonymous_kib():
    with open("/proc/self/status", encoding="ascii") as status:
        lines = dict(line.split(":", 1) for line in status)
    return int(lines["RssAnon"].split()[0])

folder, rows = Path(sys.argv[1]), int(sys.argv[2])
before = anonymous_kib()
on_disk = Spill(folder)("features", (rows, 10))
on_disk[:] = 1.0
print(anonymous_kib() - before)
assert on_disk.sum() == on_disk.size
in_ram = in_memory("features", on_disk.shape)
in_ram[:] = 1.0
print(anonymous_kib() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc")
def test_what_is_written_is_not_the_processs_own_memory(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ANONYMOUS_KIB, str(tmp_path), str(64 * MIB // 80)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    on_disk, in_ram_too = map(int, done.stdout.split())
    assert on_disk < 8 * 1024
    assert in_ram_too > 56 * 1024


def test_no_file_is_left_to_be_read(tmp_path):
    array = Spill(tmp_path)("features", (3, 4))
    assert list(tmp_path.iterdir()) == []
    assert not array.any()
    assert type(array) is np.ndarray


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"labels\.waiting_folder: .*absent.*make the folder"):
        Spill(tmp_path / "absent")("features", (3, 4))


def test_a_disk_without_room_is_named_at_once(tmp_path, monkeypatch):
    asked = []

    def full(descriptor, start, size):
        asked.append((start, size))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ConfigError, match="cannot hold features of 96 bytes: No space left"):
        Spill(tmp_path)("features", (3, 4))
    assert asked == [(0, 96)]
