"""Quality as the page shows it: windows, reliability, segments, contenders and their disputes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np

from models.prequential import Prequential
from models.reliability import Reliability
from stream.champion.contenders import Contender
from stream.monitor.monitor import Disagreement as Disputed
from stream.monitor.quality import Quality as Counted
from stream.page.board import (
    ContenderRow,
    Disagreement,
    Quality,
    QualityWindow,
    ReliabilityBin,
    Segment,
)
from stream.timed_learner import costs_of


def quality_shown(
    counted: Counted,
    maturity_us: int,
    watermark_us: int | None,
    budget: float,
    threshold: float,
) -> Quality:
    """Return the quality of a board.

    Parameters
    ----------
    counted : stream.monitor.quality.Quality
    maturity_us : int
    watermark_us : int or None
        Event time that the stream has come to.
    budget : float
        Alerts a day; 0: none is set.
    threshold : float
        The least score that is alerted.
    """
    return Quality(
        maturity_ms=maturity_us // 1000,
        horizon_ms=None if watermark_us is None else (watermark_us - maturity_us) // 1000,
        budget_per_day=budget or None,
        review_threshold=threshold,
        windows=[
            QualityWindow(
                from_ms=each.from_us // 1000,
                to_ms=each.to_us // 1000,
                decisions=each.decisions,
                alerts=each.alerts,
                mature=each.mature,
                mature_alerts=each.mature_alerts,
                frauds=each.frauds,
                precision=each.precision,
                recall=each.recall,
                value_recall=each.value_recall,
                calibration=_pair(each.said, each.was),
                estimated_precision=each.estimated_precision,
                estimated_recall=each.estimated_recall,
                estimated_value_recall=each.estimated_value_recall,
            )
            for each in counted.windows()
        ],
        reliability=_bins(counted.reliability),
    )


def segments_shown(counted: Counted) -> list[Segment]:
    """Return the segments of a board."""
    return [
        Segment(
            feature=each.feature,
            value=each.value,
            decisions=each.decisions,
            alerts=each.alerts,
            mature=each.mature,
            frauds=each.frauds,
            false_positive_rate=each.false_positive_rate,
            recall=each.recall,
            said=each.said,
            was=each.was,
        )
        for each in counted.segments()
    ]


def contenders_shown(
    shards: Sequence[Sequence[Contender]], slots: Sequence[tuple[int, str]]
) -> list[ContenderRow]:
    """Return the contenders of a board.

    Parameters
    ----------
    shards : sequence of sequence of Contender
        Those of each state, by slot.
    slots : sequence of (int, str)
        Slot and name of each, in the order in which they are shown.
    """
    rows = []
    for slot, name in slots:
        each = [contenders[slot] for contenders in shards]
        judged = reduce(add, (it.prequential for it in each), Prequential()).as_dict()
        costs = [costs_of(it.learner).get("predict_us") for it in each]
        known = [cost for cost in costs if cost is not None]
        rows.append(
            ContenderRow(
                name=name,
                ready=all(it.ready for it in each),
                judged=int(judged["judged"] or 0),
                precision=judged["precision"],
                recall=judged["recall"],
                log_loss=judged["log_loss"],
                brier=judged["brier"],
                calibration_error=judged["calibration_error"],
                predict_us=sum(known) / len(known) if known else None,
            )
        )
    return rows


def disagreements_shown(disputed: Sequence[Disputed], names: Sequence[str]) -> list[Disagreement]:
    """Return the disagreements of a board, the latest first; `names` are by slot."""
    latest = sorted(disputed, key=lambda each: each.time_us, reverse=True)
    return [
        Disagreement(
            time_ms=each.time_us // 1000,
            challenger=names[each.challenger],
            champion_score=each.champion_score,
            challenger_score=each.challenger_score,
        )
        for each in latest
    ]


def _bins(reliability: Reliability) -> list[ReliabilityBin]:
    used = np.flatnonzero(reliability.count)
    counts, said, was = (
        values[used].tolist()
        for values in (reliability.count, reliability.said, reliability.frauds)
    )
    return [
        ReliabilityBin(said=s / n, was=w / n, count=int(n))
        for n, s, w in zip(counts, said, was, strict=True)
    ]


def _pair(said: float | None, was: float | None) -> list[float] | None:
    return None if said is None or was is None else [said, was]
