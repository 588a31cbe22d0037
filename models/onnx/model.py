"""An ONNX model as a function from a matrix to probabilities of fraud.

ONNX Runtime runs it on one thread of the processor. The model comes as bytes and must
hold all of itself: a model whose weights lie in other files names their paths, and a
path may lead anywhere. It is refused before the runtime sees it.

Which input and output is which is read from the model. Inputs are one matrix, or one
column for each feature, of float32 or float64. The output is a tensor of probabilities
of shape (n, 2), (n, 1) or (n,), or the dictionaries of a ZipMap; class labels are not
asked for.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ModelError

BYTES_MAX = 256 * 2**20

_INSTALL = 'pip install "fraudstream[onnx]"'
_NUMBERS = {"tensor(float)": np.float32, "tensor(double)": np.float64}
_FRAUD = ("1", "true")
# A runtime may multiply one row in another order of sums than many, and so the last
# bits would depend on how rows are cut into batches: two rows at least, always.
_ROWS_MIN = 2
# How far the two classes' probabilities may be from one together, float32 as they are.
_SUM_ERROR_MAX = 1e-3

# The key of the path in a tensor that lies in another file: a protobuf string of eight
# letters. Its length is a varint, so the last byte before it is 8, or 0 where the varint
# is longer than it has to be.
_ELSEWHERE = re.compile(rb"[\x00\x08]location")


class OnnxModel:
    """A model that was trained elsewhere, loaded.

    Parameters
    ----------
    data : bytes
        The file's content.

    Attributes
    ----------
    width : int or None
        Number of features; None where the model leaves it open.
    input_names : tuple of str or None
        One name a feature, where each feature is an input of its own.
    feature_names : tuple of str or None
        What the model's metadata says in ``feature_names``.

    Raises
    ------
    schemas.errors.ModelError
        ONNX Runtime is missing, or the model is too large, is no ONNX model, keeps its
        weights elsewhere, or has inputs or outputs of another form; the text says which.
    """

    def __init__(self, data: bytes) -> None:
        self._session = _opened(data)
        inputs = self._session.get_inputs()
        for one in inputs:
            if one.type not in _NUMBERS:
                raise ModelError(
                    f"input {one.name!r} of the model takes {one.type}; features are numbers: "
                    "export it with inputs of float32 or float64"
                )
        self.input_names: tuple[str, ...] | None = None
        self.width: int | None = len(inputs)
        if len(inputs) == 1 and len(inputs[0].shape) == 2:
            columns = inputs[0].shape[1]
            self.width = columns if isinstance(columns, int) else None
        else:
            self.input_names = tuple(one.name for one in inputs)
        for one in inputs:
            _check_shape(one, self.input_names is not None)
        self._inputs = [(one.name, _NUMBERS[one.type], one.shape) for one in inputs]
        self._output = _probability_output(self._session.get_outputs())
        self.feature_names = _named(self._session.get_modelmeta().custom_metadata_map)

    def scores(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the model says of each row, shape (n,), as it says it.

        Parameters
        ----------
        X : ndarray of float64, shape (n, width)
            Columns in the model's order.

        Raises
        ------
        schemas.errors.ModelError
            The runtime stops, or the output has another form than a probability of two
            classes.
        """
        n = len(X)
        if n == 0:
            return np.empty(0)
        if n < _ROWS_MIN:
            X = np.repeat(X, _ROWS_MIN, axis=0)
        try:
            (output,) = self._session.run([self._output], self._fed(X))
        except Exception as error:  # Its errors have no common class but this one.
            raise ModelError(f"ONNX Runtime cannot run the model: {_short(error)}") from error
        return _of_fraud(output)[:n]

    def _fed(self, X: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        if self.input_names is None:
            ((name, dtype, _),) = self._inputs
            return {name: np.ascontiguousarray(X, dtype)}
        return {
            name: X[:, at].astype(dtype).reshape((-1, 1) if len(shape) == 2 else -1)
            for at, (name, dtype, shape) in enumerate(self._inputs)
        }


def _opened(data: bytes) -> Any:
    if len(data) > BYTES_MAX:
        raise ModelError(
            f"the model has {len(data):,} bytes, more than {BYTES_MAX:,}: export a smaller one"
        )
    if _ELSEWHERE.search(data):
        raise ModelError(
            "the model keeps weights in other files, and no path of a model is followed: "
            "save it as one file, for example with onnx.save(model, path) "
            "after onnx.load(path)"
        )
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    # The runtime's own format (ORT) holds what the check above does not read.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # Its errors have no common class but this one.
        raise ModelError(f"ONNX Runtime cannot load the model: {_short(error)}") from error


def _runtime() -> ModuleType:
    try:
        runtime = import_module("onnxruntime")
    except ImportError as error:
        raise ModelError(f"a trained model needs ONNX Runtime: {_INSTALL}") from error
    runtime.disable_telemetry_events()
    return runtime


def _check_shape(one: Any, by_column: bool) -> None:
    shape = list(one.shape)
    rows = shape[:1]
    wanted = shape[1:] in ([], [1]) if by_column else True
    if not rows or isinstance(rows[0], int) or not wanted:
        raise ModelError(
            f"input {one.name!r} of the model has shape {shape}: export it as one matrix of "
            "shape (any, number of features), or each feature as a column of shape (any, 1)"
        )


def _probability_output(outputs: list[Any]) -> str:
    """Return the name of the output that holds the probabilities."""
    found = [one for one in outputs if one.type in _NUMBERS or one.type.startswith("seq(map(")]
    if len(found) > 1:
        found = [one for one in found if "prob" in one.name.lower()]
    if len(found) != 1:
        listed = ", ".join(f"{one.name!r} of {one.type}" for one in outputs)
        raise ModelError(
            f"the model's outputs are {listed}: one of them must be the probabilities, and "
            "where several are numbers, one alone must have 'prob' in its name"
        )
    if found[0].type in _NUMBERS and any(one.type == "tensor(string)" for one in outputs):
        raise ModelError(
            "the model's classes are texts, so nothing says which column is fraud: "
            "train it with labels 0 and 1"
        )
    return str(found[0].name)


def _of_fraud(output: Any) -> NDArray[np.float64]:
    if isinstance(output, list):
        return _of_dictionaries(output)
    probabilities = np.asarray(output, np.float64)
    if probabilities.ndim == 2 and probabilities.shape[1] == 2:
        together = probabilities.sum(axis=1)
        # Two margins do not add up to one, even where each looks like a probability.
        return np.where(np.abs(together - 1.0) <= _SUM_ERROR_MAX, probabilities[:, 1], np.nan)
    if probabilities.ndim == 1 or probabilities.shape[1:] == (1,):
        return probabilities.reshape(-1)
    raise ModelError(
        f"the model's output has shape {probabilities.shape}: it must tell two classes apart, "
        "with shape (n, 2), (n, 1) or (n,)"
    )


def _of_dictionaries(rows: list[dict[Any, float]]) -> NDArray[np.float64]:
    classes = list(rows[0])
    fraud = [key for key in classes if str(key).lower() in _FRAUD]
    if len(classes) != 2 or len(fraud) != 1:
        raise ModelError(
            f"the model's classes are {classes}: there must be two, and fraud must be 1 or True"
        )
    return np.array([row[fraud[0]] for row in rows], np.float64)


def _named(metadata: dict[str, str]) -> tuple[str, ...] | None:
    """Read ``feature_names``: a list in JSON, or names with commas between them."""
    text = metadata.get("feature_names", "").strip()
    if not text:
        return None
    if not text.startswith("["):
        return tuple(name.strip() for name in text.split(","))
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelError(
            f"the model's metadata says feature_names = {text[:80]!r}: write a list of texts "
            "in JSON, or names with commas between them"
        )
    return tuple(names)


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:300] + "..."
