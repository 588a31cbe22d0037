"""Partitions that learn alone beside one model: a small run, its table, and what the page says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.one_model import partitions, stream
from benchmarks.one_model.experiment import WAYS, rows_of
from benchmarks.one_model.partitions import Way, measure
from benchmarks.one_model.stream import write_stream
from benchmarks.one_model.table import BEGIN, END, markdown, write_into
from benchmarks.report import ReportError

ROOT = Path(__file__).parents[3]
ONE, ALONE, TOGETHER = Way(1, "logistic"), Way(3, "logistic"), Way(3, "logistic", "1h")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stream") / "small.parquet"
    with pytest.MonkeyPatch.context() as patch:
        world = replace(stream.QUICK_WORLD, customers=60, terminals=120)
        patch.setattr(stream, "QUICK_WORLD", world)
        assert write_stream(path, 3, quick=True) > 5_000
    return path


@pytest.fixture(scope="module")
def found(small: Path) -> dict[str, dict[str, Any]]:
    return {way.name: measure(small, way) for way in (ONE, ALONE, TOGETHER)}


def test_each_payment_is_judged_in_one_partition(found: dict[str, dict[str, Any]]) -> None:
    for way in (ONE, ALONE, TOGETHER):
        run = found[way.name]
        assert (run["partitions"], run["one_model"]) == (way.partitions, way is TOGETHER)
        assert all(np.isfinite(run[measure_]) for measure_ in ("auc", "ap", "cp100"))


def test_only_one_model_is_told_and_published(found: dict[str, dict[str, Any]]) -> None:
    for way in (ONE, ALONE):
        assert (found[way.name]["examples_told"], found[way.name]["versions"]) == (0, 0)
    assert found[TOGETHER.name]["examples_told"] > 1_000
    assert found[TOGETHER.name]["versions"] > 100
    # Who learns of all labels has a model sooner.
    assert found[TOGETHER.name]["unscored"] < found[ALONE.name]["unscored"]


def test_without_versions_the_others_never_have_a_score(
    small: Path, found: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "_adopt", lambda *_: 0)
    run = measure(small, TOGETHER)
    assert run["unscored"] > 2 * found[TOGETHER.name]["unscored"]


def results() -> dict[str, Any]:
    ways = (ONE, TOGETHER)
    figures = {(ONE, 1): 0.5, (ONE, 2): 0.6, (TOGETHER, 1): 0.49, (TOGETHER, 2): 0.61}
    runs = [
        {"way": way.name, "seed": seed, "auc": 0.8, "ap": ap, "cp100": 0.25, "unscored": 10}
        for (way, seed), ap in figures.items()
    ]
    return {
        "one_model": rows_of(ways, runs),
        "payments": {"1": 100, "2": 300},
        "machine": {"cpu": "a processor", "seed": 1},
        "quick": False,
        "taken_at": "2026-11-22T01:02:03Z",
    }


def test_a_row_has_means_and_the_difference_stream_by_stream() -> None:
    table = markdown(results())
    assert f"| {ONE.name} | 0.550 ± 0.635 | - | 0.800 ± 0.000 |" in table
    assert f"| {TOGETHER.name} | 0.550 ± 0.762 | +0.000 ± 0.127 |" in table
    assert "| 5.0% |" in table
    assert "2 streams of the Handbook's simulator, 400 payments together" in table
    assert "Measured on 2026-11-22: a processor" in table


def test_what_is_no_such_experiment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="holds no such experiment"):
        markdown({"one_model": [{}], "payments": {}})
    page, file = tmp_path / "page.md", tmp_path / "found.json"
    page.write_text(f"{BEGIN}\n{END}\n")
    file.write_text(json.dumps(results()))
    assert write_into([file], page) is False
    assert write_into([file], page, check=True) is True
    assert main(["one-model", "--results", str(file), "--into", str(page), "--check"]) == 0


def test_the_page_says_what_the_results_say() -> None:
    (file,) = sorted((ROOT / "benchmarks" / "results").glob("*-one-model.json"))
    assert write_into([file], ROOT / "docs" / "workers.md", check=True)
    ways = [row["way"] for row in json.loads(file.read_text())["one_model"]]
    assert ways == [way.name for way in WAYS]
