"""Segments lead from a snapshot to the end of the journal, or say where they break off."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.errors import RecoveryError
from stream.recovery.identity import Identity
from stream.recovery.journal import Entry, Kind, begin_segment
from stream.recovery.lock import FolderLock
from stream.recovery.runs import Run
from stream.recovery.segments import Chain, Journal

IDENTITY = Identity("code", "configuration", "in", "labels", (1,), (2,))


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path)
    yield journal
    journal.close()


def write(journal, number, first_step, n):
    """Write a segment of n entries."""
    entries = [
        Entry(Kind.TRANSACTIONS, first_step + i, 0, 0, (Run(0, first_step + i, 1),))
        for i in range(n)
    ]
    journal.begin(IDENTITY.header(number, first_step, 7))
    for entry in entries:
        journal.append(entry)
    return entries


def steps(chain):
    return [entry.step for entry in chain.entries]


def damage(journal, number, keep):
    """Let a segment end inside of the entry that follows `keep` whole ones."""
    whole = journal.path(number).read_bytes()
    frame = 8 + 21 + 16
    n = (len(whole) - whole.index(b"}") - 1) // frame
    journal.path(number).write_bytes(whole[: len(whole) - (n - keep) * frame + 3])


def test_a_chain_leads_over_all_segments_behind_a_snapshot(journal):
    for number, first, n in ((1, 1, 3), (2, 4, 2), (3, 6, 0), (5, 6, 4)):
        write(journal, number, first, n)
    assert journal.numbers() == [1, 2, 3, 5]
    assert steps(journal.chain(0, 0)) == list(range(1, 10))
    assert steps(journal.chain(2, 3)) == list(range(4, 10))
    assert steps(journal.chain(5, 5)) == [6, 7, 8, 9]
    assert [header.number for header, _ in journal.chain(2, 3).links] == [2, 3, 5]
    assert journal.chain(6, 9).links == []


def test_what_follows_damage_is_given_up_and_what_began_behind_it_is_not(journal):
    write(journal, 1, 1, 4)
    write(journal, 2, 5, 3)
    damage(journal, 1, 2)
    broken = journal.chain(0, 0)
    assert steps(broken) == [1, 2]
    assert len(broken.broken) == 1
    # The worker after it went on behind step 2, beyond the number that segment 2 begins with.
    write(journal, 3, 3, 5)
    assert steps(journal.chain(0, 0)) == list(range(1, 8))
    write(journal, 4, 8, 1)
    assert steps(journal.chain(0, 0)) == list(range(1, 9))


def test_a_segment_without_a_header_is_passed_over(journal):
    write(journal, 1, 1, 2)
    journal.path(2).write_bytes(b"")
    journal.path(3).write_bytes(bytes(100))
    write(journal, 4, 3, 2)
    chain = journal.chain(0, 0)
    assert steps(chain) == [1, 2, 3, 4]
    assert len(chain.broken) == 2
    assert journal.reaches_back()


def test_pruning_keeps_the_segments_of_kept_snapshots(journal):
    for number, first in ((1, 1), (2, 3), (3, 5)):
        write(journal, number, first, 2)
    assert journal.reaches_back()
    journal.prune(2)
    assert journal.numbers() == [2, 3]
    assert not journal.reaches_back()


def test_an_append_needs_a_segment(journal):
    with pytest.raises(ValueError, match="begin a segment"):
        journal.append(Entry(Kind.LABELS, 1, 0, 0, (Run(0, 0, 1),)))


def test_a_write_that_fails_leaves_the_segment_as_it_was(journal, monkeypatch):
    write(journal, 1, 1, 2)
    before = journal.path(1).read_bytes()
    write_now = os.write
    parts = []

    def full(file, data):
        if parts:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        parts.append(1)
        return write_now(file, data[:5])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RecoveryError, match=r"segment-000000000001.*No space left.*make room"):
        journal.append(Entry(Kind.LABELS, 3, 0, 0, (Run(0, 0, 1),)))
    assert journal.path(1).read_bytes() == before
    parts.clear()
    with pytest.raises(RecoveryError, match=r"segment-000000000002.*No space left"):
        journal.begin(IDENTITY.header(2, 3, 7))
    assert journal.numbers() == [1]
    monkeypatch.undo()
    journal.append(Entry(Kind.LABELS, 3, 0, 0, (Run(0, 0, 1),)))
    assert steps(journal.chain(0, 0)) == [1, 2, 3]


def test_a_disk_that_is_full_in_the_middle_of_an_entry(journal):
    """The kernel itself cuts the write short here, by the limit of a file's size."""
    write(journal, 1, 1, 1)
    entry = Entry(Kind.LABELS, 2, 0, 0, tuple(Run(0, 2 * i, 1) for i in range(50)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.path(1).stat().st_size + 100, hard))
    try:
        with pytest.raises(RecoveryError, match="File too large"):
            journal.append(entry)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert journal.chain(0, 0).broken == []
    journal.append(entry)
    assert steps(journal.chain(0, 0)) == [1, 2]


def test_entries_of_another_code_or_configuration_are_refused_by_name(journal):
    write(journal, 1, 1, 2)
    links = journal.chain(0, 0).links
    IDENTITY.require(links)
    Identity("code", "configuration", "in", "labels", (1, 7), (2, 8)).require(links)
    others = {
        "another code code, not other:": Identity("other", "configuration", "in", "labels"),
        "another configuration configuration, not x": Identity("code", "x", "in", "labels"),
        "another transactions topic in, not y": Identity("code", "configuration", "y", "labels"),
        "another labels topic labels, not z": Identity("code", "configuration", "in", "z"),
        r"schema ids \[1, 2\]": Identity("code", "configuration", "in", "labels", (3,)),
    }
    for text, other in others.items():
        pattern = text.replace(":", "") + ".*stop it with SIGTERM.*empty folder"
        with pytest.raises(RecoveryError, match=pattern):
            other.require(links)
    Identity("other", "x", "y", "z").require([])


def test_other_code_may_take_again_what_says_what_it_came_to(journal):
    other = replace(IDENTITY, code="other")
    write(journal, 1, 1, 3)
    (header, entries), *_ = journal.chain(0, 0).links
    said = [replace(each, outcome=each.step) for each in entries]
    # Nothing of the last one is out as long as it does not say so; nor of what is only heard.
    other.require([(header, said)])
    other.require([(header, [*said[:2], entries[2]])])
    other.require([(header, [replace(entries[0], kind=Kind.SHARED), *said[1:]])])
    with pytest.raises(RecoveryError, match="another code code, not other: start"):
        other.require([(header, [said[0], entries[1], said[2]])])
    with pytest.raises(RecoveryError, match="another code code, not other: start"):
        other.require([(header, [*said[:2], entries[2]]), (header, said)])
    with pytest.raises(RecoveryError, match=r"another configuration configuration, not x: start"):
        replace(other, configuration="x").require([(header, said)])


@pytest.mark.parametrize(("said", "stands"), [(None, 9), (7, 7)])
def test_what_a_step_came_to_is_what_its_own_writer_said(journal, said, stands):
    (entry,) = write(journal, 1, 1, 1)
    if said is not None:
        journal.append_outcome(entry.step, said)
    journal.begin(IDENTITY.header(2, 2, outcome=9))
    assert journal.chain(0, 0).entries == [replace(entry, outcome=stands)]


def test_a_segment_of_a_release_to_come_is_refused_unless_nothing_is_in_it(journal):
    write(journal, 1, 1, 2)
    data = bytearray(journal.path(1).read_bytes())
    data[8] = 3
    journal.path(1).write_bytes(data)
    with pytest.raises(RecoveryError, match=r"in format 3.*the release that wrote it.*SIGTERM"):
        journal.chain(0, 0)
    empty = bytearray(begin_segment(IDENTITY.header(1, 1)))
    empty[8] = 3
    journal.path(1).write_bytes(empty)
    assert journal.chain(0, 0) == Chain()


def test_a_folder_is_one_processs_alone(tmp_path):
    lock = FolderLock(tmp_path)
    script = (
        "import sys; from pathlib import Path; from stream.recovery.lock import FolderLock\n"
        "from schemas.errors import RecoveryError\n"
        "try: FolderLock(Path(sys.argv[1]))\n"
        "except RecoveryError as error: print(error)\n"
        "else: print('got it')"
    )

    def other():
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    assert f"another worker is at work in {tmp_path}" in other()
    child = os.fork()
    if child == 0:  # The child of a background snapshot has no part in the lock.
        signal.pause()
        os._exit(0)
    try:
        lock.release()
        assert other() == "got it\n"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_journal_that_cannot_be_read_is_an_error_of_ours(journal, monkeypatch):
    write(journal, 1, 1, 2)
    path = journal.path(1)

    def denied(*_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    for read in (lambda: journal.chain(0, 0), journal.reaches_back):
        with pytest.raises(RecoveryError, match=r"segment-0+1\.journal cannot be read .*mount"):
            read()
    monkeypatch.undo()
    monkeypatch.setattr(os, "listdir", denied)
    with pytest.raises(RecoveryError, match=r"cannot be read \(Permission denied\)"):
        journal.numbers()


def test_what_cannot_be_deleted_is_told(journal, monkeypatch):
    for number in (1, 2, 3):
        write(journal, number, number, 1)
    unlink = Path.unlink

    def sticky(path, missing_ok=False):
        if path == journal.path(1):
            raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", sticky)
    assert journal.prune(3) == [journal.path(1)]
    assert journal.numbers() == [1, 3]
    monkeypatch.undo()
    assert journal.prune(3) == []


def test_a_folder_that_cannot_be_locked_is_an_error_of_ours(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(RecoveryError, match=r"lock cannot be written \(No space.*make room"):
        FolderLock(tmp_path)
