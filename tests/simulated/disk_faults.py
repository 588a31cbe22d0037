"""A disk that fails at a call that was drawn, and that loses what nobody waited for.

The real code writes real files; between it and the system stands this. A call that fails does
what a system does: a write may have written some of it, and after an fsync that failed the bytes
are gone with the power, whatever a later one says.
"""

from __future__ import annotations

import errno
import os
import pathlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from stream import durable_file
from stream.recovery import segments, tenure
from stream.snapshots import folder as snapshot_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulated.world import World

CALLS = ("open", "write", "fsync", "rename")


class Disk:
    """The disk of a world.

    Parameters
    ----------
    world : World

    Attributes
    ----------
    failed : list of str
        The calls that failed.
    is_followed_by_death : bool
        Whether the worker dies soon after a call that failed.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._left: int | None = None
        self._for_good = False
        self._calls: tuple[str, ...] = CALLS
        self.failed: list[str] = []
        self.is_followed_by_death = False
        # Of each file, by its inode: the bytes that are there whatever happens.
        self._durable: dict[int, int] = {}
        # An fsync failed: what it was to write is never written.
        self._forgotten: set[int] = set()
        self._names: set[tuple[str, int]] = set()

    def arm(self) -> None:
        """Let a call to come fail, once or from then on."""
        rng = self._world.rng
        self._left = int(rng.integers(0, int(rng.choice([10, 50, 200]))))
        self._for_good = bool(rng.random() < 0.4)
        # That is the one whose failure is easily taken for success.
        which = str(rng.choice([*CALLS, "fsync", "fsync", "any"]))
        self._calls = CALLS if which == "any" else (which,)
        few = {"fsync": 20, "open": 8, "rename": 4}
        if which in few:
            # A start makes some of these, then come those of snapshots.
            self._left, self._for_good = int(rng.integers(0, few[which])), bool(rng.random() < 0.2)

    def repair(self) -> None:
        """Let nothing fail any more."""
        self._left = None

    def power_fails(self) -> None:
        """Lose what nobody waited for, or some of it."""
        rng = self._world.rng
        for path in sorted(self._world.folder.rglob("s*-*.*")):
            size, inode = path.stat().st_size, path.stat().st_ino
            if (str(path), inode) not in self._names and rng.random() < 0.5:
                path.unlink()
                continue
            durable = self._durable.get(inode, 0)
            if durable < size:
                os.truncate(path, int(rng.integers(durable, size + 1)))
        # It is as it is now, and all of it is on the disk.
        for path in self._world.folder.rglob("s*-*.*"):
            self._durable[path.stat().st_ino] = path.stat().st_size
            self._names.add((str(path), path.stat().st_ino))
        self._forgotten.clear()

    @contextmanager
    def between(self) -> Iterator[Disk]:
        """Stand between the code and the system."""
        rename = pathlib.Path.rename
        disk = self

        def renamed(path: pathlib.Path, target: Any) -> Any:
            disk._call("rename", path)
            return rename(path, target)

        with ExitStack() as stack:
            for room in (durable_file, segments, tenure, snapshot_folder):
                stack.enter_context(patch.object(room, "os", _System(self)))
            stack.enter_context(patch.object(durable_file, "open", self._opened, create=True))
            stack.enter_context(patch.object(pathlib.Path, "rename", renamed))
            yield self

    def _opened(self, file: int, mode: str, buffering: int) -> _File:
        return _File(self, file)

    def _call(self, name: str, where: object) -> None:
        """Make a call, or fail."""
        if self._left is None or name not in self._calls:
            return
        if self._left > 0:
            self._left -= 1
            return
        if not self._for_good:
            self._left = None
        self.failed.append(f"{name} {where}")
        if self.is_followed_by_death:
            self._world.fuse = int(self._world.rng.integers(0, 15))
        full = name in ("open", "write") and self._world.rng.random() < 0.5
        number = errno.ENOSPC if full else errno.EIO
        raise OSError(number, os.strerror(number))

    def write(self, file: int, data: Any) -> int:
        """Write all, or some of it and fail."""
        try:
            self._call("write", os.readlink(f"/proc/self/fd/{file}"))
        except OSError:
            some = int(self._world.rng.integers(0, max(1, len(data))))
            os.write(file, data[:some])
            raise
        return os.write(file, data)

    def fsync(self, file: int) -> None:
        """Note what is on the disk now; nothing is waited for."""
        inode, where = os.fstat(file).st_ino, os.readlink(f"/proc/self/fd/{file}")
        try:
            self._call("fsync", where)
        except OSError:
            self._forgotten.add(inode)
            raise
        if os.path.isdir(where):
            each = (os.path.join(where, name) for name in os.listdir(where))
            self._names |= {(path, os.stat(path).st_ino) for path in each}
        elif inode not in self._forgotten:
            self._durable[inode] = os.fstat(file).st_size

    def open(self, path: Any, flags: int, *more: Any) -> int:
        """Open a file, or fail to make one."""
        if flags & os.O_CREAT:
            self._call("open", path)
        file = os.open(path, flags, *more)
        if flags & os.O_CREAT:
            # A number that a file had which is gone.
            inode = os.fstat(file).st_ino
            if os.fstat(file).st_size == 0:
                self._durable.pop(inode, None)
                self._forgotten.discard(inode)
        return file


class _System:
    """What a module takes for `os`."""

    def __init__(self, disk: Disk) -> None:
        self.open, self.write, self.fsync = disk.open, disk.write, disk.fsync

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


class _File:
    """A file that is open for writing."""

    def __init__(self, disk: Disk, file: int) -> None:
        self._disk, self._file = disk, file

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B") if len(data) else memoryview(b"")
        at = 0
        while at < len(view):
            at += self._disk.write(self._file, view[at:])
        return len(view)

    def seek(self, at: int) -> int:
        return os.lseek(self._file, at, os.SEEK_SET)

    def flush(self) -> None: ...

    def fileno(self) -> int:
        return self._file
