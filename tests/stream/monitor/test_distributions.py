"""Windows beside their reference: what is called a drift, since when, and what is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from seeds import seeds

from models.states.snapshot import State
from schemas.errors import SnapshotError
from stream.monitor.distributions import Distributions
from stream.monitor.events import Detector
from stream.monitor.parameters import MonitorParameters

HOUR_US = 3_600_000_000
PARAMETERS = MonitorParameters(window_us=HOUR_US, reference_windows=5, rows_min=100)
NAMES = ("amount", "count", "ratio")


def rows(rng: np.random.Generator, n: int = 400, shift: float = 0.0) -> np.ndarray:
    values = np.stack([rng.lognormal(3 + shift, 1, n), rng.poisson(4, n), rng.normal(size=n)], 1)
    values[rng.random((n, 3)) < 0.05] = np.nan
    return np.ascontiguousarray(values, np.float64)


def at_hour(hour: int) -> int:
    return 1_000 * HOUR_US + hour * HOUR_US


def play(watch: Distributions, rng: Any, hours: range, shift: float = 0.0) -> list[Any]:
    """Give it an hour at a time."""
    events = []
    for hour in hours:
        watch.observe(rows(rng, shift=shift))
        events += watch.advance(at_hour(hour + 1))
    return events


def begun(rules: MonitorParameters = PARAMETERS) -> Distributions:
    watch = Distributions(NAMES, rules)
    watch.advance(at_hour(0))
    return watch


@seeds(3)
def test_what_drifts_is_found_when_its_first_window_is_over_and_what_does_not_is_not(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    watch = begun()
    assert play(watch, rng, range(5)) == []
    assert watch.reference is not None
    assert (watch.reference.rows, watch.reference.began_us) == (2000, at_hour(0))
    # Of a hundred streams one has a false alarm, which is over with the next window.
    assert len(play(watch, rng, range(5, 15))) <= 2
    since = 15
    while watch.drifted[0]:
        play(watch, rng, range(since, since + 1))
        since += 1
    (found,) = of_amount(play(watch, rng, range(since, since + 5), shift=0.8))
    assert (found.detector, found.drifted) == (Detector.PSI, True)
    assert (found.since_us, found.detected_us) == (at_hour(since), at_hour(since + 1))
    assert found.value > max(found.reference_value, PARAMETERS.psi_min)
    assert found.p_value < PARAMETERS.false_alarms
    assert (found.rows, found.reference_rows) == (400, 2000)
    assert watch.drifted[0]
    (over,) = of_amount(play(watch, rng, range(since + 5, since + 7)))
    assert (over.drifted, over.since_us) == (False, at_hour(since))
    assert not watch.drifted[0]


def of_amount(events: list[Any]) -> list[Any]:
    """Return the events about the amount; of other columns there are few, and false ones."""
    found = [each for each in events if each.subject == "amount"]
    assert len(events) - len(found) <= 2
    return found


def test_the_share_without_a_value_can_drift_too() -> None:
    rng = np.random.default_rng(1)
    watch = begun()
    play(watch, rng, range(6))
    values = rows(rng)
    values[rng.random(400) < 0.4, 2] = np.nan
    watch.observe(values)
    (found,) = watch.advance(at_hour(7))
    assert found.subject == "ratio"
    compared = watch.compare()
    assert compared is not None
    assert compared.missing_reference[2] == pytest.approx(0.05, abs=0.02)


def test_values_that_nobody_saw_are_told() -> None:
    rng = np.random.default_rng(1)
    watch = begun()
    play(watch, rng, range(6))
    values = np.full((300, 3), 3.0)
    values[:150, 1] = 77.0
    watch.observe(values)
    compared = watch.compare()
    assert compared is not None
    assert compared.unseen[1] == 0.5


@seeds(2)
def test_a_small_change_of_many_payments_is_sure_and_no_drift(seed: int) -> None:
    rng = np.random.default_rng(seed)
    watch = begun()
    for hour in range(6):
        watch.observe(rows(rng, 20_000))
        watch.advance(at_hour(hour + 1))
    watch.observe(rows(rng, 20_000, shift=0.1))
    compared = watch.compare()
    assert compared is not None
    assert compared.p_value[0] < 1e-6
    assert compared.psi[0] < PARAMETERS.psi_min
    assert watch.advance(at_hour(7)) == []


def test_a_window_goes_on_until_it_has_enough_payments() -> None:
    rng = np.random.default_rng(1)
    watch = begun()
    for hour in range(4):
        watch.observe(rows(rng, 30))
        watch.advance(at_hour(hour + 1))
    assert watch.rows == 0
    assert watch.from_us == at_hour(4)


def test_nothing_counts_before_features_have_filled_their_windows() -> None:
    watch = begun(MonitorParameters(HOUR_US, 5, warm_up_us=3 * HOUR_US, rows_min=100))
    rng = np.random.default_rng(1)
    play(watch, rng, range(7), shift=2.0)
    assert watch.reference is None
    play(watch, rng, range(7, 8))
    assert watch.reference is not None
    assert watch.reference.began_us == at_hour(3)


def same(one: Distributions, other: Distributions) -> bool:
    left, right = one.state(), other.state()
    return left.header == right.header and all(
        np.array_equal(left.arrays[name], right.arrays[name], equal_nan=True)
        for name in left.arrays.keys() | right.arrays.keys()
    )


@seeds(3)
def test_what_goes_on_from_a_state_says_what_it_would_have_said(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = begun()
    for hour in range(9):
        other = Distributions(NAMES, PARAMETERS)
        other.restore(one.state())
        assert same(one, other)
        drawn = rows(rng, shift=0.8 * (hour > 6))
        one.observe(drawn)
        parts = np.array_split(drawn, [1, 50, 51])
        for part in parts:
            other.observe(np.ascontiguousarray(part))
        assert one.advance(at_hour(hour + 1)) == other.advance(at_hour(hour + 1))
        assert same(one, other)
        one = other


@pytest.mark.parametrize(
    "rules",
    [
        MonitorParameters(window_us=2 * HOUR_US, reference_windows=5),
        MonitorParameters(window_us=HOUR_US, reference_windows=6),
        MonitorParameters(window_us=HOUR_US, reference_windows=5, reference="after the release"),
    ],
)
def test_under_other_parameters_a_reference_is_begun_anew(rules: MonitorParameters) -> None:
    watch = begun()
    play(watch, np.random.default_rng(1), range(6))
    other = Distributions(NAMES, rules)
    other.restore(watch.state())
    assert other.reference is None
    assert same(other, Distributions(NAMES, rules))


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("places", lambda places: places[::-1]),
        ("places", lambda places: places + 10**9),
        ("counts", lambda counts: -counts),
        ("counts", lambda counts: counts[1:]),
        ("factor", lambda factor: factor * 0.0),
        ("since_us", lambda since_us: since_us[1:]),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(name: str, spoil: Any) -> None:
    watch = begun()
    play(watch, np.random.default_rng(1), range(6))
    kept = watch.state()
    arrays = {**kept.arrays, name: spoil(kept.arrays[name])}
    other = begun()
    before = other.state()
    with pytest.raises(SnapshotError):
        other.restore(State(kept.kind, kept.header, arrays))
    assert other.state().header == before.header
    assert not other.rows
