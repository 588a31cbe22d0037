"""Parameters as numbers that no sum can take out of the finite ones."""

from __future__ import annotations

import math
from typing import Any

from models.dense.model import VALUE_MAX

# Where a kernel finds each: to hand an array over takes less than to hand over a record.
RATE, BETA_1, BETA_2, EPS, FTRL_L1, FTRL_L2 = range(6)
L2, L1, INTERCEPT_LR, CLIP_GRADIENT, WEIGHT_POS, WEIGHT_NEG = range(6, 12)


def number(name: str, value: Any, low: float = 0.0, high: float = VALUE_MAX) -> float:
    """Return a parameter as a float within [low, high].

    Raises
    ------
    ValueError
        It is no such number.
    """
    try:
        found = math.nan if isinstance(value, (str, bool)) else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not low <= found <= high:
        raise ValueError(f"{name} is {value!r}: give a number from {low:g} to {high:g}")
    return found


def decay(name: str, value: Any) -> float:
    """Return the share of an average that stays at each step, within [0, 1); ValueError else."""
    found = number(name, value, 0.0, 1.0)
    if found == 1.0:
        raise ValueError(f"{name} is {value!r}: give a number below 1, or nothing is ever learned")
    return found
