"""Law h: the contributions and the base add up to the score's log-odds."""

from dataclasses import replace

import numpy as np
import pytest
from checks.one_row import contributions
from inputs.streams import hostile_log, random_parameters, run
from river import tree
from seeds import seeds

import models
from models.additive.estimators import AdditiveLogisticRegression
from models.river.adapter import RiverLearner, logistic_pipeline
from stream.decide import Thresholds

NAMES = tuple(f"f{i}" for i in range(5))
MODELS = {
    "logistic pipeline": logistic_pipeline,
    "Hoeffding tree": lambda: tree.HoeffdingTreeClassifier(grace_period=20),
    "additive model": AdditiveLogisticRegression,
}
# To these it may be evidence that a value is not known: it has a weight of its own, or goes the
# heavier way at a branch.
UNKNOWN_COUNTS = ("additive model", "Hoeffding tree")
# Beyond, a double near 1 no longer holds nine digits of the log-odds.
LOG_ODDS_MAX = 12.0


def assert_adds_up(score, log_odds):
    """Compare a probability with log-odds, to nine digits where a probability has them."""
    if abs(log_odds) < LOG_ODDS_MAX:
        assert abs(np.log(score / (1 - score)) - log_odds) < 1e-9
    else:
        # River's own sigmoid is 0 or 1 from log-odds of 30 on.
        assert abs(score - 1 / (1 + np.exp(-log_odds))) < 1e-12


@pytest.mark.parametrize("build", [RiverLearner, models.compile])
@pytest.mark.parametrize("model", MODELS)
@seeds(4, known=((2914284320, "a tree with a branch, and a row without the value it asks for"),))
def test_contributions_and_base_are_the_log_odds_of_the_score(build, model, seed):
    rng = np.random.default_rng(seed)
    learner = build(MODELS[model](), NAMES)
    y = rng.random(400) < 0.4
    X = rng.normal(0, 1, (400, len(NAMES))) + 0.5 * y[:, None]
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 3] = 7.0  # Never varies: the scaler knows no spread.
    checked = 0
    for start in range(0, 400, 20):
        scores = learner.predict_proba_many(X)
        for x, score in zip(X[start : start + 20], scores[start : start + 20], strict=True):
            if 0 < score < 1:
                base, parts = contributions(learner, x)
                assert parts.shape == (len(NAMES),)
                assert model in UNKNOWN_COUNTS or not parts[np.isnan(x)].any()
                assert_adds_up(score, base + parts.sum())
                checked += 1
        learner.learn_many(X[start : start + 20], y[start : start + 20])
    assert checked > 100


@seeds(4)
def test_the_evidence_of_an_alert_explains_its_own_score(seed):
    """Four reasons are published; the others of the row's features make up the rest."""
    rng = np.random.default_rng(seed)
    parameters = replace(
        random_parameters(rng), waiting_max=10_000, thresholds=Thresholds(review=0.1)
    )
    result = run(parameters, hostile_log(rng, 400))
    names = result.engine.parameters.features.names
    assert result.alerts
    for row, base, reasons in result.alerts:
        score = result.columns["scores"][row]
        parts = [part for _, _, part in reasons]
        assert len(parts) <= 4
        assert parts == sorted(parts, reverse=True)
        assert all(part > 0 for part in parts)
        # What is left out adds no more each than the least reason given.
        log_odds = np.log(score / (1 - score)) if 0 < score < 1 else np.inf
        if len(parts) == 4 and log_odds < LOG_ODDS_MAX:
            assert log_odds - base - sum(parts) <= (len(names) - 4) * parts[-1] + 1e-9
        for name, value, _ in reasons:
            assert value == result.features[row, names.index(name)]
