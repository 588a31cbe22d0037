"""What a row weighs when it is learned, and who cannot weigh."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.dense.examples import WEIGHT_MAX, WEIGHT_MIN


def check_weights(w: NDArray[np.float64] | None, n: int) -> None:
    """Refuse weights that are not one a row, positive and far from infinity; None is 1 each.

    Raises
    ------
    ValueError
        The shape or a value is another.
    """
    if w is None:
        return
    if w.shape != (n,):
        raise ValueError(f"w has shape {w.shape} and X {n} rows: give each row its weight")
    wrong = ~((w >= WEIGHT_MIN) & (w <= WEIGHT_MAX))
    if wrong.any():
        raise ValueError(
            f"w holds {w[wrong][0]}: give weights from {WEIGHT_MIN:g} to {WEIGHT_MAX:g}"
        )


def require_weights(learner: Any) -> None:
    """Refuse a learner, or one that it wraps or is made of, that cannot weigh rows.

    Parameters
    ----------
    learner : Learner

    Raises
    ------
    schemas.errors.ModelError
        One is a River model whose `learn_one` takes no weight; it is named.
    """
    while hasattr(learner, "learner"):
        learner = learner.learner
    for member in getattr(learner, "members", {}).values():
        require_weights(member)
    if hasattr(learner, "require_weights"):
        learner.require_weights()
