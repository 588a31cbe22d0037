"""A compiled classifier as River's: dictionaries and frames."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from river import base
from river.utils import dataframe

from models.dense.face import probabilities, verdict_of, verdicts_of, weights_of
from models.dense.named import Named


class NamedClassifier(base.MiniBatchClassifier):
    """What all compiled classifiers have in common.

    A subclass makes the model, `_named`, and has the parameters.

    Attributes
    ----------
    n_learned : int
        How many rows it has learned.
    """

    _named: Named[Any]

    n_learned = 0

    # River names the labels it predicts after those it learned last.
    _y_name: str | None = None

    def learn_one(self, x: Mapping[Hashable, Any], y: Any, w: float = 1.0) -> None:
        """Learn a dictionary, its label and its weight."""
        row = self._named.row_to_learn(x)
        self._name_columns()
        self._named.dense.learn_many(row, np.array([verdict_of(y)]), weights_of(w, 1))
        self.n_learned += 1

    def learn_many(self, X: Any, y: Any, w: Any = 1) -> None:
        """Learn a frame's rows, one after the other, with one weight or a series of them."""
        rows = self._named.matrix_to_learn(X)
        self._name_columns()
        self._y_name = dataframe.into_series(y).name
        self._named.dense.learn_many(rows, verdicts_of(y), weights_of(w, len(rows)))
        self.n_learned += len(rows)

    def predict_proba_one(self, x: Mapping[Hashable, Any], **kwargs: Any) -> dict[Any, float]:
        """Return the probabilities of both classes; changes nothing."""
        p = float(self._named.dense.predict_proba_many(self._named.row(x))[0])
        return {False: 1.0 - p, True: p}

    def predict_proba_many(self, X: Any) -> Any:
        """Return the probabilities as a frame of both classes, of the same backend and index."""
        return probabilities(self._scores(X), X)

    def predict_many(self, X: Any) -> Any:
        """Return the likelier class of each row as a series of the same backend and index."""
        frame = dataframe.into_frame(X)
        return dataframe.to_native_series(self._scores(X) > 0.5, name=self._y_name, like=frame)

    def _name_columns(self) -> None:
        """Tell a model that goes by names which columns there are."""

    def _scores(self, X: Any) -> Any:
        return self._named.dense.predict_proba_many(self._named.columns.matrix(X))
