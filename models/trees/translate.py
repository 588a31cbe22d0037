"""River's Hoeffding tree and adaptive random forest as the compiled ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from river import forest, tree

from models.dense.untrained import named, require_class, trained
from models.trees import estimators
from models.trees.forest import DenseForest
from models.trees.parameters import by_names, forest_from, tree_from
from models.trees.tree import DenseTree
from schemas.errors import ModelError

_TREES = (tree.HoeffdingTreeClassifier, estimators.HoeffdingTreeClassifier)
_FORESTS = (forest.ARFClassifier, estimators.ARFClassifier)


def dense_of(
    model: Any, width: int, feature_names: Sequence[str] | None = None
) -> DenseTree | DenseForest:
    """Return the compiled form of a River tree or forest that has learned nothing yet.

    It gives River's scores, parameters as they are: also those that suit no stream with
    one percent of fraud. Only memory is bounded otherwise, by a number of nodes.

    Parameters
    ----------
    model : river.tree.HoeffdingTreeClassifier or river.forest.ARFClassifier
        Of exactly this class, or of the one of the same name in `models.trees.estimators`:
        what a subclass changes cannot be seen.
    width : int
        Number of columns.
    feature_names : sequence of str, length width, optional
        Names of the columns: a forest's leaves draw from them in their order, as River's
        do. Without them columns are taken to be in that order.

    Raises
    ------
    ModelError
        Another class, or a parameter that has no compiled form.
    TrainedModelError
        It has learned already; of River's forest also where it has scored, which plants it.
    """
    require_class(
        model,
        *_TREES,
        *_FORESTS,
        instead="River's own tree.HoeffdingTreeClassifier or forest.ARFClassifier",
    )
    if _is_used(model):
        raise trained(model, "learned or scored")
    is_forest = type(model) in _FORESTS
    if feature_names is not None and len(set(feature_names)) != width:
        raise ModelError(
            f"feature_names are {len(set(feature_names))} different names for {width} columns: "
            "give one for each"
        )
    if is_forest and model.seed is None:
        raise ModelError(
            "ARFClassifier: seed is None, so that every start would grow other trees: give a "
            "number, such as seed=1"
        )
    with named(model):
        if not is_forest:
            return tree_from(model, width)
        by_name = None if feature_names is None else by_names(feature_names)
        return forest_from(model, width, model.seed, by_name)


def _is_used(model: Any) -> bool:
    """Say whether a model has learned anything; River's forest is planted by scoring too."""
    if type(model) is forest.ARFClassifier:
        return len(model) > 0
    if type(model) is tree.HoeffdingTreeClassifier:
        return model._root is not None
    return bool(model.n_learned > 0)
