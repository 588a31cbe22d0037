"""Parameters under River's names as those of the compiled tree and forest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from river import drift, metrics
from river.tree.splitter import GaussianSplitter

from models.drift.estimators import ADWIN
from models.trees.forest import DenseForest
from models.trees.tree import DenseTree

# What River takes where a detector is None.
WARNING_DELTA, DRIFT_DELTA = 0.01, 0.001

# River's own defaults: bounds of memory that are not compiled must not have been set.
_MAX_SIZE = 100.0
TREE_PERIOD, FOREST_PERIOD = 1_000_000, 2_000_000

# Of both classes; under River's names, which are also the compiled ones.
_SHARED = (
    "grace_period",
    "max_depth",
    "split_criterion",
    "delta",
    "tau",
    "leaf_prediction",
    "nb_threshold",
    "min_branch_fraction",
    "max_share_to_split",
    "merit_preprune",
)
_FOREST = ("n_models", "max_features", "lambda_value", "disable_weighted_vote")


def tree_from(model: Any, width: int) -> DenseTree:
    """Return a compiled tree with the parameters that are `model`'s attributes.

    Raises
    ------
    ValueError
        A parameter has no compiled form or is out of its range; the text names it.
    """
    return DenseTree(width, **_shared(model, TREE_PERIOD))


def forest_from(
    model: Any, width: int, seed: int, by_name: Sequence[int] | None = None
) -> DenseForest:
    """Return a compiled forest with the parameters that are `model`'s attributes.

    Raises
    ------
    ValueError
        A parameter has no compiled form or is out of its range; the text names it.
    """
    if type(model.metric) not in (type(None), metrics.Accuracy):
        raise ValueError(_refusal("metric", model.metric, "leave it, or use metrics.Accuracy()"))
    return DenseForest(
        width,
        warning=_detector("warning_detector", model.warning_detector, WARNING_DELTA),
        drift=_detector("drift_detector", model.drift_detector, DRIFT_DELTA),
        seed=seed,
        by_name=by_name,
        **{name: getattr(model, name) for name in _FOREST},
        **_shared(model, FOREST_PERIOD),
    )


def by_names(names: Sequence[Any]) -> list[int]:
    """Return the columns in the order of their names; names of one type before another's."""
    return sorted(range(len(names)), key=lambda at: (type(names[at]).__name__, names[at]))


def _shared(model: Any, period: int) -> dict[str, Any]:
    """Return the parameters of a tree, after making sure that all have a compiled form."""
    if model.nominal_attributes:
        remedy = "encode them before the tree, for instance with preprocessing.OneHotEncoder"
        raise ValueError(_refusal("nominal_attributes", model.nominal_attributes, remedy))
    if type(model.splitter) not in (type(None), GaussianSplitter):
        remedy = "leave it, or use tree.splitter.GaussianSplitter"
        raise ValueError(_refusal("splitter", model.splitter, remedy))
    if model.remove_poor_attrs:
        raise ValueError(_refusal("remove_poor_attrs", True, "leave it at False"))
    bounds = {"max_size": _MAX_SIZE, "memory_estimate_period": period, "stop_mem_management": False}
    for name, default in bounds.items():
        if getattr(model, name) != default:
            remedy = f"leave it at {default}; memory is bounded by nodes_max"
            raise ValueError(_refusal(name, getattr(model, name), remedy))
    parameters = {name: getattr(model, name) for name in _SHARED}
    if model.splitter is not None:
        parameters["n_splits"] = model.splitter.n_splits
    # Only the estimators of this package have it.
    if hasattr(model, "nodes_max"):
        parameters["nodes_max"] = model.nodes_max
    return parameters


def _detector(name: str, given: Any, delta: float) -> Mapping[str, float] | None:
    if given is None:
        return {"delta": delta}
    if type(given) is drift.NoDrift:
        return None
    if type(given) not in (drift.ADWIN, ADWIN):
        remedy = "use drift.ADWIN, or drift.NoDrift() for none"
        raise ValueError(_refusal(name, given, remedy))
    names = ("delta", "clock", "max_buckets", "min_window_length", "grace_period")
    return {name: getattr(given, name) for name in names}


def _refusal(name: str, value: Any, remedy: str) -> str:
    shown = repr(value) if isinstance(value, (int, float, str, list)) else type(value).__qualname__
    return f"{name}={shown} has no compiled form: {remedy}"
