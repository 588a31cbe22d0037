"""The recipe for Dask, on a cluster of this machine: the same bytes as by one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stream.config.configuration import load
from stream.replay import Replay, ReplayOutputs
from stream.simulate.handbook import PUBLISHED, generate, write_parquet

pytest.importorskip("distributed", reason="Dask is missing: the recipe for it NOT tested")
pytest.importorskip("duckdb", reason="DuckDB ([offline]) is missing: the recipe NOT tested")

ROOT = Path(__file__).parents[2]
SCRIPT, CONFIG = ROOT / "examples" / "bulk_on_dask.py", ROOT / "examples" / "handbook.toml"


def on_dask(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.slow
def test_a_cluster_writes_what_one_process_writes(tmp_path: Path) -> None:
    file, one = tmp_path / "history.parquet", tmp_path / "one.parquet"
    write_parquet(generate(replace(PUBLISHED, customers=300, terminals=400, days=60)), file)
    alone = Replay(file, load(CONFIG), ReplayOutputs(features=one), scoring=False).run()
    out = tmp_path / "many.parquet"
    words = ("--out", out, "--config", CONFIG, "--workers", 2, "--ranges", 3)
    ran = on_dask(file, *words)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["events"] == alone["events"] > 20_000
    assert len(report["shards"]) == 2 * 3
    assert out.read_bytes() == one.read_bytes()
    left = sorted(each.name for each in tmp_path.iterdir() if each.suffix == ".parquet")
    assert left == ["history.parquet", "many.parquet", "one.parquet"]


def test_a_mistake_is_a_line(tmp_path: Path) -> None:
    ran = on_dask(tmp_path / "no.parquet", "--out", tmp_path / "x.csv")
    assert ran.returncode == 1
    assert "error: " in ran.stderr
    assert "no such file" in ran.stderr
