"""The command line of the benchmarks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import benchmarks.__main__ as command_line
from benchmarks.__main__ import main
from benchmarks.harness import (
    Registry,
    Result,
    Run,
)
from benchmarks.machine import ROOT
from tests.benchmarks.registries import a_registry


def test_json_is_the_data_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "--quick", "--seed", "7"], a_registry()) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == "", "no progress where nobody looks"
    assert [result["name"] for result in found["results"]] == [
        *("decode.batch", "decode.single", "windows")
    ]
    assert found["results"][0] == {
        "name": "decode.batch",
        "unit": "us/event",
        "value": 0.5,
        "reference": 6.0,
        "ratio": 12.0,
        "detail": {},
    }
    assert found["results"][2]["reference"] is None
    assert found["results"][2]["detail"] == {"quick": True}
    assert found["quick"] is True
    assert found["machine"]["seed"] == 7


def test_a_table_is_printed_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], a_registry()) == 0
    out = capsys.readouterr().out
    assert "decode.single" in out
    assert "12.0x" in out
    assert "seed 1." in out


def test_only_runs_what_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--json", "--only", "windows", "--only", "decode.batch"]
    assert main(arguments, a_registry()) == 0
    found = json.loads(capsys.readouterr().out)
    assert [result["name"] for result in found["results"]] == ["decode.batch", "windows"]


def test_an_unknown_name_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "decode.bacth"], a_registry()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "'decode.bacth'" in err
    assert "did you mean decode.batch" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("wrong", [["--seed", "-1"], ["--seed", "x"], ["--frobnicate"], ["show"]])
def test_wrong_arguments_are_wrong_usage(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(wrong, a_registry())
    assert stopped.value.code == 2
    assert capsys.readouterr().out == ""


def test_the_list_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    registry = Registry()

    @registry.benchmark("a[b]", unit="s")
    def fails(run: Run) -> list[Result]:
        """Fail at once."""
        raise AssertionError(run)

    assert main(["--list"], registry) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split(None, 2) == ["a[b]", "s", "Fail at once."]


def two_lengths() -> Registry:
    registry = Registry()
    for name, full in (("short", False), ("long", True)):
        one = [Result(name, "s", 1.0)]
        registry.benchmark(name, unit="s", takes_s=60, full=full)(lambda _, one=one: one)
    return registry


@pytest.mark.parametrize(
    ("arguments", "ran"),
    [([], ["short"]), (["--full"], ["short", "long"]), (["--only", "long"], ["long"])],
)
def test_long_ones_are_left_to_a_full_run_or_to_who_names_them(
    arguments: list[str], ran: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", *arguments], two_lengths()) == 0
    found = json.loads(capsys.readouterr().out)
    assert [result["name"] for result in found["results"]] == ran
    assert list(found["took_s"]) == ran
    assert main(["--list", *arguments], two_lengths()) == 0
    listed = capsys.readouterr().out
    assert ("long" in listed, "(--full)" in listed) == (True, True)


def test_whoever_looks_sees_what_runs_and_how_long_it_takes_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[str] = []

    @contextmanager
    def progress() -> Iterator[Callable[[str], None]]:
        yield shown.append

    monkeypatch.setattr(command_line, "_progress", progress)
    registry = Registry()

    @registry.benchmark("first", unit="s", takes_s=240)
    def first(run: Run) -> list[Result]:
        run.progress("round 1")
        return [Result("first", "s", 1.0)]

    registry.benchmark("second", unit="s", takes_s=360)(lambda _: [Result("second", "s", 1.0)])
    assert main(["--json"], registry) == 0
    assert shown[:2] == [
        "[1/2] first: beginning (about 10 minutes left)",
        "[1/2] first: round 1 (about 10 minutes left)",
    ]
    # The first took no time at all: so does the second, it seems.
    assert shown[2] == "[2/2] second: beginning (about a minute left)"


def test_a_broken_benchmark_does_not_cost_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    registry = Registry()

    @registry.benchmark("broken", unit="s")
    def broken(run: Run) -> list[Result]:
        raise RuntimeError("no such luck")

    @registry.benchmark("whole", unit="s")
    def whole(run: Run) -> list[Result]:
        return [Result("whole", "s", 1.0)]

    assert main(["--json"], registry) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [result["name"] for result in found["results"]] == ["whole"]
    assert found["failed"] == ["broken"]
    assert "no such luck" in err


def test_ctrl_c_has_its_own_status(capsys: pytest.CaptureFixture[str]) -> None:
    registry = Registry()

    @registry.benchmark("long", unit="s")
    def long(run: Run) -> list[Result]:
        raise KeyboardInterrupt

    assert main([], registry) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_known_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = Registry()
    ran: list[Run] = []

    @registry.benchmark("a", unit="s")
    def notes(run: Run) -> list[Result]:
        ran.append(run)
        return [Result("a", "s", 1.0)]

    assert main(["--out", str(tmp_path / "missing" / "results.json")], registry) == 2
    assert main(["--out", str(tmp_path)], registry) == 2
    assert not ran
    assert "cannot be written" in capsys.readouterr().err


def test_the_module_answers_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "no-such-benchmark"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert "no-such-benchmark" in done.stderr


def test_colours_asked_for_do_not_make_a_person(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["--json"], a_registry()) == 0
    assert capsys.readouterr().err == ""
