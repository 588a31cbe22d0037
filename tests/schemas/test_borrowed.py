"""Borrowed arrays: kernels read and write the very memory that Python lent them."""

from typing import NamedTuple

import numba
import numpy as np
import pytest
from numba import float64, int64
from seeds import seeds

from schemas.borrowed import bound, lend, prefetch, table_of, unshaped
from schemas.errors import ConfigError
from schemas.jit import kernel
from schemas.kernel_form import VARIABLE

# What is general has no length to look at.
pytestmark = pytest.mark.usefixtures("special_kernels")
COMPILED = not numba.config.DISABLE_JIT


class Pair(NamedTuple):
    whole: np.ndarray
    real: np.ndarray


def pair(rng, whole=(3, 4), real=(2, 5)):
    return Pair(rng.integers(-9, 9, whole), rng.normal(size=real))


@kernel
def total(group):
    found = 0.0
    for i in range(group.whole.shape[0]):
        for j in range(group.whole.shape[1]):
            found += group.whole[i, j] * (1 + i + 10 * j)
    for i in range(group.real.shape[0]):
        for j in range(group.real.shape[1]):
            found += group.real[i, j] * (1 + i + 10 * j)
    return found


@kernel
def both_ways(group, factor, n):
    prefetch(group.real, 0, 0)
    group.whole[1, 2] = n
    group.real[1, 1] = factor * total(group)
    return total(unshaped(group))


def expected_total(arrays):
    return sum(
        value * (1 + i + 10 * j) for array in arrays for (i, j), value in np.ndenumerate(array)
    )


KNOWN = {
    "nothing known": {},
    "columns": {"columns": ("whole", "real")},
    "one field": {"rows": ("real",), "columns": ("real",)},
    "all known": {"rows": Pair._fields, "columns": Pair._fields},
}


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
@seeds(3)
def test_kernels_read_and_write_what_was_lent(known, seed):
    arrays = pair(np.random.default_rng(seed))
    run = bound(both_ways, lend(arrays, **known), rest=(float64, int64))
    for n in (7, -3):
        by_hand = Pair(*(array.copy() for array in arrays))
        by_hand.whole[1, 2] = n
        by_hand.real[1, 1] = 0.5 * expected_total(by_hand)
        assert run(0.5, n) == pytest.approx(expected_total(by_hand), rel=1e-12)
        np.testing.assert_array_equal(arrays.whole, by_hand.whole)
        np.testing.assert_allclose(arrays.real, by_hand.real, rtol=1e-12)


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_groups_of_other_lengths_are_not_confused(known):
    rng = np.random.default_rng(1)
    shapes = [
        ((3, 4), (2, 5)),
        ((4, 3), (2, 5)),
        ((3, 4), (5, 2)),
        ((1, 1), (1, 0)),
        ((0, 4), (0, 0)),
    ]
    groups = [pair(rng, *shape) for shape in shapes]
    kernels = [bound(total, lend(arrays, **known), rest=()) for arrays in groups]
    for arrays, run in zip(groups, kernels, strict=True):
        assert run() == pytest.approx(expected_total(arrays), rel=1e-12)


def test_a_single_row_may_be_lent_as_one_dimension():
    arrays = Pair(np.arange(4), np.arange(5.0))
    assert bound(total, lend(arrays), rest=())() == expected_total(
        [array[np.newaxis] for array in arrays]
    )


@pytest.mark.skipif(not COMPILED, reason="uncompiled, a length is never a constant")
def test_known_lengths_are_of_the_type_and_others_are_not():
    rng = np.random.default_rng(1)
    short, long = pair(rng), pair(rng, whole=(9, 4))
    assert lend(short).type == lend(long).type
    assert lend(short, columns=["whole"]).type == lend(long, columns=["whole"]).type
    assert lend(short, rows=["whole"]).type != lend(long, rows=["whole"]).type
    assert lend(short, rows=["whole"]).type != lend(short).type


@pytest.mark.skipif(not COMPILED, reason="uncompiled, a length is never a constant")
def test_no_length_is_of_the_type_where_kernels_are_to_be_general(monkeypatch):
    rng = np.random.default_rng(1)
    short, long = pair(rng), pair(rng, whole=(9, 7))
    monkeypatch.setenv(VARIABLE, "general")
    general = [lend(arrays, rows=["whole"], columns=["whole"]).type for arrays in (short, long)]
    monkeypatch.delenv(VARIABLE)
    assert general == [lend(short).type] * 2


@pytest.mark.skipif(not COMPILED, reason="uncompiled, a length is never a constant")
def test_a_form_that_is_not_known_is_named(monkeypatch):
    monkeypatch.setenv(VARIABLE, "quick")
    with pytest.raises(ConfigError, match="FRAUDSTREAM_KERNELS is 'quick': say special"):
        lend(pair(np.random.default_rng(1)))


def test_what_lent_keeps_its_arrays_alive():
    run = bound(total, lend(Pair(np.ones((200, 300), np.int64), np.zeros((1, 1)))), rest=())
    assert run() == expected_total([np.ones((200, 300))])


@pytest.mark.parametrize("known", [*KNOWN.values(), {"strides": ("whole",)}])
@seeds(2)
def test_some_columns_of_a_wider_block_are_an_array_like_any_other(known, seed):
    rng = np.random.default_rng(seed)
    block = rng.integers(-9, 9, (6, 8))
    arrays = Pair(block[:, 2:5], rng.normal(size=(7, 9))[::2, 3:7])
    before = block.copy()
    assert bound(total, lend(arrays, **known), rest=())() == pytest.approx(
        expected_total(arrays), rel=1e-12
    )
    bound(both_ways, lend(arrays, **known), rest=(float64, int64))(0.5, 77)
    before[1, 4] = 77
    np.testing.assert_array_equal(block, before)


@pytest.mark.skipif(not COMPILED, reason="uncompiled, a length is never a constant")
def test_known_columns_make_known_how_far_it_is_from_row_to_row():
    rng = np.random.default_rng(1)
    plain, wide = pair(rng), pair(rng)._replace(whole=rng.integers(-9, 9, (3, 6))[:, :4])
    assert lend(plain).type == lend(wide).type
    assert lend(plain, columns=["whole"]).type != lend(wide, columns=["whole"]).type
    assert lend(plain, strides=["whole"]).type != lend(wide, strides=["whole"]).type
    longer = wide._replace(whole=rng.integers(-9, 9, (3, 6))[:, :5])
    assert lend(longer, strides=["whole"]).type == lend(wide, strides=["whole"]).type


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4)).T,
        np.zeros((4, 4))[:, ::2],
        np.zeros((4, 4))[::-1],
        np.zeros((2, 2, 2)),
        np.zeros((3, 12), np.uint8)[:, :8].view(np.int64),
    ],
)
def test_only_matrices_of_contiguous_rows_are_lent(bad):
    with pytest.raises(ValueError, match="of contiguous rows are lent"):
        table_of([bad])
