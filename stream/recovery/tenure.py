"""Whose turn it is with a partition's state: one owner after another, each in a folder of its own.

A partition goes from worker to worker, and the one before may not know yet that it has
gone: it was paused, or cut off from the brokers. Whoever comes next takes a copy of what is
there, and from then on writes into a folder that nobody else writes to. What the one before
still writes is read by nobody.

In a partition's folder lie

===========  ==================================================================
`claim-N`    who made this file is the N-th owner, until there is one with N + 1
`tenure-N`   snapshots and journal of the N-th owner, whole from the first moment
`.tenure-*`  what somebody left who died while taking over; the next deletes it
===========  ==================================================================
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

from schemas.errors import RecoveryError
from stream.durable_file import sync_folder, write_durably

_CLAIM = re.compile(r"claim-(\d{12})")
_TENURE = re.compile(r"tenure-(\d{12})")
_TAKING = ".tenure-"
_BEFORE = re.compile(r"\.?tenure-(\d{12})(?:-.*)?")
# A claim is a name, and nothing else: who slept through all of these finds its folder gone.
_CLAIMS_KEPT = 1000
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
            self.number = self._claim()
            self.folder = root / _tenure(self.number)
            self._next = root / _claim(self.number + 1)
            self._take_over()
        except OSError as error:
            raise _refused(root, "cannot be taken over", error) from error
        self.clear()

    @property
    def over(self) -> bool:
        """Whether somebody else has taken over.

        Raises
        ------
        RecoveryError
            If the disk does not say.
        """
        try:
            return self._next.exists() or not self.folder.exists()
        except OSError as error:
            raise _refused(self._root, "may be another's by now", error) from error

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

    def clear(self) -> list[Path]:
        """Delete what owners before have, and what is left of those who died taking over.

        Returns
        -------
        list of Path
            What could not be deleted; nobody reads it.
        """
        left = []
        try:
            paths = sorted(self._root.iterdir())
        except OSError:
            return [self._root]
        for path in paths:
            tenure, claim = _BEFORE.fullmatch(path.name), _CLAIM.fullmatch(path.name)
            # Never what a later one is about to make its own.
            if tenure and int(tenure[1]) < self.number:
                shutil.rmtree(path, ignore_errors=True)
                if os.path.lexists(path):
                    left.append(path)
            elif claim and int(claim[1]) < self.number - _CLAIMS_KEPT:
                with suppress(OSError):
                    path.unlink()
        return left

    def release(self) -> None:
        """Do nothing: whoever comes next takes over."""

    def _claim(self) -> int:
        """Become the next owner: from here on the one before is none."""
        number = 1 + _newest(self._root, _CLAIM)
        while True:
            path = self._root / _claim(number)
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                newest = _newest(self._root, _CLAIM)
                if newest == number:
                    return number
                # Others claimed since: this one stays, because there must be no gaps.
                number = newest
            number += 1

    def _take_over(self) -> None:
        """Copy what the newest owner has into our folder, all of it or nothing."""
        for _ in range(_ATTEMPTS):
            taking = Path(tempfile.mkdtemp(prefix=f"{_TAKING}{self.number:012d}-", dir=self._root))
            try:
                owner = self._owner_before()
                if owner is not None:
                    _inherit(owner, taking)
                sync_folder(taking)
                taking.rename(self.folder)
            except FileNotFoundError:
                # An owner between that one and us was faster, and deleted it.
                shutil.rmtree(taking, ignore_errors=True)
                continue
            except OSError:
                shutil.rmtree(taking, ignore_errors=True)
                raise
            sync_folder(self._root)
            return
        raise RecoveryError(
            f"recovery.folder: files in {self._root} went {_ATTEMPTS} times while being copied: "
            "more than one worker has the partition, or the disk loses files"
        )

    def _owner_before(self) -> Path | None:
        """Return the newest folder before ours.

        Each is there before an older one goes: asked for in their order, not all are missed.
        """
        found = None
        for number in range(max(1, self.number - _CLAIMS_KEPT), self.number):
            folder = self._root / _tenure(number)
            found = folder if folder.exists() else found
        return found


def _refused(root: Path, what: str, error: OSError) -> RecoveryError:
    return RecoveryError(
        f"recovery.folder: the state in {root} {what} ({error.filename}: {error.strerror}): mount "
        "its disk, make room, or give the folder to the worker's user, and start the worker again"
    )


def newest_tenure(root: Path) -> Path | None:
    """Return the folder of a partition's present owner; None if it never had one."""
    number = _newest(root, _TENURE) if root.is_dir() else 0
    return root / _tenure(number) if number else None


def _inherit(owner: Path, ours: Path) -> None:
    """Take what an owner has; it may be at work still, so its newest file may end anywhere."""
    for snapshot in sorted(owner.glob("snapshot-*.state")):
        try:
            # It is never written to again.
            os.link(snapshot, ours / snapshot.name)
        except OSError as error:
            if error.errno == errno.ENOENT:
                raise
            _copy(snapshot, ours / snapshot.name)
    for segment in sorted(owner.glob("segment-*.journal")):
        _copy(segment, ours / segment.name)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, and wait until it is on the disk: the original is about to go."""
    with open(source, "rb") as there:
        write_durably(target, partial(shutil.copyfileobj, there))


def _claim(number: int) -> str:
    return f"claim-{number:012d}"


def _tenure(number: int) -> str:
    return f"tenure-{number:012d}"


def _newest(root: Path, pattern: re.Pattern[str]) -> int:
    found = map(pattern.fullmatch, os.listdir(root))
    return max((int(each[1]) for each in found if each), default=0)
