"""Models trained elsewhere: equal to the library that trained them, or refused."""

import builtins
import sys

import numpy as np
import pytest
from inputs.onnx_models import (
    MODELS,
    NAMES,
    WIDTH,
    DoubleTensorType,
    Int64TensorType,
    TensorProto,
    export,
    graph,
    helper,
    learner,
    named,
    needed,
    onnxruntime,
    payments,
    single,
    weights,
)
from sklearn.linear_model import LogisticRegression

from models.onnx.learner import TrainedLearner
from models.onnx.model import BYTES_MAX
from schemas.errors import ModelError


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
