"""River's own objects behind the learner protocol, dictionaries and all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import compose, linear_model, preprocessing

from models.dense.model import VALUE_MAX
from models.odds import log_odds
from models.readiness import FRAUDS_MIN, GENUINE_MIN, ClassCounts
from models.river.kinds import Kind, Row, kind_of, scorer_of, teacher_of
from models.river.state import restore_river, state_of
from models.states.restoring import count, require, require_header, require_kind
from models.states.snapshot import State
from models.weights import check_weights

_KIND = "river_learner/1"
_UNLEARNED_MAX = 2**63 - 1


def logistic_pipeline() -> Any:
    """Build ``StandardScaler | LogisticRegression`` of River's own objects."""
    return compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())


class RiverLearner:
    """Any River classifier or anomaly detector as a learner.

    A detector is not told labels, but it learns when they come, as all learners do; its
    score says how strange a row is, 0 to 1, and is no probability.

    One bad model must not stop the engine. A score that is not finite, or at which the model
    raises, is NaN: no score. A row that cannot be learned is left out and counted.

    Parameters
    ----------
    model : river.base.Classifier or river.base.AnomalyDetector
        Or a pipeline that ends in one; it is cloned, so the object given stays as it is.
    feature_names : tuple of str
        Names of the matrix's columns: the keys of River's dictionaries.
    frauds_min, genuine_min : int
        Labels of each class before `ready`; of a detector `genuine_min` of either.
    allow_pickle : bool
        Whether an object without a state of its own is kept as a pickle, which runs code when
        it is restored; see `models.river.state.state_of`.

    Attributes
    ----------
    model : River's object
    kind : Kind
    feature_names : tuple of str
    counts : ClassCounts
        Labels learned from.
    unlearned : int
        Rows at which `learn_one` raised.

    Raises
    ------
    schemas.errors.ModelError
        The object gives neither probabilities nor scores.
    ValueError
        A number of labels is out of its range.
    """

    def __init__(
        self,
        model: Any,
        feature_names: tuple[str, ...],
        frauds_min: int = FRAUDS_MIN,
        genuine_min: int = GENUINE_MIN,
        allow_pickle: bool = False,
    ) -> None:
        self.kind = kind_of(model)
        self.counts = ClassCounts(frauds_min, genuine_min)
        self.model = model.clone()
        self.feature_names = feature_names
        self.allow_pickle = allow_pickle
        self.unlearned = 0

    @property
    def learned(self) -> int:
        """How many labels were learned from."""
        return self.counts.learned

    @property
    def ready(self) -> bool:
        """Whether enough was seen for a score to mean anything."""
        if self.kind is Kind.CLASSIFIER:
            return self.counts.ready
        return self.counts.learned >= self.counts.genuine_min

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn rows one after the other, in order; see `models.base.Learner`.

        Of a pipeline the last step weighs them. A detector is told no weights, as it is told no
        labels.

        Raises
        ------
        schemas.errors.ModelError
            There are weights and the model takes none; then nothing was learned.
        """
        if y.shape != (len(X),):
            raise ValueError(f"X has {len(X)} rows and y {y.size}: give each row its label")
        check_weights(w, len(X))
        learn = teacher_of(self.model, self.kind, weighing=w is not None)
        weights = np.ones(len(X)) if w is None else w
        given = zip(self._dicts(X), y.tolist(), weights.tolist(), strict=True)
        learned = np.ones(len(X), np.bool_)
        for at, (x, label, weight) in enumerate(given):
            try:
                learn(x, label, weight)
            except Exception:
                learned[at] = False
                self.unlearned += 1
        self.counts.count(y[learned])

    def require_weights(self) -> None:
        """Refuse a model that cannot weigh rows: ModelError; see `models.weights`."""
        teacher_of(self.model, self.kind, weighing=True)

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the score of each row, shape (n,); NaN where there is none."""
        score = scorer_of(self.model, self.kind)
        scores = np.full(len(X), np.nan)
        for at, x in enumerate(self._dicts(X)):
            with suppress(Exception):
                scores[at] = score(x)
        return scores

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart.

        For the default pipeline each feature's part is its weight times its scaled
        value. A model of another kind is not taken apart: all of its log-odds are
        in the base. Where there is no score everything is 0.
        """
        bases, parts = np.zeros(len(X)), np.zeros(X.shape)
        linear = _is_logistic(self.model)
        scores = self.predict_proba_many(X).tolist()
        for row, (x, score) in enumerate(zip(self._dicts(X), scores, strict=True)):
            if math.isnan(score):
                continue
            if linear:
                bases[row], parts[row] = _linear_parts(self.model, x, self.feature_names)
            else:
                bases[row] = log_odds(score)
        return bases, parts

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy.

        Raises
        ------
        schemas.errors.ModelError
            River's object has no state of its own, and `allow_pickle` is not set.
        """
        header = {**self._parameters(), **self.counts.header(), "unlearned": self.unlearned}
        return State(_KIND, header, {}, {"model": state_of(self.model, self.allow_pickle)})

    def restore(self, state: State) -> None:
        """Go on from a state of a learner that was built alike; see `models.base.Learner`."""
        require_kind(state, _KIND)
        require_header(state, self._parameters())
        counts = self.counts.restored(state)
        unlearned = count(state, "unlearned", 0, _UNLEARNED_MAX)
        require(state, set(state.parts) == {"model"}, "its one part is the model")
        restore_river(self.model, state.parts["model"], self.allow_pickle)
        self.counts = counts
        self.unlearned = unlearned

    def _parameters(self) -> dict[str, Any]:
        return {
            "feature_names": list(self.feature_names),
        }

    def _dicts(self, X: NDArray[np.float64]) -> Iterator[Row]:
        """Yield River's dictionaries: unknown values are absent, wild ones clipped."""
        names = self.feature_names
        unknown = [np.flatnonzero(mask) for mask in np.isnan(X)]
        for i, row in enumerate(np.clip(X, -VALUE_MAX, VALUE_MAX).tolist()):
            x = dict(zip(names, row, strict=True))
            for absent in unknown[i]:
                del x[names[absent]]
            yield x


def _is_logistic(model: Any) -> bool:
    steps = list(model.steps.values()) if isinstance(model, compose.Pipeline) else []
    kinds = [type(step) for step in steps]
    return kinds == [preprocessing.StandardScaler, linear_model.LogisticRegression]


def _linear_parts(model: Any, x: Row, names: tuple[str, ...]) -> tuple[float, NDArray[np.float64]]:
    scaler, regression = model.steps.values()
    scaled = scaler.transform_one(x)
    weights = regression.weights
    parts = [weights.get(name, 0.0) * scaled.get(name, 0.0) for name in names]
    return float(regression.intercept), np.array(parts, np.float64)
