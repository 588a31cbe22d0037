"""``fraudstream bench``: the benchmarks of the checkout that this is installed from."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from schemas.errors import ConfigError


def run_bench(arguments: Sequence[str], root: Path | None = None) -> None:
    """Become ``python -m benchmarks``.

    Parameters
    ----------
    arguments : sequence of str
        Its own.
    root : Path, optional
        Where `benchmarks` is; by default beside this package.

    Raises
    ------
    ConfigError
        If there is no such folder: what is installed has no benchmarks.
    """
    home = root or Path(__file__).resolve().parents[2]
    if not (home / "benchmarks" / "__main__.py").is_file():
        raise ConfigError(
            f"there are no benchmarks in {home}: they are in the repository and not in the "
            "package; run it from a checkout that was installed with `make setup`"
        )
    paths = [str(home), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-m", "benchmarks", *arguments]
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted
