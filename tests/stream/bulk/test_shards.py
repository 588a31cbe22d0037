"""How a feature list is divided into shards, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from inputs.feature_streams import INPUTS, LAYOUT

from schemas.columns import Transactions
from stream.bulk.shards import Shard, by_entity, shards_of, unsplit
from stream.features.declare import declare
from stream.features.feature_set import FeatureSet


def features_of(*names: str) -> FeatureSet:
    return FeatureSet(declare(names, INPUTS), LAYOUT, INPUTS)


def test_every_entity_type_is_divided_by_its_keys() -> None:
    features = features_of("card.count_1h", "merchant.count_1h", "card+merchant.count_1h")
    names = [shard.name for shard in shards_of(features, 2)]
    assert names == [
        *("card 1 of 2", "card 2 of 2"),
        *("merchant 1 of 2", "merchant 2 of 2"),
        *("card+merchant 1 of 2", "card+merchant 2 of 2"),
    ]
    assert [shard.name for shard in shards_of(features, 1)] == ["card", "merchant", "card+merchant"]
    assert [shard.number for shard in shards_of(features, 3)] == list(range(9))


def test_what_depends_on_all_entities_of_a_type_is_not_divided() -> None:
    # The overall rate of the type is part of the odds of each.
    features = features_of("card.known_fraud_odds_1d", "merchant.count_1h")
    names = [shard.name for shard in shards_of(features, 2)]
    assert names == ["card", "merchant 1 of 2", "merchant 2 of 2"]
    # Which one is evicted depends on who was seen least recently, of all.
    names = [shard.name for shard in shards_of(features, 2, [("merchant",)])]
    assert names == ["card", "merchant"]


def test_a_shard_has_what_derived_features_are_made_of_and_nothing_else() -> None:
    features = features_of("amount", "ratio(amount, card.amount_mean_1h)", "merchant.count_1h")
    card, merchant = shards_of(features, 1)
    assert card.features.names == ("card.amount_mean_1h",)
    assert merchant.features.names == ("merchant.count_1h",)
    assert [str(each) for each in by_entity(features)[()]] == ["amount"]


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_every_row_is_one_shards(of: int) -> None:
    rng = np.random.default_rng(of)
    longs = rng.integers(-(2**62), 2**62, (LAYOUT.width, 500))
    longs[LAYOUT.first_entity, ::5] = 0
    batch = Transactions(LAYOUT, longs, np.zeros(0, np.uint8))
    for entity in (("card",), ("card", "merchant")):
        features = features_of(f"{'+'.join(entity)}.count_1h")
        owned = [Shard(at, features, entity, at, of).owns(batch) for at in range(of)]
        assert (np.sum(owned, axis=0) == 1).all()
        assert all(each.any() for each in owned)
        assert owned[0][::5].all()


def test_what_cannot_be_split_is_named() -> None:
    why = unsplit(features_of("merchant.count_1h", "at_fraud(card, merchant.count_1h)"))
    assert why is not None
    assert why.startswith("at_fraud(card, merchant.count_1h) ")
    hidden = features_of("merchant.count_1h", "log(at_fraud(card, merchant.count_1h))")
    assert unsplit(hidden) is not None
    assert unsplit(features_of("card.known_fraud_odds_1d", "card.surprise_1d")) is None


def test_there_is_at_least_one_range() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        shards_of(features_of("card.count_1h"), 0)
