"""The experiment over one small stream: its own reading of the engine is the engine's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from inputs.drift_streams import watched

from benchmarks.drift import windows
from benchmarks.drift.experiment import RULES, by_levels, methods, own_parameters
from benchmarks.drift.plan import (
    AFFECTED,
    DAY_US,
    QUICK_WORLD,
    REFERENCE_FROM,
    SIZES,
    WATCHED_FROM,
    Task,
    tasks,
)
from benchmarks.drift.watching import watch
from stream.simulate.drifts import Drift, DriftKind, drift_of

AT = WATCHED_FROM + 4


def test_every_kind_of_drift_is_injected_into_every_world_as_simulate_does() -> None:
    plan = tasks(quick=False, seed=3, seeds=2)
    assert plan[0].name == "published"
    assert [(task.name, task.seed) for task in plan[1:]] == [
        (name, seed) for seed in (3, 4) for name in ("undrifted", *DriftKind)
    ]
    for task in plan:
        if task.drift is not None:
            assert task.drift.at_us == task.at_day * DAY_US
            assert task.drift.size == drift_of(task.drift.kind, 0).size
    assert set(SIZES) == set(AFFECTED) == set(DriftKind)


def test_worlds_of_two_seeds_share_no_draws() -> None:
    worlds = [task.world for task in tasks(quick=False, seed=1, seeds=2) if task.name == "prior"]
    first, second = (
        set(range(world.draw_seed, world.draw_seed + world.customers)) for world in worlds
    )
    assert not first & second
    assert worlds[0].customer_seed != worlds[1].customer_seed


def test_every_method_says_something_about_the_same_stream() -> None:
    drift = Drift(DriftKind.COVARIATE, AT * DAY_US, 3.0)
    task = Task("covariate", 1, AT, replace(QUICK_WORLD, days=90), drift)
    found = methods(watched(at_day=AT, factor=3.0), task)
    assert found["PSI > 0.1"]["delays"]["covariate"] == 1.0
    assert found["River's ADWIN, scores"]["delays"]["covariate"] < 1.0
    assert found["fraudstream: features"]["alarms"] == 0  # Of a stream that no engine saw.
    same = ("psi_min = 0", "psi_min = 0.25", "false_alarms = 0.05")
    for name in same:
        assert found[f"fraudstream: windows, {name}"]["delays"]["covariate"] == 1.0
    months = [found[f"fraudstream: windows, {name}"]["months"] for name in RULES]
    assert months[-1] > months[0] > months[-2]


def test_cuts_that_change_the_mean_by_little_can_be_left_out() -> None:
    grown = watched(at_day=AT, factor=1.5)
    assert by_levels(grown, own_parameters())
    assert by_levels(grown, replace(own_parameters(), adwin_change_min=10.0)) == []


@pytest.mark.slow
def test_what_the_experiment_makes_of_rules_is_what_the_engine_says() -> None:
    world = replace(QUICK_WORLD, customers=400, terminals=800, days=WATCHED_FROM + 8)
    drift = Drift(DriftKind.COVARIATE, AT * DAY_US, 2.0)
    found = watch(Task("covariate", 1, AT, world, drift))
    rules = own_parameters()
    assert rules.warm_up_us == REFERENCE_FROM * DAY_US
    # The engine never closes the day on which the stream ends.
    again = [alarm for alarm in windows.by_parameters(found, rules) if alarm.day <= found.days[-1]]
    assert found.by_psi
    assert sorted(again) == sorted(found.by_psi)
    cuts = sorted(by_levels(found, rules))
    assert [cut.subject for cut in cuts] == [cut.subject for cut in sorted(found.by_adwin)]
    # The engine hears of an error at the barrier after its payment is mature.
    days = [cut.day for cut in sorted(found.by_adwin)]
    assert [cut.day for cut in cuts] == pytest.approx(days, abs=1e-3)
    assert np.isnan(found.scores[0])
    assert len(found.values) == len(found.days)
