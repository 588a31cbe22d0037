"""Which features see all that their entity did, where each partition has a state of its own."""

import pytest

from stream.features.declare import declare
from stream.features.grammar import Inputs
from stream.features.scope import spread

INPUTS = Inputs(entities=("card", "merchant"), numeric=("age",))


@pytest.mark.parametrize(
    ("name", "key", "is_spread"),
    [
        ("card.count_1h", "card", False),
        ("card.count_1h", "merchant", True),
        ("merchant.amount_mean_1d", "card", True),
        ("card+merchant.count_1h", "card", False),
        ("card+merchant.count_1h", "merchant", False),
        ("merchant.distinct_card_1h", "card", True),
        ("card.distinct_merchant_1h", "card", False),
        ("amount", "card", False),
        ("input.age", "card", False),
        ("card.seconds_since_last", "card", False),
    ],
)
def test_an_entity_is_seen_whole_if_its_payments_have_its_key(name, key, is_spread):
    features = declare((name,), INPUTS)
    assert spread(features, key) == ([name] if is_spread else [])
