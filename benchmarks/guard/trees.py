"""The tree that this one is compared with: the files of a commit, in a folder of their own."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

from benchmarks.harness import BenchmarkError
from benchmarks.machine import ROOT


class MissingCommitError(BenchmarkError):
    """A commit is not in this clone; the text says what brings it."""


def tree_of(commit: str) -> Path:
    """Return a folder with the files of a commit; it is kept for the next time.

    Raises
    ------
    MissingCommitError
        If git does not know the commit.
    """
    folder = ROOT / ".cache" / "guard" / commit
    complete = folder / ".complete"
    if not complete.is_file():
        archive = _archive(commit)
        shutil.rmtree(folder, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            files.extractall(folder)
        complete.touch()
    return folder


def _archive(commit: str) -> bytes:
    command = ["git", "-C", str(ROOT), "archive", "--format=zip", commit, "--"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise MissingCommitError(f"git cannot be run: {error}") from error
    if done.returncode:
        raise MissingCommitError(
            f"the commit {commit} of benchmarks/guard/limits.toml is not in this clone "
            f"({done.stderr.decode(errors='replace').strip()}): git fetch --unshallow"
        )
    return done.stdout
