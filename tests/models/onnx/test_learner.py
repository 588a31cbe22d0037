"""A trained model as a learner: its features by name, unknown values, scores, states."""

import json
import warnings
from copy import deepcopy
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from checks.one_row import contributions
from inputs.onnx_models import (
    MODELS,
    NAMES,
    WIDTH,
    FloatTensorType,
    TensorProto,
    export,
    graph,
    helper,
    learner,
    payments,
    single,
    weights,
)
from seeds import seeds
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from models.dense.model import VALUE_MAX
from models.onnx.learner import FeaturesNotNamedWarning, TrainedLearner
from models.onnx.model import OnnxModel
from models.states.snapshot import State
from schemas.errors import ModelError, SnapshotError


def columns(names=NAMES, kind=FloatTensorType):
    return [(name, kind([None, 1])) for name in names]


def frame_model():
    """What is trained on a frame gets a column for each feature when it is exported."""
    X, y = payments()
    every = ColumnTransformer([("all", "passthrough", list(NAMES))])
    model = make_pipeline(every, RandomForestClassifier(15, max_depth=6, random_state=0))
    return model.fit(pd.DataFrame(single(X), columns=NAMES), y)


def test_a_model_with_one_input_for_each_feature_is_fed_by_name():
    model = frame_model()
    X, _ = payments(1)
    expected = model.predict_proba(pd.DataFrame(single(X), columns=NAMES))[:, 1]
    data = export(model, None, types=columns())
    assert OnnxModel(data).input_names == tuple(name.replace(".", "_") for name in NAMES)
    order = np.random.default_rng(3).permutation(WIDTH)
    shuffled = TrainedLearner(data, tuple(NAMES[i] for i in order), unknown_value=0.0)
    np.testing.assert_allclose(shuffled.predict_proba_many(X[:, order]), expected, atol=1e-5)
    with pytest.raises(ModelError, match=r"compute 'card_count_8h' .nearest: 'c\.count_8h'"):
        TrainedLearner(data, (*NAMES[:-1], "c.count_8h"), unknown_value=0.0)
    # Two names that are written alike stay apart.
    with pytest.raises(ModelError, match="does not compute"):
        TrainedLearner(data, (*NAMES[:-1], "card.count-7h"), unknown_value=0.0)


@pytest.mark.parametrize("shape", [[None, 1], [None]])
def test_where_the_names_of_inputs_say_nothing_a_list_tells_their_order(shape):
    X, _ = payments(1)
    inputs = [(f"f{i}", TensorProto.FLOAT, shape) for i in range(WIDTH)]
    nodes = [helper.make_node("Mul", [f"f{i}", f"c{i}"], [f"g{i}"]) for i in range(WIDTH)]
    nodes.append(helper.make_node("Sum", [f"g{i}" for i in range(WIDTH)], ["Z"]))
    nodes.append(helper.make_node("Sigmoid", ["Z"], ["P"]))
    constants = [weights([], f"c{i}", 0.1 * i) for i in range(WIDTH)]
    data = graph(nodes, [("P", TensorProto.FLOAT, shape)], inputs, constants, None)
    expected = 1 / (1 + np.exp(-X @ (0.1 * np.arange(WIDTH))))
    ours = learner(data, model_features=NAMES)
    np.testing.assert_allclose(ours.predict_proba_many(X), expected, atol=1e-5)
    turned = learner(data, model_features=NAMES[::-1])
    np.testing.assert_allclose(turned.predict_proba_many(X[:, ::-1]), expected, atol=1e-5)
    with pytest.raises(ModelError, match="does not compute 'f0'"):
        learner(data)


@pytest.mark.parametrize("name", MODELS)
@seeds(2)
def test_how_rows_are_cut_into_batches_never_matters(fitted, name, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 10.0 ** rng.integers(-2, 4), (300, WIDTH))
    X[rng.random(X.shape) < 0.1] = np.nan
    ours = learner(export(fitted[name]))
    whole = ours.predict_proba_many(X)
    for size in (1, 2, 3, 7, 50, 51, 64):
        parts = [ours.predict_proba_many(X[i : i + size]) for i in range(0, len(X), size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    cuts = [0, *np.sort(rng.integers(0, len(X), 12)).tolist(), len(X)]
    parts = [ours.predict_proba_many(X[a:b]) for a, b in pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("name", MODELS)
def test_hostile_values_get_probabilities(fitted, name):
    hostile = [np.inf, -np.inf, 1e308, -1e308, np.nan, 0.0, -0.0, 5e-324, 3.5e38]
    rows = np.random.default_rng(5).choice(hostile, (200, WIDTH))
    before = rows.tobytes()
    ours = learner(export(fitted[name]))
    scores = ours.predict_proba_many(rows)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert rows.tobytes() == before
    wild = np.where(np.isnan(rows), 0.0, np.clip(rows, -VALUE_MAX, VALUE_MAX))
    np.testing.assert_array_equal(ours.predict_proba_many(wild), scores)


def test_it_is_ready_and_learns_nothing(regression):
    ours = learner(regression)
    X, y = payments(2)
    before = ours.predict_proba_many(X)
    ours.learn_many(X, y.astype(bool))
    np.testing.assert_array_equal(ours.predict_proba_many(X), before)
    assert (ours.ready, ours.learned) == (True, 0)
    assert ours.predict_proba_many(X[:0]).shape == (0,)
    np.testing.assert_array_equal(deepcopy(ours).predict_proba_many(X), before)


def test_all_log_odds_are_in_the_base(regression):
    ours = learner(regression)
    X, _ = payments(3)
    for x, score in zip(X[:50], ours.predict_proba_many(X[:50]), strict=True):
        base, parts = contributions(ours, x)
        assert parts.tolist() == [0.0] * WIDTH
        assert base == pytest.approx(np.log(score / (1 - score)), abs=1e-9)


@pytest.mark.parametrize(
    "text", [",".join(NAMES), " , ".join(NAMES), json.dumps(NAMES), " " + json.dumps(NAMES)]
)
def test_names_in_the_metadata_count(fitted, text):
    data = export(fitted["logistic regression"], text)
    assert OnnxModel(data).feature_names == NAMES
    X, _ = payments(1)
    turned = TrainedLearner(data, NAMES[::-1], unknown_value=0.0)
    expected = learner(data).predict_proba_many(X)
    np.testing.assert_array_equal(turned.predict_proba_many(X[:, ::-1]), expected)


@seeds(2)
@pytest.mark.parametrize("by_column", [False, True])
def test_features_that_the_model_does_not_name_are_not_given_to_it(fitted, by_column, seed):
    rng = np.random.default_rng(seed)
    data = (
        export(frame_model(), None, types=columns())
        if by_column
        else export(fitted["logistic regression"])
    )
    given = tuple(rng.permutation([*NAMES, "amount", "device.age", "card.count_9h"]).tolist())
    X = rng.normal(1, 2, (50, len(given)))
    ours = TrainedLearner(data, given, unknown_value=0.0)
    places = [given.index(name) for name in NAMES]
    expected = learner(data).predict_proba_many(X[:, places])
    np.testing.assert_array_equal(ours.predict_proba_many(X), expected)
    assert contributions(ours, X[0])[1].shape == (len(given),)
    assert ours.feature_names == given
    with pytest.raises(ModelError, match="more than once"):
        TrainedLearner(data, (*NAMES, NAMES[0]), unknown_value=0.0)


@pytest.mark.parametrize("text", ['["a", 1]', "[1, 2]", '["a"', '[["a"]]', "[" * 5000])
def test_names_that_cannot_be_read_are_refused(fitted, text):
    with pytest.raises(ModelError, match="write a list of texts"):
        learner(export(fitted["logistic regression"], text))


def test_missing_and_unknown_features_are_named_with_the_nearest(regression):
    given = ("card.count_1hh", *NAMES[1:-1], "device.age")
    with pytest.raises(ModelError) as caught:
        TrainedLearner(regression, given, unknown_value=0.0)
    text = str(caught.value)
    assert "does not compute 'card.count_1h' (nearest: 'card.count_1hh'), 'card.count_8h'" in text
    assert "does not know 'card.count_1hh' (nearest: 'card.count_1h'), 'device.age'" in text
    with pytest.raises(ModelError, match="trained on 8 features and gets 7"):
        TrainedLearner(regression, NAMES[:-1], unknown_value=0.0)
    with pytest.raises(ModelError, match=r"the engine's features hold 'card\.count_1h' more"):
        TrainedLearner(regression, (NAMES[0], *NAMES[:-1]), unknown_value=0.0)
    with pytest.raises(ModelError, match="the model's features hold 'a' more than once"):
        learner(regression, model_features=["a", "a"])


def test_a_given_list_counts_more_than_the_metadata(regression):
    other = tuple(f"f{i}" for i in range(WIDTH))
    X, _ = payments(1)
    ours = TrainedLearner(regression, other, model_features=other, unknown_value=0.0)
    expected = learner(regression).predict_proba_many(X)
    np.testing.assert_array_equal(ours.predict_proba_many(X), expected)
    with pytest.raises(ModelError, match="does not compute 'f0'"):
        learner(regression, model_features=other)
    with pytest.raises(ModelError, match="takes 8 features and gets 7"):
        TrainedLearner(regression, other[:-1], model_features=other[:-1], unknown_value=0.0)


def test_without_any_names_the_width_must_match_and_this_is_said(fitted):
    data = export(fitted["logistic regression"], None)
    with pytest.warns(FeaturesNotNamedWarning, match="only their number was compared"):
        learner(data)
    with pytest.raises(ModelError, match="takes 8 features and gets 2: a, b"):
        TrainedLearner(data, ("a", "b"), unknown_value=0.0)


def test_an_unknown_value_is_what_it_is_given(fitted, regression):
    X, _ = payments(4)
    holes = X.copy()
    holes[::3, 2] = np.nan
    X[::3, 2] = -7.5
    ours = learner(regression, unknown_value=-7.5)
    np.testing.assert_array_equal(ours.predict_proba_many(holes), ours.predict_proba_many(X))
    with pytest.raises(ModelError, match="where a feature is unknown: give unknown_value"):
        learner(regression, unknown_value=None)
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="give a finite number, or None"):
            learner(regression, unknown_value=wrong)


def test_a_score_that_is_no_probability_is_no_score(regression, monkeypatch):
    ours = learner(regression)
    said = np.array([0.5, np.nan, np.inf, -0.2, 1.0000001, -1e-9, 3.0])
    monkeypatch.setattr(ours._model, "scores", lambda X: said[: len(X)])
    scores = ours.predict_proba_many(np.zeros((7, WIDTH)))
    np.testing.assert_array_equal(scores, [0.5, np.nan, np.nan, np.nan, 1.0, 0.0, np.nan])
    monkeypatch.setattr(ours._model, "scores", lambda X: np.array([np.nan]))
    base, parts = contributions(ours, np.zeros(WIDTH))
    assert (base, parts.tolist()) == (0.0, [0.0] * WIDTH)


def test_a_state_is_that_of_one_model(fitted, regression):
    ours = learner(regression)
    state = ours.state()
    assert state.kind == "trained/1"
    assert json.loads(json.dumps(state.header)) == state.header
    learner(regression).restore(state)
    with pytest.raises(SnapshotError, match=r"unknown_value is 0\.0 in the state and 1\.0"):
        learner(regression, unknown_value=1.0).restore(state)
    with pytest.raises(SnapshotError, match=r"model_sha256 is .* in the state"):
        learner(export(fitted["random forest"])).restore(state)
    with pytest.raises(SnapshotError, match="one of 'blend/1'"):
        ours.restore(State("blend/1"))
    with pytest.raises(SnapshotError, match="model_sha256 is None in the state"):
        ours.restore(State("trained/1"))


def test_nothing_else_is_said_while_it_works(regression):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner(regression).predict_proba_many(np.zeros((3, WIDTH)))
