"""Small ONNX models: exported from scikit-learn, or made here node by node."""

import os
from importlib import import_module

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.onnx.learner import TrainedLearner


def needed(name):
    """Import what exports or runs a model: CI must have it, elsewhere the tests are skipped."""
    if os.environ.get("CI", "").lower() in {"", "0", "false"}:
        pytest.importorskip(name, reason=f"NO {name}: run `make test`, which installs it")
    return import_module(name)


onnx = needed("onnx")
onnxruntime = needed("onnxruntime")
skl2onnx = needed("skl2onnx")
data_types = needed("skl2onnx.common.data_types")

# Tests take these from here, and so are skipped where there is no ONNX.
TensorProto, helper = onnx.TensorProto, onnx.helper
FloatTensorType = data_types.FloatTensorType
DoubleTensorType = data_types.DoubleTensorType
Int64TensorType = data_types.Int64TensorType

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


def learner(data, **options):
    return TrainedLearner(data, NAMES, **{"unknown_value": 0.0} | options)


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
