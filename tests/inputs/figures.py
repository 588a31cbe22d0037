"""Figures of a worker that has everything: state, Redis, drift, every kind of count."""

from __future__ import annotations

import numpy as np

from stream.telemetry.figures import (
    FeatureDrift,
    Figures,
    Fill,
    Latency,
    ListStanding,
    ModelStanding,
    Phase,
    Redis,
    RuleHead,
    RulesStanding,
    Snapshots,
)
from stream.telemetry.latency_histogram import LatencyHistogram
from stream.telemetry.standing import COUNTS
from stream.telemetry.tally import SCORE_BOUNDS


def latency(*us: int) -> Latency:
    histogram = LatencyHistogram()
    histogram.record(np.array(us, np.int64))
    return Latency(histogram, float(sum(us)))


def full_figures() -> Figures:
    counts = {(name, *(f"a-{label}" for label in labels)): 3 for name, labels in COUNTS.items()}
    counts |= {("dlq", "wire", "too_short"): 2}
    return Figures(
        at_s=10.0,
        turned_s=9.5,
        phase=Phase.RUNNING,
        assigned=6,
        policy_version="abc123",
        records=100,
        decisions=60,
        labels=30,
        counts=counts,
        scores=tuple(range(len(SCORE_BOUNDS) + 1)),
        score_sum=12.5,
        scoring=latency(300, 700, 5_000_000),
        end_to_end=latency(1_500, 400_000_000),
        label_delay=latency(3_600_000_000),
        shared_delay=latency(2_000),
        training_delay=latency(3_000),
        adoption_delay=latency(4_000),
        lags={("payments", 0): 5, ("payments", 1): 7},
        watermark_us=1_000_000,
        threshold=0.4,
        budget=100.0,
        models=(
            ModelStanding("model", "forest", False, "disabled", True, 10),
            ModelStanding("simple", "logistic", True, "", False, 4),
        ),
        fills=(Fill("events", "", 5, 10), Fill("entities", "card", 2, 8)),
        snapshots=Snapshots(30.0, 1.5, 2.5, 0.01, 4096, 0),
        redis=Redis(False, 7.5),
        drift={"amount": FeatureDrift(0.3, True), "hour_sin": FeatureDrift(0.01, False)},
        rules=RulesStanding(
            (
                RuleHead("certain", "block", 1.0),
                RuleHead("tried", "review", 1.0),
                RuleHead("wild", "challenge", 0.25),
            ),
            np.array([0, 1, 2], np.int8),
            np.array([[12, 0, 0], [0, 55, 2], [301, 40, 0]]),
            np.array([[2, 0, 0], [0, 5, 1], [201, 30, 0]]),
        ),
        lists=(ListStanding("stolen", 120, 1000, 7), ListStanding("vip", 0, 10, 0)),
        snoozes=3,
    )
