"""The feature state against the oracle and against itself: every declared feature."""

import math
from dataclasses import replace

import numpy as np
import pytest
from inputs.feature_streams import (
    DAY,
    HASH_KEY,
    HOUR,
    INPUTS,
    INTERPRETED,
    LAYOUT,
    NAMES,
    SECOND,
    START_US,
    ask,
    category,
    features_of_run,
    hostile_stream,
    random_cuts,
    run,
    stream_of,
    with_erasures,
)
from naive_features import FRESH, LATE_CORRECTED, SATURATED, UNKNOWN, NaiveFeatures
from seeds import run_of, seeds
from workers.restarts import every_part

from models.states.snapshot import pack, unpack
from schemas.columns import MISSING
from schemas.kernel_form import VARIABLE
from stream.features.declare import declare
from stream.features.feature_set import FeatureSet
from stream.features.state import FeatureState

ROWS = 100 if INTERPRETED else 200
BATCH_ROWS_MAX = 64
EVENTS_MAX, ENTITIES_MAX = (1, 7, 64, 10_000), (1, 3, 12, 1_000)
STATE_NAMES = {
    FRESH: "fresh",
    LATE_CORRECTED: "late-corrected",
    UNKNOWN: "unknown",
    SATURATED: "saturated",
}


def build(features, events_max=10_000, entities_max=1_000, capacities=None, inputs=INPUTS):
    return FeatureState(
        FeatureSet(features, LAYOUT, inputs),
        events_max=events_max,
        entities_max=entities_max,
        capacities=capacities or {},
        batch_rows_max=BATCH_ROWS_MAX,
        hash_key=HASH_KEY,
    )


def memories(rng):
    """Choose bounds of every size, single types of their own among them."""
    few = {"card": 2, "card+merchant": 5, "merchant+card": 1, "card+amount": 4}
    return {
        "events_max": int(rng.choice([1, 7, 64, 10_000])),
        "entities_max": int(rng.choice([1, 3, 12, 1_000])),
        "capacities": {} if rng.random() < 0.5 else few,
    }


def allowed_error(feature, values, magnitudes):
    """How far a double may be from the oracle's: not at all for what is counted exactly.

    `values` are the oracle's, of arguments too; `magnitudes` says how large each number
    has been, since a running mean cannot be more exact than what it has averaged.
    """
    kind, value = type(feature).__name__, abs(values[feature])
    if kind == "Cyclic":
        return 1e-12
    if kind == "Windowed" and feature.aggregate in ("mean", "std", "zscore"):
        return 1e-9 * value + 1e-9
    if kind == "Windowed" and feature.aggregate in ("share", "fraud_rate"):
        return 1e-15
    if kind == "PerEntity" and feature.value in ("rate", "speed_kmh"):
        return 1e-9 * value + 1e-6
    if kind == "PerEntity" and feature.value.startswith("decayed"):
        return 1e-9 * value + 1e-9 + 1e-12 * magnitudes[feature.of]
    if kind == "PerEntity" and feature.value.startswith("genuine"):
        # A correction takes away what was added: squares keep an error of the largest.
        return 1e-9 * value + 1e-9 + 1e-6 * magnitudes["amount"]
    if kind == "PerEntity" and feature.of_verdicts and feature.half_life_us:
        return 1e-9 * value + 1e-9
    if kind != "Derived":
        return 0.0
    errors = [allowed_error(argument, values, magnitudes) for argument in feature.arguments]
    if feature.function == "ratio":
        divisor = abs(values[feature.arguments[1]])
        errors = [errors[0] / divisor, errors[1] * value / divisor]
    return sum(errors) + 1e-12 * value + 1e-12


def compare(features, stream, seed, cuts=(), inputs=INPUTS, **bounds):
    """Every value and state of every row; return how often each state was seen."""
    said = run(build(features, inputs=inputs, **bounds), stream, cuts, BATCH_ROWS_MAX)
    bounds = {"events_max": 10_000, "entities_max": 1_000, **bounds}
    naive = NaiveFeatures(features, inputs, category_hash=category, **bounds)
    assert said.matrix.shape == said.states.shape == (len(stream), len(features))
    assert said.matrix.dtype == np.float64
    assert said.matrix.flags.c_contiguous
    arrivals = np.cumsum(stream.take) - 1
    assert said.numbers.tolist() == np.where(stream.take, arrivals, -1).tolist()
    magnitudes = dict.fromkeys(inputs.numbers, 0.0)
    seen = dict.fromkeys(STATE_NAMES, 0)
    for row, expected in ask(naive, stream):
        if stream.take[row]:
            for name in inputs.numbers:
                magnitudes[name] = max(magnitudes[name], magnitude(name, stream, row, inputs))
        got_values, got_states = said.matrix[row].tolist(), said.states[row].tolist()
        for i, feature in enumerate(features):
            value, state = expected[i]
            got = got_values[i]
            same = got == value or (math.isnan(got) and math.isnan(value))
            if not same and math.isfinite(value) and math.isfinite(got):
                same = abs(got - value) <= allowed_error(feature, naive.values, magnitudes)
            where = f"seed {seed} row {row} taken {stream.take[row]} {bounds} {feature}"
            assert same, f"{where}: expected {value!r}, got {got!r}"
            states = f"expected {STATE_NAMES[state]}, got {STATE_NAMES.get(got_states[i])}"
            assert got_states[i] == state, f"{where}: {states} (value {value!r})"
            seen[state] += 1
    return seen


def magnitude(name, stream, row, inputs):
    """How large a number is, in units; one that is as good as null is nothing."""
    if name == "amount":
        return float(stream.transactions.amount_minor[row]) / 10**inputs.minor_digits
    number = abs(float(stream.transactions.numeric[inputs.numeric.index(name), row]))
    return number if number <= 1e8 else 0.0


# The state against the oracle.


@pytest.mark.parametrize("entities_max", ENTITIES_MAX)
@pytest.mark.parametrize("events_max", EVENTS_MAX)
@seeds(1, with_run=True)
def test_every_value_and_its_state_equal_the_oracle(events_max, entities_max, seed, monkeypatch):
    special = (events_max, entities_max) in zip(EVENTS_MAX, ENTITIES_MAX, strict=True)
    if special:
        monkeypatch.setenv(VARIABLE, "special")
    rng = np.random.default_rng([seed, events_max, entities_max])
    stream = hostile_stream(rng, ROWS)
    # Special kernels are those of a declaration: all of a run have one, or most would be compiling.
    features = features_of_run(seed, np.random.default_rng(run_of(seed)) if special else rng)
    compare(
        features,
        stream,
        seed,
        random_cuts(rng, ROWS),
        events_max=events_max,
        entities_max=entities_max,
        capacities=memories(rng)["capacities"],
    )


@seeds(2)
def test_all_that_can_be_declared_at_once(seed):
    rng = np.random.default_rng(seed)
    rows = 12 if INTERPRETED else 120
    bounds = {"events_max": int(rng.choice([30, 10_000])), "entities_max": 5}
    seen = compare(declare(NAMES, INPUTS), hostile_stream(rng, rows), seed, **bounds)
    assert seen[UNKNOWN]


@pytest.mark.parametrize("digits", [0, 3])
@seeds(1, with_run=True)
def test_money_has_any_number_of_minor_digits(digits, seed):
    rng = np.random.default_rng([seed, digits])
    inputs = replace(INPUTS, minor_digits=digits)
    features = features_of_run(seed, rng, inputs)
    compare(features, hostile_stream(rng, ROWS // 2), seed, inputs=inputs, **memories(rng))


@pytest.mark.parametrize("name", ["amount", "card.count_10s", "card.rate_1h", "log(amount)"])
def test_a_single_feature_is_a_feature_list(name):
    rng = np.random.default_rng(7)
    compare(declare([name], INPUTS), hostile_stream(rng, 40), 7, events_max=9, entities_max=3)


def every_kind(*more):
    """Some features of every kind, over one entity."""
    names = (
        "card.{count,frauds,fraud_rate}_{10s,10s_delay_10s,10s_delay_1m}",
        "card.amount_{sum,mean,std}_{10s,10s_delay_10s,10s_delay_1m}",
        "card.score_{sum,std}_{10s,1m,10s_delay_10s}",
        "card.{amount,score}_{min,max,zscore}_{10s,1m}",
        "card.{distinct_merchant,same_amount,share_large}_{10s,1m}",
        "card.seconds_since_{last,first,fraud,genuine}",
        "card.{known_fraud_odds,known_frauds,known_count,surprise}_{10s,30d}",
        "card.{amount_genuine_mean,amount_genuine_std}_{10s,30d}",
        "card.known_fraud_run",
        "amount",
        "at_fraud(card, amount)",
        "ratio(amount, at_fraud(card, amount))",
        "card.{rate,amount_decayed_mean,amount_decayed_std}_10s",
        "card.{speed_kmh,new_merchant}",
        "card+merchant.{count_10s,seconds_since_fraud}",
        *more,
    )
    return declare(names, INPUTS)


def directed(times_s, marks=(), **columns):
    """A stream of whole seconds; a column is one value a row, or one value for all."""
    n = len(times_s)
    columns = {k: v if isinstance(v, list) else [v] * n for k, v in columns.items()}
    rows = [
        {"time_us": START_US + int(t * SECOND), **{k: v[i] for k, v in columns.items()}}
        for i, t in enumerate(times_s)
    ]
    return stream_of(rows, marks)


BOUNDS = [(1, 1), (3, 2), (7, 3), (10_000, 1_000)]


@pytest.mark.parametrize(("events_max", "entities_max"), BOUNDS)
class TestDirected:
    """Streams that are made for one difficulty each."""

    def check(self, stream, events_max, entities_max, features=None):
        bounds = {"events_max": events_max, "entities_max": entities_max}
        return compare(features or every_kind(), stream, "(directed)", **bounds)

    def test_times_exactly_a_window_or_a_delay_apart(self, events_max, entities_max):
        times = [0, 10, 10, 20, 30, 60, 70, 70, 80, 130, 140, 10, 20, 130, 70.000001, 60]
        amounts = [100, 200, 100, 0, 1999, 2000, 100, 5, 5, 5, 7, 100, 100, 3, 100, 1]
        self.check(directed(times, amount=amounts), events_max, entities_max)

    def test_all_at_one_time(self, events_max, entities_max):
        amounts = [i * 7 % 13 for i in range(20)]
        stream = directed([5] * 20, amount=amounts, marks=[(9, 3, True), (15, 9, True)])
        self.check(stream, events_max, entities_max)

    def test_time_runs_backwards(self, events_max, entities_max):
        stream = directed(range(40, 0, -2), amount=list(range(20)), score=1.5)
        self.check(stream, events_max, entities_max)

    def test_one_huge_amount_comes_and_goes(self, events_max, entities_max):
        amounts = [100, 101, 10**12, 100, 100, 101, 103, 100, 10**12, 101, 100, 100]
        scores = [0.5, 1e8, 0.5, 0.5001, 0.5, -1e8, 0.5, math.nan, 0.5, 0.5, 0.5002, 0.5]
        times = [0, 1, 2, 9, 12, 13, 14, 30, 31, 41, 42, 90]
        stream = directed(times, amount=amounts, score=scores)
        self.check(stream, events_max, entities_max)

    def test_a_small_spread_around_a_huge_amount(self, events_max, entities_max):
        amounts = [10**12 - 200 + i * i % 37 for i in range(20)]
        scores = [1e8 - 0.01 + (i * i % 37) / 10_000 for i in range(20)]
        times = [i - 3 * (i % 7 == 6) for i in range(20)]
        stream = directed(times, amount=amounts, score=scores)
        self.check(stream, events_max, entities_max)

    def test_extremes_leave_the_window_in_every_order(self, events_max, entities_max):
        amounts = [9, 8, 7, 6, 1, 2, 3, 4, 5, 5, 5, 1, 9, 1, 9, 0, 0, 10]
        times = [0, 1, 2, 3, 5, 6, 7, 8, 11, 11, 12, 13, 4, 9, 15, 22, 23, 33]
        self.check(directed(times, amount=amounts), events_max, entities_max)

    def test_entities_take_turns_and_come_back(self, events_max, entities_max):
        cards = [1, 2, 3, 1, 4, 2, 2, 5, 1, 1, 3, 4, 6, 1, 2, 0, 3, 1, 1, 7, 6, 5, 1]
        merchants = [1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 0, 3, 1, 1, 2, 1, 2, 2, 1, 1, 3, 3, 3]
        times = [i * 3 - (i % 5 == 4) * 7 for i in range(len(cards))]
        marks = [(row, number, True) for row in range(6, 20) for number in (row - 5, row - 3)]
        stream = directed(times, card=cards, merchant=merchants, marks=marks)
        features = every_kind("merchant.{count,frauds}_1m", "merchant.{rate_1h,new_card}")
        self.check(stream, events_max, entities_max, features)

    def test_verdicts_are_set_cleared_and_set_again(self, events_max, entities_max):
        marks = [
            *((3, n, True) for n in (0, 1, 2, 2, -1, 3, 99_999)),
            (4, 2, False),
            (5, 1, False),
            (5, 1, True),
            (6, 5, True),
            (7, 5, False),
            (7, 0, False),
            (8, 7, True),
            (9, 6, True),
            (9, 7, False),
            (10, 0, True),
            (12, 8, True),
            (12, 11, True),
            (13, 11, False),
            (14, 8, False),
            (15, 13, False),
        ]
        times = [0, 5, 5, 7, 8, 20, 21, 19, 30, 31, 5, 32, 33, 34, 60, 61]
        self.check(directed(times, marks=marks), events_max, entities_max)

    def test_a_cleared_verdict_at_the_time_of_another(self, events_max, entities_max):
        times = [5, 5, 6, 6, 7, 8, 5, 4, 9]
        for first, second in ((0, 1), (1, 0)):
            marks = [(3, 0, True), (3, 1, True), (4, first, False), (5, second, False)]
            marks += [(6, 4, True), (7, 6, True), (8, 4, False)]
            self.check(directed(times, marks=marks), events_max, entities_max)

    def test_late_events_on_either_side_of_what_was_forgotten(self, events_max, entities_max):
        times = [10, 30, 20, 30, 10, 5, 25, 30, 40, 29, 31, 30, 12, 40, 39, 41, 70, 69]
        scores = [math.nan if i % 3 == 0 else i / 4 for i in range(len(times))]
        where = [(10.0, i / 10) if i % 4 else (math.nan, 0.0) for i in range(len(times))]
        extra = "card.score_decayed_{mean,std}_{1us,10s,30d}"
        stream = directed(times, score=scores, where=where, amount=list(range(18)))
        self.check(stream, events_max, entities_max, every_kind(extra))

    def test_places_that_are_none(self, events_max, entities_max):
        where = [(0.0, 0.0), (90.0, 5.0), (-90.0, 5.0), (90.1, 0.0), (0.0, 180.0), (0.0, -180.0)]
        where += [(0.0, 180.1), (math.inf, 0.0), (0.0, -math.inf), (math.nan, 1.0), (0.0, 0.1)]
        where += [(0.0, 0.1), (0.0, 0.1000001), (45.0, math.nan), (45.0, 45.0)]
        times = [0, 1, 3600, 3601, 7200, 7200, 7201, 7202, 7203, 7204, 7204.5, 7205, 7206, 1, 2]
        self.check(directed(times, where=where), events_max, entities_max)

    def test_time_leaps_so_far_that_nothing_is_left_of_what_decays(self, events_max, entities_max):
        times = [0, 1, 10_740, 10_741, 20_000, 10**6, 10**6 + 3, 10**9, 10**9 + 1, 10**9]
        scores = [3.0, 5.0, math.nan, 4.0, math.nan, math.nan, 7.0, math.nan, 8.0, math.nan]
        extra = "card.score_decayed_{mean,std}_{1us,10s,30d}"
        stream = directed(times, score=scores)
        self.check(stream, events_max, entities_max, every_kind(extra))

    def test_before_the_epoch(self, events_max, entities_max):
        hours = [-200 * 24 + 5 * i for i in range(20)]
        rows = [{"time_us": h * HOUR + i % 3 - 1, "amount": i} for i, h in enumerate(hours)]
        names = ("{hour,week}_{sin,cos}", "is_{night,weekend,late_hours,midweek}")
        names += ("card.share_{night,weekend,late_hours,midweek}_2d",)
        self.check(stream_of(rows), events_max, entities_max, every_kind(*names))

    def test_nobody_is_known(self, events_max, entities_max):
        seen = self.check(directed(range(9), card=0), events_max, entities_max)
        assert seen[UNKNOWN] == sum(seen.values()) - 9, "only the amount needs nobody"

    def test_rows_that_are_not_taken_leave_no_trace(self, events_max, entities_max):
        times = [0, 3, 3, 9, 1, 12, 13, -2000, 14, 15]
        take = [True, False, True, True, False, True, False, False, True, True]
        stream = directed(times, take=take, amount=list(range(10)), marks=[(6, 1, True)])
        self.check(stream, events_max, entities_max)


@pytest.mark.parametrize("time_us", [MISSING, -(2**62), 0, 2**62, 2**63 - 1])
def test_a_row_that_is_not_taken_may_have_any_time(time_us):
    rows = [{"time_us": START_US}, {"time_us": time_us, "take": False}, {"time_us": START_US + 1}]
    compare(every_kind("{hour,week}_{sin,cos}"), stream_of(rows), "(directed)")


def test_a_month_of_days_and_a_delay_of_a_week():
    rng = np.random.default_rng(11)
    n = ROWS
    rows = [
        {
            "time_us": START_US + i * 5 * HOUR - int(rng.choice([0, 0, 0, DAY])),
            "card": int(rng.integers(1, 4)),
            "amount": int(rng.integers(0, 2500)),
        }
        for i in range(n)
    ]
    marks = [(int(min(n - 1, i + rng.integers(1, 60))), i, True) for i in range(0, n, 4)]
    features = declare(
        [
            "card.{count,fraud_rate,amount_mean,share_night}_{1d,7d,30d}_delay_7d",
            "card.{count,frauds,amount_std,amount_max}_30d",
            "card.seconds_since_{fraud,last,first}",
        ],
        INPUTS,
    )
    seen = compare(features, stream_of(rows, marks), "(directed)", events_max=100, entities_max=2)
    assert seen[FRESH]
    assert seen[LATE_CORRECTED]
    assert seen[SATURATED]


# The state against itself.


def contents(state):
    return pack(state.state())


@seeds(3, with_run=True)
def test_how_the_stream_is_cut_never_matters(seed):
    rng = np.random.default_rng(seed)
    features, bounds = features_of_run(seed, rng), memories(rng)
    stream = hostile_stream(rng, ROWS)
    whole = build(features, **bounds)
    expected = run(whole, stream, (), BATCH_ROWS_MAX).as_bytes()
    for rows_max in (1, 7, BATCH_ROWS_MAX):
        pieces = build(features, **bounds)
        got = run(pieces, stream, random_cuts(rng, ROWS), rows_max).as_bytes()
        assert got == expected, f"seed {seed} {bounds} batches of {rows_max}"
        assert contents(pieces) == contents(whole), f"seed {seed} {bounds} batches of {rows_max}"


@seeds(3, with_run=True)
def test_what_comes_later_never_changes_what_was_said(seed):
    rng = np.random.default_rng(seed)
    features, bounds = features_of_run(seed, rng), memories(rng)
    stream = hostile_stream(rng, ROWS)
    expected = run(build(features, **bounds), stream, (), BATCH_ROWS_MAX)
    for n in (1, ROWS // 3, ROWS - 1):
        got = run(build(features, **bounds), stream.head(n), (), BATCH_ROWS_MAX)
        assert got.as_bytes() == expected.part(0, n).as_bytes(), f"seed {seed} {bounds} row {n}"


@seeds(3, with_run=True)
def test_a_state_that_was_kept_and_restored_goes_on_as_if_nothing_had_happened(seed):
    rng = np.random.default_rng(seed)
    features, bounds = features_of_run(seed, rng), memories(rng)
    stream = hostile_stream(rng, ROWS)
    straight = build(features, **bounds)
    expected = run(straight, stream, (), BATCH_ROWS_MAX)
    stop = int(rng.integers(1, ROWS - 1))
    where = f"seed {seed} {bounds} row {stop}"
    first = build(features, **bounds)
    run(first, stream.head(stop), (), BATCH_ROWS_MAX)
    second = build(features, **bounds)
    second.restore(unpack(pack(first.state())))
    assert contents(second) == contents(first), where
    got = run(second, stream, (), BATCH_ROWS_MAX, start=stop)
    assert got.as_bytes() == expected.part(stop).as_bytes(), where
    assert contents(second) == contents(straight), where


@seeds(1, with_run=True)
def test_rows_that_are_not_taken_change_nothing_that_is_kept(seed):
    rng = np.random.default_rng(seed)
    features = features_of_run(seed, rng)
    state = build(features, **memories(rng))
    stream = hostile_stream(rng, 50)
    run(state, stream, (), BATCH_ROWS_MAX)
    before = contents(state)
    passed_over = replace(stream, take=np.zeros(50, bool), marks=())
    run(state, passed_over, (), BATCH_ROWS_MAX)
    assert contents(state) == before, f"seed {seed}"


def test_memory_never_grows():
    state = build(declare(NAMES, INPUTS), events_max=40, entities_max=5)
    before = state.bytes_allocated
    sizes = {name: array.nbytes for name, array in state.arrays().items()}
    run(state, hostile_stream(np.random.default_rng(3), ROWS), (), BATCH_ROWS_MAX)
    assert state.bytes_allocated == before > 0
    assert {name: array.nbytes for name, array in state.arrays().items()} == sizes


# Erasures.


def holds(state, key):
    """Where what is remembered holds a key: every word of every array, and any eight bytes."""
    found = []
    for each in every_part(state.state()):
        for name, array in each.arrays.items():
            if array.dtype.itemsize == 8 and (array.view(np.uint64) == np.uint64(key)).any():
                found.append(f"{each.kind} {name}")
    data = int(key).to_bytes(8, "little")
    # Such bytes as those of merchants' keys come about by chance.
    return found + ["bytes"] * (data.count(0) < 3 and data in contents(state))


@pytest.mark.parametrize("entities_max", [1, 3, 1_000])
@pytest.mark.parametrize("events_max", [1, 64, 10_000])
@seeds(1, with_run=True)
def test_what_is_said_after_erasures_equals_the_oracle(events_max, entities_max, seed):
    rng = np.random.default_rng([seed, events_max, entities_max])
    features = features_of_run(seed, rng)
    compare(
        features,
        with_erasures(rng, hostile_stream(rng, ROWS)),
        seed,
        random_cuts(rng, ROWS),
        events_max=events_max,
        entities_max=entities_max,
        capacities=memories(rng)["capacities"],
    )


@pytest.mark.parametrize(("events_max", "entities_max"), BOUNDS)
def test_erasures_between_events_that_are_made_for_them(events_max, entities_max):
    cards = [1, 2, 3, 1, 4, 2, 2, 5, 1, 1, 3, 4, 6, 1, 2, 0, 3, 1, 1, 7, 6, 5, 1]
    merchants = [1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 0, 3, 1, 1, 2, 1, 2, 2, 1, 1, 3, 3, 3]
    times = [i * 3 - (i % 5 == 4) * 7 for i in range(len(cards))]
    marks = [(row, number, True) for row in range(6, 20) for number in (row - 5, row - 3)]
    features = every_kind(
        "merchant.{count,frauds,distinct_card}_{10s,1m}",
        "merchant.{rate_1h,new_card,amount_max_1m,speed_kmh,known_fraud_run}",
        "merchant+country.{count,distinct_card}_1m",
        "card+channel.{count_1m,seconds_since_first}",
    )
    erasures = [(4, "card", 1), (4, "card", 1), (9, "merchant", 2), (9, "card", 2), (15, "card", 9)]
    erasures += [(20, "card", 1), (20, "card", 7), (20, "merchant", 1), (22, "merchant", 3)]
    for chosen in (erasures, erasures[:1], erasures[2:3], erasures[5:]):
        stream = directed(times, card=cards, merchant=merchants, marks=marks, country=5, channel=8)
        stream = replace(stream, erasures=tuple(chosen))
        bounds = {"events_max": events_max, "entities_max": entities_max}
        compare(features, stream, f"(directed) {chosen}", **bounds)


@seeds(6, with_run=True)
def test_nothing_that_is_kept_holds_an_erased_key(seed):
    rng = np.random.default_rng(seed)
    features, bounds = features_of_run(seed, rng), memories(rng)
    stream = hostile_stream(rng, ROWS)
    state = build(features, **bounds)
    run(state, stream, (), BATCH_ROWS_MAX)
    entities, found = stream.transactions.entities[:, stream.take], 0
    for at, name in enumerate(INPUTS.entities):
        for key in np.unique(entities[at][entities[at] != 0]).tolist():
            found += bool(holds(state, key))
            state.erase(name, key)
            assert holds(state, key) == [], f"seed {seed} {bounds} {name}"
            # Every link, list, stack and window holds together.
            build(features, **bounds).restore(unpack(contents(state)))
    assert found
    # All were erased: nothing is left of anybody, or of any event.
    kept = state.state()
    assert {part.header["used"] for part in kept.parts.values()} == {0}
    events = np.concatenate([kept.arrays["events"], kept.arrays["events/wrapped"]])
    assert not events[:, : state._events.shape[1]].any()


@seeds(2, with_run=True)
def test_erasures_are_the_same_however_the_stream_is_cut_and_whoever_goes_on(seed):
    rng = np.random.default_rng(seed)
    features, bounds = features_of_run(seed, rng), memories(rng)
    stream = with_erasures(rng, hostile_stream(rng, ROWS))
    whole = build(features, **bounds)
    expected = run(whole, stream, (), BATCH_ROWS_MAX)
    for rows_max in (1, 7):
        pieces = build(features, **bounds)
        got = run(pieces, stream, random_cuts(rng, ROWS), rows_max)
        assert got.as_bytes() == expected.as_bytes(), f"seed {seed} {bounds}"
        assert contents(pieces) == contents(whole), f"seed {seed} {bounds}"
    stop = int(rng.integers(1, ROWS - 1))
    first, second = build(features, **bounds), build(features, **bounds)
    run(first, stream.head(stop), (), BATCH_ROWS_MAX)
    second.restore(unpack(pack(first.state())))
    got = run(second, stream, (), BATCH_ROWS_MAX, start=stop)
    assert got.as_bytes() == expected.part(stop).as_bytes(), f"seed {seed} {bounds} row {stop}"
    assert contents(second) == contents(whole), f"seed {seed} {bounds} row {stop}"


def test_a_state_from_before_parts_were_kept_is_taken_and_its_pairs_go_with_anybody():
    features = every_kind()
    state = build(features)
    times, cards = [0, 1, 2, 3], [1, 2, 1, 3]
    run(state, directed(times, card=cards, merchant=4), (), BATCH_ROWS_MAX)
    kept = state.state()
    pairs = kept.parts["card+merchant"]
    older = replace(pairs, arrays={k: v for k, v in pairs.arrays.items() if k != "parts"})
    other = build(features)
    other.restore(replace(kept, parts={**kept.parts, "card+merchant": older}))
    other.erase("card", 1)
    used = {name: part.header["used"] for name, part in other.state().parts.items()}
    assert used == {"card": 2, "card+merchant": 0, "card+amount": 2}
