"""Bins of any number, against what their edges say."""

from __future__ import annotations

import numpy as np
from seeds import seeds

from stream.monitor.bins import BINS, MISSING, UPPER_EDGES, ZERO, count_into


def bins_of(values: list[float]) -> list[int]:
    found = []
    for value in values:
        counts = np.zeros((1, BINS), np.int64)
        count_into(counts, np.array([[value]]))
        assert counts.sum() == 1
        found.append(int(counts[0].argmax()))
    return found


def hostile(rng: np.random.Generator, n: int) -> list[float]:
    size = 10.0 ** rng.uniform(-30, 30, n)
    return [*(rng.choice([-1.0, 1.0], n) * size), *rng.integers(-40, 40, n).astype(float)]


@seeds(3)
def test_a_value_lies_between_the_edges_of_its_bin(seed: int) -> None:
    values = hostile(np.random.default_rng(seed), 300)
    for value, at in zip(values, bins_of(values), strict=True):
        assert value <= UPPER_EDGES[at] or at == BINS - 1
        if at > MISSING + 1:
            assert value >= UPPER_EDGES[at - 1]


@seeds(3)
def test_bins_are_in_the_order_of_their_numbers(seed: int) -> None:
    values = sorted(hostile(np.random.default_rng(seed), 300))
    found = bins_of(values)
    assert found == sorted(found)


def test_what_is_no_plain_number_has_its_place() -> None:
    tiny = 5e-324
    assert bins_of([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -tiny]) == [
        MISSING, MISSING, BINS - 1, MISSING + 1, ZERO, ZERO, ZERO, ZERO
    ]  # fmt: skip


def test_small_whole_numbers_are_told_apart() -> None:
    assert len(set(bins_of([float(n) for n in range(-16, 17)]))) == 33


def test_a_bin_is_an_eighth_of_its_power_of_two_wide_at_most() -> None:
    upper = UPPER_EDGES[ZERO + 1 : -1]
    lower = UPPER_EDGES[ZERO:-2]
    assert ((upper - lower) / lower <= 1 / 8).all()


@seeds(2)
def test_histograms_of_parts_add_up_to_that_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(500, 4)) * 10.0 ** rng.uniform(-3, 6, 4)
    values[rng.random((500, 4)) < 0.1] = np.nan
    whole, parts = np.zeros((4, BINS), np.int64), np.zeros((4, BINS), np.int64)
    count_into(whole, values)
    for part in np.array_split(values, [1, 7, 7, 300]):
        count_into(parts, np.ascontiguousarray(part))
    assert np.array_equal(whole, parts)
    assert (whole.sum(axis=1) == 500).all()
