"""What learners say of one row, where a test has only one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def contributions(
    learner: Any, x: NDArray[np.float64], *raw: float
) -> tuple[float, NDArray[np.float64]]:
    """Take the score of a row apart, shape (n_features,); contenders want the raw one too."""
    bases, parts = learner.contributions_many(x[np.newaxis], *(np.array([each]) for each in raw))
    assert bases.shape == (1,)
    assert parts.shape == (1, len(x))
    return float(bases[0]), parts[0]
