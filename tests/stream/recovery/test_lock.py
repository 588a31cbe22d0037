"""The lock of a folder."""

import os

from stream.recovery.lock import FolderLock


def test_to_let_others_in_twice_closes_nothing_of_theirs(tmp_path):
    lock = FolderLock(tmp_path)
    lock.release()
    # It gets the number that is free now.
    other = os.open(tmp_path / "other", os.O_CREAT | os.O_RDWR)
    lock.release()
    os.write(other, b"x")
    os.close(other)
    FolderLock(tmp_path).release()
