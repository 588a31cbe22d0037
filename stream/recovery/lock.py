"""One worker a folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from schemas.errors import RecoveryError


class FolderLock:
    """Keep other processes out of a folder until `release`, or until this process ends.

    The kernel holds the lock for the process and not, as with ``flock``, for whoever has the
    file open: a child of the process would have it too, and would keep the next worker out
    after its parent was killed.

    Raises
    ------
    RecoveryError
        If another process has the folder, or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "lock"
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RecoveryError(
                f"recovery.folder: {path} cannot be written ({error.strerror}): mount its disk, "
                "make room, or give the folder to the worker's user"
            ) from error
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise RecoveryError(
                f"recovery.folder: another worker is at work in {folder}: give each its own"
            ) from error

    @property
    def over(self) -> bool:
        """Whether another has the folder: never, before `release`."""
        return False

    def require(self) -> None:
        """Do nothing: the kernel sees to it."""

    def clear(self) -> list[Path]:
        """Return nothing: nobody was here before."""
        return []

    def release(self) -> None:
        """Let others in; to do so again changes nothing."""
        # Its number may be another file's by then.
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
