"""When a challenger is promoted, when it is not, and when nobody can say yet."""

from dataclasses import replace

import numpy as np
import pytest

from models.states.snapshot import pack, unpack
from schemas.errors import SnapshotError
from stream.decide import DecisionScores
from stream.promotion.days import MeanOfDays
from stream.promotion.gate import Gate
from stream.promotion.parameters import DAY_US, PromotionParameters
from stream.promotion.recommendation import Answer, Compared, recommendation_of

PARAMETERS = PromotionParameters(days_min=3, frauds_min=20, canary_us=10 * DAY_US)


def a_day(rng, day, *skills, n=3000, champions=None):
    """What contenders with such skills said of a day's payments, their truth and their times.

    A skill is how far apart a contender sees frauds and genuine payments; its scores are
    probabilities.
    """
    y = rng.random(n) < 0.05
    scores = np.empty((n, len(skills)))
    for at, skill in enumerate(skills):
        seen = skill * y + rng.normal(0, 1, n)
        scores[:, at] = 1 / (1 + np.exp(-(skill * (seen - skill / 2) + np.log(0.05 / 0.95))))
    said = DecisionScores(scores, scores, np.full(n, 0.3), champions)
    return said, y, day * DAY_US + np.sort(rng.integers(0, DAY_US, n))


def after(days, *skills, rules=PARAMETERS, seed=1):
    rng, gate = np.random.default_rng(seed), Gate("abcdef"[: len(skills)], rules)
    for day in range(days):
        gate.judge(*a_day(rng, 100 + day, *skills))
    return gate


def test_a_challenger_that_is_better_is_promoted_and_not_before_there_are_days_enough():
    (early,) = after(3, 1.0, 2.5).recommendations()
    assert early.answer is Answer.NOT_YET
    assert "2 of 3 days" in early.why
    (late,) = after(12, 1.0, 2.5).recommendations()
    assert late.answer is Answer.PROMOTE
    it = late.compared
    assert (it.champion, it.challenger, it.days) == ("a", "b", 11)
    assert it.payments == 36_000
    assert 0 < it.low < it.better_by < it.high
    assert it.brier[0] - it.brier[1] == pytest.approx(it.better_by)
    assert it.log_loss[0] > it.log_loss[1]
    assert it.found_more.low > 0
    assert it.hits[1] > it.hits[0]


def test_a_challenger_that_is_worse_is_not():
    (recommendation,) = after(12, 2.5, 1.0).recommendations()
    assert recommendation.answer is Answer.KEEP
    assert "b is worse" in recommendation.why


def test_of_two_alike_nobody_can_say():
    (recommendation,) = after(20, 2.0, 2.0).recommendations()
    assert recommendation.answer is Answer.NOT_YET
    assert "beyond doubt" in recommendation.why


@pytest.mark.quality
def test_a_challenger_that_is_no_better_is_hardly_ever_promoted_however_often_it_is_looked_at():
    promoted = 0
    for seed in range(60):
        rng, gate = np.random.default_rng(seed), Gate("ab", replace(PARAMETERS, error=0.2))
        for day in range(15):
            gate.judge(*a_day(rng, day, 1.5, 1.5, n=800))
            promoted += gate.recommendations()[0].answer is Answer.PROMOTE
    assert promoted <= 0.2 * 60


def test_several_challengers_share_the_probability_of_an_error():
    one, several = after(6, 1.0, 2.5), after(6, 1.0, 2.5, 1.0, 1.0)
    (alone,) = one.recommendations()
    first, *others = several.recommendations()
    assert len(others) == 2
    wide = first.compared.high - first.compared.low
    assert wide > alone.compared.high - alone.compared.low
    assert [each.compared.challenger for each in several.recommendations()] == ["b", "c", "d"]


def test_payments_that_either_did_not_score_are_left_out():
    said, y, times = a_day(np.random.default_rng(2), 5, 1.0, 1.0)
    said.scores[:1000, 0] = np.nan
    said.scores[500:2000, 1] = np.nan
    gate = Gate("ab", PARAMETERS)
    gate.judge(said, y, times)
    assert gate.recommendations()[0].compared.payments == 1000


def test_after_a_promotion_only_payments_that_the_new_champion_decided_count():
    gate = after(8, 1.0, 2.5)
    gate.begin(1, 110 * DAY_US)
    rng = np.random.default_rng(7)
    # Decided by the one before it.
    gate.judge(*a_day(rng, 111, 1.0, 2.5))
    # Its own, but of before: it was champion once already.
    gate.judge(*a_day(rng, 109, 2.5, 1.0, champions=np.ones(3000, np.uint8)))
    assert gate.recommendations()[0].compared.payments == 0
    gate.judge(*a_day(rng, 112, 2.5, 1.0, champions=np.ones(3000, np.uint8)))
    (recommendation,) = gate.recommendations()
    assert recommendation.compared.payments == 3000
    # Decided by slot 1, whose scores stand first.
    assert recommendation.compared.brier[0] < recommendation.compared.brier[1]
    assert (recommendation.compared.champion, recommendation.compared.challenger) == ("b", "a")


def test_a_new_champion_that_is_worse_goes_back_in_its_canary_and_not_later():
    ones = np.ones(3000, np.uint8)
    for began, back in ((200, True), (190, False)):
        gate, rng = after(2, 1.0, 1.0), np.random.default_rng(3)
        gate.begin(1, began * DAY_US)
        assert gate.should_go_back("a") is None
        for day in range(201, 206):
            # What the present champion, slot 1, says stands first.
            gate.judge(*a_day(rng, day, 0.5, 2.5, champions=ones))
        worse = gate.should_go_back("a")
        assert (worse is not None) is back
    gate = Gate("ab", replace(PARAMETERS, canary_us=0))
    gate.begin(1, 0)
    gate.judge(*a_day(rng, 1, 0.5, 2.5, champions=ones))
    assert gate.should_go_back("a") is None


def test_one_that_finds_fewer_frauds_with_the_same_alerts_is_kept_from_deciding():
    fewer = MeanOfDays(9, -0.2, -0.3, -0.1)
    it = Compared("a", "b", 10, 99, 9, (2, 1), (2, 1), 1.0, 0.5, 1.5, 50, (9.0, 5.0), fewer)
    recommendation = recommendation_of(it, PARAMETERS)
    assert recommendation.answer is Answer.KEEP
    assert "10.0% to 30.0%" in recommendation.why
    unknown = MeanOfDays(1, -0.2, float("nan"), float("nan"))
    assert recommendation_of(replace(it, found_more=unknown), PARAMETERS).answer is Answer.PROMOTE
    plain = recommendation_of(replace(it, found_more=unknown), PARAMETERS).as_dict()
    assert plain["found_more"] == {"days": 1, "mean": -0.2, "low": None, "high": None}
    assert plain["answer"] == "promote"


def test_it_goes_on_where_it_was_and_a_damaged_state_changes_nothing():
    gate, rng = after(4, 1.0, 2.0, 1.5), np.random.default_rng(9)
    heir = Gate("abc", PARAMETERS)
    heir.restore(unpack(pack(gate.state())))
    for each in (gate, heir):
        each.judge(*a_day(np.random.default_rng(4), 140, 1.0, 2.0, 1.5))
    assert pack(heir.state()) == pack(gate.state())
    state = gate.state()
    for header in ({"champion": "z"}, {"began_us": "x"}, {"challengers": ["b"]}):
        with pytest.raises(SnapshotError):
            heir.restore(replace(state, header={**state.header, **header}))
        assert pack(heir.state()) == pack(gate.state())
    # Another one is tried since: of it nothing is counted, of the others everything.
    more = Gate("abcd", PARAMETERS)
    more.restore(state)
    payments = [recommendation.compared.payments for recommendation in more.recommendations()]
    assert payments[:2] == [gate.recommendations()[0].compared.payments] * 2
    assert payments[2] == 0
    more.judge(*a_day(rng, 150, 1.0, 2.0, 1.5, 1.0))
