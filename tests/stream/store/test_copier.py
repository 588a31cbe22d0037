"""Copying beside the loop, and what a worker with an empty folder gets back."""

import threading
import time

import numpy as np
import pytest

from models.states.snapshot import State
from schemas.errors import SnapshotError, StoreError
from stream.snapshots.folder import SnapshotFolder
from stream.store.copier import Copier
from stream.store.folder_copies import FolderCopies

SECONDS = 10
SNAPSHOT_KEY = b"sixteen bytes ok"


def state(step):
    return State("worker/1", {"step": step}, {"x": np.arange(1000) + step})


def folder(path, key=None):
    path.mkdir()
    return SnapshotFolder(path, key, keep=10)


class Place:
    """Copies that fail or hang when they are told to."""

    def __init__(self, name="there"):
        self.name = name
        self.puts = []
        self.forgot = []
        self.fails = self.closed = False
        self.open = threading.Event()
        self.open.set()

    def put(self, path, number, going_on):
        self.open.wait(SECONDS)
        if self.fails or not going_on():
            raise StoreError("no")
        self.puts.append(number)

    def forget_before(self, number):
        if self.fails:
            raise StoreError("no answer")
        self.forgot.append(number)

    def numbers(self):
        if self.fails:
            raise StoreError("no answer")
        return []

    def close(self):
        self.closed = True


def counts(copier):
    names = ("snapshot_copies", "snapshot_copies_failed", "snapshot_copies_outdated")
    return [copier.as_dict()[name] for name in names]


def wait_until(true):
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_newest_is_copied_and_those_that_waited_are_left_out(tmp_path):
    place = Place()
    copier = Copier([place])
    place.open.clear()
    copier.copy(tmp_path / "1", 1)
    wait_until(lambda: copier._busy)
    began_s = time.monotonic()
    for number in (2, 3, 4):
        copier.copy(tmp_path / str(number), number)
    assert time.monotonic() - began_s < 0.5
    place.open.set()
    copier.close()
    assert place.puts == [1, 4]
    assert counts(copier) == [2, 0, 0]


def test_one_that_fails_is_told_and_counted_and_stops_no_other(tmp_path):
    now, told = [0.0], []
    bad, good = Place("bad"), Place("good")
    bad.fails = True
    copier = Copier([bad, good], told.append, clock=lambda: now[0])
    for number in range(1, 5):
        copier.copy_now(tmp_path / str(number), number)
    assert good.puts == [1, 2, 3, 4]
    assert counts(copier) == [4, 4, 0]
    # After two failures it is left alone for a while.
    assert told == [
        f"snapshot {number} was not copied, the worker goes on: no" for number in (1, 2)
    ]
    bad.fails = False
    now[0] = 31.0
    copier.copy_now(tmp_path / "5", 5)
    assert bad.puts == [5]


def test_an_end_does_not_wait_for_a_place_that_hangs(tmp_path):
    place = Place()
    copier = Copier([place])
    place.open.clear()
    copier.copy(tmp_path / "1", 1)
    wait_until(lambda: copier._busy)
    began_s = time.monotonic()
    copier.close(0.2)
    assert time.monotonic() - began_s < 2.0
    place.open.set()
    wait_until(lambda: copier.failed == 1)
    assert place.puts == []


@pytest.fixture
def copied(tmp_path):
    """Three copies of a worker's snapshots, sealed with its key."""
    own = folder(tmp_path / "own", SNAPSHOT_KEY)
    copies = FolderCopies(tmp_path / "copies", 3)
    for number in (1, 2, 3):
        copies.put(own.write(state(number), number), number, lambda: True)
    return copies


def test_an_empty_folder_gets_the_newest(tmp_path, copied):
    told = []
    new = folder(tmp_path / "new", SNAPSHOT_KEY)
    Copier([copied], told.append).bring_back(new)
    assert new.numbers() == [3]
    assert new.newest().state.header == {"step": 3}
    assert "goes on from copy 3" in told[0]


def test_what_is_damaged_is_named_and_the_one_before_is_taken(tmp_path, copied):
    told = []
    path = tmp_path / "copies" / "snapshot-000000000003.state"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    (tmp_path / "copies" / "snapshot-000000000002.state").write_bytes(data[:500])
    new = folder(tmp_path / "new", SNAPSHOT_KEY)
    Copier([copied], told.append).bring_back(new)
    assert new.numbers() == [1]
    assert "copy 3 in" in told[0]
    assert "damaged" in told[0]
    assert "copy 2 in" in told[1]
    assert "cut short" in told[1]


def test_the_newest_of_all_places_is_taken_and_a_silent_one_is_passed_over(tmp_path, copied):
    told = []
    silent, older = Place("silent"), FolderCopies(tmp_path / "older", 3)
    silent.fails = True
    other = folder(tmp_path / "other", SNAPSHOT_KEY)
    older.put(other.write(state(2), 2), 2, lambda: True)
    new = folder(tmp_path / "new", SNAPSHOT_KEY)
    Copier([silent, older, copied], told.append).bring_back(new)
    assert new.numbers() == [3]
    assert "is not known: no answer" in told[0]


def test_copies_of_another_key_are_an_error_not_a_fresh_start(tmp_path, copied):
    new = folder(tmp_path / "new", b"another key of 16")
    with pytest.raises(SnapshotError, match=r"none of the 3 copies.*another key"):
        Copier([copied]).bring_back(new)
    assert list((tmp_path / "new").iterdir()) == []


def test_without_copies_the_folder_stays_empty(tmp_path):
    new = folder(tmp_path / "new")
    Copier([FolderCopies(tmp_path / "none", 3)]).bring_back(new)
    assert new.numbers() == []


def test_copies_that_know_somebody_who_was_erased_go_as_soon_as_their_place_answers(tmp_path):
    now, told = [0.0], []
    bad, good = Place("bad"), Place("good")
    bad.fails = True
    copier = Copier([bad, good], told.append, clock=lambda: now[0])
    copier.forget_before(7)
    wait_until(lambda: good.forgot == [7] and told)
    assert "know somebody who was erased are still there: no answer" in told[-1]
    assert counts(copier)[2] == 1
    bad.fails = False
    copier.copy(tmp_path / "8", 8)
    wait_until(lambda: bad.forgot == [7])
    wait_until(lambda: counts(copier)[2] == 0)
    assert bad.puts == good.puts == [8]
    # Once is enough.
    copier.copy(tmp_path / "9", 9)
    copier.close()
    assert bad.forgot == good.forgot == [7]


def test_places_are_let_go_of_whether_or_not_anything_was_copied(tmp_path):
    place = Place()
    Copier([place]).close()
    assert place.closed
    place = Place()
    copier = Copier([place])
    copier.copy(tmp_path / "x", 1)
    copier.close()
    assert (place.puts, place.closed) == ([1], True)


def test_a_place_that_hangs_is_let_go_of_once_it_answers(tmp_path):
    place = Place()
    copier = Copier([place])
    place.open.clear()
    copier.copy(tmp_path / "x", 1)
    wait_until(lambda: copier._busy)
    copier.close(0.0)
    assert not place.closed
    place.open.set()
    wait_until(lambda: place.closed)
