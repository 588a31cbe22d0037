"""The interval of a median holds it as often as it says, and never claims more than it can."""

import math

import numpy as np
import pytest

from benchmarks.guard.intervals import of_median, rank


def test_ranks_are_those_of_published_tables():
    # Table of the sign test: 25 draws at 95 %, and the smallest numbers that can be sure at all.
    assert rank(25, 0.95) == 8
    assert rank(6, 0.95) == 1
    assert rank(33, 0.999) == 7


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("n", [11, 12, 33, 60])
def test_the_rank_is_the_largest_that_is_sure_enough(n, confidence):
    def outside(k):
        return 2 * sum(math.comb(n, below) for below in range(k)) / 2**n

    k = rank(n, confidence)
    assert outside(k) <= 1 - confidence < outside(k + 1)


@pytest.mark.parametrize("n", [1, 5])
def test_too_few_rounds_are_refused(n):
    with pytest.raises(ValueError, match=f"{n} rounds cannot"):
        rank(n, 0.95)


def test_the_median_is_inside_as_often_as_it_says():
    rng = np.random.default_rng(7)
    # A skewed law whose median is known: exp of a normal one has the median 1.
    draws = np.exp(rng.normal(size=(4000, 21)))
    found = [of_median(list(row), 0.95) for row in draws]
    inside = np.mean([each.low <= 1.0 <= each.high for each in found])
    # 0.95 is a lower bound; three deviations of a share of 4000 below it.
    assert inside >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 4000)
    assert all(each.low <= each.median <= each.high for each in found)


def test_a_median_of_an_even_number_is_between_two():
    assert of_median([4.0, 1.0, 2.0, 3.0, 0.0, 9.0], 0.9) == (0.0, 2.5, 9.0)
