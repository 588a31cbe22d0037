"""One worker a folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from schemas.errors import RecoveryError


class FolderLock:
    """Keep other processes out of a folder until `release`, or until this process ends.

    The kernel holds the lock for the process and not, as with ``flock``, for whoever has the
    file open: the child that writes a snapshot has it too, and would keep the next worker out
    after its parent was killed.

    Raises
    ------
    RecoveryError
        If another process has the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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

    def release(self) -> None:
        """Let others in."""
        os.close(self._file)
