"""Parameters are numbers within their range, or refused by name."""

import math

import numpy as np
import pytest

from models.linear.parameters import decay, number


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.25), np.int64(3), 1e12])
def test_a_number_is_taken_as_a_float(value):
    found = number("l2", value)
    assert type(found) is float
    assert found == value


@pytest.mark.parametrize("value", [-1e-9, 1e13, math.nan, math.inf, "1", True, None, [1.0]])
def test_anything_else_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"l2 is .*: give a number from 0 to 1e\+12"):
        number("l2", value)


@pytest.mark.parametrize("value", [1, 1.0, -0.1, 2])
def test_a_decay_is_below_one(value):
    with pytest.raises(ValueError, match="beta_1 is"):
        decay("beta_1", value)
    assert decay("beta_1", 0) == 0.0
