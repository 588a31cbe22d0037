"""Short calls say what NumPy's long ones say."""

import numpy as np
import pytest

from stream.short_arrays import count, every, filled, marked


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_they_are_numpys(n, share):
    mask = np.random.default_rng([n, int(10 * share)]).random(n) < share
    assert count(mask) == mask.sum()
    assert every(mask) == mask.all()
    assert marked(mask).tolist() == np.flatnonzero(mask).tolist()


@pytest.mark.parametrize("shape", [0, 3, (2, 0), (2, 3)])
@pytest.mark.parametrize(("value", "dtype"), [(np.nan, np.float64), (-1, np.int64), (3, np.int8)])
def test_what_is_filled_is_full(shape, value, dtype):
    found = filled(shape, value, dtype)
    np.testing.assert_array_equal(found, np.full(shape, value, dtype))
    assert found.dtype == dtype
