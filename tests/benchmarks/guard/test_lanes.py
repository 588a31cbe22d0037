"""Two trees in turn: who begins changes, a slowed stage is slow, a foreign tree is refused."""

import itertools
import time

import pytest

from benchmarks.bench_stages import STAGES
from benchmarks.guard.lane import SlowedClock
from benchmarks.guard.lanes import Plan, Process, in_turn
from benchmarks.guard.trees import tree_of
from benchmarks.harness import BenchmarkError
from benchmarks.machine import ROOT

SMALL = Plan(processes=1, rounds=1, batches={64: 4}, warm=1000)


class Noting:
    """A lane that notes when it was asked."""

    def __init__(self, name, asked):
        self.name, self.asked = name, asked

    def ask(self, size, batches):
        self.asked.append((self.name, size, batches))
        return {"learn": float(len(self.asked))}


def test_the_trees_take_turns_and_the_first_round_does_not_count():
    asked = []
    base, now = Noting("base", asked), Noting("now", asked)
    found = list(in_turn(base, now, Plan(rounds=2, batches={16: 3})))
    assert [name for name, *_ in asked] == ["now", "base", "base", "now", "now", "base"]
    assert found == [(16, {"learn": 3.0}, {"learn": 4.0}), (16, {"learn": 6.0}, {"learn": 5.0})]


def test_a_plan_has_records_for_every_round():
    assert Plan(rounds=2, batches={16: 3, 100: 1}).events == 3 * 148


def test_a_slowed_stage_takes_so_many_times_as_long_and_others_do_not(monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    clock = SlowedClock({"decide": 1.5})

    def work():
        for _ in range(1000):
            next(ticks)

    inner = clock.timed("learn", work)

    def outer():
        work()
        inner()

    clock.timed("decide", outer)()
    assert clock.seconds["decide"] == pytest.approx(1500.0, abs=5)
    assert clock.seconds["learn"] == pytest.approx(1000.0, abs=5)


def test_a_process_works_off_what_it_is_asked_for_and_ends_with_the_block():
    with Process(ROOT, SMALL, {}) as lane:
        took = lane.ask(64, 4)
        process = lane._program._process
    assert list(took) == list(STAGES)
    assert min(took.values()) > 0.0
    assert process.returncode is not None


def test_a_process_that_ends_early_is_an_error_that_names_its_tree(tmp_path):
    with pytest.raises(BenchmarkError, match=str(tmp_path)):
        Process(tmp_path, SMALL, {})


def test_a_process_that_runs_the_code_of_another_tree_is_refused(tmp_path):
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")
    with pytest.raises(BenchmarkError, match=f"runs the code of {ROOT}"):
        Process(tmp_path, SMALL, {})


def test_a_commit_that_git_does_not_have_is_an_error_with_a_remedy():
    with pytest.raises(BenchmarkError, match="git fetch --unshallow"):
        tree_of("0" * 40)
