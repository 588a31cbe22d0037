"""Files of tests that are run by themselves, for tests of what tests are made of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def run(folder: Path, program: str, **environment: str) -> tuple[str, list[dict[str, object]]]:
    """Run a file of tests; return what was printed, and the log's lines."""
    (folder / "test_some.py").write_text(program)
    log = folder / "faults.jsonl"
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    plugins = ("-p", "fault_log", "-p", "seeds", "-p", "no:cacheprovider", "-c", os.devnull)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "--rootdir", str(folder), "-q", str(folder)],
        env=os.environ | {"PYTHONPATH": paths, "FRAUDSTREAM_FAULT_LOG": str(log)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = log.read_text().splitlines() if log.exists() else []
    return done.stdout + done.stderr, [json.loads(line) for line in lines]
