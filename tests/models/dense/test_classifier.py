"""The face that all compiled classifiers have; what they say is tested with each family."""

import numpy as np
import pandas as pd
import pytest

from models.dense.classifier import NamedClassifier
from models.dense.named import Named


class Counting:
    """A dense model that says how often its first column was learned to be fraud."""

    def __init__(self):
        self.width, self.examples = 0, []

    def widen(self, width):
        self.width = width

    def learn_many(self, X, y, w=None):
        self.examples += [(x, label) for x, label in zip(X.tolist(), y.tolist(), strict=True)]

    def predict_proba_many(self, X):
        return np.full(len(X), np.mean([y for _, y in self.examples] or [0.0]))


class Classifier(NamedClassifier):
    def __init__(self):
        self._named = Named(Counting())
        self.named = []

    def _name_columns(self):
        self.named.append(list(self._named.columns.places))


def test_rows_are_counted_and_named_before_they_are_learned():
    model = Classifier()
    model.learn_one({"a": 1.0}, True)
    X = pd.DataFrame({"b": [2.0, 3.0]}, index=[7, 9])
    model.learn_many(X, pd.Series([False, False], name="fraud"))
    assert model.n_learned == 3
    assert model.named == [["a"], ["a", "b"]]
    assert [label for _, label in model._named.dense.examples] == [True, False, False]
    assert model.predict_proba_one({"a": 1.0})[True] == pytest.approx(1 / 3)
    verdicts = model.predict_many(X)
    assert (verdicts.name, list(verdicts.index), list(verdicts)) == ("fraud", [7, 9], [False] * 2)
    assert list(model.predict_proba_many(X).columns) == [False, True]


@pytest.mark.parametrize("label", ["yes", 2, None, float("nan")])
def test_a_label_that_is_none_is_refused_and_not_counted(label):
    model = Classifier()
    with pytest.raises(ValueError, match="give True for fraud"):
        model.learn_one({"a": 1.0}, label)
    assert model.n_learned == 0
    assert model._named.dense.examples == []
