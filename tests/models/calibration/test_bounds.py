"""Bounded log-odds: the order of scores stays, whatever they are."""

import math

import numpy as np
import pytest
from naive_calibration import log_odds
from seeds import seeds

from models.calibration.bounds import sigmoid, squeezed


@seeds(3)
def test_the_order_of_scores_stays(seed):
    rng = np.random.default_rng(seed)
    ends = 10.0 ** rng.uniform(-15, -3, 300)
    scores = np.sort(np.concatenate([rng.random(300), ends, 1 - ends, [0.0, 0.5, 1.0]]))
    odds = np.array([squeezed(p) for p in scores])
    assert (np.diff(odds) >= 0).all()
    # Strictly, where scores are further apart than rounding.
    apart = np.diff(scores) > 1e-12
    assert (np.diff(odds)[apart] > 0).all()
    assert np.abs(odds).max() <= 12.03
    for p, z in zip(scores.tolist(), odds.tolist(), strict=True):
        assert z == pytest.approx(log_odds(p), rel=1e-12)


@pytest.mark.parametrize("score", [-np.inf, -1.0, 1.0 + 1e-9, 7.0, np.inf, 5e-324, -0.0])
def test_what_is_no_probability_is_bounded(score):
    assert abs(squeezed(score)) <= 12.03
    assert math.isnan(squeezed(math.nan))


@pytest.mark.parametrize("odds", [-1e300, -800.0, -40.0, 0.0, 3.0, 40.0, 800.0, 1e300])
def test_every_finite_log_odds_has_a_probability(odds):
    assert 0.0 <= sigmoid(odds) <= 1.0
    assert sigmoid(odds) + sigmoid(-odds) == pytest.approx(1, abs=1e-15)
