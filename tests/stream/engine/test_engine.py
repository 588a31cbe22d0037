"""What the engine does beside the laws: labels it cannot learn from, repeats too late."""

from dataclasses import replace

import numpy as np
import pytest
from inputs.streams import (
    LABEL_LAYOUT,
    LAYOUT,
    SECOND,
    START_US,
    block,
    build_engine,
    examples,
    feature_set,
    label_row,
    random_parameters,
)
from river import naive_bayes

from models.river.adapter import RiverLearner
from models.silent import SilentLearner
from schemas.columns import Reason
from schemas.errors import ModelError
from stream.decide import DecisionScores, Outcome, Thresholds
from stream.engine import learning
from stream.engine.engine import Contender, Engine
from stream.engine.parameters import Keep
from stream.event_time import Timeliness
from stream.labels.fates import Source
from stream.labels.parameters import LabelParameters
from stream.labels.share import weights_of

HOUR = 3600 * SECOND


@pytest.mark.parametrize("verdict", [np.nan, 0.97, 2.0, -1.0])
def test_a_label_that_does_not_say_what_it_found_teaches_nothing(verdict):
    engine = build_engine(random_parameters(np.random.default_rng(3)))
    payment = {"time_us": START_US, "amount": 100, "key": 7}
    payment |= {"entities": [1, 2], "numeric": [np.nan, 1.0]}
    engine.step(block(LAYOUT, [payment]))
    assert reasons_of(engine, label_row(7, START_US, verdict)) == [Reason.LABEL_WITHOUT_VERDICT]
    # The row still waits: a label that says something is taken.
    assert reasons_of(engine, label_row(7, START_US, 1.0)) == [Reason.OK]
    assert engine.counters.labels_refused == 1


def reasons_of(engine, *labels):
    return engine.label(block(LABEL_LAYOUT, list(labels))).reasons.tolist()


class _Sure:
    """A learner that calls everything fraud."""

    learned = 1
    ready = True

    def predict_proba_many(self, X):
        return np.full(len(X), 0.99)

    def contributions_many(self, X):
        return np.zeros(len(X)), np.zeros(X.shape)

    def learn_many(self, X, y, w=None):
        pass


def test_a_repeat_that_comes_too_late_gets_the_stored_verdict():
    parameters = replace(
        random_parameters(np.random.default_rng(3)),
        thresholds=Thresholds(),
        allowed_lateness_us=1_000_000,
        learn_interval_us=10**15,
    )
    engine = build_engine(parameters)
    engine.champion.learner = _Sure()
    first = {"time_us": START_US, "amount": 100, "key": 7, "entities": [1, 2], "numeric": [0, 0]}
    later = {**first, "time_us": START_US + 10_000_000, "key": 8}
    stranger = {**first, "key": 9}
    effects = engine.step(block(LAYOUT, [first, later, first, stranger]))
    assert effects.timeliness.tolist()[2:] == [Timeliness.TOO_LATE, Timeliness.TOO_LATE]
    assert effects.outcomes.tolist() == [Outcome.BLOCK] * 3 + [Outcome.ALLOW]
    assert effects.duplicate.tolist() == [False, False, True, False]
    assert effects.reasons.tolist() == [Reason.OK] * 3 + [Reason.EVENT_TOO_LATE]


def test_a_model_that_is_ready_and_says_nothing_is_not_called_cold():
    parameters = replace(random_parameters(np.random.default_rng(3)), learn_interval_us=10**15)
    engine = build_engine(parameters)
    first = {"time_us": START_US, "amount": 100, "key": 7, "entities": [1, 2], "numeric": [0, 0]}
    before = engine.step(block(LAYOUT, [first]))
    assert (before.cold.tolist(), before.unscored.tolist()) == ([True], [False])
    engine.champion.learner = _Silent()
    second = {**first, "key": 8}
    effects = engine.step(block(LAYOUT, [first, second, second]))
    # A repeat is what it was when it was decided.
    assert effects.cold.tolist() == [True, False, False]
    assert effects.unscored.tolist() == [False, True, True]
    assert effects.duplicate.tolist() == [True, False, True]
    assert engine.counters.unscored == 2


class _Silent(_Sure):
    """A learner that is ready and has no score for anything."""

    def predict_proba_many(self, X):
        return np.full(len(X), np.nan)


def test_a_challenger_is_judged_by_what_it_scored():
    engine = build_engine(random_parameters(np.random.default_rng(3)))
    challenger = Contender(_Half())
    engine.lineup.contenders = [engine.champion, challenger]
    engine.champion.learner = _Sure()
    assert engine.contenders == [engine.champion, challenger]
    X = np.arange(40.0)[:, None]
    y = np.arange(40) % 4 == 0
    raw = np.stack([np.full(40, 0.99), challenger.learner.predict_proba_many(X)], 1)
    said = DecisionScores(raw, raw, np.full(40, 0.5))
    learning.test_then_train(engine, examples(X, y, scores=said.packed()))
    quality = challenger.prequential.as_dict()
    assert (quality["judged"], quality["left_out"], quality["frauds"]) == (20, 20, 10)
    assert (quality["recall"], quality["precision"]) == (1.0, 0.5)
    assert engine.prequential.as_dict()["recall"] == 1.0


class _Half(_Sure):
    """A learner that scores every other row."""

    def predict_proba_many(self, X):
        return np.where(np.arange(len(X)) % 2 == 0, 0.99, np.nan)


def test_a_correction_takes_the_judgement_of_the_wrong_verdict_back():
    parameters = replace(
        random_parameters(np.random.default_rng(3)),
        labels=LabelParameters(),
        thresholds=Thresholds(),
        learn_interval_us=SECOND,
    )
    engine = build_engine(parameters)
    engine.champion.learner = _Sure()
    engine.lineup.contenders[1:] = [Contender(_Sure()) for _ in engine.challengers]
    row = {"time_us": START_US, "amount": 100, "entities": [1, 2], "numeric": [0, 0]}

    def pass_a_barrier(key):
        row["time_us"] += 10 * SECOND
        engine.step(block(LAYOUT, [{**row, "key": key}]))

    pass_a_barrier(7)
    said_us = row["time_us"]
    reasons_of(engine, label_row(7, said_us, 1.0))
    pass_a_barrier(8)
    wrong = engine.prequential.as_dict()
    assert (wrong["judged"], wrong["frauds"], wrong["precision"]) == (1, 1, 1.0)
    reasons_of(engine, label_row(7, said_us + 1, 0.0))
    assert engine.prequential.as_dict() == wrong
    pass_a_barrier(9)
    for contender in engine.contenders:
        right = contender.prequential.as_dict()
        assert (right["judged"], right["frauds"], right["precision"]) == (1, 0, 0.0)
        assert right["log_loss"] == pytest.approx(-np.log(0.01))
    assert (engine.counters.labels_learned, engine.counters.labels_corrected) == (2, 1)


def test_a_correction_counts_once_for_the_precision_of_alerts_that_the_budget_raised():
    parameters = replace(
        random_parameters(np.random.default_rng(3)),
        labels=LabelParameters(maturity_us=100 * HOUR),
        thresholds=Thresholds(),
        calibrate=False,
        alerts_per_day=100.0,
        waiting_max=1_000,
        learn_interval_us=SECOND,
    )
    engine = Engine(parameters, _Sure())

    def pay(hour):
        row = {"time_us": START_US + hour * HOUR, "amount": 100, "key": hour}
        engine.step(block(LAYOUT, [{**row, "entities": [1, 2], "numeric": [0, 0]}]))

    def say(hour, verdict):
        return reasons_of(engine, label_row(hour, START_US + 40 * HOUR, verdict))

    def precision():
        said = engine.budget.as_dict()
        return said["alerts_judged"], said["precision"]

    for hour in range(1, 41):
        pay(hour)
    assert engine.thresholds.review < parameters.thresholds.review
    # An alert of the first day was the fixed threshold's.
    for hour, verdict in ((2, 1.0), (38, 1.0), (39, 0.0)):
        assert say(hour, verdict) == [Reason.OK]
    pay(41)
    assert precision() == (2, 0.5)
    for at, (hour, verdict, expected) in enumerate([(38, 0.0, 0.0), (39, 1.0, 0.5), (2, 0.0, 0.5)]):
        before = precision()
        assert say(hour, verdict) == [Reason.OK]
        assert precision() == before, "it is learned at the next barrier"
        pay(42 + at)
        assert precision() == (2, expected)
        assert engine.counters.labels_corrected == at + 1


def test_features_know_every_verdict_with_what_was_said_of_it_then():
    """A label at once, and at a barrier what nobody objected to; `surprise` by the old score."""
    names = ("amount", "card.known_count_1h", "card.surprise_1h", "at_fraud(card, amount)")
    parameters = replace(
        random_parameters(np.random.default_rng(3)),
        features=feature_set(names),
        monitor=None,
        calibrate=False,
        alerts_per_day=0.0,
        events_max=100,
        labels=LabelParameters(maturity_us=60 * SECOND),
        learn_interval_us=SECOND,
        allowed_lateness_us=0,
    )
    engine = Engine(parameters, _Sure(), Keep.STATES)

    def pay(key, seconds, amount=100):
        row = {"time_us": START_US + seconds * SECOND, "amount": amount, "key": key}
        row |= {"entities": [1, 2], "numeric": [0, 0]}
        return engine.step(block(LAYOUT, [row])).readings.matrix[0].tolist()

    assert pay(1, 0, 700)[1] == 0
    assert pay(2, 1)[1] == 0
    reasons_of(engine, label_row(1, START_US + SECOND, 1.0))
    _, known, surprise, at_fraud = pay(3, 2)
    assert (known, at_fraud) == (pytest.approx(1, rel=1e-2), 7.0)
    assert surprise == pytest.approx(1 - 0.99, rel=1e-2)
    # The second one is genuine by now, which 0.99 did not say; the first one was labelled.
    _, known, surprise, at_fraud = pay(4, 61)
    assert known == pytest.approx(2, rel=0.1)
    assert surprise == pytest.approx((1 - 0.99) - 0.99, rel=0.1)
    assert np.isnan(at_fraud)


def test_only_the_learner_that_heard_nothing_hears_of_a_correction_that_was_taken_back():
    parameters = replace(
        random_parameters(np.random.default_rng(3)),
        labels=LabelParameters(),
        learn_interval_us=SECOND,
    )
    engine = build_engine(parameters)
    row = {"time_us": START_US, "amount": 100, "entities": [1, 2], "numeric": [0, 0]}

    def pass_a_barrier(key):
        row["time_us"] += 10 * SECOND
        engine.step(block(LAYOUT, [{**row, "key": key}]))

    def say(verdict, source):
        label = label_row(7, row["time_us"] + SECOND, verdict, source=source)
        engine.label(block(LABEL_LAYOUT, [label]))

    pass_a_barrier(7)
    say(0.0, Source.ANALYST_REVIEW)
    pass_a_barrier(8)
    members = engine.challengers["feedback apart"].learner.members
    learned = {name: member.learned for name, member in members.items()}
    assert learned == {"feedback": 1, "delayed": 0}
    say(1.0, Source.CHARGEBACK)
    say(0.0, Source.ANALYST_REVIEW)
    pass_a_barrier(9)
    learned = {name: member.learned for name, member in members.items()}
    assert learned == {"feedback": 1, "delayed": 1}
    # To everybody else it is no news.
    assert (engine.counters.labels_learned, engine.learner.learned) == (1, 1)
    assert engine.prequential.as_dict()["judged"] == 1


def test_of_what_nobody_labelled_all_is_judged_and_a_share_is_learned_for_all():
    share = 0.25
    parameters = replace(
        random_parameters(np.random.default_rng(3)),
        labels=LabelParameters(maturity_us=60 * SECOND, genuine_share=share),
        learn_interval_us=SECOND,
        waiting_max=1_000,
        calibrate=True,
    )
    engine = build_engine(parameters)
    row = {"amount": 100, "entities": [1, 2], "numeric": [0, 0]}

    def pay(key, seconds):
        engine.step(block(LAYOUT, [{**row, "time_us": START_US + seconds * SECOND, "key": key}]))

    for key in range(1, 201):
        pay(key, key // 10)
    for key in range(1, 11):
        said_us = START_US + 30 * SECOND
        assert reasons_of(engine, label_row(key, said_us, float(key > 5))) == [Reason.OK]
    pay(1000, 200)
    drawn = weights_of(np.arange(11, 201, dtype=np.uint64), share)
    n = 10 + int((drawn > 0).sum())
    assert 40 < n < 80
    assert (engine.counters.labels_learned, engine.counters.matured) == (10, 190)
    assert engine.learner.learned == engine.challengers["river"].learner.learned == n
    # What is known of each is judged.
    assert engine.prequential.as_dict()["judged"] == 200
    members = engine.challengers["feedback apart"].learner.members
    assert members["delayed"].learned == n
    # A label that comes in time weighs 1, whatever would have been drawn.
    assert engine.learner.counts.frauds == 5


@pytest.mark.parametrize("place", ["champion", "challenger"])
def test_a_model_that_cannot_weigh_is_refused_before_the_first_payment(place):
    parameters = random_parameters(np.random.default_rng(3))
    names = parameters.features.names
    bayes = RiverLearner(naive_bayes.GaussianNB(), names)
    alone = place == "champion"
    champion, challengers = (bayes, {}) if alone else (SilentLearner(), {"bayes": bayes})
    fewer = replace(parameters, labels=replace(parameters.labels, genuine_share=0.5))
    with pytest.raises(ModelError, match=r"GaussianNB takes no weight"):
        Engine(fewer, champion, challengers=challengers)
    all_of_them = replace(parameters, labels=replace(parameters.labels, genuine_share=1.0))
    Engine(all_of_them, champion, challengers=challengers)
