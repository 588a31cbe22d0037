"""The key table against a dict: collisions, wrap-around, full to its bound."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from seeds import seeds

from stream.keytable import NOWHERE, find, insert, key_table, remove


def colliding_keys(rng, n, buckets):
    """Keys whose homes lie in few buckets, the last ones among them: chains wrap around."""
    homes = rng.choice([0, 1, buckets - 2, buckets - 1, int(rng.integers(buckets))], n)
    high = rng.permutation(np.arange(1, n + 1)).astype(np.uint64) << np.uint64(40)
    return high | homes.astype(np.uint64)


def assert_same(table, which, model, keys):
    for key in keys:
        assert find(table, which, key) == model.get(int(key), NOWHERE)
    assert (table["key"][which] != 0).sum() == len(model)


@pytest.mark.parametrize("entries_max", [1, 2, 3, 4, 5, 40])
@seeds(4)
def test_it_finds_what_a_dict_finds(entries_max, seed):
    rng = np.random.default_rng(seed)
    table, model = key_table(entries_max), {}
    keys = colliding_keys(rng, 2 * entries_max + 2, table.shape[1])
    for place in range(300):
        key = rng.choice(keys)
        if int(key) in model:
            remove(table, 0, key)
            del model[int(key)]
        elif len(model) < entries_max:
            insert(table, 0, key, place)
            model[int(key)] = place
        if place % 7 == 0:
            assert_same(table, 0, model, keys)
    assert_same(table, 0, model, keys)


@seeds(2)
def test_it_can_be_filled_to_its_bound_and_emptied_again_and_again(seed):
    rng = np.random.default_rng(seed)
    table = key_table(32)
    for _ in range(5):
        keys = colliding_keys(rng, 32, table.shape[1])
        for place, key in enumerate(keys):
            insert(table, 0, key, place)
        assert_same(table, 0, {int(key): i for i, key in enumerate(keys)}, keys)
        for key in rng.permutation(keys):
            remove(table, 0, key)
        # No tombstones: an emptied table is a new one, so look-ups never age.
        assert not table["key"].any()


def test_tables_that_lie_side_by_side_do_not_mix():
    table, key = key_table(4, tables=3), np.uint64(9)
    insert(table, 1, key, 11)
    insert(table, 2, key, 22)
    assert [find(table, t, key) for t in range(3)] == [NOWHERE, 11, 22]
    remove(table, 1, key)
    assert [find(table, t, key) for t in range(3)] == [NOWHERE, NOWHERE, 22]


@pytest.mark.parametrize("entries_max", [1, 4, 5, 8, 9, 1000, 1024, 1025])
def test_a_table_is_a_power_of_two_and_never_more_than_half_full(entries_max):
    buckets = key_table(entries_max).shape[1]
    assert buckets & (buckets - 1) == 0
    assert 2 * entries_max <= buckets < max(9, 4 * entries_max + 1)


def test_keys_of_all_64_bits_and_the_place_zero_are_kept():
    table = key_table(4)
    for place, key in enumerate([2**64 - 1, 2**63, 1]):
        insert(table, 0, np.uint64(key), place)
    assert [find(table, 0, np.uint64(key)) for key in (2**64 - 1, 2**63, 1)] == [0, 1, 2]


class TableMachine(RuleBasedStateMachine):
    """Any order of inserts and removals of sixteen keys with four homes in eight buckets."""

    def __init__(self):
        super().__init__()
        self.table = key_table(4)
        self.model = {}

    keys = st.builds(
        lambda high, home: high << 8 | home, st.integers(1, 4), st.sampled_from([0, 1, 6, 7])
    )

    @precondition(lambda self: len(self.model) < 4)
    @rule(key=keys, place=st.integers(0, 2**62))
    def put(self, key, place):
        if key not in self.model:
            insert(self.table, 0, np.uint64(key), place)
            self.model[key] = place

    @rule(key=keys)
    def take(self, key):
        if key in self.model:
            remove(self.table, 0, np.uint64(key))
            del self.model[key]

    @invariant()
    def every_key_is_found(self):
        every = [np.uint64(high << 8 | home) for high in range(1, 5) for home in (0, 1, 6, 7)]
        assert_same(self.table, 0, self.model, every)


TestTableMachine = TableMachine.TestCase
TestTableMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
