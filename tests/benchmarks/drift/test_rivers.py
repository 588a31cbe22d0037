"""River's detectors over scores and errors, each when it is known."""

from __future__ import annotations

import numpy as np
import pytest
from inputs.drift_streams import A_DAY, watched

from benchmarks.drift import rivers
from benchmarks.drift.plan import MATURITY_DAYS, WATCHED_FROM

AT = WATCHED_FROM + 5


def test_scores_are_known_at_once_and_errors_when_payments_are_mature() -> None:
    whole = watched()
    whole.scores[:A_DAY] = np.nan
    values, days = rivers.values_of(whole, "score")
    assert np.array_equal(values, whole.scores[A_DAY:])
    assert np.array_equal(days, whole.days[A_DAY:])
    values, days = rivers.values_of(whole, "error")
    mature = slice(A_DAY, (90 - MATURITY_DAYS) * A_DAY)
    assert np.array_equal(values, (whole.scores[mature] - whole.is_fraud[mature]) ** 2)
    assert np.array_equal(days, whole.days[mature] + MATURITY_DAYS)


@pytest.mark.parametrize("subject", rivers.SUBJECTS)
def test_adwin_finds_a_change_after_it_can_be_known(subject: str) -> None:
    found = rivers.by_detector(watched(at_day=AT, factor=3.0), "ADWIN", subject, AT)
    late = [alarm.day for alarm in found if alarm.day > WATCHED_FROM]
    known = AT + (MATURITY_DAYS if subject == "error" else 0)
    assert known < late[0] < known + 2
    assert {alarm.subject for alarm in found} == {subject}


def test_kswin_sees_the_days_about_a_drift_alone() -> None:
    found = rivers.by_detector(watched(), "KSWIN", "score", AT)
    first, behind = rivers.span_of("score", AT)
    assert behind - first == 2 * rivers.KSWIN_DAYS
    assert found
    assert all(first <= alarm.day < behind for alarm in found)
    assert rivers.span_of("error", AT) == (first + MATURITY_DAYS, behind + MATURITY_DAYS)
