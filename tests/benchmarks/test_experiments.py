"""The tables that are made of an experiment's results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from inputs.experiments import outcome, plan_by_hand

from benchmarks.__main__ import main
from benchmarks.experiments import BEGIN, END, markdown, write_into
from benchmarks.report import ReportError
from stream.experiment.results import document


def found(seeds: int = 2) -> dict[str, object]:
    plan = plan_by_hand(["one", "t|wo"], seeds)
    outcomes = {
        (name, seed): outcome(whole__card_precision=0.5 + at / 100 + seed * at / 50)
        for at, name in enumerate(("one", "t|wo"))
        for seed in range(seeds)
    }
    return document(plan, outcomes)


def test_the_first_has_means_and_the_others_differences() -> None:
    table = markdown(found())
    assert "card precision@100 | precision@100 payments" in table
    assert "| one | 0.5000 ± 0.0000 |" in table
    (line,) = (line for line in table.splitlines() if line.startswith("| t"))
    assert line.startswith("| t\\|wo | +0.0200 ± 0.1271 | +0.0000 ± 0.0000 |")
    assert line.endswith("| 2 of 2 |")
    assert "2 seeds; without its first 10 days" in table


def test_of_one_seed_there_is_no_interval() -> None:
    table = markdown(found(1))
    assert "| one | 0.5000 | 0.5000 |" in table
    assert "| +0.0100 |" in table


def test_tables_are_written_between_their_markers_and_checked(tmp_path: Path) -> None:
    results, into = tmp_path / "found.json", tmp_path / "page.md"
    results.write_text(json.dumps(found()))
    into.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    words = ["experiment", "--results", str(results), "--into", str(into)]
    assert main([*words, "--check"]) == 1
    assert main(words) == 0
    assert main([*words, "--check"]) == 0
    assert into.read_text() == f"before\n{BEGIN}\n{markdown(found())}\n{END}\nafter\n"


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", '{"budget": 3, "stream": {}}'])
def test_what_holds_no_experiment_is_named(tmp_path: Path, text: str) -> None:
    results = tmp_path / "found.json"
    results.write_text(text)
    with pytest.raises(ReportError, match=r"found\.json: "):
        write_into([results], tmp_path / "page.md")
