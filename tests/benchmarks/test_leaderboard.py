"""The leaderboard: what its rows are, and the table that is made of a results file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import leaderboard
from benchmarks.__main__ import main
from benchmarks.leaderboard import BEGIN, END, markdown, measure, write_into
from benchmarks.report import ReportError
from models import compile as compile_model
from models.compiler import UncompiledWarning
from models.river.adapter import RiverLearner

pytest.importorskip("duckdb")


def row(name: str, ap: float | None, **changes: Any) -> dict[str, Any]:
    figures = {"auc": 0.8, "ap": ap, "cp100": 0.3}
    return {
        "name": name,
        "whose": "ours",
        "training": "one pass",
        "single": figures,
        "folds_mean": figures,
        "folds_std": figures,
        "events_per_s": 12_345.0,
        **changes,
    }


def results(*rows: dict[str, Any], quick: bool = False, **changes: Any) -> dict[str, Any]:
    return {"leaderboard": list(rows), "failed": [], "quick": quick, "machine": {}} | changes


def names(table: str) -> list[str]:
    return [line.split(" | ")[0][2:] for line in table.splitlines() if line.startswith("| ")][2:]


def test_the_best_is_first_and_the_handbooks_rows_are_quoted() -> None:
    table = markdown(results(row("worst", 0.1), row("none", None), row("best|", 0.99)))
    listed = names(table)
    assert listed[:2] == ["best\\|", "XGBoost"]
    assert listed.index("worst") < listed.index("none")
    assert "| XGBoost | the Handbook, as published | weekly, on the week before the last " in table
    assert "| 0.862 | 0.639 | 0.273 | 0.869 | 0.687 | 0.303 | - |" in table
    assert "| 0.800 | - | 0.300 | 0.800 ± 0.800 | - ± - | 0.300 ± 0.300 | 12,300 |" in table


def test_a_quick_run_is_not_put_beside_the_handbook() -> None:
    table = markdown(results(row("a", 0.1), quick=True, failed=["River: x"]))
    assert names(table) == ["a"]
    assert "A quick run" in table
    assert "River: x failed and is not in it." in table


def test_a_document_says_what_the_results_say(tmp_path: Path) -> None:
    found, into = tmp_path / "r.json", tmp_path / "README.md"
    found.write_text(json.dumps(results(row("a", 0.5))))
    into.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    words = ["leaderboard", "--results", str(found), "--into", str(into)]
    assert main([*words, "--check"]) == 1
    assert "old" in into.read_text()
    assert main(words) == 0
    assert main([*words, "--check"]) == 0
    text = into.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| a | ours" in text
    into.write_text("no markers")
    with pytest.raises(ReportError, match="leaderboard:begin"):
        write_into(found, into)
    found.write_text("{}")
    with pytest.raises(ReportError, match="holds no leaderboard"):
        write_into(found, into)


@pytest.mark.parametrize(
    "words",
    [[], ["--out", "x", "--results", "y"], ["--results", "y"], ["--out", "no/where/x.json"]],
)
def test_wrong_usage_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", *words]) == 2
    assert capsys.readouterr().err.startswith("python -m benchmarks: ")


def test_rivers_own_objects_run() -> None:
    from benchmarks.river_objects import logistic

    with pytest.warns(UncompiledWarning):
        assert isinstance(compile_model(logistic(), ("a", "b")), RiverLearner)


def test_every_kind_of_row_runs_and_a_failure_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Little fraud: of whoever is known to be a victim the protocol judges nothing.
    rare = {"terminals_per_day": 0, "customers_per_day": 1}
    small = replace(leaderboard._QUICK, customers=50, terminals=60, radius=8.0, **rare)
    monkeypatch.setattr(leaderboard, "_QUICK", small)
    entries = {f"{each.whose}: {each.name}": each for each in leaderboard.entries()}
    chosen = [entries["ours: logistic regression"], entries["River: logistic regression"]]
    broken = replace(chosen[0], name="broken", run=lambda *_: 1 / 0)  # type: ignore[arg-type,return-value]
    chosen += [broken, entries["batch: decision tree of depth 2"]]
    monkeypatch.setattr(leaderboard, "entries", lambda: chosen)
    found = measure(quick=True, tell=lambda _: None)
    ours, rivers, batch = found["leaderboard"]
    assert found["failed"] == ["ours: broken"]
    assert "ZeroDivisionError" in capsys.readouterr().err
    for figures in ("single", "folds_mean"):
        assert rivers[figures] == pytest.approx(ours[figures], abs=1e-6)
    assert batch["events_per_s"] is None
    assert batch["folds_mean"]["auc"] > 0.5
    assert ours["events_per_s"] > 0
    assert len(names(markdown(found))) == 3
