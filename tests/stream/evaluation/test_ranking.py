"""ROC AUC and average precision against scikit-learn and plain loops; ties and missing scores."""

import naive_evaluation as naive
import numpy as np
import pytest
from inputs.decisions import KINDS, decisions_of
from seeds import seeds
from sklearn.metrics import average_precision_score, roc_auc_score

from stream.evaluation.ranking import rank, top

CLOSE = {"rel": 1e-12, "abs": 1e-15}


@seeds(3)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 2, 90])
def test_it_is_what_plain_loops_and_scikit_learn_say(seed, kind, n):
    rows = decisions_of(n, seed, kind)
    found, y = rank(rows.score, rows.is_fraud), rows.is_fraud
    scores = naive.plain(rows.score.tolist())
    auc, ap = naive.auc(scores, y.tolist()), naive.average_precision(scores, y.tolist())
    assert found.auc == (auc if auc is None else pytest.approx(auc, **CLOSE))
    assert found.average_precision == (ap if ap is None else pytest.approx(ap, **CLOSE))
    assert found.unscored == scores.count(None)
    assert (found.auc is None) == (y.all() or not y.any())
    assert (found.average_precision is None) == (not y.any())
    below_all = np.where(np.isnan(rows.score), -1.0, rows.score)
    if y.any():
        wanted = average_precision_score(y, below_all)
        assert found.average_precision == pytest.approx(wanted, **CLOSE)
    if found.auc is not None:
        assert found.auc == pytest.approx(roc_auc_score(y, below_all), **CLOSE)


@seeds(3)
def test_many_rows_of_few_scores_as_scikit_learn_does(seed):
    rng = np.random.default_rng(seed)
    y = rng.random(200_000) < 0.008
    scores = np.round(rng.random(200_000) + 0.2 * y, int(rng.integers(1, 6)))
    found = rank(scores, y)
    assert found.auc == pytest.approx(roc_auc_score(y, scores), **CLOSE)
    assert found.average_precision == pytest.approx(average_precision_score(y, scores), rel=1e-10)


@seeds(2)
def test_the_order_of_the_rows_says_nothing(seed):
    rows = decisions_of(300, seed, "spoilt")
    shuffled = rows.take(np.random.default_rng(seed).permutation(300))
    one, other = rank(rows.score, rows.is_fraud), rank(shuffled.score, shuffled.is_fraud)
    assert one.auc == other.auc
    assert one.average_precision == pytest.approx(other.average_precision, rel=1e-14)


def test_a_model_that_says_nothing_has_the_measures_of_chance():
    y = np.arange(40) % 4 == 0
    found = rank(np.full(40, np.nan), y)
    assert (found.auc, found.average_precision, found.unscored) == (0.5, 0.25, 40)


def test_missing_scores_rank_below_everything_even_minus_infinity():
    found = rank(np.array([np.nan, -np.inf]), np.array([False, True]))
    assert found.auc == 1.0
    assert rank(np.array([np.nan, -np.inf]), np.array([True, False])).auc == 0.0


@seeds(3)
@pytest.mark.parametrize("kind", KINDS)
def test_the_first_places_are_those_of_plain_loops(seed, kind):
    rows = decisions_of(60, seed, kind)
    for k in (1, 7, 60, 100):
        wanted = naive.first_places(naive.plain(rows.score.tolist()), k)
        assert top(rows.score, k).tolist() == wanted


def test_of_nothing_nothing_is_taken():
    assert top(np.empty(0), 5).tolist() == []
    assert top(np.array([np.nan, np.nan]), 5).tolist() == []
