"""What the oracle does not look at: the packing of states, and what is refused."""

import numpy as np
import pytest
from inputs.streams import LAYOUT, START_US, block, feature_set

from stream.features.state import FeatureState
from stream.features.value_states import ValueState, packed

FEATURES = feature_set(["amount", "card.count_10s"])


def unpacked(data, n):
    return [data[i // 4] >> 2 * (i % 4) & 3 for i in range(n)]


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 8, 17])
def test_states_are_packed_four_in_a_byte_the_first_in_its_lowest_bits(n):
    states = np.array([(3 * i + 1) % 4 for i in range(n)], np.uint8)
    data = packed(states).tobytes()
    assert len(data) == -(-n // 4)
    assert unpacked(data, n) == states.tolist()


def test_a_byte_of_states_is_what_the_contract_says():
    order = ("FRESH", "LATE_CORRECTED", "UNKNOWN", "SATURATED")
    states = np.array([ValueState[name] for name in order], np.uint8)
    assert packed(states).tobytes() == bytes([0b11_10_01_00])


def test_rows_of_a_table_are_packed_one_by_one():
    states = np.array([[1, 2, 3, 0, 1], [3, 0, 0, 0, 2]], np.uint8)
    rows = packed(states)
    assert rows.shape == (2, 2)
    assert [unpacked(row.tobytes(), 5) for row in rows] == states.tolist()


def test_more_rows_than_a_batch_may_have_are_refused():
    state = FeatureState(FEATURES, 10, 10, batch_rows_max=2)
    row = {"time_us": START_US, "key": 1, "entities": [1, 2], "numeric": [0.0, 0.0]}
    with pytest.raises(ValueError, match="3 rows at once, of at most 2"):
        state.observe(block(LAYOUT, [row] * 3), np.ones(3, np.bool_))


@pytest.mark.parametrize(("events_max", "entities_max"), [(0, 5), (5, 0), (2**31, 5), (5, 2**31)])
def test_sizes_that_links_cannot_name_are_refused_before_memory_is_taken(events_max, entities_max):
    with pytest.raises(ValueError, match=f"card: .* not {events_max} and {entities_max}"):
        FeatureState(FEATURES, events_max, entities_max)
