"""A forest before it has learned anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.drift.adwin import new
from models.trees.nodes import Trees, reserved
from models.trees.twister import seeded
from models.trees.votes import Forest

MaxFeatures = str | int | float | None


def columns_of_a_leaf(max_features: MaxFeatures, width: int) -> int:
    """Return how many of `width` columns a leaf observes: one or more.

    Raises
    ------
    ValueError
        `max_features` is neither a number nor one of the names.
    """
    if max_features is None:
        n = width
    elif max_features == "sqrt":
        n = round(math.sqrt(width))
    elif max_features == "log2":
        n = round(math.log2(max(width, 1)))
    elif isinstance(max_features, int):
        n = max_features
    elif isinstance(max_features, float) and math.isfinite(max_features):
        n = int(max_features * width)
    else:
        raise ValueError(f"max_features is {max_features!r}: give a number, 'sqrt', 'log2' or None")
    if n < 0:
        n += width
    return max(min(n, width), 1)


def planted(
    parameters: Mapping[str, Any], width: int, n_observed: int | None
) -> tuple[Trees, Forest]:
    """Return trees that have learned nothing, whose leaves observe that many columns."""
    n = parameters["n_models"]
    if n_observed is None:
        n_observed = columns_of_a_leaf(parameters["max_features"], width)
    warning, drift = parameters["warning"], parameters["drift"]
    by_name = np.arange(width, dtype=np.int32)
    return reserved(parameters["nodes_max"], 2 * n, n_observed, sampled=True), Forest(
        roots=np.arange(n, dtype=np.int32),
        behind=np.arange(n, 2 * n, dtype=np.int32),
        waits=np.zeros(n, np.bool_),
        classes=np.zeros(2 * n, np.int8),
        hits=np.zeros((n, 2), np.int64),
        alarms=np.zeros((n, 2), np.int64),
        warning=new(1) if warning is None else new(n, **warning),
        drift=new(1) if drift is None else new(n, **drift),
        words=seeded(parameters["seed"]),
        by_name=by_name,
        pool=np.zeros_like(by_name),
    )
