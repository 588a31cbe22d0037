"""A chain of compiled models as a learner: scalers, then a classifier or a detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.dense.model import DenseClassifier, DenseDetector, DenseTransformer
from models.odds import log_odds
from models.readiness import FRAUDS_MIN, GENUINE_MIN, ClassCounts
from models.states.restoring import require_header, require_kind
from models.states.snapshot import State
from models.weights import check_weights
from schemas.errors import SnapshotError

_KIND = "compiled/1"
_LAST = "model"


class Unlabelled:
    """An anomaly detector as a classifier that ignores labels.

    It learns when labels come, as all learners do. Its score says how strange a row is,
    0 to 1, and is no probability; it stays whole, in the base of the contributions.

    Parameters
    ----------
    detector : DenseDetector
    """

    def __init__(self, detector: DenseDetector) -> None:
        self.detector = detector

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self.detector.width

    @property
    def ready(self) -> bool:
        """Whether the detector's scores mean anything yet."""
        return self.detector.ready

    def widen(self, width: int) -> None:
        """Add columns; see `models.dense.model.Dense`."""
        self.detector.widen(width)

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn rows in order, whatever their labels and weights."""
        self.detector.learn_many(X)

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how strange each row is, shape (n,)."""
        return self.detector.score_many(X)

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Put all of each score's log-odds in its base."""
        bases = [log_odds(score) for score in self.predict_proba_many(X).tolist()]
        return np.array(bases, np.float64), np.zeros(X.shape)

    def state(self) -> State:
        """Return the detector's state."""
        return self.detector.state()

    def restore(self, state: State) -> None:
        """Take a state of the detector."""
        self.detector.restore(state)


class CompiledLearner:
    """Compiled models behind `models.base.Learner`; `models.compiler` builds it from River's.

    As in River's pipelines a row is first learned by the scalers, then scaled, then
    learned by the model; to be scored it is only scaled.

    Parameters
    ----------
    feature_names : tuple of str
        Names of the matrix's columns.
    transformers : sequence of DenseTransformer
        As wide as there are names.
    model : DenseClassifier or DenseDetector
    frauds_min, genuine_min : int
        Labels of each class before `ready`; of a detector `genuine_min` of either, and what
        it needs itself.

    Attributes
    ----------
    feature_names : tuple of str
    transformers : tuple of DenseTransformer
    model : DenseClassifier
        A detector as an `Unlabelled` one.
    counts : ClassCounts
        Labels learned from.
    """

    def __init__(
        self,
        feature_names: tuple[str, ...],
        transformers: Sequence[DenseTransformer],
        model: DenseClassifier | DenseDetector,
        frauds_min: int = FRAUDS_MIN,
        genuine_min: int = GENUINE_MIN,
    ) -> None:
        for part in (*transformers, model):
            if part.width != len(feature_names):
                raise ValueError(
                    f"{type(part).__name__} is {part.width} columns wide and there are "
                    f"{len(feature_names)} features: build it as wide as those"
                )
        self.feature_names = feature_names
        self.transformers = tuple(transformers)
        self.model = Unlabelled(model) if isinstance(model, DenseDetector) else model
        self.counts = ClassCounts(frauds_min, genuine_min)

    @property
    def learned(self) -> int:
        """How many labels were learned from."""
        return self.counts.learned

    @property
    def ready(self) -> bool:
        """Whether enough was seen for a score to mean anything."""
        if isinstance(self.model, Unlabelled):
            return self.model.ready and self.counts.learned >= self.counts.genuine_min
        return self.counts.ready

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn rows one after the other, in order; see `models.base.Learner`.

        Only the model weighs them: scalers learn each row as one, as River's do.
        """
        if y.shape != (len(X),):
            raise ValueError(f"X has {len(X)} rows and y {y.size}: give each row its label")
        check_weights(w, len(X))
        for transformer in self.transformers:
            X = transformer.learn_transform_many(X)
        self.model.learn_many(X, y, w)
        self.counts.count(y)

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the score of each row, shape (n,); changes nothing."""
        return self.model.predict_proba_many(self._scaled(X))

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart; see `models.base.Learner`."""
        return self.model.contributions_many(self._scaled(X))

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit."""
        header = {"feature_names": list(self.feature_names), **self.counts.header()}
        return State(_KIND, header, parts={name: part.state() for name, part in self._parts()})

    def restore(self, state: State) -> None:
        """Take a state; see `models.base.Learner`.

        Raises
        ------
        SnapshotError
            It is not one of such a chain over these features; then nothing was changed.
        """
        require_kind(state, _KIND)
        require_header(state, {"feature_names": list(self.feature_names)})
        counts = self.counts.restored(state)
        parts = dict(self._parts())
        if state.parts.keys() != parts.keys():
            raise SnapshotError(
                f"the state is one of {', '.join(state.parts)}, and this learner of "
                f"{', '.join(parts)}: build the same pipeline"
            )
        before = {name: part.state() for name, part in parts.items()}
        try:
            for name, part in parts.items():
                part.restore(state.parts[name])
        except Exception:  # Whatever a part raises: half a state is worse.
            for name, part in parts.items():
                part.restore(before[name])
            raise
        self.counts = counts

    def _parts(self) -> list[tuple[str, DenseTransformer | DenseClassifier]]:
        numbered = [(f"transformer {at}", part) for at, part in enumerate(self.transformers)]
        return [*numbered, (_LAST, self.model)]

    def _scaled(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        for transformer in self.transformers:
            X = transformer.transform_many(X)
        return X
