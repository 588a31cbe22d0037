"""The tables of the drift experiment, and a page that says what results say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.drift.counting import counted, summary_of
from benchmarks.drift.experiment import OWN
from benchmarks.drift.plan import WATCHED_FROM
from benchmarks.drift.table import BEGIN, END, SETTINGS, markdown, write_into
from benchmarks.drift.watching import Alarm
from benchmarks.report import ReportError
from stream.simulate.drifts import DriftKind

ROOT = Path(__file__).parents[3]
AT = WATCHED_FROM + 10
NAMES = (f"{OWN}: features", SETTINGS[0])


def stream(name: str, *days: float) -> dict[str, Any]:
    alarms = [Alarm(day, "score") for day in days]
    own = counted(alarms, at_day=AT, months=2.0, share_of_days=0.25)
    calm = counted([], at_day=AT, months=2.0)
    methods = dict(zip(NAMES, (own, calm), strict=True))
    return {"name": name, "rows": 500, "frauds_after": 0.01, "methods": methods}


def results() -> dict[str, Any]:
    streams = [stream("published"), stream("undrifted", AT + 1.0)]
    streams += [stream(kind, AT + 2.5) for kind in DriftKind]
    return {
        "drift": summary_of(streams),
        "streams": streams,
        "plan": {"seeds": [1]},
        "seconds": 12.3,
        "machine": {"cpu": "a processor", "seed": 1},
        "quick": False,
        "taken_at": "2026-11-22T01:02:03Z",
    }


def test_a_row_says_how_often_there_was_an_alarm_and_what_was_found() -> None:
    table = markdown(results())
    found = "1/1, 2.50 d (1)"
    assert f"| {NAMES[0]} | 0.500 | 0 | 25% | {found} | {found} | {found} | {found} |" in table
    settings = table.partition("What the engine says with other parameters:")[2]
    nothing = "0/1 (0)"
    row = f"| {NAMES[1]} | 0 | 0 | - | {nothing} | {nothing} | {nothing} | {nothing} |"
    assert row in settings
    assert NAMES[0] not in settings
    assert "6 streams with 3,000 payments, seeds 1; shares of fraud" in table
    assert "12 seconds. Measured on 2026-11-22: a processor" in table


def test_results_become_a_table(tmp_path: Path) -> None:
    out, page = tmp_path / "out.json", tmp_path / "page.md"
    out.write_text(json.dumps(results()))
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    words = ["drift", "--results", str(out), "--into", str(page)]
    assert main([*words, "--check"]) == 1
    assert main(words) == 0
    assert main([*words, "--check"]) == 0
    assert page.read_text().startswith(f"before\n{BEGIN}\n| Method |")


@pytest.mark.parametrize("words", [[], ["--results", "x"], ["--out", "x", "--results", "x"]])
def test_half_a_command_is_refused(words: list[str]) -> None:
    assert main(["drift", *words]) == 2


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", '{"drift": [3], "streams": []}'])
def test_what_holds_no_experiment_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "found.json"
    path.write_text(text)
    with pytest.raises(ReportError, match=r"found\.json: "):
        write_into([path], tmp_path / "page.md")


def test_the_page_says_what_the_newest_results_say() -> None:
    newest = max((ROOT / "benchmarks" / "results").glob("*-drift.json"))
    assert write_into([newest], ROOT / "docs" / "drift-experiment.md", check=True)


def test_what_is_said_of_detectors_that_are_off_is_what_was_measured() -> None:
    results = json.loads((ROOT / "benchmarks/results/2026-11-23-drift.json").read_text("utf-8"))
    rows = {each["method"]: each for each in results["drift"]}
    alarms = {name: f"{each['alarms_a_month']:.3g}" for name, each in rows.items()}
    page = " ".join((ROOT / "docs" / "monitoring.md").read_text("utf-8").split())
    scores, errors = (alarms[f"River's KSWIN, {subject}"] for subject in ("scores", "errors"))
    assert f"raised {scores} alarms a month on scores and {errors} on errors" in page
    hinkley = alarms["River's PageHinkley, scores"]
    assert f"{hinkley} alarms a month on scores where ADWIN" in page
    found = [
        {kind: each["found"] for kind, each in rows[name]["drifts"].items()}
        for name in ("River's PageHinkley, scores", f"{OWN}: ADWIN, scores")
    ]
    assert found[0] == found[1]
    assert alarms[f"{OWN}: ADWIN, scores"] == "0"
