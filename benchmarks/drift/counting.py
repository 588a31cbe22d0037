"""From alarms to figures: false ones a month, what is found, and how soon."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.drift.plan import AFFECTED, HORIZON_DAYS, WATCHED_FROM
from benchmarks.drift.watching import Alarm
from stream.simulate.drifts import DriftKind

UNDRIFTED, PUBLISHED = "undrifted", "published"


def delay_of(alarms: Iterable[Alarm], kind: DriftKind, at_day: float) -> float | None:
    """Return the days from a drift to the first alarm about what it changes; None: not found.

    An alarm about all columns at once is about these too.
    """
    beginnings = (*AFFECTED[kind], "all")
    delays = [
        alarm.day - at_day
        for alarm in alarms
        if at_day < alarm.day <= at_day + HORIZON_DAYS and alarm.subject.startswith(beginnings)
    ]
    return min(delays, default=None)


def counted(
    alarms: Sequence[Alarm],
    *,
    at_day: float,
    months: float,
    share_of_days: float | None = None,
    since_day: float = WATCHED_FROM,
) -> dict[str, Any]:
    """Return the figures of one method on one stream, as JSON takes them.

    Parameters
    ----------
    alarms : sequence of Alarm
    at_day : float
        When the drift begins, or would.
    months : float
        In which the alarms were raised.
    share_of_days : float, optional
        On which something was called drifted, of methods that say so every day.
    since_day : float
        Alarms until then do not count: there is no reference.
    """
    late = [alarm for alarm in alarms if alarm.day > since_day]
    delays = {kind.value: delay_of(late, kind, at_day) for kind in DriftKind}
    return {
        "alarms": len(late),
        "subjects": dict(sorted(Counter(alarm.subject for alarm in late).items())),
        "months": round(months, 4),
        "share_of_days": None if share_of_days is None else round(share_of_days, 4),
        "delays": {kind: None if it is None else round(it, 3) for kind, it in delays.items()},
    }


def summary_of(streams: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what each method comes to over all streams, in their order.

    Parameters
    ----------
    streams : sequence of mapping
        Each with ``name``, ``seed`` and ``methods``, a mapping of names to what `counted` says.
    """
    calm = [it["methods"] for it in streams if it["name"] == UNDRIFTED]
    published = [it["methods"] for it in streams if it["name"] == PUBLISHED]
    rows = []
    for method in calm[0]:
        own = [it[method] for it in calm]
        row = {
            "method": method,
            "alarms_a_month": _a_month(own),
            "alarms_a_month_published": _a_month([it[method] for it in published]),
            "share_of_days": _mean(it["share_of_days"] for it in own),
            "drifts": {},
        }
        for kind in DriftKind:
            drifted = [it["methods"][method] for it in streams if it["name"] == kind.value]
            row["drifts"][kind.value] = _found(kind, drifted, own)
        rows.append(row)
    return rows


def _found(
    kind: DriftKind, drifted: Sequence[Mapping[str, Any]], calm: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Say in how many runs a drift was found, and in how many there was such an alarm anyway."""
    delays = [it["delays"][kind.value] for it in drifted]
    found = [delay for delay in delays if delay is not None]
    return {
        "runs": len(delays),
        "found": len(found),
        "median_days": statistics.median(found) if found else None,
        "longest_days": max(found, default=None),
        "without_drift": sum(it["delays"][kind.value] is not None for it in calm),
    }


def _a_month(counts: Sequence[Mapping[str, Any]]) -> float | None:
    months = sum(it["months"] for it in counts)
    return round(sum(it["alarms"] for it in counts) / months, 3) if months else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.fmean(known), 4) if known else None
