"""Compile the hot path before the first record: it must not wait for a compiler."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.base import Learner
from models.blend import Blend
from models.calibration.calibrator import Calibrator
from models.cost import Cost, measured_cost
from models.sampling import SampledLearner, chosen
from models.silent import SilentLearner
from schemas.columns import Reason, Transactions
from schemas.decoder import Decoder
from stream.budget.control import AlertBudget
from stream.decide import ALERT_ID_BYTES, Outcome, Thresholds
from stream.engine.effects import Effects
from stream.engine.engine import Engine
from stream.evidence.evidence import Alerted
from stream.evidence.explainer import Explainer
from stream.features.readings import Readings
from stream.lists.entries import ALWAYS_US, NEVER_US
from stream.lists.orders import ListsOrder
from stream.records.alerts import AlertWriter
from stream.records.decisions import DecisionWriter
from stream.rules.rule import Mode, Rule, RuleSet
from stream.timed_learner import within

# Rows by which a model's cost is measured: one poll of a busy topic, one fraud in sixteen.
_ROWS = 256
_FRAUD_EVERY = 16


class WarmedUp(NamedTuple):
    """What warming up took, and what it found.

    Attributes
    ----------
    seconds : float
        Seconds on a machine's first start, milliseconds afterwards: compiled kernels
        are kept on disk (`schemas.jit`).
    cost : Cost
        What the model takes for an event of a batch of 256, as trained as it is. One that
        grows while it learns will take longer.
    challengers : dict of str to Cost
        The same of each challenger, of every payment that it sees.
    """

    seconds: float
    cost: Cost
    challengers: dict[str, Cost]


def warm_up(
    engine: Engine, transactions: Decoder, labels: Decoder, control: Decoder | None = None
) -> WarmedUp:
    """Run every kernel once on a scratch engine, and copies of the models on scratch rows."""
    start = time.perf_counter()
    small = replace(
        engine.parameters,
        events_max=16,
        entities_max=16,
        capacities={},
        waiting_max=16,
        batch_rows_max=8,
        labels=replace(engine.parameters.labels, queue_max=8, early_max=8),
    )
    scratch = Engine(small, SilentLearner())
    batch = transactions.decode([b"\0", b"\0"], 0)
    # Both are refused, which runs the decoder; taken as they are, they run the rest.
    batch.longs[:] = 1
    batch.reason[:] = Reason.OK
    early = labels.decode([b"\0"], 0)
    early.longs[:] = 1
    early.numeric[:] = 1.0
    early.reason[:] = Reason.OK
    scratch.label(early)
    effects = scratch.step(batch)
    DecisionWriter(0, "").write(batch, effects.decided, np.arange(len(batch)))
    readings = scratch.features.observe(batch, batch.reason == Reason.OK)
    _write_alerts(scratch, batch, effects, readings)
    scratch.label(labels.decode([b"\0"], 0))
    scratch.features.mark(np.array([0]), np.array([True]))
    scratch.waiting.mature(1)
    if scratch.monitor is not None:
        scratch.monitor.judge(scratch.waiting, np.array([0]), 0)
    if control is not None:
        scratch.control(control.decode([b"\0"], 0))
        for at, name in enumerate(engine.parameters.features.layout.entities):
            scratch.features.erase(name, 1)
            scratch.book.erase(at, 1)
    _run_rules(scratch, batch, readings)
    _run_scores()
    width = len(engine.parameters.features.names)
    cost = cost_of(engine.learner, width)
    challengers = {
        name: cost_of(contender.learner, width) for name, contender in engine.challengers.items()
    }
    return WarmedUp(time.perf_counter() - start, cost, challengers)


def _write_alerts(
    scratch: Engine, batch: Transactions, effects: Effects, readings: Readings
) -> None:
    """Alert all rows."""
    rows, n = np.arange(len(batch)), len(batch)
    X, unknown = readings.matrix, np.full(n, np.nan)
    parts = scratch.champion.contributions_many(X, unknown)
    read, grouped = np.zeros((n, 0)), np.zeros(n, np.int64)
    states, outcomes = readings.states(rows), effects.outcomes
    alerted = Alerted(rows, X, states, *parts, outcomes, unknown, read, grouped)
    features = scratch.parameters.features
    writer = AlertWriter(0, "", "", features.names, features.layout.entities)
    explainer = Explainer(features, scratch.parameters.explained)
    # All were raised by their scores, and any change would help.
    alerts = explainer.evidence(alerted, scratch.thresholds, np.ones(n), _harmless)
    writer.write(batch, effects.decided, alerts, [" " * ALERT_ID_BYTES] * n)


def _harmless(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score rows as nobody would alert them."""
    return np.zeros(len(X))


def _run_rules(scratch: Engine, batch: Transactions, readings: Readings) -> None:
    """Run a rule, and change a list: whatever rules come later, nothing more is compiled."""
    rule = Rule("any", "score > 0.0", Outcome.REVIEW, Mode.SHADOW)
    scratch.rules.replace(RuleSet((rule,)))
    scores, outcomes = np.zeros(len(batch)), np.zeros(len(batch), np.int8)
    everything = slice(None)
    scratch.rules.rule(batch, everything, readings.matrix, scores, outcomes, scratch.lists)
    somebody, ever = np.ones(1, np.uint64), np.array([NEVER_US])
    for name, declared in scratch.lists.declared.items():
        since = np.array([ALWAYS_US])
        order = ListsOrder(name, somebody, since, ever, somebody[:0], "", "")
        scratch.lists.take(order, 0)
        scratch.lists.members(name, somebody, since)
        scratch.lists.erase(declared.of, 1)


def _run_scores() -> None:
    """Run what is done with scores, which the silent learner of a scratch engine has not."""
    scores, y = np.array([0.5, np.nan]), np.array([True, False])
    calibrator = Calibrator()
    calibrator.learn(scores, y)
    calibrator.log_odds(np.array([0.5]))
    AlertBudget(1.0, Thresholds()).count(calibrator.calibrate(scores), 0)


def cost_of(learner: Learner, width: int) -> Cost:
    """Measure what an event costs a learner of `width` features, in processor time.

    One that sees a share of the events is measured on all that it is given here.
    """
    rng = np.random.default_rng(1)
    y = np.arange(_ROWS) % _FRAUD_EVERY == 0
    X = rng.normal(size=(_ROWS, width)) + y[:, np.newaxis]
    *wrappers, model = within(learner)
    for wrapper in wrappers:
        if isinstance(wrapper, SampledLearner):
            # The model is measured without it, so nothing else compiles the kernel that chooses.
            chosen(X, wrapper.share, wrapper.seed)
    if isinstance(model, Blend):
        # Members that are not ready are not asked by it, and would be compiled once they are.
        for member in model.members.values():
            cost_of(member, width)
    return measured_cost(model, X, y, time.thread_time)
