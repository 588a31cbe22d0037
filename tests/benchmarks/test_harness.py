"""The benchmark harness: what it measures, and what it refuses."""

from __future__ import annotations

import gc
import json
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness
from benchmarks.harness import (
    BenchmarkError,
    Registry,
    Result,
    Spread,
    Times,
    UnknownBenchmarkError,
    discover,
    paired,
)
from tests.benchmarks.registries import a_registry, measurement, sample_result


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
