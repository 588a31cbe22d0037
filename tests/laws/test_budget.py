"""The laws of an engine whose threshold moves by a budget: cuts, replays and what comes later."""

from dataclasses import replace

import numpy as np
import pytest
from inputs.streams import SECOND, hostile_log, random_cuts, random_parameters, run
from seeds import seeds

from stream.budget import control
from stream.budget.levels import DAY_US
from stream.decide import THRESHOLD_OFF, Outcome, Thresholds

# The logs last ten minutes: a budget of theirs, and a threshold that moves within them.
ALERTS = 60


@pytest.fixture(autouse=True)
def in_minutes(monkeypatch):
    monkeypatch.setattr(control, "SEEN_MIN_US", 60 * SECOND)
    monkeypatch.setattr(control, "MOVE_EVERY_US", 10 * SECOND)


def parameters_of(rng):
    rate = ALERTS * DAY_US / (600 * SECOND)
    thresholds = Thresholds(review=0.5, block=float(rng.choice([0.99, THRESHOLD_OFF])))
    parameters = replace(random_parameters(rng), thresholds=thresholds, waiting_max=10_000)
    return replace(parameters, alerts_per_day=rate, explore=float(rng.choice([0.0, 0.8])))


@seeds(4)
def test_cuts_change_nothing_that_is_said_or_kept(seed):
    rng = np.random.default_rng(seed)
    parameters, log = parameters_of(rng), hostile_log(rng, 350)
    whole = run(parameters, log)
    for _ in range(2):
        cut = run(parameters, log, random_cuts(rng, log))
        assert cut.said() == whole.said()
        assert cut.state() == whole.state()


@seeds(2)
def test_a_replay_gives_the_same_bytes(seed):
    rng = np.random.default_rng(seed)
    parameters, log = parameters_of(rng), hostile_log(rng, 350)
    cuts = random_cuts(rng, log)
    assert run(parameters, log, cuts).said() == run(parameters, log, cuts).said()


@seeds(4)
def test_what_comes_later_never_changes_a_threshold(seed):
    rng = np.random.default_rng(seed)
    parameters, log = parameters_of(rng), hostile_log(rng, 350)
    full = run(parameters, log)
    head = log.head(int(rng.integers(100, len(log.order))))
    early = run(parameters, head)
    n = len(head.transactions)
    for name, column in early.columns.items():
        np.testing.assert_array_equal(full.columns[name][:n], column, err_msg=name)
    assert full.thresholds[: len(early.thresholds)] == early.thresholds
    assert full.probabilities[: len(early.thresholds)] == early.probabilities
    assert [alert for alert in full.alerts if alert[0] < n] == early.alerts


@seeds(4, known=((4023544911, "payments that were drawn with certainty"),))
def test_an_alert_names_the_threshold_by_which_it_was_decided(seed):
    rng = np.random.default_rng(seed)
    parameters, log = parameters_of(rng), hostile_log(rng, 350)
    result = run(parameters, log)
    fixed, columns = parameters.thresholds, result.columns
    assert len(result.thresholds) == len(result.alerts)
    for (row, _, _), threshold, probability in zip(
        result.alerts, result.thresholds, result.probabilities, strict=True
    ):
        outcome, score = columns["outcomes"][row], columns["scores"][row]
        if score < threshold:
            # What was drawn is looked at, not blocked; where few come, all of them are drawn.
            assert outcome == Outcome.REVIEW
            assert 0.0 < probability <= 1.0
            assert parameters.explore
        else:
            assert outcome >= Outcome.REVIEW
            assert probability == 1.0
        assert threshold == fixed.block if outcome == Outcome.BLOCK else score < fixed.block
    # A payment without a score is never alerted.
    alerted = [row for row, _, _ in result.alerts]
    assert np.isfinite(columns["scores"][alerted]).all()


@pytest.mark.quality
def test_the_logs_move_the_threshold_and_draw_payments():
    moved, drawn = 0, 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        parameters = parameters_of(rng)
        result = run(parameters, hostile_log(rng, 350))
        fixed = parameters.thresholds
        moved += bool({*result.thresholds} - {fixed.review, fixed.block})
        drawn += sum(probability < 1.0 for probability in result.probabilities)
    assert moved >= 3
    assert drawn >= 3
