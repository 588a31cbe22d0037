"""Whoever takes over has all that was left, and who was paused is read by nobody."""

import errno
import os
import shutil
import threading
from pathlib import Path

import pytest

from models.states.snapshot import State
from schemas.errors import RecoveryError
from stream.recovery import tenure as tenures
from stream.recovery.identity import Identity
from stream.recovery.journal import Entry, Kind
from stream.recovery.runs import Run
from stream.recovery.segments import Journal
from stream.recovery.tenure import Tenure, newest_tenure
from stream.snapshots.folder import SnapshotFolder

IDENTITY = Identity("code", "configuration", "in", "labels", (1,), (2,))


def state(n):
    return State("worker/1", {"n": n})


def entry(step):
    return Entry(Kind.TRANSACTIONS, step, 7, 1, (Run(0, step, 1),))


def tenures_in(root):
    return sorted(name for name in os.listdir(root) if "tenure" in name)


def steps(journal):
    return [each.step for each in journal.chain(0, 0).entries]


def test_the_first_owner_finds_nothing(tmp_path):
    assert newest_tenure(tmp_path / "p") is None
    first = Tenure(tmp_path / "p")
    assert (first.number, first.over) == (1, False)
    first.require()
    assert newest_tenure(tmp_path / "p") == first.folder


def test_the_next_has_all_that_was_left_and_the_one_before_is_read_by_nobody(tmp_path):
    first = Tenure(tmp_path)
    journal = Journal(first.folder, first)
    journal.begin(IDENTITY.header(1, 1))
    for step in (1, 2, 3):
        journal.append(entry(step))
    SnapshotFolder(first.folder).write(state(5), 1)

    second = Tenure(tmp_path)
    heirs = Journal(second.folder, second)
    assert steps(heirs) == [1, 2, 3]
    assert SnapshotFolder(second.folder).newest().state.header == state(5).header
    assert tenures_in(tmp_path) == [second.folder.name]

    # The one before was paused, and goes on where it was.
    assert first.over
    for act in (lambda: journal.append(entry(4)), lambda: journal.begin(IDENTITY.header(2, 4))):
        with pytest.raises(RecoveryError, match=r"another worker has taken over .* start it again"):
            act()
    third = Tenure(tmp_path)
    assert steps(Journal(third.folder, third)) == [1, 2, 3]


def test_an_entry_that_is_written_while_another_takes_over_does_not_count(tmp_path, monkeypatch):
    first = Tenure(tmp_path)
    journal = Journal(first.folder, first)
    journal.begin(IDENTITY.header(1, 1))
    journal.append(entry(1))
    second = Tenure(tmp_path)
    # It had looked whether the folder is still its own just before.
    monkeypatch.setattr(first, "require", lambda: None)
    journal.append(entry(2))
    assert steps(Journal(second.folder, second)) == [1]
    # And a snapshot has nowhere to go.
    monkeypatch.undo()
    assert not first.folder.exists()


def test_what_somebody_left_who_died_while_taking_over_is_deleted(tmp_path):
    first = Tenure(tmp_path)
    dead = tmp_path / f".tenure-{1:012d}-dead"
    dead.mkdir()
    (dead / "snapshot-000000000001.state").write_bytes(b"half")
    second = Tenure(tmp_path)
    assert [first.number, second.number] == [1, 2]
    assert tenures_in(tmp_path) == [second.folder.name]


def test_files_that_go_while_they_are_copied_are_looked_for_again(tmp_path, monkeypatch):
    first = Tenure(tmp_path)
    snapshots = SnapshotFolder(first.folder, keep=1)
    snapshots.write(state(1), 1)
    link, calls = os.link, []

    def gone(source, target):
        if not calls:
            snapshots.write(state(2), 2)  # The first is pruned.
        calls.append(source)
        link(source, target)

    monkeypatch.setattr(tenures.os, "link", gone)
    second = Tenure(tmp_path)
    assert SnapshotFolder(second.folder).numbers() == [2]
    assert len(calls) > 1


def test_where_nothing_can_be_linked_it_is_copied(tmp_path, monkeypatch):
    def refused(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(tenures.os, "link", refused)
    first = Tenure(tmp_path)
    SnapshotFolder(first.folder).write(state(1), 1)
    assert SnapshotFolder(Tenure(tmp_path).folder).newest().number == 1


def test_of_many_at_once_one_has_it_in_the_end(tmp_path):
    found, failed = [], []

    def take():
        try:
            found.append(Tenure(tmp_path))
        except RecoveryError as error:
            failed.append(error)

    threads = [threading.Thread(target=take) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    numbers = {each.number for each in found}
    assert len(numbers) == 16
    assert [each.number for each in found if not each.over] == [max(numbers)]


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecoveryError, match=r"recovery\.folder: the state in .*file/x"):
        Tenure(tmp_path / "file" / "x")


def test_who_looked_too_long_ago_is_no_owner_of_old(tmp_path, monkeypatch):
    monkeypatch.setattr(tenures, "_CLAIMS_KEPT", 1)
    for _ in range(5):
        Tenure(tmp_path)
    newest, looks = tenures._newest, []

    def as_it_was(root, pattern):
        looks.append(newest(root, pattern))
        return 1 if len(looks) == 1 else looks[-1]

    monkeypatch.setattr(tenures, "_newest", as_it_was)
    late = Tenure(tmp_path)
    assert late.number == 6
    assert not late.over
    assert tenures_in(tmp_path) == [late.folder.name]


def test_who_claimed_and_died_hides_nothing_from_the_next(tmp_path, monkeypatch):
    first = Tenure(tmp_path)
    SnapshotFolder(first.folder).write(state(1), 1)
    with monkeypatch.context() as patch:
        patch.setattr(tenures.Tenure, "_take_over", lambda self: None)
        patch.setattr(tenures.Tenure, "clear", lambda self: [])
        Tenure(tmp_path)
    # It had the claim, so the first may write no more.
    assert first.over
    third = Tenure(tmp_path)
    assert third.number == 3
    assert SnapshotFolder(third.folder).numbers() == [1]


def test_what_a_later_one_is_taking_over_is_left_alone(tmp_path):
    Tenure(tmp_path)
    later = tmp_path / f".tenure-{9:012d}-x"
    later.mkdir()
    (later / "segment-000000000001.journal").write_bytes(b"whole")
    Tenure(tmp_path)
    assert (later / "segment-000000000001.journal").exists()


def test_a_disk_that_does_not_say_whose_turn_it_is_is_an_error_of_ours(tmp_path, monkeypatch):
    tenure = Tenure(tmp_path)

    def broken(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(Path, "exists", broken)
    for ask in (tenure.require, lambda: tenure.over):
        with pytest.raises(RecoveryError, match=r"may be another's .*Input/output error.*mount"):
            ask()


def test_what_owners_before_left_and_cannot_be_deleted_is_told_and_tried_again(
    tmp_path, monkeypatch
):
    first = Tenure(tmp_path)
    monkeypatch.setattr(shutil, "rmtree", lambda path, ignore_errors: None)
    second = Tenure(tmp_path)
    assert second.clear() == [first.folder]
    assert Journal(second.folder, second).prune(0) == [first.folder]
    monkeypatch.undo()
    assert second.clear() == []
    assert tenures_in(tmp_path) == [second.folder.name]
    monkeypatch.setattr(Path, "iterdir", lambda path: (_ for _ in ()).throw(OSError(errno.EIO, "")))
    assert second.clear() == [tmp_path]
