"""Calibration against scikit-learn and plain loops."""

import naive_evaluation as naive
import numpy as np
import pytest
from inputs.decisions import KINDS, decisions_of
from seeds import seeds
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from stream.evaluation.reliability import BINS, reliability


@seeds(3)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 2, 14, 400])
def test_it_is_what_scikit_learn_and_plain_loops_say(seed, kind, n):
    rows = decisions_of(n, seed, kind)
    found = reliability(rows.score, rows.is_fraud)
    scores, y = naive.plain(rows.score.tolist()), rows.is_fraud.tolist()
    brier, logs = naive.losses(scores, y)
    known = rows.score[~np.isnan(rows.score)]
    assert found.count.sum() == len(known)
    if not len(known):
        nothing = (found.brier, found.log_loss, found.calibration_error, found.debiased_error)
        assert nothing == (None,) * 4
        return
    edges = np.percentile(known, np.linspace(0, 1, BINS + 1) * 100)[1:-1].tolist()
    absolute, square = naive.calibration(scores, y, edges)
    assert found.brier == pytest.approx(brier)
    assert found.log_loss == pytest.approx(logs)
    assert found.calibration_error == pytest.approx(absolute)
    assert found.debiased_error == pytest.approx(square, abs=1e-8)
    truth = rows.is_fraud[~np.isnan(rows.score)]
    assert found.brier == pytest.approx(brier_score_loss(truth, known, labels=[False, True]))
    # Where scikit-learn clips is its own affair.
    clipped = np.clip(known, 1e-15, 1 - 1e-15)
    assert found.log_loss == pytest.approx(log_loss(truth, clipped, labels=[False, True]))
    rates, means = calibration_curve(truth, known, n_bins=BINS, strategy="quantile")
    assert found.fraud_rate == pytest.approx(rates)
    assert found.mean_score == pytest.approx(means)


def test_equal_scores_are_in_one_bin():
    rng = np.random.default_rng(5)
    scores = np.round(rng.random(10_000), 1)
    found = reliability(scores, rng.random(10_000) < 0.5)
    ends_of_ties = np.cumsum(np.unique(scores, return_counts=True)[1])
    assert 5 < len(found.count) < BINS
    assert np.isin(np.cumsum(found.count), ends_of_ties).all()


def test_bins_have_equal_mass():
    found = reliability(np.random.default_rng(1).random(1_500) ** 4, np.zeros(1_500, np.bool_))
    assert found.count.tolist() == [100] * BINS


def test_less_bias_is_left_of_a_calibrated_model():
    """Of scores that are true to the letter the plain error sees noise, the debiased one little."""
    rng = np.random.default_rng(3)
    plain, debiased = [], []
    for _ in range(60):
        scores = rng.beta(1, 8, 600)
        found = reliability(scores, rng.random(600) < scores)
        plain.append(found.calibration_error)
        debiased.append(found.debiased_error)
    assert np.median(debiased) < 0.5 * np.median(plain)
    # Scores that are wrong by a tenth are told as wrong by a tenth.
    wrong = reliability(scores + 0.1, rng.random(600) < scores)
    assert wrong.debiased_error == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(("score", "fraud"), [(0.0, True), (1.0, False)])
def test_a_score_that_is_certain_and_wrong_costs_as_in_the_prequential_figures(score, fraud):
    found = reliability(np.array([score]), np.array([fraud]))
    assert found.log_loss == pytest.approx(-np.log(1e-15), rel=1e-2)
