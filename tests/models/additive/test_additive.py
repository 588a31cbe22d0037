"""The model as a whole: what it can learn, what it says of it, and that nothing breaks it."""

import hashlib
import math
from functools import partial

import numpy as np
import pytest
from checks.dense_checks import (
    assert_contributions_add_up,
    assert_cuts_never_matter,
    assert_goes_on_bit_for_bit,
    assert_refuses_damage,
    assert_same_uncompiled,
    assert_stays_finite,
    break_array,
    break_header,
    everything,
)
from checks.one_row import contributions
from river import linear_model, preprocessing
from seeds import seeds

from models.additive.additive import WIDTH_MAX, AdditiveLogistic
from models.additive.curve import SQUARES, WEIGHT
from models.additive.knots import PLACES
from models.linear.translate import dense_of as linear_of
from models.scale.translate import dense_of as scaler_of

WIDTH = 6


def examples(rng, n, width=WIDTH):
    y = rng.random(n) < 0.1
    X = rng.lognormal(0, 1, (n, width)) * (1 + y[:, np.newaxis])
    X[rng.random(X.shape) < 0.15] = np.nan
    X[n // 3] = np.nan
    return X, y


@seeds(2)
def test_how_rows_are_cut_never_matters(seed, hostile_rows):
    rng = np.random.default_rng(seed)
    X, y = hostile_rows(rng, 100, WIDTH), rng.random(100) < 0.3
    w = rng.choice((0.0, 0.5, 1.0), 100)
    assert_cuts_never_matter(partial(AdditiveLogistic, WIDTH), X, y, w)


def auc(scores, y):
    """How often a fraud scores higher than a genuine row."""
    return float((scores[y][:, np.newaxis] > scores[~y]).mean())


@seeds(2)
def test_it_learns_that_both_small_and_large_is_odd_where_a_regression_cannot(seed):
    rng = np.random.default_rng(seed)
    n = 6000
    X = rng.lognormal(3, 1.5, (n, 2))
    odd = (X[:, 0] < math.exp(1.0)) | (X[:, 0] > math.exp(5.0))
    y = rng.random(n) < np.where(odd, 0.5, 0.02)
    curves = AdditiveLogistic(2)
    scaler, line = (
        of(model, 2)
        for of, model in (
            (scaler_of, preprocessing.StandardScaler()),
            (linear_of, linear_model.LogisticRegression()),
        )
    )
    half, other = slice(0, n // 2), slice(n // 2, n)
    curves.learn_many(X[half], y[half])
    line.learn_many(scaler.learn_transform_many(X[half]), y[half])
    assert auc(curves.predict_proba_many(X[other]), y[other]) > 0.8
    assert auc(line.predict_proba_many(scaler.transform_many(X[other])), y[other]) < 0.7
    typical = np.full((3, 2), math.exp(3.0))
    typical[:, 0] = np.exp([-0.5, 3.0, 6.5])
    low, middle, high = curves.predict_proba_many(typical)
    assert min(low, high) > 0.13 > 0.1 > middle


def test_that_a_value_is_not_known_may_be_evidence():
    rng = np.random.default_rng(1)
    y = rng.random(2000) < 0.2
    X = rng.normal(size=(2000, 2))
    X[rng.random(2000) < np.where(y, 0.7, 0.1), 0] = np.nan
    model = AdditiveLogistic(2)
    model.learn_many(X, y)
    unknown, known = np.array([np.nan, 0.5]), np.array([0.5, 0.5])
    assert contributions(model, unknown)[1][0] > 1 > 0 > contributions(model, known)[1][0]


@seeds(2)
def test_contributions_add_up_to_the_log_odds(seed):
    X, y = examples(np.random.default_rng(seed), 300)
    model = AdditiveLogistic(WIDTH)
    model.learn_many(X, y)
    assert_contributions_add_up(model, X, 1e-12)


def test_what_is_usual_of_genuine_rows_contributes_nothing():
    rng = np.random.default_rng(1)
    X, y = examples(rng, 6000)
    model = AdditiveLogistic(WIDTH)
    model.learn_many(X, y)
    latest = X[~y][-1000:]
    parts = np.array([contributions(model, x)[1] for x in latest])
    assert np.abs(parts.mean(axis=0)).max() < 0.15
    base, _ = contributions(model, X[0])
    mean = np.mean([base + row.sum() for row in parts])
    assert base == pytest.approx(mean, abs=0.3)


@seeds(2)
def test_nothing_hostile_makes_it_anything_but_finite(seed, hostile_rows):
    rng = np.random.default_rng(seed)
    X, y = hostile_rows(rng, 300, WIDTH), rng.random(300) < 0.5
    w = rng.choice((0.0, 1e-9, 1.0, 1e9), 300)
    for lr in (0.05, 1e3):
        assert_stays_finite(partial(AdditiveLogistic, WIDTH, lr), X, y, w)


def test_no_row_moves_the_log_odds_further_than_its_steps():
    """A hostile row is one of many: no weight of its own takes it further."""
    rng = np.random.default_rng(2)
    X, y = examples(rng, 300)
    model = AdditiveLogistic(WIDTH)
    model.learn_many(X, y)
    before = model.state().arrays["curves"][..., WEIGHT]
    model.learn_many(np.full((1, WIDTH), 1e308), np.array([True]), np.array([1e9]))
    moved = model.state().arrays["curves"][..., WEIGHT] - before
    assert np.abs(moved).max() <= model.lr
    assert np.count_nonzero(moved) == 3 * WIDTH  # Each stands on the last knot of a distance.


@seeds(1)
def test_columns_that_come_later_leave_the_others_as_they_are(seed):
    X, y = examples(np.random.default_rng(seed), 80)
    model, wide = AdditiveLogistic(5), AdditiveLogistic(5)
    for each in (model, wide):
        each.learn_many(X[:, :5], y)
    wide.widen(WIDTH)
    assert wide.width == WIDTH
    assert wide.predict_proba_many(X).tolist() == model.predict_proba_many(X[:, :5]).tolist()
    assert contributions(wide, X[0])[1].tolist()[:5] == contributions(model, X[0, :5])[1].tolist()
    wide.learn_many(X, y)
    assert wide.state().arrays["curves"][5, :, WEIGHT].any()


@seeds(1)
def test_a_restored_model_goes_on_bit_for_bit(seed, hostile_rows):
    rng = np.random.default_rng(seed)
    X, y = hostile_rows(rng, 80, WIDTH), rng.random(80) < 0.3
    assert_goes_on_bit_for_bit(partial(AdditiveLogistic, WIDTH), X, y)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (break_header("intercept", math.nan), "intercept is nan"),
        (break_header("intercept", 1e31), "intercept is 1e"),
        (break_header("intercept", 0), "intercept is 0,"),
        (break_header("intercept_squares", 0.5), "intercept_squares is 0.5"),
        (break_header("intercept_squares", math.inf), "intercept_squares is inf"),
        (break_header("genuine", -1.0), "genuine is -1"),
        (break_header("genuine", 10_001.0), "genuine is 10001"),
        (break_header("lr", 0.5), "lr is 0.5 in the state and 0.05 in the model"),
        (break_header("width", 4), "width is 4"),
        (lambda state: state.header.pop("genuine"), "genuine is None"),
        (break_array("curves", (1, 7, WEIGHT), 1e31), "curves holds 1e"),
        (break_array("curves", (1, 7, WEIGHT), math.nan), "curves holds a value that is not"),
        (break_array("curves", (1, 7, SQUARES), 0.0), "curves holds 0.0"),
        (break_array("usual", 1, -1e31), "usual holds"),
        (break_array("usual", 1, math.inf), "usual holds"),
        (lambda state: state.arrays.pop("usual"), "usual"),
        (lambda state: state.arrays.update(curves=np.ones((3, PLACES))), "curves is float64"),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(damage, text):
    model = AdditiveLogistic(3)
    model.learn_many(np.ones((4, 3)), np.array([True, False, False, True]))
    assert_refuses_damage(model, damage, text)


def test_memory_is_what_the_formula_says():
    model = AdditiveLogistic(7)
    arrays = model.state().arrays
    assert arrays["curves"].nbytes == 7 * PLACES * 16
    assert 26_900 < PLACES * 16 < 27_100
    assert sum(array.nbytes for array in arrays.values()) == 7 * (PLACES * 16 + 8)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"lr": -1}, "lr is -1"),
        ({"lr": math.nan}, "lr is nan"),
        ({"lr": 1e4}, "lr is 10000.0: give a number from 0 to 1000"),
        ({"lr": "0.1"}, "lr is '0.1'"),
        ({"width": -1}, "width is -1: give 0 to 10000 columns"),
        ({"width": WIDTH_MAX + 1}, "width is 10001"),
    ],
)
def test_wrong_parameters_are_refused_by_name(given, text):
    with pytest.raises(ValueError, match=text):
        AdditiveLogistic(**{"width": 2, **given})


def test_it_cannot_be_made_narrower():
    with pytest.raises(ValueError, match="width is 2: give 3 to 10000 columns"):
        AdditiveLogistic(3).widen(2)


def test_another_shape_is_refused_and_nothing_is_learned():
    model = AdditiveLogistic(2)
    before = everything(model)
    for X, y, w in (
        (np.ones((2, 3)), np.ones(2, np.bool_), None),
        (np.ones((2, 2)), np.ones(3, np.bool_), None),
        (np.ones((2, 2)), np.ones(2, np.bool_), np.array([1.0, -1.0])),
    ):
        with pytest.raises(ValueError, match=r"has shape|w holds"):
            model.learn_many(X, y, w)
    assert everything(model) == before


def digest():
    """One number of everything that was learned and scored on a stream."""
    X, y = examples(np.random.default_rng(5), 60)
    model = AdditiveLogistic(WIDTH)
    model.learn_many(X, y)
    return hashlib.sha256(everything(model) + model.predict_proba_many(X).tobytes()).hexdigest()


@pytest.mark.quality
def test_compiled_and_uncompiled_are_the_same_bit_for_bit():
    assert_same_uncompiled(__file__, digest)
