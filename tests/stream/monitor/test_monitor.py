"""The monitor of an engine: what it is told, and what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from inputs.streams import (
    build_engine,
    hostile_log,
    random_monitor,
    random_parameters,
    run,
    run_engine,
)
from seeds import seeds

from stream.decide import DecisionScores
from stream.monitor.monitor import Monitor
from stream.monitor.parameters import MonitorParameters


@seeds(3)
def test_watching_changes_nothing_that_is_decided_or_learned(seed: int) -> None:
    rng = np.random.default_rng(seed)
    watched = replace(random_parameters(rng), monitor=random_monitor(rng))
    log = hostile_log(rng, 250)
    seen, unseen = run(watched, log), run(replace(watched, monitor=None), log)
    said, alone = seen.said(), unseen.said()
    for name in said.keys() - {"drifts", "monitor"}:
        assert said[name] == alone[name], name


@seeds(3)
def test_every_decision_is_counted_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rules = replace(random_monitor(rng), quality_windows=10_000)
    engine = build_engine(replace(random_parameters(rng), monitor=rules))
    run_engine(engine, hostile_log(rng, 250))
    assert engine.monitor is not None
    counters, windows = engine.counters, engine.monitor.quality.windows()
    fresh = counters.decisions - counters.duplicates - counters.too_late
    assert sum(window.decisions for window in windows) >= fresh
    assert sum(window.alerts for window in windows) == counters.alerts
    ripe = sum(window.mature for window in windows)
    assert ripe <= sum(window.decisions for window in windows)


def test_contenders_that_would_not_alert_the_same_are_remembered_the_latest_last() -> None:
    monitor = Monitor(("amount",), MonitorParameters())
    scores = np.array([[0.2, 0.9], [0.9, 0.95], [0.8, 0.1], [np.nan, 0.9], [0.9, np.nan]])
    said = DecisionScores(scores, scores, np.full(5, 0.5))
    rows = np.arange(5)
    monitor.observe(np.ones((5, 1)), said, rows, rows, scores[:, 0] >= 0.5)
    assert [(each.time_us, each.challenger) for each in monitor.disagreements] == [(0, 1), (2, 1)]
    assert monitor.disagreements[1][2:] == (0.8, 0.1)
