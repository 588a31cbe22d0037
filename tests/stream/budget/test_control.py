"""So many alerts a day, whatever scores do; and what is said beside it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from inputs.score_streams import HOUR_US, hours, play
from seeds import seeds

from models.states.snapshot import pack, unpack
from schemas.errors import SnapshotError
from stream.budget.control import AlertBudget
from stream.budget.levels import BINS, DAY_US, FadingLevels, score_at
from stream.decide import THRESHOLD_OFF, DecisionScores, Thresholds

BUDGET = 40
WARM_UP_DAYS = 10
# What a stream does, and the worst day that its bursts or its drift may cause.
STREAMS = {
    "steady": ({}, 2.2),
    "drift": ({"drift": 0.1}, 3.0),
    "drift one way": ({"drift": 0.05, "turn": 240}, 2.5),
    "bursts": ({"bursts": 0.1}, 9.0),
    "drift and bursts": ({"drift": 0.1, "bursts": 0.1}, 9.0),
    "ties": ({"ties": True}, 3.0),
    "ties, drift and bursts": ({"drift": 0.1, "bursts": 0.1, "ties": True}, 9.0),
}


@pytest.mark.parametrize(("what", "worst"), STREAMS.values(), ids=STREAMS)
@seeds(2)
def test_the_mean_is_the_budget(seed, what, worst):
    rng = np.random.default_rng(seed)
    budget = AlertBudget(BUDGET, Thresholds(block=THRESHOLD_OFF))
    alerts, _ = play(budget, hours(rng, 240, **what))
    late = alerts[WARM_UP_DAYS:]
    assert late.mean() == pytest.approx(BUDGET, rel=0.05)
    assert late.max() <= worst * BUDGET


@seeds(2)
def test_what_is_drawn_is_its_share_of_the_budget(seed):
    rng = np.random.default_rng(seed)
    budget, drawn, alerts = AlertBudget(BUDGET, Thresholds(), explore=0.25), [], []
    for start_us, scores in hours(rng, 120, drift=0.05):
        budget.advance(start_us)
        keys = rng.integers(1, 2**64, len(scores), np.uint64)
        probabilities = budget.draw(keys, scores)
        mine = ~np.isnan(probabilities)
        alerted = budget.thresholds.outcomes(scores) > 0
        assert not (mine & alerted).any()
        budget.count(scores, int((mine | alerted).sum()))
        drawn.append(int(mine.sum()))
        alerts.append(int(alerted.sum()) + drawn[-1])
    late = slice(24 * WARM_UP_DAYS, None)
    assert np.sum(alerts[late]) / 110 == pytest.approx(BUDGET, rel=0.05)
    assert np.sum(drawn[late]) / 110 == pytest.approx(0.25 * BUDGET, rel=0.2)
    assert not any(drawn[:24])
    assert budget.as_dict()["drawn"] == sum(drawn)


@seeds(1)
def test_what_stricter_outcomes_take_is_not_left_for_review(seed):
    rng = np.random.default_rng(seed)
    fixed = Thresholds(review=0.5, challenge=THRESHOLD_OFF, block=0.1)
    budget = AlertBudget(BUDGET, fixed)
    alerts, thresholds = play(budget, hours(rng, 60))
    # Blocks alone are more than the budget: nothing is reviewed beside them, nothing is let go.
    assert alerts[WARM_UP_DAYS:].mean() > 3 * BUDGET
    assert min(thresholds[WARM_UP_DAYS * 24 :]) > 0.1
    assert budget.thresholds.block == 0.1


def test_the_fixed_threshold_holds_until_a_day_of_scores_has_been_seen():
    budget, fixed = AlertBudget(BUDGET, Thresholds(review=0.3)), Thresholds(review=0.3)
    rng = np.random.default_rng(1)
    for hour in range(100):
        budget.advance(hour * HOUR_US)
        # Two days without a score, which do not count.
        scores = rng.random(50) if hour >= 48 else np.full(50, np.nan)
        assert (budget.thresholds == fixed) == (hour < 48 + 24), hour
        assert budget.active == (hour >= 48 + 24)
        budget.count(scores, 0)


def test_the_same_barrier_again_moves_nothing():
    budget = AlertBudget(BUDGET, Thresholds())
    play(budget, hours(np.random.default_rng(2), 5))
    budget.advance(5 * DAY_US)
    before = pack(budget.state())
    budget.advance(5 * DAY_US)
    assert pack(budget.state()) == before


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_equal_scores_are_alerted_in_turns(score):
    budget = AlertBudget(BUDGET, Thresholds(block=THRESHOLD_OFF))
    alerts, thresholds = play(budget, ((i * HOUR_US, np.full(20, score)) for i in range(24 * 40)))
    assert alerts[WARM_UP_DAYS:].mean() == pytest.approx(BUDGET, rel=0.05)
    assert len(set(thresholds[240:])) == 2


def on_edges():
    """Scores that rounding puts into a bin, though its lower edge is a score above them."""
    for place in range(200, 440):
        below = float(np.nextafter(score_at(place), 0))
        levels = FadingLevels(DAY_US)
        levels.count(np.array([below]))
        if levels.recent[0, place]:
            yield below


def test_equal_scores_on_the_edge_of_a_bin_are_alerted_in_turns_too():
    found = list(on_edges())[:5]
    assert found
    for score in found:
        budget = AlertBudget(BUDGET, Thresholds(block=THRESHOLD_OFF))
        stream = ((i * HOUR_US, np.full(20, score)) for i in range(24 * 40))
        alerts, _ = play(budget, stream)
        assert alerts[WARM_UP_DAYS:].mean() == pytest.approx(BUDGET, rel=0.05)


def test_fewer_payments_than_the_budget_are_all_alerted():
    budget = AlertBudget(100, Thresholds())
    _, thresholds = play(budget, ((i * HOUR_US, np.array([1e-9, 0.3])) for i in range(200)))
    assert thresholds[-1] == 0.0


def test_a_month_of_silence_is_not_made_up_for():
    rng = np.random.default_rng(3)
    before, after = hours(rng, 20), hours(rng, 20)
    budget = AlertBudget(BUDGET, Thresholds())
    play(budget, before)
    alerts, _ = play(budget, ((50 * DAY_US + at, scores) for at, scores in after))
    assert alerts.sum() == pytest.approx(20 * BUDGET, rel=0.1)
    assert alerts.max() < 2.2 * BUDGET


@seeds(2)
def test_expected_precision_is_what_comes_true(seed):
    """Scores are probabilities here: the precision lies in its interval, day by day."""
    rng = np.random.default_rng(seed)
    budget, inside, judged = AlertBudget(BUDGET, Thresholds()), [], 0
    hits = 0
    for start_us, scores in hours(rng, 80):
        budget.advance(start_us)
        review = budget.thresholds.review
        alerted = scores >= budget.thresholds.alerting
        budget.count(scores, int(alerted.sum()))
        y = rng.random(len(scores)) < scores
        matrix = scores[:, None]
        budget.judge(
            DecisionScores(matrix, matrix, np.full(len(scores), budget.thresholds.alerting)), y
        )
        if review != 0.5:
            judged, hits = judged + int(alerted.sum()), hits + int((alerted & y).sum())
        if start_us % DAY_US == 0 and start_us > 2 * DAY_US:
            said = budget.as_dict()
            low, high = said["precision_expected_interval"]
            assert 0 <= low <= said["precision_expected"] <= high <= 1
            inside.append(low <= hits / judged <= high)
            assert said["alerts_per_day_expected"] == pytest.approx(BUDGET, rel=0.7)
    said = budget.as_dict()
    assert said["alerts_judged"] == judged
    assert said["precision"] == hits / judged
    low, high = said["precision_interval"]
    assert low < hits / judged < high
    assert high - low < 0.05
    assert np.mean(inside) > 0.9
    assert said["alerts_per_day_so_far"] == pytest.approx(BUDGET, rel=0.1)


def test_what_nobody_knows_yet_is_none():
    said = AlertBudget(BUDGET, Thresholds()).as_dict()
    assert said == {
        "alerts_per_day": 40.0,
        "active": False,
        "threshold": 0.5,
        "alerts_per_day_expected": None,
        "alerts_per_day_so_far": None,
        "drawn": 0,
        "precision_expected": None,
        "precision_expected_interval": None,
        "alerts_judged": 0,
        "precision": None,
        "precision_interval": None,
    }


@seeds(1)
def test_restored_it_goes_on_bit_for_bit(seed):
    rng = np.random.default_rng(seed)
    stream = list(hours(rng, 12, drift=0.1))
    one, other = (AlertBudget(BUDGET, Thresholds(), explore=0.3) for _ in range(2))
    play(one, stream[:200])
    other.restore(unpack(pack(one.state())))
    assert other.thresholds == one.thresholds
    keys, scores = rng.integers(1, 2**64, 5000, np.uint64), np.full(5000, 0.01)
    np.testing.assert_array_equal(other.draw(keys, scores), one.draw(keys, scores))
    assert play(other, stream[200:])[1] == play(one, stream[200:])[1]
    assert pack(other.state()) == pack(one.state())


def numbers(at, value):
    return {"arrays": {"numbers": (at, value)}}


DAMAGED = {
    "another kind": {"kind": "alert_budget/0"},
    "no arrays": {"arrays": {}},
    "negative days": numbers(0, -1.0),
    "a debt beyond all": numbers(1, 1e9),
    "no threshold": numbers(2, 3.0),
    "a negative rate": numbers(3, -0.1),
    "another share": {"header": {"explore": 0.1}},
    "not finite": numbers(0, np.nan),
    "negative mass": {"arrays": {"mass": ((0, 0), -1.0)}},
    "mass not finite": {"arrays": {"recent": ((0, 0), np.inf)}},
    "another budget": {"header": {"alerts_per_day": 41.0}},
    "another half-life": {"header": {"half_life_us": 7}},
    "other thresholds": {"header": {"fixed": [0.5, 2.0, 0.9]}},
    "more hits than labels": {"header": {"hits": 10**6}},
    "moved before it began": {"header": {"moved_us": -1}},
    "a count that is none": {"header": {"scored": -1}},
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_state_changes_nothing(damage):
    budget = AlertBudget(BUDGET, Thresholds())
    play(budget, hours(np.random.default_rng(4), 4))
    state, before = budget.state(), pack(budget.state())
    changed = dict(damage)
    if "header" in damage:
        changed["header"] = {**state.header, **damage["header"]}
    if damage.get("arrays"):
        arrays = {name: array.copy() for name, array in state.arrays.items()}
        for name, (place, value) in damage["arrays"].items():
            arrays[name][place] = value
        changed["arrays"] = arrays
    with pytest.raises(SnapshotError):
        budget.restore(replace(state, **changed))
    assert pack(budget.state()) == before
    assert before.count(b"mass") == 1
    assert budget.state().arrays["mass"].shape == (3, BINS)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_a_budget_is_a_number_above_0(rate):
    with pytest.raises(ValueError, match="give numbers above 0"):
        AlertBudget(rate, Thresholds())


@pytest.mark.parametrize("share", [-0.1, 1.0, math.nan])
def test_what_is_drawn_is_a_share(share):
    with pytest.raises(ValueError, match="from 0 to below 1"):
        AlertBudget(BUDGET, Thresholds(), explore=share)


def test_what_was_counted_of_a_wrong_label_is_taken_back():
    budget = AlertBudget(BUDGET, Thresholds(review=0.9))
    scores = np.array([[0.7], [0.8], [0.2]])
    said = DecisionScores(scores, scores, np.full(3, 0.5))
    genuine = np.zeros(3, np.bool_)
    budget.judge(said, genuine)
    budget.judge(said, genuine, -1)
    budget.judge(said, ~genuine)
    report = budget.as_dict()
    assert (report["alerts_judged"], report["precision"]) == (2, 1.0)
