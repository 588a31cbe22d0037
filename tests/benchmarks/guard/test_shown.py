"""What the guard said, summed up: who was named, and a page that says what results say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.guard.shown import BEGIN, END, markdown, read_log, summed, write_into
from benchmarks.machine import ROOT
from benchmarks.report import ReportError


def guarded(slowed: list[str], *runs: dict[str, tuple[float, bool]]) -> dict[str, Any]:
    """Return what the guard writes: of each run, the ratio of a stage and whether it was named."""
    return {
        "machine": {"cpu": "abacus", "cores": 2},
        "taken_at": "2026-11-22T10:00:00Z",
        "slowed": slowed,
        "runs": [
            {
                "slower": [f"{stage} at 16" for stage, (_, named) in run.items() if named],
                "stages": [
                    {"stage": stage, "size": 16, "ratio": {"median": ratio}, "slower": named}
                    for stage, (ratio, named) in run.items()
                ],
            }
            for run in runs
        ],
    }


FILES = [
    guarded([], {"a": (1.0, False), "b": (0.9, False)}, {"a": (1.1, False), "b": (1.3, True)}),
    guarded(["a"], {"a": (1.5, True), "b": (1.25, True)}),
    guarded(["b"], {"a": (1.0, False), "b": (1.4, False)}),
]


def test_unchanged_runs_and_slowed_ones_are_told_apart() -> None:
    found = summed(FILES)
    assert (found["unchanged_runs"], found["unchanged_runs_that_failed"]) == (2, 1)
    a, b = found["stages"]
    assert a["unchanged"] == {
        "runs": 2,
        "named": 0,
        "others_named": 1,
        "ratio": pytest.approx(1.05),
        "ratio_low": 1.0,
        "ratio_high": 1.1,
    }
    assert (a["slowed"]["runs"], a["slowed"]["named"], a["slowed"]["others_named"]) == (1, 1, 1)
    assert (b["slowed"]["runs"], b["slowed"]["named"], b["slowed"]["others_named"]) == (1, 0, 0)
    table = markdown(found)
    assert "| a | 16 | 1.00x to 1.10x | 0 of 2 | 1.50x | 1 of 1 | 1 |" in table
    assert "| b | 16 | 0.90x to 1.30x | 1 of 2 | 1.40x | 0 of 1 | 0 |" in table
    assert "1 of 2 runs on an unchanged tree failed." in table
    assert "abacus" in table


def test_stages_that_nobody_slowed_have_no_ratio() -> None:
    assert "| a | 16 | 1.00x to 1.10x | 0 of 2 | - | 0 of 0 | 0 |" in markdown(summed(FILES[:1]))


@pytest.mark.parametrize(
    ("files", "status"), [(FILES, 1), (FILES[:1], 1), (FILES[1:2], 0), (FILES[2:], 1)]
)
def test_logs_become_results_and_results_a_table(
    tmp_path: Path, files: list[dict[str, Any]], status: int
) -> None:
    """A tree named without a reason is a failure, and so is a slowed stage that is not named."""
    logs = [tmp_path / f"{number}.json" for number in range(len(files))]
    for log, found in zip(logs, files, strict=True):
        log.write_text(json.dumps(found))
    out, page = tmp_path / "out.json", tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    given = [word for log in logs for word in ("--log", str(log))]
    assert main(["shown", *given, "--out", str(out)]) == status
    words = ["shown", "--results", str(out), "--into", str(page)]
    assert main([*words, "--check"]) == 1
    assert main(words) == 0
    assert main([*words, "--check"]) == 0
    assert page.read_text().startswith(f"before\n{BEGIN}\n| Stage |")


@pytest.mark.parametrize("text", ["{", "[]", '{"runs": []}', "3"])
def test_what_the_guard_did_not_write_is_named(tmp_path: Path, text: str) -> None:
    log = tmp_path / "log.json"
    log.write_text(text)
    with pytest.raises(ReportError, match=r"log\.json: "):
        read_log([log])


def test_runs_of_another_machine_are_not_summed_up_with_these(tmp_path: Path) -> None:
    here, there = tmp_path / "here.json", tmp_path / "there.json"
    here.write_text(json.dumps(FILES[0]))
    there.write_text(json.dumps({**FILES[1], "machine": {"cpu": "slide rule"}}))
    with pytest.raises(ReportError, match=r"there\.json: cpu is slide rule, and abacus in .*here"):
        read_log([here, there])


def test_a_run_without_stages_is_named() -> None:
    with pytest.raises(ReportError, match="a run has no stages"):
        summed([{**FILES[0], "runs": [{}]}])


def test_what_holds_no_runs_is_named(tmp_path: Path) -> None:
    results = tmp_path / "found.json"
    results.write_text('{"stages": [3]}')
    with pytest.raises(ReportError, match=r"found\.json: "):
        write_into([results], tmp_path / "page.md")


def test_the_page_says_what_the_newest_results_say() -> None:
    newest = max((ROOT / "benchmarks" / "results").glob("*-guard.json"))
    assert write_into([newest], ROOT / "benchmarks" / "README.md", check=True)
