"""Whose turn it is with a partition's state: one owner after another, each in a folder of its own.

A partition goes from worker to worker, and the one before may not know yet that it has
gone: it was paused, or cut off from the brokers. Whoever comes next takes a copy of what is
there, and from then on writes into a folder that nobody else writes to. What the one before
still writes is read by nobody.

In a partition's folder lie

===========  ================================================================
`tenure-N`   snapshots and journal of the N-th owner, the newest alone
`.tenure-*`  what somebody left who died while taking over; the next deletes it
===========  ================================================================
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path

from schemas.errors import RecoveryError

_NAME = re.compile(r"tenure-(\d{8})")
_TAKING = ".tenure-"
_MARK = "owned"
_ATTEMPTS = 20


class Tenure:
    """The right to a partition's state, until somebody else takes over.

    Parameters
    ----------
    root : Path
        The partition's folder; it is made if it is not there.

    Attributes
    ----------
    number : int
        One more than that of the owner before.
    folder : Path
        Snapshots and journal, as the owner before left them at first.

    Raises
    ------
    RecoveryError
        If nothing can be written there.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.number, self.folder = self._take_over()
        except OSError as error:
            raise RecoveryError(
                f"recovery.folder: the state in {root} cannot be taken over: {error.strerror}"
            ) from error

    @property
    def over(self) -> bool:
        """Whether somebody else has taken over."""
        return _newest(self._root) != self.number

    def require(self) -> None:
        """Refuse to go on where somebody else has.

        Raises
        ------
        RecoveryError
            If somebody has taken over.
        """
        if self.over:
            raise RecoveryError(
                f"another worker has taken over the state in {self._root}: this one was paused or "
                "cut off for longer than its session. Nothing of its is read any more; start it "
                "again"
            )

    def release(self) -> None:
        """Do nothing: whoever comes next takes over."""

    def _take_over(self) -> tuple[int, Path]:
        """Copy what the newest owner has, and make it ours in one step."""
        for _ in range(_ATTEMPTS):
            newest = _newest(self._root)
            ours = self._root / _name(newest + 1)
            taking = Path(tempfile.mkdtemp(prefix=_TAKING, dir=self._root))
            try:
                # A folder can be renamed over one that is empty, and over no other.
                (taking / _MARK).touch(mode=0o600)
                if newest:
                    _inherit(self._root / _name(newest), taking)
                taking.rename(ours)
            except OSError as error:
                shutil.rmtree(taking, ignore_errors=True)
                overtaken = error.errno in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST)
                if not overtaken:
                    raise
                continue
            if _newest(self._root) != newest + 1:
                # Others took over, and had it deleted, between the look and the renaming.
                shutil.rmtree(ours, ignore_errors=True)
                continue
            _sync(self._root)
            self._clear(newest)
            return newest + 1, ours
        raise RecoveryError(
            f"recovery.folder: the state in {self._root} changed hands {_ATTEMPTS} times while it "
            "was taken over: more than one worker has the partition, or the disk loses files"
        )

    def _clear(self, newest: int) -> None:
        """Delete what owners before have, and what is left of those who died taking over."""
        for path in self._root.iterdir():
            found = _NAME.fullmatch(path.name)
            if (found and int(found[1]) <= newest) or path.name.startswith(_TAKING):
                shutil.rmtree(path, ignore_errors=True)


def newest_tenure(root: Path) -> Path | None:
    """Return the folder of a partition's present owner; None if it never had one."""
    number = _newest(root) if root.is_dir() else 0
    return root / _name(number) if number else None


def _inherit(owner: Path, ours: Path) -> None:
    """Take what an owner has; it may be at work still, so its newest file may end anywhere."""
    for snapshot in sorted(owner.glob("snapshot-*.state")):
        try:
            # It is never written to again.
            os.link(snapshot, ours / snapshot.name)
        except OSError as error:
            if error.errno == errno.ENOENT:
                raise
            shutil.copyfile(snapshot, ours / snapshot.name)
    for segment in sorted(owner.glob("segment-*.journal")):
        shutil.copyfile(segment, ours / segment.name)


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _name(number: int) -> str:
    return f"tenure-{number:08d}"


def _newest(root: Path) -> int:
    found = (_NAME.fullmatch(name) for name in os.listdir(root))
    return max((int(each[1]) for each in found if each), default=0)
