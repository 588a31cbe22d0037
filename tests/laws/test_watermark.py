"""Law f: the watermark never goes back, and one wild timestamp never moves it."""

from dataclasses import replace

import numpy as np
from inputs.streams import (
    SECOND,
    WILD_TIMES_US,
    Log,
    hostile_log,
    random_cuts,
    random_parameters,
    run,
)
from seeds import seeds

from schemas.columns import EVENT_TIME_US, REASON, Reason, Transactions
from schemas.compiler import compile_schema
from schemas.decoder import Decoder
from schemas.records import RecordCodec, builtin
from schemas.roles import DEFAULT_ROLES
from stream.event_time import EventClock


def with_wild_rows(rng, log):
    """Put refused rows with wild timestamps between the others; return where the others are."""
    n = len(log.transactions)
    wild = log.transactions.longs[:, rng.integers(0, n, n)].copy()
    wild[EVENT_TIME_US] = rng.choice(WILD_TIMES_US, n)
    wild[REASON] = int(Reason.EVENT_TIME_IN_FUTURE)
    longs = np.empty((wild.shape[0], 2 * n), np.int64)
    longs[:, 0::2], longs[:, 1::2] = wild, log.transactions.longs
    order = tuple(x for is_label in log.order for x in ((True,) if is_label else (False, False)))
    batch = Transactions(log.transactions.layout, longs, log.transactions.data)
    return Log(batch, log.labels, order), np.arange(1, 2 * n, 2)


@seeds(8)
def test_the_watermark_never_goes_back(seed):
    rng = np.random.default_rng(seed)
    log = hostile_log(rng, 350)
    marks = run(random_parameters(rng), log, frozenset(range(len(log.order)))).watermarks_us
    assert marks == sorted(marks)
    assert marks[-1] > marks[len(marks) // 2]


@seeds(6)
def test_refused_rows_with_wild_timestamps_change_nothing(seed):
    rng = np.random.default_rng(seed)
    parameters = random_parameters(rng)
    log = hostile_log(rng, 250)
    wild, others = with_wild_rows(rng, log)
    plain, disturbed = run(parameters, log), run(parameters, wild, random_cuts(rng, wild))
    for name, column in plain.columns.items():
        np.testing.assert_array_equal(disturbed.columns[name][others], column, err_msg=name)
    state = plain.state()
    assert disturbed.state() == state
    counters = disturbed.engine.counters
    assert replace(counters, refused=counters.refused - len(others)) == plain.engine.counters


@seeds(3)
def test_no_wild_timestamp_gets_past_the_decoder_to_move_the_watermark(seed):
    rng = np.random.default_rng(seed)
    schema = builtin("transaction")
    decoder = Decoder(DEFAULT_ROLES.layout, {1: compile_schema(schema, DEFAULT_ROLES)}, bytes(16))
    codec = RecordCodec(schema, 1)
    now_us, skew_us = 1_780_000_000 * SECOND, decoder.limits.future_skew_max_us
    wild_us = [0, -1, 2**62, 2**63 - 1, -(2**63), now_us + skew_us + 1, now_us // 1000]
    sane_us = [now_us - 3 * SECOND, now_us, now_us - SECOND]
    times_us = [int(t) for t in rng.permutation(np.array(wild_us + sane_us, np.int64))]
    payments = [
        {"transaction_id": f"t{i}", "event_time": t, "amount_minor": 1, "card_id": "c"}
        | {"merchant_id": "m"}
        for i, t in enumerate(times_us)
    ]
    batch = decoder.decode([codec.encode(payment) for payment in payments], now_us)
    clock = EventClock(allowed_lateness_us=5 * SECOND, idle_after_us=60 * SECOND)
    _, marks = clock.observe(
        batch.partition, batch.event_time_us, batch.arrival_time_us, batch.reason
    )
    assert (batch.reason == Reason.OK).sum() == len(sane_us)
    assert clock.watermark_us == now_us - 5 * SECOND
    assert all(mark <= now_us - 5 * SECOND for mark in marks)
