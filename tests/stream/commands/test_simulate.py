"""`fraudstream simulate --drift`, as files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

COMMAND = ("simulate", "--rate", 200, "--seconds", 20)
Run = Callable[..., tuple[int, str, str]]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_from_a_time_on_genuine_amounts_grow(run: Run, tmp_path: Path) -> None:
    calm, grown = tmp_path / "calm.csv", tmp_path / "grown.csv"
    assert run("--out", calm)[0] == 0
    assert run("--out", grown, "--drift", "covariate:10s:3")[0] == 0
    before, after = rows(calm), rows(grown)
    assert len(before) == len(after) == 4000
    start = int(before[0]["event_time"])
    factors = []
    for was, now in zip(before, after, strict=True):
        if int(was["event_time"]) < start + 9_000_000 or was["is_fraud"] == "1":
            assert now == was
        elif int(was["event_time"]) > start + 11_000_000:
            factors.append(int(now["amount_minor"]) / int(was["amount_minor"]))
    assert len(factors) > 1000
    assert sorted(factors)[len(factors) // 2] == 3.0


def test_another_seed_is_another_drift_and_the_same_seed_the_same_file(
    run: Run, tmp_path: Path
) -> None:
    files = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        path = tmp_path / f"{name}.csv"
        code, out, _ = run("--out", path, "--drift", "concept:5s", "--seed", seed, "--json")
        assert code == 0
        assert json.loads(out)["rows"] == 4000
        files.append(path.read_bytes())
    assert files[0] == files[1] != files[2]


def test_what_is_no_drift_is_refused_before_anything_is_written(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "it.csv"
    code, _, err = run("--out", path, "--drift", "season:3s")
    assert code != 0
    assert "'season' is no kind of drift" in err
    assert not path.exists()
