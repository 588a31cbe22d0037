"""What kind of thing a feature says, and what its values can be."""

from __future__ import annotations

import math

import pytest
from inputs.grammar_names import FEATURES, INPUTS

from stream.features.declare import parse
from stream.features.kinds import KINDS, Bounds, bounds_of, entity_of, kind_of, of_what, span_us

ANY, FROM_0 = Bounds(-math.inf, math.inf, False), Bounds(0.0, math.inf, False)
HOUR_US = 3_600_000_000


def test_every_kind_is_that_of_some_feature_and_the_other_way_round() -> None:
    assert {kind_of(feature) for feature in FEATURES} == set(KINDS)
    assert len(set(KINDS)) == len(KINDS)


@pytest.mark.parametrize(
    ("name", "kind", "of", "entity", "span"),
    [
        ("amount", "amount", "amount", (), 0),
        ("hour_sin", "time", "", (), 0),
        ("input.age", "input", "age", (), 0),
        ("is_night", "is", "night", (), 0),
        ("card+shop.count_1h", "count", "", ("card", "shop"), HOUR_US),
        ("card.same_amount_1h", "same_amount", "", ("card",), HOUR_US),
        ("card.distinct_shop_1h", "distinct", "shop", ("card",), HOUR_US),
        ("card.new_shop", "new", "shop", ("card",), 0),
        ("card.age_decayed_mean_1h", "decayed_mean", "age", ("card",), HOUR_US),
        ("at_fraud(card, amount)", "at_fraud", "", ("card",), 0),
        ("log(amount)", "log", "", (), 0),
    ],
)
def test_a_feature_is_taken_apart(
    name: str, kind: str, of: str, entity: tuple[str, ...], span: int
) -> None:
    one = parse(name, INPUTS)
    assert (kind_of(one), of_what(one), entity_of(one), span_us(one)) == (kind, of, entity, span)


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("amount", FROM_0),
        ("card.count_1h", Bounds(1.0, math.inf, True)),
        ("card.count_1d_delay_7d", Bounds(0.0, math.inf, True)),
        ("card.frauds_1h", Bounds(0.0, math.inf, True)),
        ("card.amount_sum_1h", FROM_0),
        ("card.age_sum_1h", ANY),
        ("card.age_std_1h", FROM_0),
        ("card.amount_zscore_1h", ANY),
        ("card.share_night_1h", Bounds(0.0, 1.0, False)),
        ("card.new_shop", Bounds(0.0, 1.0, True)),
        ("hour_sin", Bounds(-1.0, 1.0, False)),
        ("card.seconds_since_last", FROM_0),
        ("card.known_fraud_odds_1h", ANY),
        ("card.surprise_1h", ANY),
        ("at_fraud(card, is_night)", Bounds(0.0, 1.0, True)),
        ("difference(amount, amount)", ANY),
        ("input.age", ANY),
    ],
)
def test_what_a_value_can_be(name: str, bounds: Bounds) -> None:
    assert bounds_of(parse(name, INPUTS)) == bounds
