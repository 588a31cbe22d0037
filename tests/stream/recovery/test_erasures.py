"""What may know somebody who was erased is deleted as soon as a newer snapshot is whole."""

import pytest

from schemas.errors import StorageError
from stream.recovery.erasures import Erasures


class Snapshots:
    """A folder that is read-only when it is told to be."""

    def __init__(self):
        self.forgot, self.read_only = [], False

    def forget_before(self, number):
        if self.read_only:
            raise StorageError("the disk is read-only")
        self.forgot.append(number)


class Copier:
    outdated = False

    def __init__(self):
        self.forgot = []

    def forget_before(self, number):
        self.forgot.append(number)


@pytest.fixture
def snapshots():
    return Snapshots()


def test_nothing_is_deleted_before_a_snapshot_that_knows_nobody_is_there(snapshots):
    erasures = Erasures(snapshots, None, print)
    assert not erasures.forget(3, 100)
    erasures.note(7)
    erasures.note(9)
    assert not erasures.forget(3, 6)
    assert (erasures.pending, erasures.is_to_forget, snapshots.forgot) == (2, True, [])
    # It knows who was erased by the later one.
    assert not erasures.forget(4, 8)
    assert (erasures.pending, snapshots.forgot) == (1, [4])
    assert erasures.forget(5, 9)
    assert (erasures.pending, erasures.is_to_forget, snapshots.forgot) == (0, False, [4, 5])


def test_what_cannot_be_deleted_stays_pending_and_is_told(snapshots):
    told, copier = [], Copier()
    erasures = Erasures(snapshots, copier, told.append)
    erasures.note(7)
    snapshots.read_only = True
    assert not erasures.forget(3, 7)
    assert (erasures.pending, copier.forgot) == (1, [])
    assert "read-only" in told[0]
    snapshots.read_only = False
    assert erasures.forget(3, 7)
    assert copier.forgot == [3]


def test_copies_that_are_still_there_are_to_be_forgotten_too(snapshots):
    copier = Copier()
    erasures = Erasures(snapshots, copier, print)
    assert not erasures.is_to_forget
    copier.outdated = True
    assert erasures.is_to_forget
