"""One curve: what is read of it, and what an example moves."""

import math

import naive_additive as naive
import numpy as np
import pytest
from seeds import seeds

from models.additive.curve import SQUARES, WEIGHT, bend, height
from models.additive.knots import PER_OCTAVE, PLACES, STARTS, UNKNOWN, position_of
from schemas.jit import kernel

VALUES = (0.0, -0.0, 1.0, -3.7, 0.004, 99.5, 1e5, 8e9, 9e9, np.inf, -np.inf, 1e-300, np.nan)


@kernel
def height_at(curves, j, value):
    return height(curves, j, position_of(value))


@kernel
def bend_at(curves, j, value, slope, rate):
    bend(curves, j, position_of(value), slope, rate)


def place_of(name):
    if name == "unknown":
        return UNKNOWN
    per_octave, knot = name
    return STARTS[PER_OCTAVE.index(per_octave)] + knot


@seeds(2)
@pytest.mark.parametrize("value", VALUES)
def test_a_height_is_the_sum_of_the_hats_of_its_value(value, seed):
    curves = np.random.default_rng(seed).normal(size=(3, PLACES, 2))
    hats = naive.hats(value).items()
    expected = math.fsum(part * curves[1, place_of(name), WEIGHT] for name, part in hats if part)
    assert height_at(curves, 1, value) == pytest.approx(expected, abs=1e-11)


@seeds(2)
@pytest.mark.parametrize("value", VALUES)
def test_an_example_moves_the_weights_around_its_value_and_no_others(value, seed):
    rng = np.random.default_rng(seed)
    curves = rng.normal(size=(3, PLACES, 2))
    curves[..., SQUARES] = rng.uniform(1, 5, (3, PLACES))
    expected, slope = curves.copy(), float(rng.normal())
    for name, part in naive.hats(value).items():
        if part:
            knot = expected[1, place_of(name)]
            knot[SQUARES] += (slope * part) ** 2
            knot[WEIGHT] -= 0.1 * slope * part / math.sqrt(knot[SQUARES])
    bend_at(curves, 1, value, slope, 0.1)
    # One rounding of a position is 2e-13 of the way to the next knot.
    np.testing.assert_allclose(curves, expected, rtol=0, atol=1e-11)


def test_weights_lie_beside_their_squares():
    curves = np.zeros((1, PLACES, 2))
    assert curves[0, 7, SQUARES:].base is not None
    assert abs(curves[0, 7].ctypes.data - curves[0, 8].ctypes.data) == 16
