"""Law a: the engine is what plain Python says, to the last digit that matters."""

from dataclasses import asdict

import numpy as np
import pytest
from inputs.streams import (
    SOURCE_KEYS,
    Log,
    build_engine,
    hostile_log,
    random_cuts,
    random_parameters,
    run,
    run_engine,
    with_erasures,
)
from naive import NaiveEngine
from seeds import seeds

from models.feedback_delayed import FeedbackAndDelayed
from models.river.adapter import logistic_pipeline
from models.silent import SilentLearner
from schemas.columns import Reason
from stream.event_time import Timeliness
from stream.labels.fates import Source
from stream.timed_learner import TimedLearner

TIMELINESS = {
    "on time": Timeliness.ON_TIME,
    "late": Timeliness.LATE,
    "too late": Timeliness.TOO_LATE,
}


def source_of(key):
    """The name of a label's source by its hash."""
    known = [int(key) == hashed for hashed in SOURCE_KEYS]
    return Source(known.index(True) if any(known) else 0).name


def plain_review(review):
    """A review as the oracle writes it down."""
    earlier = review.earlier_source
    name = None if earlier is None else earlier.name
    label = review.why.name, review.is_fraud, review.source.name, review.time_us
    return (*label, review.earlier_is_fraud, name, review.earlier_time_us)


def plain_run(parameters, log: Log):
    """Run the oracle; return it, its verdicts (None: refused) and what it said of labels."""
    engine = NaiveEngine(parameters, logistic_pipeline(), frauds_min=3, genuine_min=10)
    verdicts, reasons = [], []
    payments, labels = log.transactions, log.labels
    for arrival, is_label in enumerate(log.order):
        for at, name, key in log.erasures:
            if at == arrival:
                engine.erase(name, key)
        if is_label:
            i = len(reasons)
            refused = Reason(labels.reason[i])
            reasons.append(
                engine.label(
                    int(labels.transaction_key[i]),
                    int(labels.event_time_us[i]),
                    float(labels.numeric[0, i]),
                    source_of(labels.categorical[0, i]),
                    float(labels.numeric[1, i]),
                    refused.name if refused else None,
                )
            )
            continue
        i = len(verdicts)
        if payments.reason[i] != Reason.OK:
            engine.refuse()
            verdicts.append(None)
            continue
        verdicts.append(
            engine.step(
                int(payments.partition[i]),
                int(payments.event_time_us[i]),
                int(payments.arrival_time_us[i]),
                int(payments.amount_minor[i]),
                int(payments.transaction_key[i]),
                [int(key) for key in payments.entities[:, i]],
                payments.numeric[:, i].tolist(),
            )
        )
    return engine, verdicts, reasons


def vector(x, names):
    return np.array([x.get(name, np.nan) for name in names])


def is_wild(value):
    """Whether a value is so great that the spread of its feature is nothing but rounding."""
    return abs(value) >= 1e100


@pytest.mark.parametrize("erases", [False, True])
@seeds(5, known=((3216438298, "a row in front is pushed out, and an older one behind it is due"),))
def test_the_engine_equals_plain_python(seed, erases):
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng)
    log = hostile_log(rng, 350)
    if erases:
        log = with_erasures(rng, log)
    ours = run(parameters, log, random_cuts(rng, log))
    oracle, verdicts, label_reasons = plain_run(parameters, log)
    columns, names, features = ours.columns, parameters.features.names, ours.features
    for row, verdict in enumerate(verdicts):
        if verdict is None:
            assert np.isnan(columns["scores"][row]), row
            assert columns["outcomes"][row] == 0, row
            assert not columns["duplicate"][row], row
            assert not columns["cold"][row], row
            continue
        assert columns["timeliness"][row] == TIMELINESS[verdict["timeliness"]], row
        assert columns["duplicate"][row] == verdict["duplicate"], row
        assert columns["cold"][row] == verdict["cold"], row
        assert columns["model_versions"][row] == verdict["version"], row
        assert columns["outcomes"][row] == verdict["outcome"], row
        score = np.nan if verdict["score"] is None else verdict["score"]
        np.testing.assert_allclose(columns["scores"][row], score, 1e-9, 1e-9, err_msg=str(row))
        if verdict["x"] is not None:
            np.testing.assert_allclose(
                features[row], vector(verdict["x"], names), 1e-11, 1e-11, err_msg=str(row)
            )
    assert [Reason(reason).name for reason in ours.label_reasons] == label_reasons
    assert asdict(ours.engine.counters) == oracle.counts
    assert ours.engine.waiting.lost == oracle.waiting.lost
    assert ours.engine.waiting.waiting == oracle.waiting.waiting
    assert ours.engine.waiting.kept == len(oracle.waiting.rows)
    reviews = [plain_review(review) for review in ours.reviews]
    assert reviews == oracle.labels.reviews
    keys = log.labels.transaction_key
    departed = [(int(keys[each.offset]), each.reason.name) for each in ours.departed]
    assert departed == oracle.labels.departed
    assert len(ours.engine.book.early) == len(oracle.labels.early)


@seeds(4)
def test_the_evidence_of_every_alert_equals_plain_python(seed):
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng)
    log = hostile_log(rng, 400)
    ours = run(parameters, log)
    _, verdicts, _ = plain_run(parameters, log)
    expected = [(row, v["alert"]) for row, v in enumerate(verdicts) if v and v["alert"]]
    assert [row for row, _, _ in ours.alerts] == [row for row, _ in expected]
    for (row, base, reasons), (_, (plain_base, plain_reasons)) in zip(
        ours.alerts, expected, strict=True
    ):
        # What bounding the log-odds takes away is in the base, of a wild part nearly all of it.
        if not (parameters.calibrate and any(map(is_wild, verdicts[row]["x"].values()))):
            np.testing.assert_allclose(base, plain_base, 1e-9, 1e-9, err_msg=str(row))
        # Which of two comes first is not asked where only rounding tells them apart.
        assert len(reasons) == min(4, len(plain_reasons)) == len({name for name, _, _ in reasons})
        plain = {name: numbers for name, *numbers in plain_reasons}
        for (name, *ours_numbers), (_, _, part) in zip(reasons, plain_reasons, strict=False):
            # Beside such a value the spread of all others may be nothing but rounding.
            rtol = 1.0 if is_wild(ours_numbers[0]) else 1e-8
            np.testing.assert_allclose(ours_numbers, plain[name], rtol, 1e-9, err_msg=str(row))
            np.testing.assert_allclose(ours_numbers[1], part, rtol, 1e-9, err_msg=str(row))


@seeds(4)
def test_the_quality_counters_equal_plain_python(seed):
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng)
    log = hostile_log(rng, 300)
    engine = run(parameters, log).engine
    quality = engine.prequential
    oracle, _, _ = plain_run(parameters, log)
    pairs = [(outcome > 0, fraud) for _, outcome, fraud in oracle.judged]
    assert quality.true_positives == pairs.count((True, True))
    assert quality.false_positives == pairs.count((True, False))
    assert quality.false_negatives == pairs.count((False, True))
    assert quality.true_negatives == pairs.count((False, False))
    assert quality.unscored == sum(score is None for score, _, _ in oracle.judged)
    # River's own objects say the same; a challenger is judged by what it scored.
    challenger = engine.challengers["river"].prequential
    assert challenger.log_loss_sum == pytest.approx(quality.log_loss_sum, 1e-9)
    assert (challenger.unscored, challenger.left_out) == (0, quality.unscored)
    given = [score is not None for score, _, _ in oracle.judged]
    scored = [pair for pair, has_score in zip(pairs, given, strict=True) if has_score]
    assert challenger.true_positives == scored.count((True, True))
    assert challenger.false_negatives == scored.count((False, True))
    sampled = engine.challengers["forest"].prequential.as_dict()
    assert sampled["judged"] + sampled["left_out"] == len(pairs)
    assert sampled["left_out"] >= challenger.left_out


class Noting(SilentLearner):
    """A learner that only writes down what it is taught."""

    def __init__(self):
        self.rows, self.verdicts, self.weights = [], [], []

    def learn_many(self, X, y, w=None):
        self.rows += list(X)
        self.verdicts += y.tolist()
        self.weights += [1.0] * len(y) if w is None else w.tolist()


@seeds(4)
def test_each_kind_of_learner_hears_what_plain_python_tells_it(seed):
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng)
    log = hostile_log(rng, 350)
    log = with_erasures(rng, log) if rng.random() < 0.5 else log
    engine = build_engine(parameters)
    both = FeedbackAndDelayed(Noting(), Noting())
    engine.challengers["feedback apart"].learner = TimedLearner(both)
    run_engine(engine, log, random_cuts(rng, log))
    oracle, _, _ = plain_run(parameters, log)
    for kind, told in oracle.heard.items():
        heard = both.members[kind]
        assert heard.verdicts == [verdict for _, verdict, _ in told], kind
        assert heard.weights == [weight for _, _, weight in told], kind
        expected = [vector(x, parameters.features.names) for x, _, _ in told]
        np.testing.assert_allclose(heard.rows, expected, 1e-11, 1e-11, err_msg=kind)
    if parameters.waiting_max > 1000:  # Else rows may be lost before anything is known of them.
        assert len(both.members["feedback"].rows) < len(both.members["delayed"].rows)


@pytest.mark.quality
def test_the_hostile_logs_reach_every_branch():
    seen = dict.fromkeys(("late", "too_late", "duplicates", "refused", "alerts"), False)
    seen |= dict.fromkeys(("labels_repeated", "labels_refused", "matured"), False)
    seen |= dict.fromkeys(
        ("labels_early", "labels_corrected", "labels_superseded", "labels_withheld"), False
    )
    seen |= {"lost": False, "evicted_live": False}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        engine = run(random_parameters(rng), hostile_log(rng, 300)).engine
        counts = asdict(engine.counters)
        counts |= {"lost": engine.waiting.lost, "evicted_live": engine.features.evicted_live}
        seen = {name: found or counts[name] > 0 for name, found in seen.items()}
    assert [name for name, found in seen.items() if not found] == []
