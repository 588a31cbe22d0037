"""Models trained elsewhere: exported here, and equal to the library that trained them."""

import builtins
import json
import os
import sys
import warnings
from copy import deepcopy
from importlib import import_module
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from seeds import seeds
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.dense.model import VALUE_MAX
from models.onnx.learner import FeaturesNotNamedWarning, TrainedLearner
from models.onnx.model import BYTES_MAX, OnnxModel
from models.states.snapshot import State
from schemas.errors import ModelError, SnapshotError


def needed(name):
    """Import what exports or runs a model: CI must have it, elsewhere the tests are skipped."""
    if os.environ.get("CI", "").lower() in {"", "0", "false"}:
        pytest.importorskip(name, reason=f"NO {name}: run `make test`, which installs it")
    return import_module(name)


onnx = needed("onnx")
onnxruntime = needed("onnxruntime")
skl2onnx = needed("skl2onnx")

from onnx import TensorProto, helper  # noqa: E402 - only where there is one.
from skl2onnx.common.data_types import (  # noqa: E402
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
)

NAMES = tuple(f"card.count_{i}h" for i in range(1, 9))
WIDTH = len(NAMES)


def payments(seed=0, n=600):
    rng = np.random.default_rng(seed)
    X = rng.normal(1, 2, (n, WIDTH))
    y = X[:, 0] - X[:, 3] + rng.normal(0, 1, n) > 3
    return X, y.astype(int)


def single(X):
    """What a model gets that takes float32: near a tree's threshold the rounding decides."""
    return X.astype(np.float32).astype(np.float64)


MODELS = {
    "logistic regression": LogisticRegression,
    "scaled logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "random forest": lambda: RandomForestClassifier(15, max_depth=6, random_state=0),
    "boosted trees": lambda: GradientBoostingClassifier(n_estimators=20, random_state=0),
    "network": lambda: make_pipeline(
        StandardScaler(), MLPClassifier((37, 5), max_iter=2000, random_state=0)
    ),
}


@pytest.fixture(scope="module")
def fitted():
    X, y = payments()
    return {name: build().fit(single(X), y) for name, build in MODELS.items()}


def named(model, names=NAMES):
    """Write the features' names into the metadata."""
    if names is not None:
        entry = model.metadata_props.add()
        entry.key = "feature_names"
        entry.value = names if isinstance(names, str) else ",".join(names)
    return model.SerializeToString()


def export(model, names=NAMES, zipmap=False, kind=FloatTensorType, types=None):
    types = types or [("X", kind([None, WIDTH]))]
    return named(
        skl2onnx.convert_sklearn(model, initial_types=types, options={"zipmap": zipmap}), names
    )


@pytest.fixture(scope="module")
def regression(fitted):
    return export(fitted["logistic regression"])


def learner(data, **options):
    return TrainedLearner(data, NAMES, **{"unknown_value": 0.0} | options)


@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_scores_are_those_of_the_library_that_trained_it(fitted, name, zipmap):
    ours = learner(export(fitted[name], zipmap=zipmap))
    X, _ = payments(1)
    expected = fitted[name].predict_proba(single(X))[:, 1]
    np.testing.assert_allclose(ours.predict_proba_many(X), expected, rtol=0, atol=1e-5)


def test_a_model_of_doubles_gets_doubles(fitted):
    model = fitted["logistic regression"]
    X, _ = payments(1)
    expected = model.predict_proba(X)[:, 1]
    scores = learner(export(model, kind=DoubleTensorType)).predict_proba_many(X)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-12)


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


def lightgbm_model(X, y):
    convert_lightgbm = needed("onnxmltools").convert_lightgbm

    model = needed("lightgbm").LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1).fit(X, y)

    def converted(types, zipmap):
        return convert_lightgbm(model, initial_types=types, zipmap=zipmap)

    return model, converted


@pytest.mark.parametrize("zipmap", [False, True])
def test_lightgbm_with_unknown_values(zipmap):
    needed("onnxmltools")
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats

    X, y = payments()
    X[np.random.default_rng(1).random(X.shape) < 0.2] = np.nan
    model, converted = lightgbm_model(single(X), y)
    data = named(converted([("X", Floats([None, WIDTH]))], zipmap))
    scores = TrainedLearner(data, NAMES).predict_proba_many(X)
    np.testing.assert_allclose(scores, model.predict_proba(single(X))[:, 1], rtol=0, atol=1e-5)


def test_xgboost_with_unknown_values():
    convert_xgboost = needed("onnxmltools").convert_xgboost
    needed("onnxmltools")
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats

    X, y = payments()
    X[np.random.default_rng(1).random(X.shape) < 0.2] = np.nan
    model = needed("xgboost").XGBClassifier(n_estimators=20, n_jobs=1).fit(single(X), y)
    data = named(convert_xgboost(model, initial_types=[("X", Floats([None, WIDTH]))]))
    scores = TrainedLearner(data, NAMES).predict_proba_many(X)
    np.testing.assert_allclose(scores, model.predict_proba(single(X))[:, 1], rtol=0, atol=1e-5)


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
        base, parts = ours.contributions(x)
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
    assert ours.contributions(X[0])[1].shape == (len(given),)
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


def graph(nodes, outputs, inputs=None, initializers=(), names=NAMES):
    """A small model of our own making."""
    inputs = inputs or [("X", TensorProto.FLOAT, [None, WIDTH])]
    made = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        list(initializers),
    )
    opset = [helper.make_opsetid("", 17)]
    return named(helper.make_model(made, opset_imports=opset, ir_version=9), names)


def weights(shape, name="W", value=0.3):
    flat = np.full(int(np.prod(shape)), value, np.float32)
    return helper.make_tensor(name, TensorProto.FLOAT, shape, flat)


def product(columns, after="Sigmoid", shape=None, inputs=None):
    nodes = [helper.make_node("MatMul", ["X", "W"], ["Z"])]
    nodes.append(helper.make_node(after, ["Z"], ["P"]))
    outputs = [("P", TensorProto.FLOAT, shape or [None, columns])]
    return graph(nodes, outputs, inputs, [weights([WIDTH, columns])])


def test_one_probability_a_row_is_that_of_fraud():
    X, _ = payments(1)
    ours = learner(product(1))
    expected = 1 / (1 + np.exp(-0.3 * X.astype(np.float32).sum(axis=1)))
    np.testing.assert_allclose(ours.predict_proba_many(X), expected, atol=1e-5)
    flat = helper.make_node("ReduceMean", ["X"], ["Z"], axes=[1], keepdims=0)
    squashed = helper.make_node("Sigmoid", ["Z"], ["P"])
    ours = learner(graph([flat, squashed], [("P", TensorProto.FLOAT, [None])]))
    expected = 1 / (1 + np.exp(-X.mean(axis=1)))
    np.testing.assert_allclose(ours.predict_proba_many(X), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        pytest.param(lambda: product(1, "Identity"), "which is no probability", id="log-odds"),
        pytest.param(lambda: product(2, "Identity"), "which is no probability", id="two margins"),
        pytest.param(lambda: product(2, "Sigmoid"), "do not add up to one", id="two sigmoids"),
        pytest.param(lambda: product(3, "Softmax"), "must tell two classes apart", id="three"),
        pytest.param(
            lambda: product(1, inputs=[("X", TensorProto.FLOAT, [1, WIDTH])]),
            "has shape",
            id="one row at a time",
        ),
        pytest.param(
            lambda: graph(
                [helper.make_node("ReduceMean", ["X"], ["P"], axes=[1, 2], keepdims=0)],
                [("P", TensorProto.FLOAT, [None])],
                [("X", TensorProto.FLOAT, [None, 2, 4])],
            ),
            "has shape",
            id="a cube",
        ),
        pytest.param(
            lambda: graph(
                [helper.make_node("ArgMax", ["X"], ["L"], axis=1, keepdims=0)],
                [("L", TensorProto.INT64, [None])],
            ),
            "one of them must be the probabilities",
            id="classes only",
        ),
        pytest.param(
            lambda: graph(
                [helper.make_node("Sigmoid", ["X"], [n]) for n in "ab"],
                [(n, TensorProto.FLOAT, [None, WIDTH]) for n in "ab"],
            ),
            "'a' of tensor.float., 'b' of tensor.float.",
            id="two outputs",
        ),
        pytest.param(lambda: b"", "cannot load the model", id="empty"),
        pytest.param(lambda: b"\x08\x09" * 50, "cannot load the model", id="noise"),
        pytest.param(
            lambda: b"\x14\x00\x00\x00ORTM" + bytes(64), "cannot load the model", id="starts as ORT"
        ),
        pytest.param(lambda: bytes(BYTES_MAX + 1), "export a smaller one", id="too large"),
    ],
)
def test_what_cannot_be_scored_is_refused(data, match):
    with pytest.raises(ModelError, match=match):
        learner(data())


def test_inputs_that_are_no_floats_are_refused(fitted):
    data = export(fitted["random forest"], None, kind=Int64TensorType)
    with pytest.raises(ModelError, match="'X' of the model takes tensor"):
        learner(data)


def test_classes_that_are_texts_are_refused_unless_they_say_true(fitted):
    X, y = payments()
    model = LogisticRegression().fit(X, np.where(y == 1, "fraud", "genuine"))
    with pytest.raises(ModelError, match="nothing says which column is fraud"):
        learner(export(model))
    with pytest.raises(ModelError, match=r"classes are \['fraud', 'genuine'\]"):
        learner(export(model, zipmap=True))
    # 'True' sorts behind 'Zero': where classes are named, the name counts, not the place.
    model = LogisticRegression().fit(X, np.where(y == 1, "True", "Zero"))
    scores = learner(export(model, zipmap=True)).predict_proba_many(X)
    np.testing.assert_allclose(scores, model.predict_proba(X)[:, 0], atol=1e-5)
    model = LogisticRegression().fit(X, y + (X[:, 1] > 2))
    with pytest.raises(ModelError, match=r"classes are \[0, 1, 2\]"):
        learner(export(model, zipmap=True))


def test_a_score_that_is_no_probability_is_no_score(regression, monkeypatch):
    ours = learner(regression)
    said = np.array([0.5, np.nan, np.inf, -0.2, 1.0000001, -1e-9, 3.0])
    monkeypatch.setattr(ours._model, "scores", lambda X: said[: len(X)])
    scores = ours.predict_proba_many(np.zeros((7, WIDTH)))
    np.testing.assert_array_equal(scores, [0.5, np.nan, np.nan, np.nan, 1.0, 0.0, np.nan])
    monkeypatch.setattr(ours._model, "scores", lambda X: np.array([np.nan]))
    base, parts = ours.contributions(np.zeros(WIDTH))
    assert (base, parts.tolist()) == (0.0, [0.0] * WIDTH)


class TestWeightsElsewhere:
    """No path in a model is followed, whatever it is and however it is written."""

    @staticmethod
    def model(location, offset=0):
        tensor = TensorProto(name="W", data_type=TensorProto.FLOAT, dims=[WIDTH, 1])
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", str(offset)), ("length", "32")):
            tensor.external_data.add(key=key, value=value)
        nodes = [helper.make_node("MatMul", ["X", "W"], ["Z"])]
        nodes.append(helper.make_node("Sigmoid", ["Z"], ["P"]))
        return graph(nodes, [("P", TensorProto.FLOAT, [None, 1])], initializers=[tensor])

    @pytest.mark.parametrize("where", ["beside", "above", "absolute", "link", "memory"])
    def test_it_is_refused_before_the_runtime_sees_it(self, where, tmp_path, monkeypatch):
        folder = tmp_path / "models"
        folder.mkdir()
        for path in (tmp_path / "secret.bin", folder / "weights.bin"):
            np.full(WIDTH, 0.3, np.float32).tofile(path)
        (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
        monkeypatch.chdir(folder)
        location = {
            "beside": "weights.bin",
            "above": "../secret.bin",
            "absolute": str(tmp_path / "secret.bin"),
            "link": "link.bin",
            "memory": "*/_ORT_MEM_ADDR_/*",
        }[where]
        data = self.model(location)
        opened = []
        monkeypatch.setattr("models.onnx.model._runtime", lambda: opened.append(1))
        with pytest.raises(ModelError, match="no path of a model is followed"):
            learner(data)
        assert not opened

    def test_a_length_written_too_long_hides_nothing(self, monkeypatch):
        data = self.model("weights.bin")
        found = data.index(b"\x08location")
        long = data[:found] + b"\x88\x00" + data[found + 1 :]
        with pytest.raises(ModelError, match="no path of a model is followed"):
            learner(long)


def test_without_the_runtime_the_command_is_named(regression, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r'pip install "fraudstream\[onnx\]"'):
        learner(regression)


def test_the_runtime_is_not_needed_to_import_it(monkeypatch):
    for name in ("models.onnx.learner", "models.onnx.model"):
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def without(name, *rest):
        assert not name.startswith("onnx"), "imported too early"
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    import models.onnx.learner  # noqa: F401


def test_the_runtime_gets_one_thread_and_no_telemetry(regression, monkeypatch):
    silenced = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: silenced.append(1))
    options = learner(regression)._model._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.use_deterministic_compute
    assert learner(regression)._model._session.get_providers() == ["CPUExecutionProvider"]
    assert silenced


def test_the_runtime_s_own_format_is_not_loaded(regression, tmp_path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(regression, options, providers=["CPUExecutionProvider"])
    data = (tmp_path / "model.ort").read_bytes()
    assert data[4:8] == b"ORTM"
    with pytest.raises(ModelError, match="cannot load the model"):
        learner(data)


def test_a_runtime_that_stops_is_an_error_with_its_words(regression, monkeypatch):
    ours = learner(regression)

    class Broken:
        def run(self, *_):
            raise RuntimeError("no memory\nat all" + "x" * 999)

    monkeypatch.setattr(ours._model, "_session", Broken())
    with pytest.raises(ModelError, match="cannot run the model: no memory at all"):
        ours.predict_proba_many(np.zeros((1, WIDTH)))


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
