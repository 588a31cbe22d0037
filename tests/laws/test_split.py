"""Law b: how the stream is cut into batches never matters."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from inputs.streams import (
    LABEL_LAYOUT,
    LAYOUT,
    SECOND,
    START_US,
    Log,
    block,
    build_engine,
    hostile_log,
    random_cuts,
    random_parameters,
    run,
    run_engine,
    with_erasures,
    with_orders,
    with_promotions,
    with_rules,
)
from seeds import seeds

from models.silent import SilentLearner
from stream.engine.engine import Engine
from stream.event_time import BEGINNING_US
from stream.labels.parameters import LabelParameters

# Uncompiled, what is seen beside the law is an index that leaves its array: few logs will do.
INTERPRETED = bool(numba.config.DISABLE_JIT)


@seeds(
    2 if INTERPRETED else 6,
    known=(
        (877731546, "a rule that tripped counted what followed in the same batch"),
        (1435656292, "of two rules that tripped in one batch the first was said first"),
        (4085225782, "a payment without a score let a detector begin anew in some batches only"),
    ),
)
def test_random_cuts_change_nothing_that_is_said_or_kept(seed):
    rng = np.random.default_rng(seed)
    parameters = with_rules(rng, random_parameters(rng))
    log = hostile_log(rng, 350)
    log = with_erasures(rng, log) if rng.random() < 0.5 else log
    log = with_orders(rng, log) if rng.random() < 0.7 else log
    log = with_promotions(rng, log) if rng.random() < 0.7 else log
    whole = run(parameters, log)
    for _ in range(2):
        cut = run(parameters, log, random_cuts(rng, log))
        assert cut.said() == whole.said()
        assert cut.state() == whole.state()


@pytest.mark.parametrize("partition", [0, 1])
@seeds(1 if INTERPRETED else 3)
def test_random_cuts_change_nothing_of_what_a_partition_tells_others_of_labels(seed, partition):
    rng = np.random.default_rng(seed)
    # Room for so many labels that some model has seen enough.
    labels = LabelParameters(maturity_us=20 * SECOND, genuine_share=float(rng.choice([1.0, 0.6])))
    parameters = replace(random_parameters(rng), version_interval_us=3 * SECOND, labels=labels)
    parameters = replace(parameters, waiting_max=20_000)
    log = hostile_log(rng, 350)

    def lived(cuts=frozenset()):
        engine = build_engine(parameters)
        engine.training.serve(partition)
        return run_engine(engine, log, cuts)

    whole = lived()
    assert (len(whole.examples) > 0) == (partition == 1)
    assert (len(whole.versions) > 0) == (partition == 0)
    for _ in range(2):
        cut = lived(random_cuts(rng, log))
        assert cut.said() == whole.said()
        assert cut.state() == whole.state()


@seeds(2 if INTERPRETED else 4)
def test_the_greatest_batch_changes_nothing_that_is_said(seed):
    rng = np.random.default_rng(seed)
    parameters = replace(random_parameters(rng), batch_rows_max=1)
    parameters = replace(parameters, waiting_max=int(rng.choice([20, 50, 10_000])))
    log = hostile_log(rng, 350)
    one_by_one = run(parameters, log)
    by_ten = run(replace(parameters, batch_rows_max=10), log, random_cuts(rng, log))
    assert by_ten.said() == one_by_one.said()


@seeds(2 if INTERPRETED else 4)
def test_labels_may_come_in_any_batches(seed):
    rng = np.random.default_rng(seed)
    parameters = with_rules(rng, random_parameters(rng))
    log = hostile_log(rng, 300)
    labels_alone = frozenset(np.flatnonzero(log.order).tolist())
    assert run(parameters, log, labels_alone).said() == run(parameters, log).said()


@pytest.mark.parametrize("batch_rows_max", [1, 2, 5])
def test_a_repeat_keeps_its_verdict_though_its_row_is_pushed_out_by_the_same_batch(batch_rows_max):
    """The ring is full: the row after the repeat takes the place of the row it repeats."""
    rng = np.random.default_rng(3)
    parameters = replace(
        random_parameters(rng),
        batch_rows_max=batch_rows_max,
        waiting_max=10,
        labels=LabelParameters(maturity_us=2**50),
    )
    train = hostile_log(rng, 900)
    known = [{"key": 1 + i, "amount": 10 ** (1 + i % 6)} for i in range(10)]
    fresh = [{"key": 100 + i, "amount": 10 ** (6 - i % 6)} for i in range(10)]
    last = [row for i in range(10) for row in (known[i], fresh[i])]
    rows = [
        {"time_us": START_US + 3600 * SECOND, "entities": [1, 2], "numeric": [0.0, 0.0], **row}
        for row in [*known, *last]
    ]
    tail = block(LAYOUT, rows)
    longs = np.concatenate([train.transactions.longs, tail.longs], axis=1)
    log = Log(
        type(tail)(LAYOUT, longs, tail.data),
        type(tail)(LABEL_LAYOUT, train.labels.longs, tail.data),
        (*train.order, *[False] * len(rows)),
    )
    scores = run(parameters, log).columns["scores"][-30:]
    assert np.isfinite(scores).all()
    assert len(set(scores[:10])) > 5
    np.testing.assert_array_equal(scores[10::2], scores[:10])


@seeds(2 if INTERPRETED else 6)
def test_a_barrier_that_is_passed_over_had_nothing_to_do(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    parameters = with_rules(rng, random_parameters(rng))
    log = hostile_log(rng, 350)
    log = with_erasures(rng, log) if rng.random() < 0.5 else log
    log = with_orders(rng, log) if rng.random() < 0.7 else log
    log = with_promotions(rng, log) if rng.random() < 0.7 else log
    some = run(parameters, log)
    learned, every = 0, Engine._learn

    def count(self, *arguments):
        nonlocal learned
        learned += 1
        return every(self, *arguments)

    monkeypatch.setattr(Engine, "_learn", count)
    assert run(parameters, log).said() == some.said()
    needed, learned = learned, 0
    monkeypatch.setattr(Engine, "_due_us", lambda self, batch: BEGINNING_US)
    all_of_them = run(parameters, log)
    assert all_of_them.said() == some.said()
    assert all_of_them.state() == some.state()
    assert needed <= learned


def test_an_empty_batch_changes_nothing():
    rng = np.random.default_rng(1)
    parameters = with_rules(rng, random_parameters(rng))
    log = hostile_log(rng, 50)
    result = run(parameters, log)
    before = result.state()
    effects = result.engine.step(block(LAYOUT, []))
    assert len(effects.scores) == 0
    assert len(result.engine.label(block(LABEL_LAYOUT, [])).reasons) == 0
    assert result.state() == before


def test_barriers_with_nothing_to_do_leave_a_batch_whole(monkeypatch):
    parameters = replace(
        random_parameters(np.random.default_rng(2)),
        batch_rows_max=64,
        waiting_max=10_000,
        alerts_per_day=0.0,
        labels=LabelParameters(),
        monitor=None,
    )
    rows = [
        {"time_us": START_US + i * 60 * SECOND, "key": 1 + i, "entities": [1, 2], "numeric": [0, 0]}
        for i in range(40)
    ]
    decided, decide = [], Engine._decide

    def count(self, batch, *arguments):
        decided.append(len(batch))
        decide(self, batch, *arguments)

    monkeypatch.setattr(Engine, "_decide", count)
    Engine(parameters, SilentLearner()).step(block(LAYOUT, rows))
    assert decided == [40]
