"""Environments of peers that cannot live in ours: each in a folder of its own, made when needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.harness import BenchmarkError
from benchmarks.machine import ROOT
from benchmarks.programs import Program

_REQUIREMENTS = {
    # It wants an older confluent-kafka than ours.
    "quix": ("quixstreams==3.28.1", "river==0.26.1", "fastavro==1.13.1"),
    "faust_dict": (
        "faust-streaming[uvloop]==0.15.3",
        "confluent-kafka==2.16.1",
        "river==0.26.1",
        "fastavro==1.13.1",
    ),
}
# Programs that live in the environment of another.
_HOMES = {"quix_state": "quix"}
_SECONDS_MAX = 300.0


def python_of(name: str) -> str:
    """Return the interpreter of a peer; ours if it needs none of its own.

    Raises
    ------
    BenchmarkError
        If what it needs cannot be installed.
    """
    if name not in _REQUIREMENTS:
        return sys.executable
    home = ROOT / ".cache" / "peers" / name
    python, complete = home / "bin" / "python", home / "complete"
    wanted = "\n".join(_REQUIREMENTS[name])
    if not complete.is_file() or complete.read_text(encoding="utf-8") != wanted:
        _install(home, python, _REQUIREMENTS[name])
        complete.write_text(wanted, encoding="utf-8")
    return str(python)


def program(module: str, argument: str) -> Program:
    """Start a module of `benchmarks.kafka` in the environment that it needs."""
    home = _HOMES.get(module, module)
    return Program(f"benchmarks.kafka.{module}", argument, python=python_of(home))


def _install(home: Path, python: Path, requirements: tuple[str, ...]) -> None:
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(home)],
        [str(python), "-m", "pip", "install", "--quiet", *requirements],
    )
    for command in commands:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS_MAX, check=False
        )
        if done.returncode:
            raise BenchmarkError(
                f"{', '.join(requirements)} cannot be installed into {home}: "
                f"{done.stderr.strip()[-300:]}; make a package index reachable"
            )
