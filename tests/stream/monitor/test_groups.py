"""Groups of bins: about as much in each, and nothing lost."""

from __future__ import annotations

import numpy as np
from seeds import seeds

from stream.monitor.bins import BINS, MISSING, count_into
from stream.monitor.groups import GROUPS, Groups


def counted(values: np.ndarray) -> np.ndarray:
    counts = np.zeros((values.shape[1], BINS), np.int64)
    count_into(counts, np.ascontiguousarray(values))
    return counts


@seeds(3)
def test_each_group_holds_about_as_much(seed: int) -> None:
    counts = counted(np.random.default_rng(seed).normal(size=(20_000, 3)))
    folded = Groups(counts).fold(counts)
    assert (folded[:, 0] == 0).all()
    assert ((folded[:, 1:] > 1_000) & (folded[:, 1:] < 3_500)).all()


@seeds(3)
def test_nothing_is_lost_and_the_order_is_kept(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = counted(rng.lognormal(size=(700, 4)) * 10.0 ** rng.uniform(-9, 9, 4))
    groups = Groups(reference)
    other = rng.integers(0, 5, (4, BINS))
    assert np.array_equal(groups.fold(other).sum(axis=1), other.sum(axis=1))
    assert np.array_equal(groups.fold(other)[:, 0], other[:, MISSING])
    of_values = groups.of_bin[:, MISSING + 1 :]
    assert (np.diff(of_values, axis=1) >= 0).all()
    assert of_values.min() == 1
    assert of_values.max() <= GROUPS - 1


def test_what_many_share_has_a_group_of_its_own() -> None:
    rng = np.random.default_rng(1)
    values = np.where(rng.random(10_000) < 0.6, 0.0, rng.uniform(1.0, 100.0, 10_000))
    folded = Groups(counted(values[:, np.newaxis])).fold(counted(values[:, np.newaxis]))[0]
    assert (values == 0.0).sum() in folded.tolist()
    assert (folded > 0).sum() >= 8


def test_few_values_have_few_groups_with_their_edges_between_them() -> None:
    values = np.repeat([1.0, 2.0, 3.0], [50, 30, 20])[:, np.newaxis]
    groups = Groups(counted(values))
    folded = groups.fold(counted(values))[0]
    assert folded[folded > 0].tolist() == [50, 30, 20]
    first, second = groups.edges(0)
    assert 1.0 < first <= 2.0 < second <= 3.0


def test_a_column_without_values_has_one_group() -> None:
    groups = Groups(counted(np.full((10, 1), np.nan)))
    assert groups.edges(0) == []
    assert groups.fold(counted(np.array([[1.0]])))[0].tolist() == [0, 1] + [0] * (GROUPS - 2)
