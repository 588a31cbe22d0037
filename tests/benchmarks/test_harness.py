"""The benchmark harness: what it measures, what it refuses, what it writes."""

from __future__ import annotations

import gc
import io
import json
import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import harness, machine, report
from benchmarks.__main__ import main
from benchmarks.harness import (
    BenchmarkError,
    Paired,
    Registry,
    Result,
    Run,
    Spread,
    Times,
    UnknownBenchmarkError,
    discover,
    paired,
)

ROOT = Path(__file__).resolve().parents[2]


class FakeMachine:
    """A machine on which work takes exactly what it is said to take."""

    def __init__(self) -> None:
        self.cpu = 0.0
        self.wall = 0.0
        self.calls: list[str] = []

    def read(self) -> Times:
        return Times(self.cpu, self.cpu / 2, self.wall)

    def work(self, name: str, cpu: float, wall: float | None = None) -> Callable[[], None]:
        def run() -> None:
            self.calls.append(name)
            self.cpu += cpu
            self.wall += cpu if wall is None else wall

        return run


def spin(loops: int) -> Callable[[], int]:
    def work() -> int:
        total = 0
        for number in range(loops):
            total += number & 7
        return total

    return work


def sample_result(name: str = "decode", /, **changes: Any) -> Result:
    values: dict[str, Any] = {"unit": "us/event", "value": 0.5, "reference": 6.0, "ratio": 12.0}
    return Result(name, **{**values, **changes})


def a_registry() -> Registry:
    registry = Registry()

    @registry.benchmark("decode.batch", "decode.single", unit="us/event")
    def decode(run: Run) -> list[Result]:
        """Decode something.

        More about it.
        """
        run.progress("decoding")
        return [sample_result(name) for name in ("decode.batch", "decode.single")]

    @registry.benchmark("windows", unit="events/s")
    def windows(run: Run) -> list[Result]:
        """Update windows."""
        drawn = float(run.rng.random())
        return [Result("windows", "events/s", 1 + drawn, detail={"quick": run.quick})]

    return registry


# paired


def test_twice_the_work_takes_twice_the_time() -> None:
    measured = paired(spin(20_000), spin(40_000), rounds=9, min_time_s=0.01)
    assert 1.6 < measured.ratio.median < 2.5
    assert measured.ratio.low <= measured.ratio.median <= measured.ratio.high
    assert measured.ours.cpu > 0
    assert measured.ours.wall >= 0.9 * measured.ours.cpu
    assert measured.ours.thread == pytest.approx(measured.ours.cpu, rel=0.5)


def test_the_same_work_has_a_ratio_of_one() -> None:
    measured = paired(spin(20_000), spin(20_000), rounds=9, min_time_s=0.01)
    assert 0.75 < measured.ratio.median < 1.33


def test_times_are_exact_where_the_clock_is() -> None:
    fake = FakeMachine()
    measured = paired(
        fake.work("a", cpu=0.25, wall=0.5),
        fake.work("b", cpu=1.0, wall=4.0),
        rounds=3,
        min_time_s=2,
        read=fake.read,
    )
    assert measured.ours == Times(0.25, 0.125, 0.5)
    assert measured.reference == Times(1.0, 0.5, 4.0)
    assert measured.ratio == Spread(4.0, 4.0, 4.0)
    assert measured.rounds == 3


@pytest.mark.parametrize(("clock", "ratio"), [("cpu", 4.0), ("thread", 4.0), ("wall", 8.0)])
def test_the_ratio_goes_by_the_chosen_clock(clock: harness.Clock, ratio: float) -> None:
    fake = FakeMachine()
    measured = paired(
        fake.work("a", cpu=0.25, wall=0.5),
        fake.work("b", cpu=1.0, wall=4.0),
        rounds=1,
        min_time_s=0.1,
        clock=clock,
        read=fake.read,
    )
    assert measured.ratio.median == ratio
    assert measured.clock == clock


def test_the_two_take_turns() -> None:
    fake = FakeMachine()
    paired(fake.work("a", 1), fake.work("b", 1), rounds=4, min_time_s=0.5, read=fake.read)
    # A call of each that is not timed, then one of each to find how many calls are needed.
    assert "".join(fake.calls) == "ab" + "ab" + "ab" * 4


def test_the_first_call_is_not_timed() -> None:
    fake = FakeMachine()
    compiled: list[bool] = []

    def compiles() -> None:
        fake.cpu += 0.25 if compiled else 100
        fake.wall += 0.25 if compiled else 100
        compiled.append(True)

    measured = paired(compiles, fake.work("b", 1), rounds=1, min_time_s=1, read=fake.read)
    assert measured.ours.cpu == 0.25
    assert measured.calls[0] >= 4


# Powers of two: their sums are exact.
@pytest.mark.parametrize("cost", [2**-20, 2**-11, 2**-7, 0.75])
def test_every_sample_takes_the_least_time(cost: float) -> None:
    fake = FakeMachine()
    reads: list[float] = []

    def read() -> Times:
        reads.append(fake.wall)
        return fake.read()

    paired(fake.work("a", cost), fake.work("b", 0.5), rounds=5, min_time_s=0.125, read=read)
    samples = [end - start for start, end in zip(reads[::2], reads[1::2], strict=True)]
    # The last ten are the rounds: what came before was looking for the number of calls.
    assert min(samples[-10:]) >= 0.125
    assert max(samples[-10::2]) <= max(0.25, cost)


def test_a_sample_that_became_too_short_is_taken_again() -> None:
    fake = FakeMachine()

    def quickens() -> None:
        fake.calls.append("a")
        fake.cpu += 0.01
        fake.wall += 1.0 if len(fake.calls) < 5 else 0.01

    measured = paired(quickens, fake.work("b", 1), rounds=3, min_time_s=0.9, read=fake.read)
    assert measured.ours.wall == pytest.approx(0.01)
    assert measured.calls[0] >= 90


def test_times_are_of_one_item() -> None:
    fake = FakeMachine()
    measured = paired(
        fake.work("a", 1.0),
        fake.work("b", 1.0),
        rounds=1,
        min_time_s=0.5,
        items=500,
        reference_items=100,
        read=fake.read,
    )
    assert measured.ours.cpu == pytest.approx(0.002)
    assert measured.reference.cpu == pytest.approx(0.01)
    assert measured.ratio.median == pytest.approx(5)


def test_the_median_shrugs_off_a_bad_round() -> None:
    fake = FakeMachine()
    costs = iter([1.0, 1.0, 1.0, 50.0, 1.0])

    def ours() -> None:
        cost = next(costs)
        fake.cpu += cost
        fake.wall += cost

    measured = paired(ours, fake.work("b", 2.0), rounds=3, min_time_s=0.5, read=fake.read)
    assert measured.ratio == Spread(2.0, 0.04, 2.0)
    assert measured.ours.cpu == 1.0


def test_no_garbage_is_collected_inside_a_sample() -> None:
    seen: list[bool] = []

    def work() -> None:
        seen.append(gc.isenabled())
        spin(2_000)()

    assert gc.isenabled()
    paired(work, work, rounds=2, min_time_s=0.001)
    assert gc.isenabled()
    assert seen[:2] == [True, True], "the first calls are not samples"
    assert not any(seen[2:])


def test_the_collector_works_again_after_an_error() -> None:
    calls: list[int] = []

    def fails() -> None:
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        paired(fails, spin(10), rounds=1, min_time_s=0.001)
    assert gc.isenabled()


def test_a_collector_that_rested_before_rests_after() -> None:
    gc.disable()
    try:
        paired(spin(1_000), spin(1_000), rounds=1, min_time_s=0.001)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_clock_that_stands_is_no_measurement() -> None:
    fake = FakeMachine()
    with pytest.raises(BenchmarkError, match="'cpu' did not move"):
        paired(
            *(fake.work("a", 0, wall=1), fake.work("b", 1)),
            rounds=1,
            min_time_s=0.5,
            read=fake.read,
        )


@pytest.mark.parametrize(
    "wrong", [{"rounds": 0}, {"min_time_s": 0}, {"items": 0}, {"reference_items": 0}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    arguments: dict[str, Any] = {"rounds": 1, "min_time_s": 0.001, **wrong}
    with pytest.raises(ValueError, match="above 0"):
        paired(spin(1), spin(1), **arguments)


def test_progress_is_told_of_every_round() -> None:
    told: list[str] = []
    paired(spin(100), spin(100), rounds=2, min_time_s=0.001, progress=told.append)
    assert told == ["round 1 of 2", "round 2 of 2"]


def measurement() -> Paired:
    return Paired(
        ours=Times(cpu=2e-6, thread=1e-6, wall=4e-6),
        reference=Times(cpu=1e-5, thread=1e-5, wall=1e-5),
        ratio=Spread(5.0, 4.0, 6.0),
        clock="cpu",
        rounds=7,
        calls=(100, 20),
    )


@pytest.mark.parametrize(
    ("unit", "value", "reference"),
    [("us/event", 2, 10), ("ns", 2_000, 10_000), ("events/s", 500_000, 100_000)],
)
def test_a_measurement_becomes_a_result(unit: str, value: float, reference: float) -> None:
    result = measurement().result("x", unit, rows=64)
    assert result.value == pytest.approx(value)
    assert result.reference == pytest.approx(reference)
    assert result.ratio == 5.0
    assert result.detail["rows"] == 64
    assert (result.detail["ratio_low"], result.detail["ratio_high"]) == (4.0, 6.0)
    assert result.detail["seconds"] == {"cpu": 2e-6, "thread": 1e-6, "wall": 4e-6}
    json.dumps(result.as_json(), allow_nan=False)


def test_a_unit_that_is_no_time_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="'bytes' is no time"):
        measurement().result("x", "bytes")


@pytest.mark.parametrize("key", ["value", "reference", "ratio"])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_result_is_finite(key: str, number: float) -> None:
    with pytest.raises(BenchmarkError, match=f"decode: {key} is"):
        sample_result("decode", **{key: number})


# The registry


def test_a_name_is_registered_once() -> None:
    with pytest.raises(BenchmarkError, match="registered twice: windows"):
        a_registry().benchmark("windows", unit="s")


def test_a_benchmark_needs_a_name() -> None:
    with pytest.raises(BenchmarkError, match="needs a name"):
        Registry().benchmark(unit="s")


def test_every_name_needs_a_unit() -> None:
    with pytest.raises(BenchmarkError, match="one unit for each"):
        Registry().benchmark("a", "b", unit={"a": "s"})


def test_names_may_have_units_of_their_own() -> None:
    registry = Registry()
    registry.benchmark("late", "rate", unit={"rate": "events/s", "late": "ms"})(lambda _: [])
    assert registry.units == {"late": "ms", "rate": "events/s"}


@pytest.mark.parametrize(
    ("results", "complaint"),
    [
        ([sample_result("a"), sample_result("c")], "'c', which is not registered"),
        ([sample_result("a")], "returned nothing for b"),
        ([sample_result("a"), sample_result("a")], "stands twice"),
        ([sample_result("a"), sample_result("b", unit="s")], "registered in 'us/event'"),
    ],
)
def test_a_function_is_held_to_what_it_registered(results: list[Result], complaint: str) -> None:
    registry = Registry()
    registry.benchmark("a", "b", unit="us/event")(lambda _: results)
    with pytest.raises(BenchmarkError, match=complaint):
        next(iter(registry)).run(quick=True, seed=1)


def test_only_what_was_asked_for_is_returned() -> None:
    each = a_registry().select(["decode.single"])
    assert len(each) == 1
    results = each[0].run(quick=True, seed=1, only=frozenset({"decode.single"}))
    assert [result.name for result in results] == ["decode.single"]


def test_random_numbers_depend_on_the_seed_and_nothing_else() -> None:
    registry = a_registry()
    decode, windows = registry
    first = windows.run(quick=True, seed=1)[0].value
    decode.run(quick=True, seed=1)
    assert windows.run(quick=True, seed=1)[0].value == first
    assert windows.run(quick=True, seed=2)[0].value != first


@pytest.mark.parametrize(
    ("asked", "told"),
    [("windws", "windows"), ("decode", "decode.batch, decode.single"), ("zzz", "there are")],
)
def test_the_nearest_names_are_told(asked: str, told: str) -> None:
    with pytest.raises(UnknownBenchmarkError, match=re.escape(told)):
        a_registry().select([asked])


def test_modules_are_found_by_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "a_package_of_benchmarks"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "bench_one.py").write_text("loaded = True\n")
    (package / "helper.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = types.ModuleType(package.name)
    found.__path__ = [str(package)]
    assert discover(found) == ["bench_one"]
    assert sys.modules.pop("a_package_of_benchmarks.bench_one").loaded is True
    sys.modules.pop("a_package_of_benchmarks", None)


# The command line


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


# The report

DOCUMENT = f"# Numbers\n\nbefore\n\n{report.BEGIN}\nold\n{report.END}\n\nafter\n"


def test_results_go_into_a_document_and_the_check_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, into = tmp_path / "results.json", tmp_path / "README.md"
    into.write_text(DOCUMENT)
    assert main(["--quick", "--out", str(results)], a_registry()) == 0
    command = ["report", "--results", str(results), "--into", str(into)]
    capsys.readouterr()

    assert main([*command, "--check"]) == 1
    assert "bring it up to date with" in capsys.readouterr().err
    assert into.read_text() == DOCUMENT, "a check changes nothing"

    assert main(command) == 0
    assert main([*command, "--check"]) == 0
    text = into.read_text()
    assert "| decode.batch | us/event | 0.500 | 6.00 | 12.0x | - |" in text
    assert text.startswith(f"# Numbers\n\nbefore\n\n{report.BEGIN}\n| Benchmark |")
    assert text.endswith(f"seed 1. A quick run: the numbers are rough.\n{report.END}\n\nafter\n")
    assert "old" not in text

    into.write_text(text.replace("12.0x", "13.0x"))
    assert main([*command, "--check"]) == 1


def test_what_a_later_file_measured_again_leaves_the_earlier_table(tmp_path: Path) -> None:
    files = []
    for number, names in enumerate((["a", "b"], ["b", "c"], ["c"])):
        files.append(tmp_path / f"{number}.json")
        found = report.document(
            [sample_result(name) for name in names], {"cpu": f"cpu {number}"}, quick=False
        )
        files[-1].write_text(report.to_json(found))
    into = tmp_path / "README.md"
    into.write_text(DOCUMENT)
    report.write_into(files, into)
    tables = into.read_text().split("| Benchmark |")[1:]
    rows = [[n for n in "abc" if f"| {n} |" in table] for table in tables]
    assert rows == [["a"], ["b"], ["c"]]
    assert [f"cpu {number}" in table for number, table in enumerate(tables)] == [True] * 3
    assert report.write_into(files, into, check=True)
    report.write_into(files[:2], into)
    assert into.read_text().count("| Benchmark |") == 2


def test_a_document_may_have_some_rows_in_an_order_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "0.json", tmp_path / "1.json"]
    for number, names in enumerate((["a", "b"], ["c", "b"])):
        samples = [sample_result(name) for name in names]
        found = report.document(samples, {"cpu": f"cpu {number}"}, quick=False)
        files[number].write_text(report.to_json(found))
    into = tmp_path / "README.md"
    into.write_text(DOCUMENT)
    command = ["report", "--into", str(into)]
    command += [part for file in files for part in ("--results", str(file))]
    assert main([*command, "--row", "b", "--row", "c"]) == 0
    text = into.read_text()
    assert text.count("| Benchmark |") == 1
    assert text.index("| b |") < text.index("| c |")
    assert "| a |" not in text
    # What the other file measured is not shown, so neither is where.
    assert "cpu 1" in text
    assert "cpu 0" not in text
    assert main([*command, "--row", "b", "--row", "c", "--check"]) == 0
    assert main([*command, "--row", "d"]) == 2
    assert "no results file has d" in capsys.readouterr().err


def test_text_outside_the_markers_is_not_checked(tmp_path: Path) -> None:
    results, into = tmp_path / "results.json", tmp_path / "README.md"
    results.write_text(report.to_json(report.document([sample_result()], {}, quick=False)))
    into.write_text(DOCUMENT)
    report.write_into([results], into)
    into.write_text(into.read_text().replace("after", "later"))
    assert report.write_into([results], into, check=True)


@pytest.mark.parametrize(
    "text",
    [
        "no markers",
        report.BEGIN,
        f"{report.END}\n{report.BEGIN}",
        f"{report.BEGIN}{report.END}{report.BEGIN}{report.END}",
    ],
)
def test_a_document_needs_its_markers(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, into = tmp_path / "results.json", tmp_path / "README.md"
    results.write_text(report.to_json(report.document([], {}, quick=False)))
    into.write_text(text)
    assert main(["report", "--results", str(results), "--into", str(into)]) == 2
    assert "once each" in capsys.readouterr().err
    assert into.read_text() == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "No such file"),
        ("{", "Expecting"),
        ("[]", "holds no list of results"),
        ('{"results": [{"name": "a"}]}', "result 0 lacks unit, value"),
        ('{"results": [3]}', "result 0 lacks name"),
    ],
)
def test_a_file_that_is_no_results_file_is_named(
    text: str | None, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.json"
    if text is not None:
        results.write_text(text)
    into = tmp_path / "README.md"
    into.write_text(DOCUMENT)
    assert main(["report", "--results", str(results), "--into", str(into)]) == 2
    err = capsys.readouterr().err
    assert complaint in err
    assert "results.json" in err


def test_a_name_cannot_break_the_table() -> None:
    found = report.document([sample_result("a|b")], {}, quick=False)
    assert "| a\\|b | us/event |" in report.markdown(found)


def test_a_name_is_no_markup_on_a_terminal() -> None:
    out = io.StringIO()
    found = report.document([sample_result("[red]a[/]")], {}, quick=False)
    report.print_table(found, Console(file=out, width=160))
    assert "[red]a[/]" in out.getvalue()


def test_the_spread_of_the_ratios_is_shown() -> None:
    found = report.document([measurement().result("x", "us/event")], {}, quick=False)
    assert "| x | us/event | 2.00 | 10.0 | 5.00x | 4.00 to 6.00 |" in report.markdown(found)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0"),
        (0.00012345, "0.000123"),
        (0.15, "0.150"),
        (1.0, "1.00"),
        (9.999, "10.0"),
        (99.96, "100"),
        (123.4, "123"),
        (-2.5, "-2.50"),
        (512_345.0, "512,000"),
    ],
)
def test_three_digits_are_enough(value: float | None, text: str) -> None:
    assert report.number(value) == text


def test_the_readme_has_its_markers() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert report.splice(text, "table").count("table\n") >= 1


# The machine


def test_the_facts_are_known_here() -> None:
    facts = machine.facts(seed=5)
    assert facts["cores"] >= 1
    assert facts["seed"] == 5
    assert facts["python"].endswith(".".join(map(str, sys.version_info[:3])))
    named = {"numpy", "numba", "river", "fastavro", "confluent-kafka", "polars", "duckdb"}
    assert set(facts["packages"]) == named
    assert all(facts["packages"].values())
    json.dumps(facts, allow_nan=False)


def test_the_facts_do_not_tell_where_the_machine_keeps_things() -> None:
    text = json.dumps(machine.facts(seed=1))
    assert str(ROOT) not in text
    assert str(Path.home()) not in text


def test_the_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = (
            "-c",
            "user.name=n",
            "-c",
            "user.email=e@example.com",
            "-c",
            "commit.gpgsign=no",
        )
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=30)

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "first")
    commit, dirty = machine._commit(tmp_path)
    assert commit is not None
    assert re.fullmatch(r"[0-9a-f]{40}", commit)
    assert dirty is False
    (tmp_path / "a").write_text("2")
    assert machine._commit(tmp_path) == (commit, True)


def test_without_git_the_commit_is_unknown(tmp_path: Path) -> None:
    assert machine._commit(tmp_path / "missing") == (None, None)


def test_the_processor_is_read_from_the_kernel(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: A Fine Processor @ 2 GHz\n")
    assert machine._cpu_model(cpuinfo) == "A Fine Processor @ 2 GHz"
