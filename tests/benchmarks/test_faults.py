"""The table of faults: sums of what tests saw, and a page that says what results say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.faults import BEGIN, END, markdown, read_log, summed, write_into
from benchmarks.report import ReportError

ROOT = Path(__file__).parents[2]


def line(
    test: str = "tests/laws/test_some.py::test_it",
    outcome: str = "passed",
    at: str = "2026-11-22T01:02:03Z",
    **counts: int,
) -> dict[str, Any]:
    nothing = {"faults": 1, "inputs": None, "lost": None, "repeated": None}
    return {
        "test": test,
        "fault": "a kill",
        "invariant": "nothing is lost",
        "outcome": outcome,
        "seen": [] if outcome == "skipped" else [nothing | counts],
        "commit": "c0ffee" * 7,
        "dirty": False,
        "at": at,
    }


SERVER = {"server": "Kafka 9", "commit": "c0ffee" * 7, "dirty": False, "at": "2026-11-22T01:02:03Z"}
LINES = [
    line("tests/z.py::test_b", "skipped"),
    line(faults=2, inputs=1000, lost=0, repeated=1),
    line(faults=3, inputs=1000, lost=2, repeated=0, at="2026-11-24T00:00:00Z"),
    line(outcome="failed", inputs=7, lost=7),
    SERVER,
    SERVER,
]


def test_runs_are_summed_and_none_that_failed_is_left_out() -> None:
    found = summed(LINES)
    first, second = found["faults"]
    assert first == {
        "test": "tests/laws/test_some.py::test_it",
        "fault": "a kill",
        "invariant": "nothing is lost",
        "runs": 3,
        "failed": 1,
        "skipped": 0,
        "faults": 6,
        "inputs": 2007,
        "lost": 9,
        "repeated": 1,
    }
    assert (second["runs"], second["skipped"], second["faults"]) == (0, 1, None)
    assert found["servers"] == ["Kafka 9"]
    assert found["days"] == ["2026-11-22", "2026-11-24"]


def test_a_row_says_what_was_lost_and_which_runs_failed() -> None:
    table = markdown(summed(LINES))
    assert (
        "| a kill | nothing is lost | [some](../tests/laws/test_some.py "
        '"it") | 3, 1 failed | 6 | 2,007 | 9 | 1 |' in table
    )
    assert "| 0, 1 skipped | - | - | - | - |" in table
    assert "3 runs with 6 faults, of which 1 runs failed; 1 were skipped." in table
    assert "2026-11-22 to 2026-11-24: " in table
    assert "Kafka 9, commit c0ffeec0ffee." in table


def test_logs_become_results_and_results_a_table(tmp_path: Path) -> None:
    log, out, page = (tmp_path / name for name in ("log.jsonl", "out.json", "page.md"))
    log.write_text("".join(json.dumps(each) + "\n" for each in LINES))
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    # A failure among them is the command's too.
    assert main(["faults", "--log", str(log), "--log", str(log), "--out", str(out)]) == 1
    assert json.loads(out.read_text())["faults"][0]["inputs"] == 2 * 2007
    words = ["faults", "--results", str(out), "--into", str(page)]
    assert main([*words, "--check"]) == 1
    assert main(words) == 0
    assert main([*words, "--check"]) == 0
    assert page.read_text().startswith(f"before\n{BEGIN}\n| Fault |")
    log.write_text(json.dumps(line(faults=1)) + "\n")
    assert main(["faults", "--log", str(log), "--out", str(out), "--into", str(page)]) == 0
    assert "| 1 | 1 | - | - | - |" in page.read_text()


@pytest.mark.parametrize("words", [[], ["--log", "x"], ["--out", "x"], ["--results", "x"]])
def test_half_a_command_is_refused(words: list[str]) -> None:
    assert main(["faults", *words]) == 2


@pytest.mark.parametrize("text", ["{", "[]", '{"test": "x"}', "3"])
def test_what_is_no_log_is_named(tmp_path: Path, text: str) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(text + "\n")
    with pytest.raises(ReportError, match=r"log\.jsonl: "):
        read_log([log])


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", '{"faults": [3]}'])
def test_what_holds_no_faults_is_named(tmp_path: Path, text: str) -> None:
    results = tmp_path / "found.json"
    results.write_text(text)
    with pytest.raises(ReportError, match=r"found\.json: "):
        write_into([results], tmp_path / "page.md")


def test_what_was_run_again_stands_in_place_of_what_was_before(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", [tmp_path / "1.json", tmp_path / "2.json"]
    first = [line("tests/a.py::test_gone"), line("tests/b.py::test_kept")]
    results[0].write_text(json.dumps(summed(first)))
    results[1].write_text(json.dumps(summed([line("tests/a.py::test_new")])))
    page.write_text(f"{BEGIN}\n{END}\n")
    write_into(results, page)
    assert [name in page.read_text() for name in ("gone", "kept", "new")] == [False, True, True]
    assert page.read_text().count("runs with") == 2
    # Of what was run again as a whole nothing is left to say.
    write_into([results[1], results[1]], page)
    assert page.read_text().count("runs with") == 1


def test_the_page_says_what_the_results_say() -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("*-faults.json"))
    assert write_into(files, ROOT / "docs" / "guarantees.md", check=True)
