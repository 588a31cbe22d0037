"""Snapshots as files: whole or not at all, whatever fails; and what is refused, by name."""

import errno
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fault_log import injects, seen

from models.states import packing
from models.states.snapshot import State, pack
from schemas.errors import SnapshotError, StorageError
from stream.snapshots.folder import SnapshotFolder

KEY = b"a key of sixteen"


def state(n=1, rows=100):
    rng = np.random.default_rng(n)
    inner = State("inner/1", {"n": n}, {"words": rng.integers(0, 99, rows)})
    arrays = {"wide": rng.random((rows, 3)), "turned": rng.random((4, rows)).T}
    return State(
        "worker/1", {"code_version": "1.0", "offsets": [["t", 0, n]]}, arrays, {"in": inner}
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("key", [None, KEY])
def test_a_file_is_the_packed_state(tmp_path, key):
    folder = SnapshotFolder(tmp_path, key)
    path = folder.write(state(), 7)
    assert path == folder.path(7)
    assert path.read_bytes() == pack(state(), key)
    assert names(tmp_path) == ["snapshot-000000000007.state"]
    assert path.stat().st_mode & 0o777 == 0o600
    found = folder.newest()
    assert (found.number, found.path, found.refused) == (7, path, ())
    assert pack(found.state) == pack(state())


def test_what_is_larger_than_a_piece_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "_PIECE", 1000)
    path = SnapshotFolder(tmp_path).write(state(), 1)
    assert path.read_bytes() == pack(state())


def test_a_few_generations_stay(tmp_path):
    folder = SnapshotFolder(tmp_path, keep=3)
    for number in (1, 2, 5, 40, 41):
        folder.write(state(number), number)
    assert folder.numbers() == [41, 40, 5]
    assert folder.newest().state.header["offsets"] == [["t", 0, 41]]


def test_the_first_of_each_of_the_last_days_stays_too(tmp_path):
    folder = SnapshotFolder(tmp_path, keep=2, days=3)
    begun_s = 20_000 * 86_400
    for number in range(1, 21):
        path = folder.write(state(number), number)
        # Four a day, the first at midnight.
        at_s = begun_s + (number - 1) * 21_600
        os.utime(path, (at_s, at_s))
    folder.write(state(21), 21)
    now = os.stat(folder.path(21)).st_mtime // 86_400
    assert now > 20_005
    # 21 is of another day, which is the last one.
    assert folder.numbers() == [21, 20, 17, 13]
    assert folder.surplus() == []


def test_an_empty_folder_has_none(tmp_path):
    (tmp_path / "snapshot-1.state").write_text("not one of ours")
    (tmp_path / "notes.txt").write_text("nor this")
    assert SnapshotFolder(tmp_path).newest() is None
    assert SnapshotFolder(tmp_path).listed() == []


def test_a_folder_that_is_not_there_is_refused_by_name(tmp_path):
    folder = SnapshotFolder(tmp_path / "gone")
    for ask in (folder.newest, folder.listed, lambda: folder.write(state(), 1)):
        with pytest.raises(StorageError, match=r"gone: .* make it, mount its disk"):
            ask()


@pytest.mark.parametrize("number", [3, 2, 0])
def test_numbers_only_grow(tmp_path, number):
    folder = SnapshotFolder(tmp_path)
    folder.write(state(3), 3)
    with pytest.raises(StorageError, match="snapshot 3 is there already"):
        folder.write(state(4), number)
    assert pack(folder.newest().state) == pack(state(3))
    assert folder.numbers() == [3]


@pytest.mark.parametrize("number", [-1, 10**12])
def test_numbers_beyond_a_name_are_refused(tmp_path, number):
    with pytest.raises(ValueError, match=f"number is {number}"):
        SnapshotFolder(tmp_path).write(state(), number)


def test_parameters_that_keep_nothing_safe_are_refused(tmp_path):
    for wrong in ({"keep": 0}, {"key": b"short"}):
        with pytest.raises(ValueError, match="give at least 1 and 16 bytes"):
            SnapshotFolder(tmp_path, **wrong)


# What is damaged or another's.


def damaged(path, change):
    content = bytearray(path.read_bytes())
    path.write_bytes(change(content))


def flipped(content, bit):
    content[bit // 8] ^= 1 << bit % 8
    return content


@injects(
    "a snapshot with one bit flipped, cut short, or with more behind it",
    "it is refused, and the one before is taken",
)
def test_damage_leads_to_the_generation_before(tmp_path):
    folder = SnapshotFolder(tmp_path)
    for number in (1, 2):
        folder.write(state(number), number)
    whole = folder.path(2).read_bytes()
    rng = np.random.default_rng(3)
    bits = [*range(64 * 8), *rng.integers(0, 8 * len(whole), 500)]
    cuts = [*range(0, 130, 7), *rng.integers(0, len(whole), 100), len(whole) - 1]
    changes = [flipped(bytearray(whole), int(bit)) for bit in bits]
    changes += [whole[:cut] for cut in cuts] + [whole + b"\0", whole + whole]
    passed_over = 0
    for content in changes:
        folder.path(2).write_bytes(content)
        found = folder.newest()
        passed_over += found.number == 1
        assert found.number == 1
        assert [each.number for each in found.refused] == [2]
        assert "the state" in found.refused[0].why or "no state" in found.refused[0].why
        with pytest.raises(SnapshotError):
            folder.verify(2)
    seen(len(changes), len(changes), len(changes) - passed_over)
    assert [bool(each.why) for each in folder.listed()] == [True, False]


def test_where_none_is_whole_nobody_begins_anew_without_knowing(tmp_path):
    folder = SnapshotFolder(tmp_path)
    for number in (1, 2):
        folder.write(state(number), number)
        damaged(folder.path(number), lambda content: content[:-1])
    with pytest.raises(SnapshotError, match=r"none of its 2 .*02.state: .*01.state: .* empty fol"):
        folder.newest()


def test_other_keys_are_refused_by_name(tmp_path):
    sealed, plain = SnapshotFolder(tmp_path, KEY), SnapshotFolder(tmp_path)
    sealed.write(state(1), 1)
    with pytest.raises(SnapshotError, match="sealed with a key: give the key"):
        plain.newest()
    with pytest.raises(SnapshotError, match="sealed with another key"):
        SnapshotFolder(tmp_path, b"another key than").newest()
    plain.write(state(2), 2)
    found = sealed.newest()
    assert found.number == 1
    assert "sealed without a key" in found.refused[0].why


def test_an_old_format_is_refused_by_name(tmp_path):
    folder = SnapshotFolder(tmp_path)
    path = folder.write(state(1), 1)
    damaged(path, lambda content: content[:8] + b"\0\0\0\0" + content[12:])
    with pytest.raises(SnapshotError, match="in format 0, and this release reads format 1"):
        folder.newest()


def test_what_cannot_be_read_is_refused(tmp_path):
    folder = SnapshotFolder(tmp_path)
    folder.write(state(1), 1)
    folder.path(2).mkdir()
    found = folder.newest()
    assert (found.number, found.refused[0].number) == (1, 2)
    assert "cannot be read: Is a directory" in found.refused[0].why


# What fails while it is written.


class Failing:
    """Let the n-th call of what writes fail."""

    def __init__(self, monkeypatch, n, number):
        self.left, self.number = n, number
        for owner, name in ((os, "open"), (os, "fsync"), (os, "close"), (Path, "rename")):
            monkeypatch.setattr(owner, name, self.wrapped(getattr(owner, name)))

    def wrapped(self, call):
        def calling(*arguments, **named):
            self.left -= 1
            if self.left == 0:
                raise OSError(self.number, os.strerror(self.number))
            return call(*arguments, **named)

        return calling


@injects(
    "a disk that is full or broken at any call that writes a snapshot",
    "the snapshot before is whole; nothing half written stays",
)
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_whatever_call_fails_the_older_ones_are_whole(tmp_path, monkeypatch, n, number):
    folder = SnapshotFolder(tmp_path)
    folder.write(state(1), 1)
    before = folder.path(1).read_bytes()
    with monkeypatch.context() as patched:
        failing = Failing(patched, n, number)
        with pytest.raises(StorageError, match=f"cannot be written: {os.strerror(number)}; make"):
            folder.write(state(2), 2)
        assert failing.left <= 0
    seen(1, 1, int(folder.newest().number != 1))
    assert names(tmp_path) == ["snapshot-000000000001.state"]
    assert folder.path(1).read_bytes() == before
    folder.write(state(2), 2)
    assert folder.newest().number == 2


@injects(
    "a disk that is full in the middle of a snapshot",
    "the snapshot before is whole; nothing half written stays",
)
def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    """The system's own refusal, in the middle of an array."""
    folder = SnapshotFolder(tmp_path)
    folder.write(state(1), 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, before[1]))
    try:
        with pytest.raises(StorageError, match="cannot be written: File too large"):
            folder.write(state(2, rows=100_000), 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)
    seen(1, 1, int(folder.newest().number != 1))
    assert folder.newest().number == 1
    assert names(tmp_path) == ["snapshot-000000000001.state"]


@injects("kill -9 while a snapshot is written", "the snapshot before is whole and taken")
def test_a_process_that_is_killed_leaves_a_part_that_the_next_one_removes(tmp_path):
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from models.states.snapshot import State\n"
        "from stream.snapshots.folder import SnapshotFolder\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "SnapshotFolder(Path(sys.argv[1])).write(State('s/1', {}, {'a': np.arange(9)}), 2)\n"
    )
    folder = SnapshotFolder(tmp_path)
    folder.write(state(1), 1)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", program, str(tmp_path)]
    ended = subprocess.run(command, env=environment, timeout=60, check=False)
    seen(int(ended.returncode == -signal.SIGKILL), 1, int(folder.newest().number != 1))
    assert ended.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    assert folder.newest().number == 1
    folder.write(state(2), 2)
    assert names(tmp_path) == ["snapshot-000000000001.state", "snapshot-000000000002.state"]


def test_listed_says_what_there_is(tmp_path):
    folder = SnapshotFolder(tmp_path)
    folder.write(state(1), 1)
    folder.write(replace(state(2), header={}), 2)
    newer, older = folder.listed()
    assert (newer.number, newer.header, newer.why) == (2, {}, "")
    assert older.header["offsets"] == [["t", 0, 1]]
    assert older.size == older.path.stat().st_size
