"""Rules that match too much, against a plain count of one payment after the other."""

from itertools import pairwise

import numpy as np
import pytest
from seeds import seeds

from models.states.snapshot import State, pack
from schemas.errors import SnapshotError
from stream.rules.breaker import Breaker, Tripped

BLOCK, MOST = 100, 20


def plain(matches, live, block, most):
    """Count payment by payment; return where rules decide, and which were put in shadow."""
    n_rules, n = matches.shape
    out, counts = set(), [0] * n_rules
    decides, tripped = np.zeros(matches.shape, np.bool_), []
    for row in range(n):
        if row % block == 0:
            counts = [0] * n_rules
        for rule in range(n_rules):
            decides[rule, row] = live[rule, row] and rule not in out
            if matches[rule, row] and decides[rule, row]:
                counts[rule] += 1
                if counts[rule] > most:
                    out.add(rule)
                    tripped.append((rule, row, counts[rule], row % block + 1))
    return decides, tripped


def count(breaker, matches, live):
    """Let a breaker count; return where rules that matched decide, and which were put in shadow."""
    rows, rules = np.nonzero(matches.T)
    decides = np.zeros(matches.shape, np.bool_)
    decides[rules, rows], found = breaker.count(rows, rules, live[rules, rows], matches.shape[1])
    return decides, found


def stream(rng):
    n_rules, n = int(rng.integers(1, 8)), int(rng.integers(1, 700))
    often = rng.choice([0.0, 0.05, 0.19, 0.25, 0.9], n_rules)
    matches = rng.random((n_rules, n)) < often[:, np.newaxis]
    # One that is quiet until it matches everything.
    matches[0] = np.arange(n) >= n // 2
    return matches, rng.random(matches.shape) < rng.choice([0.3, 1.0])


@seeds(20)
def test_rules_are_put_in_shadow_where_a_plain_count_says_so_however_payments_are_cut(seed):
    rng = np.random.default_rng(seed)
    matches, live = stream(rng)
    expected, tripped = plain(matches, live, BLOCK, MOST)
    n = matches.shape[1]
    cuts = np.unique([0, *rng.integers(0, n, rng.integers(0, 12)), n])
    breaker, found, parts = Breaker(len(matches), BLOCK, MOST), [], []
    for start, stop in pairwise(cuts):
        decides, more = count(breaker, matches[:, start:stop], live[:, start:stop])
        parts.append(decides)
        found += [each._replace(row=each.row + start) for each in more]
        again = Breaker(len(matches), BLOCK, MOST)
        again.restore(breaker.state())
        breaker = again
    np.testing.assert_array_equal(np.hstack(parts), expected & matches)
    assert found == [Tripped(*each) for each in tripped]
    assert set(np.flatnonzero(breaker.tripped)) == {each[0] for each in tripped}
    whole = Breaker(len(matches), BLOCK, MOST)
    count(whole, matches, live)
    assert pack(breaker.state()) == pack(whole.state())


def test_what_is_in_shadow_anyway_is_not_counted():
    matches, live = np.ones((1, 300), np.bool_), np.zeros((1, 300), np.bool_)
    breaker = Breaker(1, BLOCK, MOST)
    decides, found = count(breaker, matches, live)
    assert not decides.any()
    assert found == []
    assert not breaker.tripped.any()


def test_another_limit_begins_another_block_and_forgets_no_rule_that_was_put_in_shadow():
    breaker = Breaker(2, BLOCK, MOST)
    matches = np.zeros((2, 60), np.bool_)
    matches[0], matches[1, :15] = True, True
    count(breaker, matches, np.ones_like(matches))
    other = Breaker(2, 2 * BLOCK, MOST)
    other.restore(breaker.state())
    assert other.tripped.tolist() == [True, False]
    _, found = count(other, np.ones((2, 21), np.bool_), np.ones((2, 21), np.bool_))
    assert found == [Tripped(1, 20, 21, 21)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s.arrays.update(tripped=np.zeros(3, np.bool_)),
        lambda s: s.arrays.update(matches=np.full(2, -1)),
        lambda s: s.header.update(seen=-1),
        lambda s: s.header.update(seen="many"),
        lambda s: s.arrays.pop("matches"),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(damage):
    breaker = Breaker(2, BLOCK, MOST)
    count(breaker, np.ones((2, 30), np.bool_), np.ones((2, 30), np.bool_))
    state, before = breaker.state(), breaker.state()
    damage(state)
    with pytest.raises(SnapshotError):
        breaker.restore(State(state.kind, state.header, state.arrays))
    np.testing.assert_equal(breaker.state().arrays, before.arrays)
    assert breaker.state().header == before.header
