"""Stages: each second is one stage's, and the picture says what was measured."""

import itertools
import json

import pytest

from benchmarks import bench_stages, waterfall
from benchmarks.__main__ import main
from benchmarks.bench_stages import STAGES, StageClock, Stages
from benchmarks.machine import ROOT
from benchmarks.report import ReportError


def test_a_second_belongs_to_one_stage(monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(bench_stages.time, "perf_counter", lambda: float(next(ticks)))
    clock = StageClock()
    inner = clock.timed("learn", lambda x: x + 1)
    outer = clock.timed("decide", lambda x: inner(inner(x)))
    assert outer(1) == 3
    assert clock.seconds == {**dict.fromkeys(STAGES, 0.0), "learn": 2.0, "decide": 3.0}


def test_a_stage_that_fails_gives_the_clock_back():
    clock = StageClock()

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        clock.timed("learn", fail)()
    assert clock._stack == []


def test_every_stage_of_the_job_takes_time_and_nothing_is_refused():
    job = Stages(2050, 1)
    for _ in range(5):
        job.pay(410)
        job.label(410)
    counters = job._shard.engine.counters
    assert (counters.decisions, counters.labels) == (6150, 4100)
    assert counters.labels_learned >= 3600
    assert counters.refused == counters.labels_refused == 0
    assert min(job.clock.seconds.values()) > 0.0


def results_of(tmp_path, stages):
    rows = [
        {"name": f"stage_{name}", "value": 0.5, "detail": {"by_batch": {"1": 9.0, "64": 0.5}}}
        for name in stages
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"results": rows}), encoding="utf-8")
    return path


def test_the_picture_has_every_stage_and_is_drawn_once(tmp_path, capsys):
    results, picture = results_of(tmp_path, STAGES), tmp_path / "waterfall.svg"
    command = ["waterfall", "--results", str(results), "--into", str(picture)]
    assert main([*command, "--check"]) == 1
    assert not picture.exists()
    assert main(command) == 0
    drawn = picture.read_text(encoding="utf-8")
    assert f"{0.5 * len(STAGES):.1f} us, in batches of 64" in drawn
    assert all(words in drawn for words in STAGES.values())
    assert main([*command, "--check"]) == 0
    assert "bring it up to date" in capsys.readouterr().err


def test_results_without_a_stage_are_refused(tmp_path):
    results = results_of(tmp_path, list(STAGES)[1:])
    with pytest.raises(ReportError, match="no stage lay_out"):
        waterfall.write_into([results], tmp_path / "waterfall.svg", check=False)


def test_the_picture_shows_what_the_newest_results_say() -> None:
    files = (ROOT / "benchmarks" / "results").glob("*.json")
    with_stages = [file for file in files if '"name": "stage_decode"' in file.read_text()]
    newest = max(with_stages, key=lambda file: json.loads(file.read_text())["taken_at"])
    assert waterfall.write_into([newest], ROOT / "docs" / "waterfall.svg", check=True)
