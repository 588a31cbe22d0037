"""The measures as plain values: what `fraudstream replay --json` writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stream.evaluation.daily import Quality, fading, quality
from stream.evaluation.handbook import Results, date
from stream.evaluation.ledger import DAY_US, Decisions
from stream.evaluation.reliability import Reliability

# Written with their largest whole unit.
_UNITS_US = {"d": DAY_US, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "us": 1}


def quality_report(
    decisions: Decisions, card: str, budget: int, half_lives_us: Sequence[int]
) -> dict[str, Any]:
    """Judge decisions and say how good they were.

    Parameters
    ----------
    decisions : Decisions
        All of them; those whose truth is not known are counted and left out.
    card : str
        Name of the entity whose keys are the cards.
    budget : int
        Alerts a day that can be looked at.
    half_lives_us : sequence of int
        Of the fading averages, microseconds.

    Returns
    -------
    dict
        ``whole`` and each of ``days`` have counts and measures, ``fading`` the averages of the
        days by half-life as of the last day, and each day those as of itself. A measure that
        is not defined, such as the recall of a day without frauds, is None.
    """
    judged = decisions.judged()
    found = quality(judged, budget)
    days: list[dict[str, Any]] = [
        {"day": date(day), **measures.counts(), **measures.shares(), "fading": {}}
        for day, measures in found.days
    ]
    last = {}
    for half_life_us in half_lives_us:
        name = duration(half_life_us)
        averages = _fading(found, half_life_us / DAY_US)
        for day, average in zip(days, averages, strict=True):
            day["fading"][name] = average
        last[name] = averages[-1] if averages else dict.fromkeys(found.whole.shares())
    whole = found.whole
    return {
        "card": card,
        "budget": budget,
        "judged": len(judged),
        "truth_unknown": len(decisions) - len(judged),
        "whole": {**whole.counts(), **whole.shares(), "reliability": _table(whole.calibration)},
        "fading": last,
        "days": days,
    }


def protocol_report(results: Results) -> dict[str, Any]:
    """Say how good decisions were by the Handbook's protocol; see `Results`."""
    folds = [
        {
            "first_test_day": date(fold.first_day),
            "payments": fold.payments,
            "frauds": fold.frauds,
            "unscored": fold.unscored,
            **fold.figures(),
            "cp100_kept": fold.cp100_kept,
        }
        for fold in results.folds
    ]
    return {
        "single": results.single.figures(),
        "folds_mean": results.mean(),
        "folds_std": results.std(),
        "folds": folds,
    }


def duration(us: int) -> str:
    """Write a duration as the configuration has it."""
    unit, unit_us = next(pair for pair in _UNITS_US.items() if us % pair[1] == 0)
    return f"{us // unit_us}{unit}"


def _fading(found: Quality, half_life: float) -> list[dict[str, float | None]]:
    """Return the fading averages of every measure as of each day."""
    days = np.array([day for day, _ in found.days], np.int64)
    shares = [measures.shares() for _, measures in found.days]
    columns = {
        name: fading(days, [each[name] for each in shares], half_life)
        for name in found.whole.shares()
    }
    return [{name: column[at] for name, column in columns.items()} for at in range(len(days))]


def _table(calibration: Reliability) -> list[dict[str, float]]:
    rows = zip(calibration.count, calibration.mean_score, calibration.fraud_rate, strict=True)
    return [
        {"payments": int(n), "mean_score": float(score), "fraud_rate": float(rate)}
        for n, score, rate in rows
    ]
