"""Positions against the definition, over everything that a float can be."""

import math

import naive_additive as naive
import numpy as np
import pytest
from seeds import seeds

from models.additive.knots import OCTAVES, PER_OCTAVE, PLACES, STARTS, UNIT, UNKNOWN, position_of
from schemas.jit import kernel

WILD = (0.0, -0.0, 5e-324, -5e-324, 1e-12, 1.0, 1e8, 2.0**33, 1e12, -1e12, 1e308, np.inf, -np.inf)


@kernel
def positions(values):
    found = np.empty(len(values))
    for i in range(len(values)):
        found[i] = position_of(values[i])
    return found


def values_of(seed, n=500):
    rng = np.random.default_rng(seed)
    sizes = 10.0 ** rng.uniform(-6, 12, n)
    return np.concatenate([rng.choice([-1, 1], n) * sizes, WILD])


@seeds(3)
def test_positions_are_those_of_the_definition(seed):
    values = values_of(seed)
    expected = [OCTAVES + naive.position_of(value) for value in values.tolist()]
    np.testing.assert_allclose(positions(values), expected, rtol=0, atol=1e-13)
    assert math.isnan(positions(np.array([np.nan]))[0])


@seeds(3)
def test_they_never_fall_and_are_the_same_on_both_sides(seed):
    values = np.sort(values_of(seed))
    found = positions(values)
    assert (np.diff(found) >= 0).all()
    inside = np.abs(values) < 1e9
    assert len(np.unique(found[inside & (np.abs(values) > 1e-6)])) > 300
    np.testing.assert_allclose(positions(-values), 2 * OCTAVES - found, rtol=0, atol=1e-13)
    assert found[0] == 0
    assert found[-1] == 2 * OCTAVES


@pytest.mark.parametrize("exponent", [0, 1, 7, 20, 39])
def test_there_is_no_gap_where_an_octave_ends(exponent):
    edge = (2.0**exponent - 1) * UNIT
    at, above = positions(np.array([edge, edge + 2.0**exponent * UNIT * 1e-9]))
    assert at == OCTAVES + exponent
    assert 0 < above - at < 2e-9
    assert positions(np.array([np.nextafter(edge, -1)]))[0] == pytest.approx(at, abs=1e-12)


def test_it_is_a_straight_line_between_two_knots():
    for low, high in ((0.0, UNIT / 16), (15 * UNIT, 17 * UNIT), (-3 * UNIT, -1 * UNIT)):
        ends = positions(np.array([low, high]))
        middle = positions(np.array([(low + high) / 2]))[0]
        assert middle == pytest.approx(ends.mean(), abs=1e-13)


def test_it_is_a_logarithm_up_to_a_tenth_of_an_octave():
    values = np.geomspace(1e-3, 8e9, 5000)
    error = positions(values) - OCTAVES - np.log2(1 + values / UNIT)
    # Mitchell's logarithm is too small by at most 0.086.
    assert -0.0861 < error.min() < -0.086
    assert error.max() < 1e-12


def test_every_place_is_of_one_knot():
    places = {UNKNOWN}
    for start, per_octave in zip(STARTS, PER_OCTAVE, strict=True):
        # The last position, and the neighbour that it asks for.
        places |= set(range(start, start + 2 * OCTAVES * per_octave + 2))
    assert places == set(range(PLACES))
    assert len(places) == sum(2 * OCTAVES * n + 2 for n in PER_OCTAVE) + 1
    assert (UNIT, OCTAVES, PER_OCTAVE) == (naive.UNIT, naive.OCTAVES, naive.PER_OCTAVE)
