"""Scores taken apart: base and contributions add up, and go to the features asked for."""

import math

import numpy as np
import pytest
from checks.one_row import contributions
from seeds import seeds

from models.trees.explain import log_odds_of
from models.trees.forest import DenseForest
from models.trees.tree import DenseTree

EAGER = {"grace_period": 20, "delta": 0.1}
MODELS = {
    "tree": lambda p: DenseTree(6, leaf_prediction=p, **EAGER),
    "forest": lambda p: DenseForest(6, leaf_prediction=p, n_models=4, **EAGER),
}


def log_odds(p):
    p = min(max(p, 1e-15), 1 - 1e-15)
    return math.log(p / (1 - p))


@seeds(3)
@pytest.mark.parametrize("prediction", ["mc", "nb", "nba"])
@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_base_and_contributions_add_up_to_the_scores_log_odds(streams, build, prediction, seed):
    n = 600 if streams.compiled else 60
    X, y = streams.examples(seed, n, missing=0.1)
    model = build(prediction)
    for rows in (X[:1], X):
        scores = model.predict_proba_many(rows)
        for x, score in zip(rows[:100], scores, strict=False):
            base, parts = contributions(model, x)
            assert parts.shape == (6,)
            assert np.isfinite(parts).all()
            assert base + parts.sum() == pytest.approx(log_odds(score), rel=1e-12, abs=1e-9)
        model.learn_many(X, y)


def test_what_no_branch_asks_for_has_no_part(streams):
    X, y = streams.examples(3, 400)
    X[:, 4] = 1.0
    model = DenseTree(6, **EAGER)
    model.learn_many(X, y)
    asked = set(model.state().arrays["feature"].tolist()) - {-1}
    assert asked
    assert 4 not in asked
    parts = np.array([contributions(model, x)[1] for x in X])
    assert set(np.flatnonzero(parts.any(axis=0)).tolist()) <= asked


def test_one_split_is_its_features_doing():
    X = np.repeat([[0.0, 5.0], [1.0, 5.0]], 200, axis=0) + np.linspace(0, 0.01, 400)[:, None] * [
        1,
        0,
    ]
    y = X[:, 0] > 0.5
    order = np.random.default_rng(0).permutation(400)
    model = DenseTree(2, grace_period=400, tau=10.0)
    model.learn_many(X[order], y[order])
    model.learn_many(X[order[:100]], y[order[:100]])
    base, parts = contributions(model, np.array([1.0, 5.0]))
    assert abs(base) < 0.3
    assert parts[0] > 3.0
    assert parts[1] == 0.0
    base, parts = contributions(model, np.array([0.0, 5.0]))
    assert parts[0] < -3.0


def test_changes_that_cancel_keep_their_sign():
    base, parts = log_odds_of(0.3, np.array([0.2, -0.2, 0.0]))
    assert parts[0] == -parts[1] > 0
    assert base + parts.sum() == pytest.approx(log_odds(0.3))


def test_a_leaf_that_overrules_its_way_leaves_contributions_of_a_sane_size():
    for score in (1e-14, 1.0 - 1e-14):
        base, parts = log_odds_of(score, np.array([0.05, 0.02]) * (1 if score < 0.5 else -1))
        assert np.abs(parts).max() < 1000
        assert base + parts.sum() == pytest.approx(log_odds(score), abs=1e-9)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_score_at_an_end_stays_finite(score):
    base, parts = log_odds_of(score, np.array([score - 0.5]))
    assert math.isfinite(base)
    assert parts[0] * (score - 0.5) > 0
    assert base + parts.sum() == pytest.approx(log_odds(score))
