"""River's own objects for the leaderboard, as `model.source` names them.

A class of another module than River's has no compiled form, so these run as River runs
them: over dictionaries, one event at a time.
"""

from __future__ import annotations

from river import linear_model, preprocessing
from river.compose import Pipeline


class Scaler(preprocessing.StandardScaler):
    """River's scaler, as it is."""


class Regression(linear_model.LogisticRegression):
    """River's logistic regression, as it is."""


def logistic() -> Pipeline:
    """Return River's scaler and logistic regression, both with River's defaults."""
    return Scaler() | Regression()
