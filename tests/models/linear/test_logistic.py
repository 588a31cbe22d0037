"""The logistic regression: River's weights and scores, however rows come."""

import hashlib
import math

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
from river import compose, linear_model, optim, preprocessing
from seeds import seeds

from models.linear import optimizers
from models.linear.logistic import DenseLogisticRegression
from models.linear.translate import dense_of
from models.scale.standard import DenseStandardScaler
from schemas.errors import SnapshotError

WIDTH = 9
RIVER = {
    "sgd": linear_model.LogisticRegression,
    "sgd l2": lambda: linear_model.LogisticRegression(optim.SGD(0.05), l2=0.1),
    "sgd l1": lambda: linear_model.LogisticRegression(optim.SGD(0.05), l1=0.01),
    "sgd weighted": lambda: linear_model.LogisticRegression(
        optim.SGD(0.05),
        loss=optim.losses.Log(weight_pos=20.0, weight_neg=0.7),
        intercept_init=-2.0,
        intercept_lr=0.2,
        clip_gradient=3.0,
    ),
    "ada_grad": lambda: linear_model.LogisticRegression(optim.AdaGrad(0.05, 1e-6)),
    "ada_grad l2": lambda: linear_model.LogisticRegression(optim.AdaGrad(), l2=0.05),
    "ada_grad l1": lambda: linear_model.LogisticRegression(optim.AdaGrad(), l1=0.001),
    "adam": lambda: linear_model.LogisticRegression(optim.Adam(0.01, 0.8, 0.99, 1e-7)),
    "adam l2": lambda: linear_model.LogisticRegression(optim.Adam(), l2=0.05),
    "adam l1": lambda: linear_model.LogisticRegression(optim.Adam(0.01), l1=0.001),
    "ftrl": lambda: linear_model.LogisticRegression(optim.FTRLProximal()),
    "ftrl sparse": lambda: linear_model.LogisticRegression(
        optim.FTRLProximal(alpha=0.1, beta=0.5, l1=0.6, l2=0.2), l2=0.05
    ),
}


@pytest.fixture(params=RIVER.values(), ids=RIVER)
def build(request):
    return request.param


def examples(rng, n, width=WIDTH):
    y = rng.random(n) < 0.1
    X = rng.normal(size=(n, width)) + y[:, np.newaxis]
    X[rng.random(X.shape) < 0.15] = np.nan
    X[n // 3] = np.nan
    return X, y


def weights_of(river):
    return [river.weights.get(f"f{j}", 0.0) for j in range(WIDTH)]


@seeds(2)
def test_it_equals_river(build, seed, as_dict, n_rows):
    rng = np.random.default_rng(seed)
    X, y = examples(rng, n_rows)
    w = rng.choice((0.0, 0.5, 1.0, 3.0), n_rows)
    river, ours = build(), dense_of(build(), WIDTH)
    for start in range(0, n_rows, 50):
        rows = slice(start, start + 50)
        expected = [river.predict_proba_one(as_dict(x))[True] for x in X[rows]]
        assert ours.predict_proba_many(X[rows]) == pytest.approx(expected, abs=1e-9, rel=0)
        ours.learn_many(X[rows], y[rows], w[rows])
        for x, label, weight in zip(X[rows], y[rows].tolist(), w[rows].tolist(), strict=True):
            river.learn_one(as_dict(x), label, w=weight)
    assert ours.weights == pytest.approx(weights_of(river), abs=1e-9, rel=0)
    assert ours.intercept == pytest.approx(river.intercept, abs=1e-9, rel=0)


@seeds(2)
def test_with_one_feature_sgd_equals_river_bit_for_bit(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(200, 1)), rng.random(200) < 0.3
    river, ours = RIVER["sgd l2"](), dense_of(RIVER["sgd l2"](), 1)
    for x, label in zip(X, y.tolist(), strict=True):
        score = ours.predict_proba_many(x[np.newaxis])[0]
        assert score == river.predict_proba_one({"f0": float(x[0])})[True]
        river.learn_one({"f0": float(x[0])}, label)
        ours.learn_many(x[np.newaxis], np.array([label]))
    assert ours.weights.tolist() == [river.weights["f0"]]
    assert ours.intercept == river.intercept


@seeds(1)
def test_behind_a_scaler_it_equals_rivers_pipeline(build, seed, as_dict, n_rows):
    X, y = examples(np.random.default_rng(seed), n_rows)
    X *= 10.0 ** np.arange(-3, WIDTH - 3)
    river = compose.Pipeline(preprocessing.StandardScaler(), build())
    scaler, ours = DenseStandardScaler(WIDTH), dense_of(build(), WIDTH)
    for start in range(0, n_rows, 64):
        rows = slice(start, start + 64)
        expected = [river.predict_proba_one(as_dict(x))[True] for x in X[rows]]
        found = ours.predict_proba_many(scaler.transform_many(X[rows]))
        assert found == pytest.approx(expected, abs=1e-9, rel=0)
        ours.learn_many(scaler.learn_transform_many(X[rows]), y[rows])
        for x, label in zip(X[rows], y[rows].tolist(), strict=True):
            river.learn_one(as_dict(x), label)


@pytest.mark.slow
@seeds(1)
@pytest.mark.parametrize("rule", ["sgd", "sgd weighted", "adam"])
def test_on_a_long_stream_of_rare_fraud_it_equals_rivers_pipeline(rule, seed, as_dict):
    rng = np.random.default_rng(seed)
    n = 30_000
    y = rng.random(n) < 0.01
    X = rng.lognormal(0, 0.7, (n, WIDTH)) + 0.5 * y[:, np.newaxis]
    river = compose.Pipeline(preprocessing.StandardScaler(), RIVER[rule]())
    scaler, ours = DenseStandardScaler(WIDTH), dense_of(RIVER[rule](), WIDTH)
    for start in range(0, n, 250):
        rows = slice(start, start + 250)
        examples_of_river = [(as_dict(x), label) for x, label in zip(X[rows], y[rows], strict=True)]
        expected = [river.predict_proba_one(x)[True] for x, _ in examples_of_river]
        found = ours.predict_proba_many(scaler.transform_many(X[rows]))
        assert found == pytest.approx(expected, abs=1e-9, rel=0)
        ours.learn_many(scaler.learn_transform_many(X[rows]), y[rows])
        for x, label in examples_of_river:
            river.learn_one(x, bool(label))


@seeds(2)
def test_how_rows_are_cut_never_matters(build, seed, hostile_rows):
    rng = np.random.default_rng(seed)
    X, y = hostile_rows(rng, 100, WIDTH), rng.random(100) < 0.3
    w = rng.random(100)
    assert_cuts_never_matter(lambda: dense_of(build(), WIDTH), X, y, w)


@seeds(2)
def test_nothing_hostile_makes_it_anything_but_finite(build, seed, hostile_rows):
    rng = np.random.default_rng(seed)
    X, y = hostile_rows(rng, 300, WIDTH), rng.random(300) < 0.5
    w = rng.choice((0.0, 1.0, 1e12), 300)
    assert_stays_finite(lambda: dense_of(build(), WIDTH), X, y, w)


def test_parameters_that_make_weights_grow_without_end_stay_finite():
    X, y = np.tile([1.0, -1e12], (2000, 1)), np.arange(2000) % 2 == 0
    for optimizer in (
        optimizers.sgd(1e12),
        optimizers.ada_grad(1e12, 1e-30),
        optimizers.adam(1e12, 0.0, 0.0, 1e-30),
        optimizers.ftrl(1e-12, 0.0, 0.5, 1e-12),
        optimizers.ftrl(1e12, 1e-12, 0.0, 0.0),
    ):
        model = DenseLogisticRegression(2, optimizer, l2=1e12, intercept_lr=1e12)
        model.learn_many(X, y, np.full(2000, 1e12))
        assert all(np.isfinite(array).all() for array in model.state().arrays.values())
        assert np.isfinite(model.predict_proba_many(X)).all()


@seeds(1)
def test_weights_of_features_that_are_not_there_stay_as_they_are(build, seed):
    X, y = examples(np.random.default_rng(seed), 60)
    model = dense_of(build(), WIDTH)
    model.learn_many(X, y)
    before = model.state().arrays
    X[:, 2:] = np.nan
    model.learn_many(X, y)
    after = model.state().arrays
    for name, array in after.items():
        assert array[2:].tolist() == before[name][2:].tolist()
    # A penalty may hold a weight at 0 by chance, but not all that is remembered of it.
    assert any(array[:2].tolist() != before[name][:2].tolist() for name, array in after.items())


@seeds(1)
def test_columns_that_come_later_change_nothing_until_they_are_seen(build, seed):
    X, y = examples(np.random.default_rng(seed), 80)
    X[:40, 5:] = np.nan
    wide, grown = dense_of(build(), WIDTH), dense_of(build(), 5)
    wide.learn_many(X, y)
    grown.learn_many(X[:40, :5], y[:40])
    grown.widen(WIDTH)
    grown.learn_many(X[40:], y[40:])
    assert grown.width == WIDTH
    assert everything(grown) == everything(wide)


@seeds(1)
def test_a_restored_model_goes_on_bit_for_bit(build, seed, hostile_rows):
    rng = np.random.default_rng(seed)
    X, y = hostile_rows(rng, 80, WIDTH), rng.random(80) < 0.3
    assert_goes_on_bit_for_bit(lambda: dense_of(build(), WIDTH), X, y)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (break_header("intercept", math.nan), "intercept is nan"),
        (break_header("steps", -1.0), "steps is -1"),
        (break_header("owed", "1"), "owed is '1'"),
        (break_header("l2", 0.5), "l2 is 0.5 in the state and 0.0 in the model"),
        (break_header("width", 4), "width is 4"),
        (break_header("optimizer", {"rule": "sgd"}), "optimizer is"),
        (lambda state: state.header.pop("steps"), "steps is None"),
        (break_array("weights", 1, 1e31), "weights holds"),
        (break_array("first", 1, math.inf), "first holds"),
        (break_array("second", 1, -1.0), "second holds"),
        (break_array("paid", 1, math.nan), "paid holds"),
        (lambda state: state.arrays.pop("paid"), "paid"),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(damage, text):
    model = DenseLogisticRegression(3, optimizers.adam())
    model.learn_many(np.ones((4, 3)), np.ones(4, np.bool_))
    assert_refuses_damage(model, damage, text)


def test_the_state_of_another_rule_is_refused():
    model = DenseLogisticRegression(3, optimizers.adam())
    with pytest.raises(SnapshotError, match="optimizer"):
        model.restore(DenseLogisticRegression(3, optimizers.adam(0.2)).state())


@seeds(1)
def test_contributions_add_up_to_the_log_odds(build, seed):
    X, y = examples(np.random.default_rng(seed), 200)
    model = dense_of(build(), WIDTH)
    model.learn_many(X, y)
    assert_contributions_add_up(model, X[:50], 1e-9)
    for x in X[:50]:
        base, parts = contributions(model, x)
        assert parts[np.isnan(x)].tolist() == [0.0] * np.isnan(x).sum()
        assert base == model.intercept


def test_a_weight_of_two_in_the_loss_is_a_weight_of_two_in_the_row():
    X, y = examples(np.random.default_rng(1), 60)
    one = DenseLogisticRegression(WIDTH, weight_pos=2.0)
    other = DenseLogisticRegression(WIDTH)
    one.learn_many(X, y)
    other.learn_many(X, y, np.where(y, 2.0, 1.0))
    assert one.weights.tolist() == other.weights.tolist()


@pytest.mark.parametrize(
    ("w", "text"),
    [
        (np.ones(3), "give one weight a row"),
        (np.array([1.0, -1.0]), r"w has -1.0 in it"),
        (np.array([1.0, np.nan]), r"w has nan in it"),
        (np.array([1.0, np.inf]), r"w has inf in it"),
    ],
)
def test_wrong_row_weights_are_refused_and_nothing_is_learned(w, text):
    model = DenseLogisticRegression(2)
    with pytest.raises(ValueError, match=text):
        model.learn_many(np.ones((2, 2)), np.array([True, False]), w)
    assert model.weights.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"l2": -1}, "l2 is -1"),
        ({"l1": 0.1, "l2": 0.1}, "only one of them"),
        ({"l1": 0.1, "optimizer": optimizers.ftrl()}, "FTRL has an l1 of its own"),
        ({"intercept_lr": math.nan}, "intercept_lr is nan"),
        ({"intercept_init": math.inf}, "intercept_init is inf"),
        ({"clip_gradient": -1}, "clip_gradient is -1"),
        ({"weight_pos": "x"}, "weight_pos is 'x'"),
        ({"weight_neg": None}, "weight_neg is None"),
    ],
)
def test_wrong_parameters_are_refused_by_name(given, text):
    with pytest.raises(ValueError, match=text):
        DenseLogisticRegression(2, **given)


def digest():
    """One number of everything that was learned and scored on a stream."""
    rng = np.random.default_rng(5)
    X, y = examples(rng, 60)
    found = hashlib.sha256()
    scaler = DenseStandardScaler(WIDTH)
    Z = scaler.learn_transform_many(X * 3 + 1)
    for optimizer in (
        optimizers.sgd(),
        optimizers.ada_grad(),
        optimizers.adam(),
        optimizers.ftrl(),
    ):
        model = DenseLogisticRegression(WIDTH, optimizer, l2=0.1)
        model.learn_many(Z, y)
        found.update(everything(model) + model.predict_proba_many(Z).tobytes())
    return found.hexdigest()


@pytest.mark.quality
def test_compiled_and_uncompiled_are_the_same_bit_for_bit():
    assert_same_uncompiled(__file__, digest)
