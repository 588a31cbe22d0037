"""The newest of each entity, beside a dictionary that is told one row after the other."""

import itertools

import numpy as np
from seeds import seeds

from stream.store.newest import Newest, newest, nobody


def random_part(rng, n):
    return Newest(
        rng.integers(0, 6, n).astype(np.uint64),
        np.stack([rng.integers(0, 5, n), rng.integers(0, 3, n), rng.integers(0, 4, n)]),
        rng.random(n),
        rng.random((n, 2)),
    )


def in_a_loop(parts):
    known = {}
    for part in parts:
        rows = zip(part.keys.tolist(), part.marks.T.tolist(), part.values.tolist(), strict=True)
        for key, mark, values in rows:
            if key and (key not in known or tuple(mark) >= known[key][0]):
                known[key] = tuple(mark), values
    return known


@seeds(40)
def test_it_is_what_a_loop_finds(seed):
    rng = np.random.default_rng(seed)
    parts = [random_part(rng, int(rng.integers(0, 12))) for _ in range(int(rng.integers(1, 5)))]
    found = newest(parts)
    wanted = in_a_loop(parts)
    assert set(found.keys.tolist()) == wanted.keys()
    assert len(found) == len(wanted)
    marks = [tuple(mark) for mark in found.marks.T.tolist()]
    assert marks == sorted(marks)
    for key, mark, values in zip(found.keys.tolist(), marks, found.values.tolist(), strict=True):
        assert mark == wanted[key][0]
        if sum(m == list(mark) for part in parts for m in part.marks.T.tolist()) == 1:
            assert values == wanted[key][1]


@seeds(10)
def test_how_it_is_cut_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    n = 30
    whole = random_part(rng, n)
    # A payment is at one place, once.
    whole.marks[2] = rng.permutation(n)
    cuts = [0, *sorted(rng.integers(0, n, 4).tolist()), n]
    pieces = [whole.rows(slice(a, b)) for a, b in itertools.pairwise(cuts)]
    joined = nobody(2)
    for piece in rng.permutation(len(pieces)):
        joined = newest([joined, pieces[piece]])
    once = newest([whole])
    for a, b in zip(
        (joined.keys, joined.marks, joined.put_s, joined.values),
        (once.keys, once.marks, once.put_s, once.values),
        strict=True,
    ):
        assert np.array_equal(a, b)


def test_of_nobody_there_is_nothing():
    assert len(newest([nobody(3)])) == 0
    assert newest([nobody(3), nobody(3)]).values.shape == (0, 3)
