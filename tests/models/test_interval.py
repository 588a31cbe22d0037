"""Wilson's interval: published values, and how often it is right."""

import numpy as np
import pytest

from models.interval import wilson


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_values(hits, n, low, high):
    assert wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


def test_without_trials_it_is_everything():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(7, 7)[1] == 1.0


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_it_holds_the_truth_about_95_times_in_100(share):
    rng = np.random.default_rng(1)
    found = [wilson(int(hits), 60) for hits in rng.binomial(60, share, 4000)]
    assert 0.92 < np.mean([low <= share <= high for low, high in found]) < 0.98
