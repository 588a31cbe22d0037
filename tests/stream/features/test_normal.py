"""What is usual for an entity: by hand, and never made up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from inputs.grammar_names import FEATURES, INPUTS

from stream.features.declare import Inputs, declare, expand, parse
from stream.features.feature_set import FeatureSet
from stream.features.normal import Way, usual_of, write_normals
from stream.features.value_states import ValueState

NAN = math.nan
OVER = Inputs(("card", "shop"), ("age",), ("channel",))


def usual(values: dict[str, float], of: str, saturated: str = "") -> float:
    """Return what is usual beside one of some features with these values."""
    names = list(values)
    features = FeatureSet(declare(names, OVER), None, OVER)  # type: ignore[arg-type]
    states = np.full((1, len(names)), ValueState.FRESH, np.uint8)
    if saturated:
        states[0, names.index(saturated)] = ValueState.SATURATED
    normals = np.zeros((1, 2))
    X, reasons = np.array([list(values.values())]), np.array([[names.index(of), -1]])
    write_normals(usual_of(features), X, states, reasons, normals)
    assert math.isnan(normals[0, 1]), "where there is no reason nothing is usual"
    return float(normals[0, 0])


def test_a_count_is_compared_with_the_rate_of_the_rest_of_a_longer_window() -> None:
    values = {"card.count_1h": 14.0, "card.count_1d": 60.0, "card.count_30d": 14.0 + 2 * 719.0}
    assert usual(values, "card.count_1h") == pytest.approx(2.0)
    assert usual(values, "card.count_1d") == pytest.approx((14 + 2 * 719 - 60) / 29)
    assert math.isnan(usual(values, "card.count_30d"))


def test_a_sum_is_compared_alike() -> None:
    values = {"shop.amount_sum_1h": 100.0, "shop.amount_sum_1d": 330.0}
    assert usual(values, "shop.amount_sum_1h") == pytest.approx(10.0)


def test_an_entity_that_is_younger_than_the_window_is_compared_with_its_own_time() -> None:
    values = {
        "card.count_1h": 5.0,
        "card.count_30d": 11.0,
        "card.seconds_since_first": 4 * 3600.0,
    }
    assert usual(values, "card.count_1h") == pytest.approx(2.0)
    assert math.isnan(usual({**values, "card.seconds_since_first": 3600.0}, "card.count_1h"))


def test_without_a_past_nothing_is_usual() -> None:
    values = {"card.count_1h": 3.0, "card.count_30d": 3.0, "amount": 9.0}
    assert math.isnan(usual(values, "card.count_1h"))
    one = {"amount": 900.0, "card.amount_mean_30d": 900.0, "card.count_30d": 1.0}
    assert math.isnan(usual(one, "amount"))


def test_an_amount_is_compared_with_the_mean_of_the_cards_other_payments() -> None:
    values = {
        "amount": 900.0,
        "card.amount_mean_1d": 900.0,
        "card.count_1d": 1.0,
        "card.amount_mean_30d": (900.0 + 3 * 20.0) / 4,
        "card.count_30d": 4.0,
        "shop.amount_mean_90d": 55.0,
        "shop.count_90d": 100.0,
    }
    assert usual(values, "amount") == pytest.approx(20.0)
    assert usual(values, "card.amount_mean_1d") == pytest.approx(20.0)


def test_a_mean_without_its_count_could_not_leave_the_payment_out() -> None:
    assert math.isnan(usual({"amount": 900.0, "card.amount_mean_30d": 240.0}, "amount"))


def test_an_amount_may_be_compared_with_what_is_known_to_be_genuine() -> None:
    values = {"amount": 900.0, "card.amount_genuine_mean_30d": 31.0}
    assert usual(values, "amount") == 31.0
    assert math.isnan(usual({"amount": 900.0, "shop.amount_genuine_mean_30d": 31.0}, "amount"))


def test_shares_and_flags_are_compared_with_the_other_payments() -> None:
    values = {
        "is_night": 1.0,
        "card.share_night_1d": 1.0,
        "card.count_1d": 2.0,
        "card.share_night_30d": 3 / 12,
        "card.count_30d": 12.0,
    }
    assert usual(values, "is_night") == pytest.approx(2 / 11)
    assert usual(values, "card.share_night_1d") == pytest.approx(1 / 10)
    nothing = {"is_night": 1.0, "card.share_night_30d": 1 / 49, "card.count_30d": 49.0}
    assert usual(nothing, "is_night") == 0.0


def test_a_gap_is_compared_with_the_mean_gap_before_it() -> None:
    values = {"card.seconds_since_last": 60.0, "card.count_30d": 12.0}
    assert usual(values, "card.seconds_since_last") == pytest.approx((30 * 86400 - 60) / 10)
    young = {**values, "card.seconds_since_first": 1060.0}
    assert usual(young, "card.seconds_since_last") == pytest.approx(100.0)
    assert math.isnan(usual({**values, "card.count_30d": 2.0}, "card.seconds_since_last"))


def test_what_decays_is_compared_with_what_decays_more_slowly() -> None:
    values = {"card.rate_1h": 14.0, "card.rate_1d": 1.0, "card.rate_30d": 0.5}
    assert usual(values, "card.rate_1h") == 0.5
    assert math.isnan(usual(values, "card.rate_30d"))


def test_a_z_score_is_usually_0() -> None:
    assert usual({"card.amount_zscore_30d": 4.0}, "card.amount_zscore_30d") == 0.0


@pytest.mark.parametrize("lost", ["card.count_1h", "card.count_30d"])
def test_values_of_which_something_was_forgotten_are_no_measure(lost: str) -> None:
    values = {"card.count_1h": 14.0, "card.count_30d": 50.0}
    assert not math.isnan(usual(values, "card.count_1h"))
    assert math.isnan(usual(values, "card.count_1h", saturated=lost))


def test_an_unknown_value_makes_nothing_usual() -> None:
    assert math.isnan(usual({"card.count_1h": 14.0, "card.count_30d": NAN}, "card.count_1h"))


def test_other_entities_other_numbers_and_delayed_windows_are_not_compared() -> None:
    names = "card.count_1h shop.count_30d card+shop.count_7d card.age_sum_1h card.age_sum_30d"
    late = "card.count_1h_delay_7d card.amount_std_1h card.amount_std_30d card.distinct_shop_1h"
    features = declare([*names.split(), *late.split(), "card.distinct_shop_30d"], OVER)
    found = usual_of(FeatureSet(features, None, OVER))  # type: ignore[arg-type]
    assert set(found.way.tolist()) == {Way.NONE}


def test_every_feature_of_the_grammar_is_asked_and_some_have_an_answer() -> None:
    found = usual_of(FeatureSet(tuple(FEATURES), None, INPUTS))  # type: ignore[arg-type]
    assert set(found.way.tolist()) == set(Way) - {Way.COLUMN} or Way.COLUMN in found.way
    for column in (found.a, found.b, found.c, found.since):
        assert ((column >= -1) & (column < len(FEATURES))).all()
    assert all(parse(name, INPUTS) in FEATURES for name in expand("card.count_{10m,1h,1d}"))
