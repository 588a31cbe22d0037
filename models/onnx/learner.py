"""A model that was trained elsewhere, as a learner that learns nothing."""

from __future__ import annotations

import hashlib
import math
import re
import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.dense.model import VALUE_MAX
from models.odds import log_odds
from models.onnx.feature_order import check_same
from models.onnx.model import OnnxModel
from models.states.restoring import require_header, require_kind
from models.states.snapshot import State
from schemas.errors import ModelError

_KIND = "trained/1"
# A float32 may miss 1 by this much.
_ROUNDING = 1e-6
_PROBES = 64


class FeaturesNotNamedWarning(UserWarning):
    """A model does not say what its columns are, so only their number could be compared."""


class TrainedLearner:
    """An ONNX model behind `models.base.Learner`: for what scikit-learn or LightGBM trained.

    Its version never changes, and it is ready at once. Whatever it says that is no
    probability is no score: NaN.

    Parameters
    ----------
    data : bytes
        Content of the ONNX file; it needs ``pip install "fraudstream[onnx]"``.
    feature_names : tuple of str
        Names of the matrix's columns.
    model_features : sequence of str, optional
        What the model was trained on, in its order. Without it the model's metadata
        ``feature_names`` counts, then the names of its inputs where each feature is one.
        By these names the model gets its columns, wherever they stand in the matrix, and
        no others. Without any names it gets the matrix as it is: only the number of
        columns is compared, and a `FeaturesNotNamedWarning` says so.
    unknown_value : float, optional
        What the model gets for an unknown value. None passes NaN, which forests and
        boosted trees may know how to take and linear models do not.

    Attributes
    ----------
    feature_names : tuple of str
    learned : int
        0: it learns nothing here.
    ready : bool
        True.

    Raises
    ------
    schemas.errors.ModelError
        A feature of the model is missing, the model does not give probabilities, or it
        cannot be loaded; see also `models.onnx.model.OnnxModel`.
    ValueError
        `unknown_value` is not finite.
    """

    learned = 0
    ready = True

    def __init__(
        self,
        data: bytes,
        feature_names: tuple[str, ...],
        model_features: Sequence[str] | None = None,
        unknown_value: float | None = None,
    ) -> None:
        if unknown_value is not None and not np.isfinite(unknown_value):
            raise ValueError(f"unknown_value is {unknown_value}: give a finite number, or None")
        self.feature_names = tuple(feature_names)
        self.unknown_value = None if unknown_value is None else float(unknown_value)
        self._digest = hashlib.sha256(data).hexdigest()
        self._model = OnnxModel(data)
        self._columns = self._matched(model_features)
        self._probe()

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn nothing."""

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of fraud of each row, shape (n,); NaN where there is none."""
        scores = self._raw(X)
        with np.errstate(invalid="ignore"):
            no_probability = ~((scores >= -_ROUNDING) & (scores <= 1.0 + _ROUNDING))
        return np.where(no_probability, np.nan, np.clip(scores, 0.0, 1.0))

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Put all of each score's log-odds in its base: the model is not taken apart."""
        scores = self.predict_proba_many(X).tolist()
        bases = [0.0 if math.isnan(score) else log_odds(score) for score in scores]
        return np.array(bases, np.float64), np.zeros(X.shape)

    def state(self) -> State:
        """Return which model it is; the model itself stays in its file."""
        header = {
            "model_sha256": self._digest,
            "feature_names": list(self.feature_names),
            "unknown_value": self.unknown_value,
        }
        return State(_KIND, header)

    def restore(self, state: State) -> None:
        """Check that a state is this model's; SnapshotError where it is another's."""
        require_kind(state, _KIND)
        require_header(state, self.state().header)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: nothing in it ever changes."""
        return self

    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        # No feature is near VALUE_MAX, and a float32 holds it.
        X = np.clip(X, -VALUE_MAX, VALUE_MAX)
        if self.unknown_value is not None:
            X = np.where(np.isnan(X), self.unknown_value, X)
        return self._model.scores(X[:, self._columns])

    def _matched(self, model_features: Sequence[str] | None) -> NDArray[np.intp]:
        """Return which column of the matrix each of the model's columns is.

        The names of inputs tell their order where they are features' names; otherwise the
        list does.
        """
        model, given = self._model, self.feature_names
        inputs = _as_features(model.input_names, given)
        names = model_features if model_features is not None else model.feature_names
        wanted = tuple(names if names is not None else inputs or ())
        if wanted:
            _check_given(wanted, given)
        if inputs is not None and set(inputs) == set(wanted):
            wanted = inputs
        taken = wanted or given
        if model.width is not None and model.width != len(taken):
            raise ModelError(
                f"the model takes {model.width} features and gets {len(taken)}: "
                f"{', '.join(taken)}; give exactly its features"
            )
        if not wanted:
            warnings.warn(
                "the model does not name its features, so only their number was compared: give "
                "model_features, or write feature_names into the model's metadata",
                FeaturesNotNamedWarning,
                stacklevel=3,
            )
            return np.arange(len(given))
        return np.array([given.index(name) for name in wanted], np.intp)

    def _probe(self) -> None:
        """Refuse a model whose scores are no probabilities, before it has to score payments."""
        rng = np.random.default_rng(0)
        scales = 10.0 ** rng.uniform(-2, 6, (_PROBES, 1))
        rows = rng.normal(size=(_PROBES, len(self.feature_names))) * scales
        rows[0], rows[1], rows[2] = 0.0, VALUE_MAX, -VALUE_MAX
        wrong = np.isnan(self.predict_proba_many(rows))
        if wrong.any():
            raise ModelError(
                f"the model says {self._raw(rows)[wrong][0]:g} of some row, which is no "
                "probability, or its two classes do not add up to one: export it with "
                "probabilities, not with margins, log-odds or classes"
            )
        rows[rng.random(rows.shape) < 0.5] = np.nan
        rows[0] = np.nan
        if np.isnan(self.predict_proba_many(rows)).any():
            raise ModelError(
                "the model gives no probability where a feature is unknown: give unknown_value, "
                "the number that stood for unknown values when it was trained"
            )


def _check_given(wanted: tuple[str, ...], given: tuple[str, ...]) -> None:
    """Refuse names of which one is missing or there twice; features not wanted are no harm."""
    used = tuple(name for name in given if name in set(wanted))
    # Where one is missing, the features not wanted may be what was meant.
    check_same(wanted, used if set(used) == set(wanted) else given, ordered=False)


def _as_features(inputs: tuple[str, ...] | None, given: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the names of inputs as the features' own: exporters write ``_`` for a dot."""
    if inputs is None:
        return None
    written = {re.sub(r"\W", "_", name): name for name in given}
    if len(written) < len(given):
        return inputs
    return tuple(name if name in given else written.get(name, name) for name in inputs)
