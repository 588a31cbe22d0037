"""The oracle of the features against examples worked out by hand."""

import math

import pytest
from naive_features import FRESH, LATE_CORRECTED, SATURATED, UNKNOWN, NaiveFeatures

from stream.features.declare import Condition, Inputs, declare

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
INPUTS = Inputs(
    entities=("card", "merchant"),
    numeric=("score", "lat", "lon"),
    categorical=("channel",),
    conditions={
        "late_hours": Condition(hours=(22, 5)),
        "online": Condition(field="channel", values=("web", "app")),
        "large": Condition(field="amount", above=1.0),
        "middling": Condition(field="score", above=1.0, below=2.0),
    },
    location=("lat", "lon"),
)
CATEGORIES = {"web": 71, "app": 72, "shop": 73}


class Oracle:
    """One feature list and short ways to feed it."""

    def __init__(self, *names, events_max=100, entities_max=100, **more):
        features = declare(names, INPUTS)
        self.names = [str(feature) for feature in features]
        self.naive = NaiveFeatures(
            features, INPUTS, events_max, entities_max, category_hash=CATEGORIES.get, **more
        )

    def __call__(
        self, t, amount=100, card=1, merchant=1, score=math.nan, where=(math.nan,) * 2, channel=0
    ):
        """Observe an event, times in seconds; return the values, NaN as None."""
        entities = {"card": card, "merchant": merchant}
        numeric = {"score": score, "lat": where[0], "lon": where[1]}
        got = self.naive.observe(int(t * SECOND), amount, entities, numeric, {"channel": channel})
        assert len(got) == len(self.names)
        assert all(math.isnan(value) == (state == UNKNOWN) for value, state in got)
        self.states = [state for _, state in got]
        values = [None if math.isnan(value) else value for value, _ in got]
        return values[0] if len(values) == 1 else values

    def mark(self, *numbers, is_fraud=True):
        for number in numbers:
            self.naive.mark(number, is_fraud)


def test_a_window_is_open_at_the_old_end_and_closed_at_the_new():
    count = Oracle("card.count_10s")
    assert [count(t) for t in (0, 9, 10, 10, 19)] == [1, 2, 2, 3, 3]


def test_a_late_event_sees_what_had_arrived_at_its_place():
    of = Oracle("card.count_10s", "card.amount_sum_10s")
    assert [of(t, amount) for t, amount in ((0, 1), (8, 2), (4, 4), (9, 8), (4, 16))] == [
        [1, 0.01],
        [2, 0.03],
        [2, 0.05],
        [4, 0.15],
        [3, 0.21],
    ]


def test_a_delayed_window_lies_in_the_past():
    of = Oracle("card.count_10s_delay_5s", "card.amount_mean_10s_delay_5s")
    # At 20 it covers (5, 15].
    assert [of(t, 100 * t) for t in (5, 6, 15, 16, 20)][-1] == [2, 10.5]
    fresh = Oracle("card.count_10s_delay_5s", "card.fraud_rate_10s_delay_5s")
    assert fresh(0) == [0, 0]


def test_the_aggregates_of_a_window():
    of = Oracle(
        "card.amount_sum_1m",
        "card.amount_mean_1m",
        "card.amount_std_1m",
        "card.amount_min_1m",
        "card.amount_max_1m",
        "card.amount_zscore_1m",
    )
    assert of(0, 200) == [2, 2, 0, 2, 2, None]
    assert of.states[-1] == UNKNOWN
    assert of(1, 400) == [6, 3, 1, 2, 4, 200]  # No spread: one cent counts as one.
    # The others have mean 3 and spread 1.
    assert of(2, 900) == pytest.approx([15, 5, math.sqrt(26 / 3), 2, 9, 6], rel=1e-14)


def test_numbers_are_summed_in_steps_of_a_ten_thousandth():
    of = Oracle("card.score_sum_1m", "card.score_mean_1m", "card.score_std_1m", "input.score")
    assert of(0) == [0, None, None, None]
    assert of(1, score=1.00004)[:3] == [1, 1, 0]
    assert of(2, score=0.00025) == [1.0002, 0.5001, 0.4999, 0.00025]  # 2.5 is rounded to 2.
    assert of(3, score=1e8 + 1e-4)[:2] == [1.0002, 0.5001]  # Too large: as good as null.
    assert of(4, score=math.inf)[:2] == [1.0002, 0.5001]
    assert of(5, score=1e8)[0] == 1e8 + 1.0002
    of = Oracle("card.score_sum_1m", events_max=2**50)
    assert of(0, score=0.8191) == 0.8191  # 2^63 - 1 split among 2^50 is 8191 each.
    assert of(0, score=0.8192) == 0.8191


def test_the_score_against_the_others_is_null_where_the_number_is():
    of = Oracle("card.score_zscore_1m")
    assert [of(t, score=x) for t, x in enumerate((3.0, math.nan, 3.0, 5.0))] == [
        None,
        None,
        0,
        20000,
    ]


def test_distinct_keys_are_counted_once_and_null_ones_never():
    of = Oracle("card.distinct_merchant_10s", "card.distinct_channel_10s")
    assert of(0, merchant=4) == [1, 0]
    assert of(1, merchant=4, channel=5) == [1, 1]
    assert of(2, merchant=6, channel=0) == [2, 1]
    assert of(10, merchant=0, channel=7) == [2, 2]  # The first event left the window.


def test_shares_count_only_where_the_condition_is_known():
    of = Oracle("card.share_online_1m", "is_online", "is_large", "is_middling")
    assert of(0, 101) == [None, None, 1, None]
    assert of(1, 100, channel=73, score=1.0) == [0, 0, 0, 0]
    assert of(2, 0, channel=71, score=1.5) == [0.5, 1, 0, 1]
    assert of(3, channel=72, score=2.0) == [2 / 3, 1, 0, 0]


def test_hours_wrap_and_the_weekend_is_two_days():
    of = Oracle("is_late_hours", "is_night", "is_weekend")
    # The epoch was a Thursday.
    hours = [h * 3600 for h in (0, 5, 6, 7, 21, 22, 23, -1, 47, 48, 95, 96)]
    assert [of(t) for t in hours] == [
        [1, 1, 0],
        [1, 1, 0],
        [0, 1, 0],
        [0, 0, 0],
        [0, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
        [1, 1, 1],
        [1, 0, 1],
        [1, 1, 0],
    ]


def test_the_week_begins_on_monday():
    of = Oracle("week_sin", "week_cos", "hour_sin", "hour_cos")
    monday = 4 * 86_400
    assert of(monday) == pytest.approx([0, 1, 0, 1], abs=1e-12)
    assert of(monday + 1.75 * 86_400) == pytest.approx([1, 0, -1, 0], abs=1e-12)
    assert of(monday - 1.75 * 86_400) == pytest.approx([-1, 0, 1, 0], abs=1e-12)


def test_the_same_amount_again():
    of = Oracle("card.same_amount_1m", "card.count_1m")
    assert [of(t, a) for t, a in enumerate((0, 5, 0, 0))] == [[1, 1], [1, 2], [2, 3], [3, 4]]


def test_a_null_entity_and_a_pair_with_a_null_part_are_unknown():
    of = Oracle("card.count_1m", "card+channel.count_1m", "card.new_merchant", "merchant.frauds_1m")
    assert of(0, card=0) == [None, None, None, 0]
    assert of(0, merchant=0) == [1, None, None, None]
    assert of(0, channel=3) == [2, 1, 1, 0]


def test_frauds_are_those_known_now():
    of = Oracle("card.frauds_10s", "card.fraud_rate_10s", "card.seconds_since_fraud")
    of.mark(0)  # Nobody yet.
    assert of(0) == [0, 0, None]
    assert of(4) == [0, 0, None]
    of.mark(0, 1)
    assert of(5) == [2, 2 / 3, 1]
    assert of(3) == [1, 0.5, 3]  # The verdict of 4 lies in its future.
    of.mark(1, is_fraud=False)
    assert of(6) == [1, 0.2, 6]
    of.mark(0, is_fraud=False)
    assert of(7) == [0, 0, None]
    of.mark(5)
    assert of(8) == [1, 1 / 7, 1]


def test_the_last_fraud_is_remembered_longer_than_its_event():
    of = Oracle("card.frauds_1m", "card.seconds_since_fraud", events_max=2)
    of(0)
    of.mark(0)
    of(1)
    assert of(2) == [0, 2]
    of.mark(0, is_fraud=False)  # Forgotten: nothing can be taken back.
    assert of(3) == [0, 3]
    of.mark(3)
    assert of(4) == [1, 1]
    of.mark(3, is_fraud=False)
    assert of(5) == [0, None]


def test_gaps_go_back_to_forgotten_events():
    of = Oracle("card.seconds_since_last", "card.seconds_since_first", events_max=2)
    assert of(3) == [None, 0]
    assert of(10, card=2) == [None, 0]
    assert of(10, card=2) == [0, 0]  # Forgets 3.
    assert of(8) == [5, 5]
    assert of(3) == [0, 0]
    assert of(2) == [None, 0]  # Before what was forgotten: unknown.
    assert of(9) == [1, 7]


def test_the_least_recently_seen_entity_is_evicted_with_its_events():
    of = Oracle("card.count_1m", "merchant.count_1m", "card.seconds_since_last", entities_max=2)
    assert of(0, card=1) == [1, 1, None]
    assert of.states == [FRESH, FRESH, UNKNOWN]
    of(5, card=2)
    assert of(1, card=1) == [2, 2, 1]  # Late, yet seen last.
    assert of.states == [FRESH, LATE_CORRECTED, FRESH]
    assert of(2, card=3) == [1, 3, None]  # Evicts 2, whose events stay for the merchant.
    assert of.states == [SATURATED, LATE_CORRECTED, UNKNOWN]
    assert of(3, card=1) == [3, 4, 2]
    assert of.states == [FRESH, LATE_CORRECTED, FRESH]
    assert of(4, card=2) == [1, 5, None]
    assert of(5, card=2) == [2, 7, 1]
    assert of.states == [SATURATED, LATE_CORRECTED, FRESH]


def test_a_window_is_saturated_until_it_lies_after_what_is_missing():
    of = Oracle("card.count_10s", "card.count_10s_delay_5s", events_max=2)
    of(0)
    of(1)
    assert of(9) == [2, 1]  # 0 was forgotten and belonged into both.
    assert of.states == [SATURATED, SATURATED]
    assert of(10.5) == [2, 0]  # 1 was forgotten; (0.5, 10.5] misses it.
    assert of.states == [SATURATED, SATURATED]
    assert of(19) == [2, 1]  # (9, 19] misses nothing, (4, 14] misses 9.
    assert of.states == [FRESH, SATURATED]


def test_the_capacity_of_one_type_is_its_own():
    of = Oracle("card.count_1m", "card+merchant.count_1m", capacities={"card+merchant": 1})
    assert of(0, merchant=1) == [1, 1]
    assert of(1, merchant=2) == [2, 1]
    assert of(2, merchant=1) == [3, 1]
    assert of.states == [FRESH, SATURATED]


def test_the_rate_decays_by_half_in_a_half_life():
    of = Oracle("card.rate_1h")
    assert of(0) == pytest.approx(math.log(2))
    assert of(3600) == pytest.approx(1.5 * math.log(2))
    assert of(1800) == pytest.approx((1 + 0.5**0.5) * math.log(2))
    # 0, 1800 and 3600 are all in its past.
    assert of(7200) == pytest.approx((1 + 0.5 + 0.5**1.5 + 0.25) * math.log(2))
    half_an_hour = Oracle("card.rate_30m")
    assert half_an_hour(0) == pytest.approx(2 * math.log(2))


def test_decayed_moments_are_weighted_moments():
    of = Oracle("card.score_decayed_mean_10s", "card.score_decayed_std_10s")
    assert of(-10) == [None, None]
    assert of(0, score=4.0) == [4, 0]
    assert of(10, score=1.0) == pytest.approx([2, math.sqrt(2)])  # Weights 1/2 and 1.
    assert of(20) == pytest.approx([2, math.sqrt(2)])
    # Weights 1/8, 1/4 and 1.
    mean = (4 / 8 + 1 / 4 + 9) / 1.375
    std = math.sqrt((16 / 8 + 1 / 4 + 81) / 1.375 - mean**2)
    assert of(30, score=9.0) == pytest.approx([mean, std])


def test_speed_is_from_the_last_known_place():
    of = Oracle("card.speed_kmh")
    degree = 2 * math.pi * 6371.0088 / 360
    assert of(0, where=(0.0, 10.0)) is None
    assert of(3600, where=(0.0, 11.0)) == pytest.approx(degree)
    assert of(5400) is None
    assert of(6000, where=(91.0, 0.0)) is None
    assert of(10_800, where=(1.0, 11.0)) == pytest.approx(degree / 2)
    assert of(7200, where=(0.0, 12.0)) == pytest.approx(degree)  # Late: from 11 degrees.
    assert of(10_800, where=(1.0, 12.0)) == pytest.approx(
        3600 * degree * math.cos(math.radians(1)), rel=1e-4
    )


def test_what_runs_on_survives_forgetting():
    names = ("card.rate_10s", "card.amount_decayed_mean_10s", "card.speed_kmh")
    ample, small = Oracle(*names), Oracle(*names, events_max=2)
    late = (0, 10, 8, 12, 12, 30, 29)
    for i, t in enumerate(late):
        where = (10.0, float(i)) if i % 3 == 0 else (math.nan, 0.0)
        assert ample(t, 100 * i, where=where) == small(t, 100 * i, where=where), i
    assert small(11) == [None] * 3  # Before what was forgotten.
    assert small(30, 5, where=(0.0, 0.0)) == ample(30, 5, where=(0.0, 0.0))


def test_a_late_event_folds_its_followers_again():
    of = Oracle("card.rate_10s")
    ln2 = math.log(2) * 360
    of(0)
    of(20)
    assert of(10) == pytest.approx(1.5 * ln2)
    assert of(30) == pytest.approx(1.875 * ln2)


def test_a_pair_is_new_when_it_meets_first():
    of = Oracle("card.new_merchant")
    assert [of(t, merchant=m) for t, m in ((5, 1), (6, 1), (4, 1), (4, 1), (5, 2))] == [
        1,
        0,
        1,
        0,
        1,
    ]
    assert of.states == [FRESH]
    of(3, merchant=2)
    assert of.states == [LATE_CORRECTED]


def test_a_pair_that_was_evicted_meets_again():
    of = Oracle("card.new_merchant", "card.rate_1h", "card.seconds_since_first", entities_max=1)
    of(0, card=1)
    assert of.states == [FRESH] * 3
    assert of(5, card=2)[0] == 1
    assert of.states == [SATURATED] * 3
    assert of(9, card=1)[::2] == [1, 0]
    of = Oracle("card.seconds_since_last", entities_max=1)
    of(0, card=1)
    of(0, card=2)
    assert of(3, card=2) == 3
    assert of.states == [FRESH]


def test_derived_features():
    of = Oracle(
        "ratio(amount, card.amount_mean_1m)",
        "difference(amount, card.amount_max_1m)",
        "log(difference(amount, card.amount_max_1m))",
        "ratio(amount, card.count_10s_delay_10s)",
    )
    assert of(0, 300) == [1, 0, 0, None]
    assert of.states == [FRESH, FRESH, FRESH, UNKNOWN]
    assert of(1, 100) == [0.5, -2, -math.log1p(2), None]
    assert of(11, 200) == [1, -1, -math.log1p(1), 1]
    assert of(0.5, 200)[:2] == [0.8, -1]
    assert of.states == [LATE_CORRECTED] * 3 + [UNKNOWN]


def test_a_row_that_is_not_taken_has_its_time_and_its_inputs():
    of = Oracle("amount", "input.score", "hour_cos", "card.count_1m", "log(amount)", "is_night")
    names = ("ratio(hour_cos, input.score)", "ratio(hour_cos, input.lat)")
    derived = Oracle(*names).naive.pass_over(0, {"score": 2.5, "lat": math.nan})
    assert [state for _, state in derived] == [FRESH, UNKNOWN]
    assert derived[0][0] == 0.4
    got = of.naive.pass_over(0, {"score": 2.5})
    assert [state for _, state in got] == [UNKNOWN, FRESH, FRESH] + [UNKNOWN] * 3
    assert [value for value, _ in got[1:3]] == [2.5, 1.0]
    assert of(0)[3] == 1
