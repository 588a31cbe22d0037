"""River's half-space trees as compiled ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from river import anomaly

from models.anomaly.half_space import DenseHalfSpaceTrees
from models.dense.untrained import named, require_class, trained
from schemas.errors import ModelError


def dense_of(detector: Any, width: int, feature_names: Sequence[str]) -> DenseHalfSpaceTrees:
    """Return the compiled form of a River detector that has learned nothing yet.

    It has the trees that River's would plant if its first event had all features.

    Parameters
    ----------
    detector : river.anomaly.HalfSpaceTrees
        Of exactly this class: what a subclass changes cannot be seen.
    width : int
        Number of columns.
    feature_names : sequence of str, length width
        Names of the columns: River sorts by them, and its limits go by them.

    Raises
    ------
    ModelError
        Another class, or a parameter that has no compiled form.
    TrainedModelError
        It has learned already.
    """
    require_class(detector, anomaly.HalfSpaceTrees, instead="River's own anomaly.HalfSpaceTrees")
    refuse_trained(detector)
    if len(feature_names) != width or len(set(feature_names)) != width:
        raise ModelError(
            f"feature_names are {len(set(feature_names))} different names for {width} columns: "
            "give one for each"
        )
    if detector.seed is None:
        raise ModelError(
            "HalfSpaceTrees: seed is None, so that every start would plant other trees: "
            "give a number, such as seed=1"
        )
    with named(detector):
        return DenseHalfSpaceTrees(
            width,
            n_trees=detector.n_trees,
            height=detector.height,
            window_size=detector.window_size,
            limits=[detector.limits.get(name, (0.0, 1.0)) for name in feature_names],
            order=sorted(range(width), key=feature_names.__getitem__),
            seed=detector.seed,
        )


def refuse_trained(detector: Any) -> None:
    """Raise TrainedModelError where a detector, River's or compiled, has learned."""
    # The first event plants the trees.
    planted = detector.trees if hasattr(detector, "trees") else detector._dense
    if planted:
        raise trained(detector)
