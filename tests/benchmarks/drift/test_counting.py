"""From alarms to figures."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.drift.counting import counted, delay_of, summary_of
from benchmarks.drift.plan import HORIZON_DAYS, WATCHED_FROM
from benchmarks.drift.watching import Alarm
from stream.simulate.drifts import DriftKind

AT = WATCHED_FROM + 10


def test_a_drift_is_found_by_the_first_alarm_about_what_it_changes() -> None:
    alarms = [
        Alarm(AT + 5.0, "amount"),
        Alarm(AT + 3.0, "customer.amount_mean_7d"),
        Alarm(AT + 1.0, "terminal.count_1d_delay_7d"),
        Alarm(AT - 1.0, "amount"),
    ]
    assert delay_of(alarms, DriftKind.COVARIATE, AT) == 3.0
    assert delay_of(alarms, DriftKind.MISSING, AT) == 1.0
    assert delay_of(alarms, DriftKind.CONCEPT, AT) is None
    assert delay_of([*alarms, Alarm(AT + 2.0, "all")], DriftKind.CONCEPT, AT) == 2.0


def test_an_alarm_at_the_moment_of_the_drift_or_after_the_horizon_does_not_find_it() -> None:
    assert delay_of([Alarm(AT, "amount")], DriftKind.COVARIATE, AT) is None
    late = AT + HORIZON_DAYS
    assert delay_of([Alarm(late, "amount")], DriftKind.COVARIATE, AT) == HORIZON_DAYS
    assert delay_of([Alarm(late + 0.1, "amount")], DriftKind.COVARIATE, AT) is None


def test_alarms_count_once_there_is_a_reference() -> None:
    alarms = [Alarm(day, "score") for day in (1.0, WATCHED_FROM, WATCHED_FROM + 0.5, AT + 1.0)]
    found = counted(alarms, at_day=AT, months=1.5, share_of_days=0.25)
    assert found["alarms"] == 2
    assert found["subjects"] == {"score": 2}
    assert (found["months"], found["share_of_days"]) == (1.5, 0.25)
    assert found["delays"] == dict.fromkeys(DriftKind, 1.0)
    assert counted(alarms, at_day=AT, months=1.5, since_day=AT)["alarms"] == 1


def _stream(name: str, *days: float, months: float = 2.0) -> dict[str, Any]:
    alarms = [Alarm(day, "score") for day in days]
    return {
        "name": name,
        "methods": {"it": counted(alarms, at_day=AT, months=months, share_of_days=0.5)},
    }


def test_streams_are_summed_up_and_what_would_have_been_said_anyway_is_beside_it() -> None:
    streams = [
        _stream("published", AT + 1.0, months=4.0),
        _stream("undrifted", AT + 1.0, AT + 4.0),
        _stream("undrifted", AT - 1.0),
        _stream("prior", AT + 2.0),
        _stream("prior"),
        *(_stream(kind) for kind in ("covariate", "concept", "missing") for _ in range(2)),
    ]
    (row,) = summary_of(streams)
    assert row["method"] == "it"
    assert row["alarms_a_month"] == 3 / 4
    assert row["alarms_a_month_published"] == 1 / 4
    assert row["share_of_days"] == 0.5
    assert row["drifts"]["prior"] == {
        "runs": 2,
        "found": 1,
        "median_days": pytest.approx(2.0),
        "longest_days": pytest.approx(2.0),
        "without_drift": 1,
    }
    assert row["drifts"]["missing"]["found"] == 0
    assert row["drifts"]["missing"]["median_days"] is None
