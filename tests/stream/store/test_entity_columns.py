"""Which features are an entity's own."""

from stream.config.configuration import load
from stream.store.entity_columns import entity_columns

OWN = [
    "card.count_1h",
    "card.seconds_since_last",
    "card.distinct_merchant_1d",
    "card.amount_zscore_1d",
    "ratio(card.count_1h, card.count_1d)",
    "at_fraud(card, amount)",
    "log(card.amount_sum_1h)",
]
NOBODYS = [
    "amount",
    "hour_sin",
    "is_night",
    "card+merchant.count_1h",
    "card.new_merchant",
    "card.same_amount_1h",
    "ratio(amount, card.amount_mean_1h)",
    "ratio(card.count_1h, merchant.count_1h)",
    "log(amount)",
]


def columns_of(names, **fields):
    config = load(None, features={"names": tuple(names)}, fields=fields)
    return entity_columns(config.engine_parameters().features), config


def test_an_entitys_own_features_are_its_and_no_others():
    mixed = [name for pair in zip(OWN, NOBODYS, strict=False) for name in pair] + NOBODYS[
        len(OWN) :
    ]
    found, config = columns_of([*mixed, "merchant.count_1h"])
    card, merchant = found
    assert (card.entity, card.place) == ("card", 0)
    assert list(card.names) == OWN
    assert [str(config.declared()[at]) for at in card.columns] == OWN
    assert (merchant.entity, merchant.place, merchant.names) == (
        "merchant",
        1,
        ("merchant.count_1h",),
    )


def test_an_entity_without_features_of_its_own_is_left_out():
    found, _ = columns_of(["amount", "merchant.count_1h", "card+merchant.count_1h"])
    assert [each.entity for each in found] == ["merchant"]
    assert found[0].place == 1
    assert columns_of(["amount"])[0] == ()
