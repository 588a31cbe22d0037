"""What went through a worker, counted by kernels and by plain loops."""

from collections import Counter
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from checks.bytecode import instructions
from inputs.streams import block, build_engine, hostile_log, label_row, random_parameters, rows
from seeds import seeds

from schemas.columns import Reason
from schemas.roles import LABEL_ROLES
from stream.champion.reigns import Cause, Reign
from stream.decide import Outcome
from stream.engine.control import ControlEffects
from stream.engine.effects import nothing_decided
from stream.event_time import Timeliness
from stream.exchange.topics import ExchangeTopics
from stream.labels.waiting import WaitingRows
from stream.rules.breaker import Tripped
from stream.rules.matched import NO_RULES
from stream.telemetry.latency_histogram import LatencyHistogram
from stream.telemetry.tally import (
    ADOPTION_DELAY,
    CAUSES,
    END_TO_END,
    LABEL_DELAY,
    OUTCOMES,
    PROMOTIONS,
    SCORE_BOUNDS,
    SCORING,
    SHARED_DELAY,
    TRAINING_DELAY,
    Tally,
    count_latencies,
)

NOW_US = 1_700_000_000_000_000


@pytest.fixture
def tally():
    return Tally("payments", "labels", "orders", now_us=lambda: NOW_US, clock=lambda: 7.0)


def fate_of(effects, row):
    """What became of a payment, and why it has no score."""
    if effects.reasons[row] not in (Reason.OK, Reason.EVENT_TOO_LATE):
        return "refused", None
    if effects.duplicate[row]:
        return "duplicate", None
    if effects.timeliness[row] == Timeliness.TOO_LATE:
        return "too_late", None
    silent = np.isnan(effects.scores[row])
    cause = CAUSES[0] if effects.cold[row] else CAUSES[1]
    return Outcome(effects.outcomes[row]).name.lower(), cause if silent else None


@seeds(6)
def test_it_counts_what_plain_loops_count(seed, tally):
    rng = np.random.default_rng(seed)
    log = hostile_log(rng, 400)
    engine = build_engine(random_parameters(rng))
    fates, causes, scores, delays, labels = Counter(), Counter(), [], [], Counter()
    for is_label, start, stop in log.pieces():
        batch = rows(log.labels if is_label else log.transactions, start, stop)
        if not is_label:
            effects = engine.step(batch)
            tally.decided(effects)
            for row in range(len(batch)):
                fate, cause = fate_of(effects, row)
                fates[fate] += 1
                causes[cause] += cause is not None
                if fate in OUTCOMES[:4] and cause is None:
                    scores.append(effects.scores[row])
        else:
            effects = engine.label(batch)
            tally.labelled(batch, effects, engine.waiting)
            held = int(effects.held.sum())
            refused = int((effects.reasons != Reason.OK).sum())
            labels.update(held=held, refused=refused, taken=len(batch) - held - refused)
            places = engine.waiting.find(batch.transaction_key)
            for row in np.flatnonzero(places >= 0):
                us = batch.event_time_us[row] - engine.waiting.times_us[places[row]]
                delays += [int(us)] if us >= 0 else []
    assert dict(zip(OUTCOMES, tally.payments.tolist(), strict=True)) == {
        name: fates[name] for name in OUTCOMES
    }
    assert tally.unscored.tolist() == [causes[name] for name in CAUSES]
    expected = np.bincount(np.searchsorted(SCORE_BOUNDS, scores), minlength=len(SCORE_BOUNDS) + 1)
    assert tally.scores.tolist() == expected.tolist()
    assert tally.score_sum[0] == pytest.approx(sum(scores))
    assert {name: tally.others["labels", name] for name in labels} == labels
    known = LatencyHistogram()
    known.record(np.array(delays, np.int64))
    assert (tally.label_delay.counts == known.counts).all()
    assert tally.sums_us[LABEL_DELAY] == pytest.approx(sum(np.clip(delays, 0, 2**41 - 1)))


@seeds(4)
def test_latencies_are_counted_as_by_the_histogram(seed, tally):
    rng = np.random.default_rng(seed)
    ago_us = rng.lognormal(9, 6, 700).astype(np.int64) - 5
    tally.published("payments", len(ago_us), NOW_US - ago_us, 0.0025)
    known = LatencyHistogram()
    known.record(ago_us)
    assert (tally.end_to_end.counts == known.counts).all()
    assert tally.sums_us[END_TO_END] == pytest.approx(np.clip(ago_us, 0, 2**41 - 1).sum())
    assert len(tally.scoring) == tally.records == 700
    assert tally.scoring.percentile_us(50) == pytest.approx(2500, rel=1 / 64)
    assert tally.sums_us[SCORING] == 2500 * 700


def test_trips_rules_and_champions_are_counted(tally):
    none = np.zeros(0, np.int64)
    promoted = [Reign("new", 1, 1, cause) for cause in (Cause.ORDER, Cause.ROLLBACK, Cause.ORDER)]
    tally.ordered(ControlEffects(none, promoted=promoted, rules=["a", "b"]))
    effects = nothing_decided(none, np.zeros(0, np.int8), NO_RULES, 0, 0)
    effects.tripped.extend([Tripped(0, 0, 301, 400)] * 2)
    effects.promoted.append(Reign("old", 2, 2, Cause.ROLLBACK, "canary"))
    tally.decided(effects)
    assert tally.promotions == {"order": 2, "rollback": 1, "canary": 1}
    assert set(tally.promotions) == set(PROMOTIONS)
    assert (tally.trips, tally.rules_applied) == (2, 2)


def test_only_payments_that_are_new_are_timed(tally):
    arrivals = np.full(5, NOW_US - 1000)
    tally.published("labels", 5, arrivals, 0.1)
    tally.published("payments", 4, arrivals, 0.1)
    assert tally.records == 9
    assert len(tally.scoring) == len(tally.end_to_end) == 0
    tally.published("payments", 5, arrivals, 0.1)
    assert len(tally.scoring) == len(tally.end_to_end) == 5


def test_what_partitions_tell_each_other_is_timed_and_is_no_record_of_an_input():
    exchange = ExchangeTopics("shared", "training", "models")
    tally = Tally("payments", "labels", "orders", exchange, now_us=lambda: NOW_US)
    for at, topic in enumerate(exchange.topics, 1):
        tally.published(topic, 1, np.array([NOW_US - at * 2_000]), 0.1)
    assert (tally.records, len(tally.scoring)) == (0, 0)
    delays = (tally.shared_delay, tally.training_delay, tally.adoption_delay)
    assert [len(each) for each in delays] == [1, 1, 1]
    sums_us = tally.sums_us[[SHARED_DELAY, TRAINING_DELAY, ADOPTION_DELAY]]
    assert sums_us.tolist() == [2_000, 4_000, 6_000]


def test_to_warm_up_counts_nothing(tally):
    tally.warm_up()
    assert not tally.payments.any()
    assert not tally.scores.any()
    assert not tally.sums_us.any()
    assert not len(tally.end_to_end) + len(tally.label_delay)


def test_what_is_longer_than_all_buckets_counts_as_the_longest():
    counts, sums = LatencyHistogram(), np.zeros(4)
    count_latencies(counts.counts, sums, END_TO_END, 2**62, np.array([0]))
    assert counts.percentile_us(50) == 2**41 - 1


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="uncompiled, all of it is Python")
def test_a_greater_batch_takes_no_more_python(tally):
    tally.warm_up()

    def count(n):
        none, zeros = np.zeros(n, np.bool_), np.zeros(n, np.int8)
        reasons, waiting = np.zeros(n, np.int64), WaitingRows(8, 1)
        effects = SimpleNamespace(
            outcomes=zeros,
            timeliness=zeros,
            duplicate=none,
            cold=none,
            scores=np.full(n, 0.5),
            reasons=reasons,
            tripped=[],
            promoted=[],
        )
        labels = block(LABEL_ROLES.layout, [label_row(1, 0, 1.0)] * n)
        said = SimpleNamespace(held=none, reasons=reasons)

        def work():
            tally.decided(effects)
            tally.labelled(labels, said, waiting)
            tally.published("payments", n, reasons, 0.001)
            tally.turned()

        return instructions(work)

    assert count(1000) == count(10)
