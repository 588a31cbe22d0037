"""Compiled kernels on a disk, which may be one that nobody can write to.

An image brings its kernels compiled, in a file system that is read-only. Numba's own cache takes no
folder that it cannot write to, and a kernel that it cannot keep it does not run; this one takes
what is there, and runs what is not there without keeping it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache

from schemas.kernel_cache import kernel_folder


@dataclass
class Counts:
    """How this process came by its kernels; one of a module counts as often as it has signatures.

    Attributes
    ----------
    taken : int
        They were there, compiled by an earlier process.
    compiled : int
        They were compiled by this one.
    not_kept : int
        Of these, how many could not be written: the next process compiles them again.
    """

    taken: int = 0
    compiled: int = 0
    not_kept: int = 0


COUNTS = Counts()


def keep(compiled: Any) -> None:
    """Let a dispatcher of Numba's look for its code in its module's folder, and keep it there.

    Parameters
    ----------
    compiled : numba dispatcher
        Changed in place, before its first call.
    """
    compiled._cache = _KernelCache(compiled.py_func)  # type: ignore[no-untyped-call]


class _Place:
    """Where one function's code is: what Numba calls a locator."""

    def __init__(self, folder: Path, source: str, line: int) -> None:
        self._folder = folder
        self._source = source
        self._line = line

    @classmethod
    def from_function(cls, function: Any, source: str) -> _Place:
        """Return the place of a function, of which a file is the source."""
        where = Path(source).absolute().parent
        # Two files of one name may both be nobody's.
        name = f"{where.name}_{hashlib.sha256(str(where).encode()).hexdigest()[:16]}"
        folder = kernel_folder(function.__module__) / name
        return cls(folder, source, function.__code__.co_firstlineno)

    def ensure_cache_path(self) -> None:
        """Make the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        """Return the folder."""
        return str(self._folder)

    def get_source_stamp(self) -> bytes:
        """Return what is another one once the source is."""
        try:
            return hashlib.sha256(Path(self._source).read_bytes()).digest()
        except OSError:
            # Made while running, where its text could not be written: its file's name is a digest.
            return hashlib.sha256(self._source.encode("utf-8", "surrogateescape")).digest()

    def get_disambiguator(self) -> str:
        """Return what functions of one name differ in."""
        return str(self._line)


class _Kept(CompileResultCacheImpl):
    """The form of what is kept: Numba's own."""

    _locator_classes = (_Place,)  # type: ignore[assignment]


class _KernelCache(FunctionCache):
    """One function's code for each signature, by the processor that it is for."""

    _impl_class = _Kept

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Return the code of a signature; None if it is not there."""
        try:
            found = super().load_overload(signature, target)  # type: ignore[no-untyped-call]
        except OSError:
            found = None
        COUNTS.taken += found is not None
        return found

    def save_overload(self, signature: Any, code: Any) -> None:
        """Keep what was compiled, if it can be."""
        COUNTS.compiled += 1
        try:
            super().save_overload(signature, code)  # type: ignore[no-untyped-call]
        except OSError:
            COUNTS.not_kept += 1
