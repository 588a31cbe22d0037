"""Rings against a dictionary of numbers."""

import numpy as np
import pytest
from seeds import seeds

from models.states.snapshot import State
from schemas.errors import SnapshotError
from stream.rings import WRAPPED, joined, pieces, places_of, put, ring_arrays, ring_rows


def numbers_of(seed):
    """Choose the length of a ring, and which numbers live in it."""
    rng = np.random.default_rng(seed)
    length, first = int(rng.integers(1, 9)), int(rng.integers(0, 40))
    return length, first, first + int(rng.integers(0, length + 1))


@seeds(20)
def test_what_lives_comes_back_at_its_place(seed):
    length, first, stop = numbers_of(seed)
    ring = np.full((length, 2), -1)
    for number in range(first, stop):
        ring[number % length] = number
    older, younger = pieces(ring, first, stop)
    assert joined((older, younger))[:, 0].tolist() == list(range(first, stop))
    assert np.shares_memory(older, ring) or not len(older)
    state = State("ring/1", {}, ring_arrays({"ring": ring}, first, stop))
    other = np.full((length, 2), -1)
    put(other, first, ring_rows(state, {"ring": other}, first, stop)["ring"])
    assert other.tolist() == ring.tolist()


@seeds(20)
def test_the_rows_of_numbers_are_picked_as_by_their_remainders(seed):
    length, first, stop = numbers_of(seed)
    ring = np.arange(length)
    assert ring[places_of(first, stop, length)].tolist() == [n % length for n in range(first, stop)]


@pytest.mark.parametrize("name", ["ring", "ring" + WRAPPED])
def test_other_lengths_are_refused_by_name(name):
    ring = np.arange(5)
    state = State("ring/1", {}, ring_arrays({"ring": ring}, 3, 7))
    for wrong in (state.arrays[name][:1], state.arrays[name].astype(float)):
        damaged = State("ring/1", {}, {**state.arrays, name: wrong})
        with pytest.raises(SnapshotError, match=f"ring/1: {name} is"):
            ring_rows(damaged, {"ring": ring}, 3, 7)
