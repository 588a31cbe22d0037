"""Days beside the days of the reference, by other people's rules and by ours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from inputs.drift_streams import A_DAY, watched
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, wasserstein_distance

from benchmarks.drift import windows
from benchmarks.drift.plan import DAY_US, REFERENCE_DAYS, REFERENCE_FROM, WATCHED_FROM
from benchmarks.drift.watching import Alarm
from stream.monitor.groups import Groups
from stream.monitor.parameters import MonitorParameters

AT = WATCHED_FROM + 5
PARAMETERS = MonitorParameters(
    window_us=DAY_US, reference_windows=REFERENCE_DAYS, warm_up_us=REFERENCE_FROM * DAY_US
)


@pytest.fixture(scope="module")
def grown() -> windows.Days:
    return windows.Days(watched(at_day=AT, factor=2.0))


def test_days_have_their_own_rows_and_no_calendar(grown: windows.Days) -> None:
    assert grown.columns == ("amount", "terminal.count_1d_delay_7d", "score")
    assert grown.numbers == list(range(WATCHED_FROM, 90))
    whole = watched(at_day=AT, factor=2.0)
    rows = slice(WATCHED_FROM * A_DAY, (WATCHED_FROM + 1) * A_DAY)
    expected = np.column_stack([whole.features[rows][:, [0, 2]], whole.scores[rows]])
    assert np.array_equal(grown.values(WATCHED_FROM), expected)
    assert grown.counts(WATCHED_FROM, 3).sum(axis=1).tolist() == [3 * A_DAY] * 3


def test_what_grows_is_called_drifted_from_its_first_day_on(grown: windows.Days) -> None:
    said = windows.said_by(grown)
    first = grown.numbers.index(AT)
    for name in ("PSI > 0.1", "PSI > 0.25", "Evidently's defaults, a column"):
        assert said[name][first:, 0].all(), name
        assert not said[name][:first, 0].any(), name
        assert not said[name][:, 1].any(), name
    # Two columns of three, half of them and more.
    assert said[windows.DATA_SET][first:].all()
    assert not said[windows.DATA_SET][:first].any()
    p_said = said["chi-squared at 5 %"]
    assert p_said[first:, 0].all()


def test_the_plain_test_is_scipys(grown: windows.Days) -> None:
    histograms = grown.counts(REFERENCE_FROM, REFERENCE_DAYS)
    groups = Groups(histograms)
    reference, current = groups.fold(histograms), groups.fold(grown.counts(WATCHED_FROM))
    own = windows._p_values(reference, current)
    for column in range(len(grown.columns)):
        table = np.stack([reference[column], current[column]])
        table = table[:, table.sum(axis=0) > 0]
        assert own[column] == pytest.approx(chi2_contingency(table, correction=False).pvalue)


def test_distances_are_those_of_evidentlys_defaults() -> None:
    random = np.random.default_rng(3)
    reference = np.append(random.normal(5.0, 2.0, 5_000), np.nan)
    current = np.append(random.normal(5.3, 2.0, 1_500), np.nan)
    expected = wasserstein_distance(reference[:-1], current[:-1]) / reference[:-1].std()
    assert windows._distance(reference, current) == pytest.approx(expected)
    few, other = random.integers(0, 5, 4_000).astype(float), np.repeat([0.0, 1.0, 9.0], 500)
    shares = [[(it == value).mean() for value in (0, 1, 2, 3, 4, 9)] for it in (few, other)]
    assert windows._distance(few, other) == pytest.approx(float(jensenshannon(*shares)))
    assert windows._distance(np.full(9, np.nan), other) == 0.0


def test_an_alarm_is_a_beginning_said_when_the_day_is_over(grown: windows.Days) -> None:
    said = np.zeros((len(grown.numbers), 3), np.bool_)
    said[0, 0] = said[3:5, 1] = said[6, 1] = True
    assert windows.alarms(grown, said) == [
        Alarm(WATCHED_FROM + 1.0, "amount"),
        Alarm(WATCHED_FROM + 4.0, "terminal.count_1d_delay_7d"),
        Alarm(WATCHED_FROM + 7.0, "terminal.count_1d_delay_7d"),
    ]
    said[:, :] = said[:, 1:2]
    days = [alarm.day for alarm in windows.alarms(grown, said, whole=True)]
    assert days == [WATCHED_FROM + 4.0, WATCHED_FROM + 7.0]


def test_our_own_comparison_finds_what_grows_and_nothing_before() -> None:
    found = windows.by_parameters(watched(at_day=AT, factor=2.0), PARAMETERS)
    assert {alarm.subject for alarm in found} == {"amount", "score"}
    assert min(found).day == AT + 1
    assert windows.by_parameters(watched(), PARAMETERS) == []
    blunt = replace(PARAMETERS, psi_min=50.0)
    assert windows.by_parameters(watched(at_day=AT, factor=2.0), blunt) == []
