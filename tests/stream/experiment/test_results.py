"""Means and paired differences of outcomes that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inputs.experiments import config_in, outcome, plan_by_hand
from scipy import stats
from seeds import seeds

from stream.config.configuration import load
from stream.experiment.measures import MEASURES
from stream.experiment.results import document, failures


@seeds(3)
def test_means_and_paired_differences_are_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.5, 0.1, (2, 6))
    plan = plan_by_hand(["a", "b"], 6)
    outcomes = {("a", i): outcome(whole__ap=a[i], whole__log_loss=a[i]) for i in range(6)}
    outcomes |= {("b", i): outcome(whole__ap=b[i], whole__log_loss=b[i]) for i in range(6)}
    found = document(plan, outcomes)
    first, second = found["configurations"]
    assert first["difference"] is None
    for each, values in ((first, a), (second, b)):
        low, high = stats.t.interval(0.95, 5, values.mean(), stats.sem(values))
        said = each["mean"]["whole.ap"]
        assert (said["low"], said["high"]) == (pytest.approx(low), pytest.approx(high))
    paired = stats.ttest_rel(b, a).confidence_interval(0.95)
    said = second["difference"]["whole.ap"]
    assert (said["low"], said["high"]) == (pytest.approx(paired.low), pytest.approx(paired.high))
    assert said["better"] == (b > a).sum()
    assert second["difference"]["whole.log_loss"]["better"] == (b < a).sum()


def test_a_run_that_failed_is_named_and_leaves_its_pair_out() -> None:
    plan = plan_by_hand(["a", "b"], 3)
    ap = {("a", 0): 0.1, ("a", 1): 0.2, ("a", 2): 0.4, ("b", 0): 0.2, ("b", 2): 0.6}
    outcomes: dict[tuple[str, int], dict[str, Any]] = {
        run: outcome(whole__ap=value) for run, value in ap.items()
    }
    outcomes["b", 1] = {"error": "no more memory"}
    found = document(plan, outcomes)
    second = found["configurations"][1]
    assert second["runs"][1] == {"seed": 1, "error": "no more memory"}
    assert second["mean"]["whole.ap"]["n"] == 2
    difference = second["difference"]["whole.ap"]
    assert (difference["n"], difference["better"]) == (2, 2)
    assert difference["mean"] == pytest.approx(0.15)
    assert failures(found) == ["b, seed 1: no more memory"]
    # Nothing is left of one: its means are not known.
    outcomes |= {("b", seed): {"error": "gone"} for seed in range(3)}
    second = document(plan, outcomes)["configurations"][1]
    assert second["mean"] == second["difference"] == dict.fromkeys(MEASURES)


def test_what_is_not_defined_in_a_seed_is_left_out_there() -> None:
    plan = plan_by_hand(["a", "b"], 2)
    outcomes = {(name, seed): outcome() for name in "ab" for seed in (0, 1)}
    outcomes["a", 1] = outcome(protocol__ap=None)
    first, second = document(plan, outcomes)["configurations"]
    assert first["mean"]["protocol.ap"]["n"] == 1
    assert first["mean"]["protocol.ap"]["half"] is None
    assert second["difference"]["protocol.ap"]["n"] == 1


def test_a_configuration_without_chance_stands_for_every_seed_of_one_stream(
    tmp_path: Path,
) -> None:
    plan = plan_by_hand(["plain", "drawn"], 3, file=Path("x.csv"))
    drawn = replace(
        plan.configurations[1], config=load(config_in(tmp_path, "drawn", kind="forest"))
    )
    plan = replace(plan, configurations=(plan.configurations[0], drawn))
    outcomes = {("plain", 0): outcome(whole__ap=0.4)}
    outcomes |= {("drawn", seed): outcome(whole__ap=0.5 + seed / 10) for seed in range(3)}
    first, second = document(plan, outcomes)["configurations"]
    assert len(first["runs"]) == first["mean"]["whole.ap"]["n"] == 1
    assert first["mean"]["whole.ap"]["half"] is None
    difference = second["difference"]["whole.ap"]
    assert (difference["n"], difference["better"]) == (3, 3)
    assert difference["mean"] == pytest.approx(0.2)
    assert difference["half"] == pytest.approx(second["mean"]["whole.ap"]["half"])
    # Neither draws at random: one pair, however many seeds there are beside them.
    both = plan_by_hand(["plain", "other", "drawn"], 3, file=Path("x.csv"))
    both = replace(both, configurations=(*both.configurations[:2], drawn))
    outcomes["other", 0] = outcome(whole__ap=0.45)
    difference = document(both, outcomes)["configurations"][1]["difference"]["whole.ap"]
    assert (difference["n"], difference["half"]) == (1, None)


def test_what_the_runs_said_is_said_once() -> None:
    plan = plan_by_hand(["a"], 2, file=Path("x.csv"), notes=("first",))
    plan = replace(plan, configurations=plan.configurations[:1])
    said = outcome() | {"notes": ["slow"], "protocol_missing": "too short"}
    found = document(plan, {("a", 0): said, ("a", 1): said})
    assert found["notes"] == ["first", "a: slow", "no Handbook's protocol: too short"]
