"""Levels of scores and errors: River's own detectors, value by value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from river import drift
from seeds import seeds

from models.states.snapshot import State, pack
from schemas.errors import SnapshotError
from stream.monitor.events import Detector
from stream.monitor.levels import ERROR, SCORE, Levels
from stream.monitor.parameters import MonitorParameters


def values_of(rng: np.random.Generator) -> np.ndarray:
    # Changes of very different size: more than one is seen, whatever the seed.
    pieces = [(1, 20, 2000), (1, 8, 500), (1, 1, 500), (1, 4, 500)]
    values = np.concatenate([rng.beta(a, b, rows) for a, b, rows in pieces])
    values[rng.random(3500) < 0.05] = np.nan
    return values


@seeds(3)
def test_the_first_change_is_rivers_and_its_time_is_that_of_its_payment(seed: int) -> None:
    values = values_of(np.random.default_rng(seed))
    times_us = np.arange(len(values)) * 1_000
    rules = MonitorParameters(adwin_delta=1e-5, adwin_change_min=0.0)
    found = Levels(rules).observe(SCORE, values, times_us)
    river, first = drift.ADWIN(delta=1e-5), None
    for at, value in enumerate(values.tolist()):
        if not np.isnan(value):
            river.update(value)
            if river.drift_detected:
                first = at
                break
    assert first is not None
    assert first > 1900
    assert found[0].detected_us == times_us[first]
    assert (found[0].subject, found[0].detector) == ("score", Detector.ADWIN)
    assert found[0].value == pytest.approx(river.estimation)
    assert found[0].reference_value < found[0].value
    assert found[0].rows == river.width


@seeds(3)
def test_cuts_of_the_stream_change_nothing_and_subjects_are_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, times_us = values_of(rng), np.arange(3500)
    rules = MonitorParameters(adwin_delta=0.5, adwin_change_min=0.0)
    whole, parts = Levels(rules), Levels(rules)
    said = repr(whole.observe(ERROR, values, times_us))
    events = []
    for part, times in zip(np.array_split(values, 40), np.array_split(times_us, 40), strict=True):
        parts.observe(SCORE, np.ascontiguousarray(part[::-1]), times)
        events += parts.observe(ERROR, part, times)
        kept = Levels(rules)
        kept.restore(parts.state())
        parts = kept
    assert repr(events) == said
    assert len(events) > 1


@seeds(2)
def test_small_changes_are_no_drift_and_errors_are_noticed_when_they_become_known(
    seed: int,
) -> None:
    values, times_us = values_of(np.random.default_rng(seed)), np.arange(3500)
    every = Levels(MonitorParameters(adwin_delta=0.5, adwin_change_min=0.0))
    all_of_them = every.observe(ERROR, values, times_us, now_us=9_000)
    changes = [abs(each.value / each.reference_value - 1.0) for each in all_of_them]
    # Between two of them, so that rounding decides nothing.
    limit = (min(changes) + max(changes)) / 2
    large = Levels(MonitorParameters(adwin_delta=0.5, adwin_change_min=limit))
    found = large.observe(ERROR, values, times_us, now_us=9_000)
    kept = [each for each, change in zip(all_of_them, changes, strict=True) if change >= limit]
    assert repr(found) == repr(kept)
    assert 0 < len(found) < len(all_of_them)
    assert {each.detected_us for each in found} == {9_000}
    assert all(0 <= each.since_us < 3500 for each in found)


RULES = {
    "adwin": {"adwin_delta": 0.5, "adwin_change_min": 0.0},
    "page_hinkley": {"page_hinkley_threshold": 3.0},
    "kswin": {"kswin_alpha": 5e-3, "kswin_window": 60, "kswin_newest": 20},
}
ALL = MonitorParameters(
    level_detectors=tuple(RULES),
    **{name: value for each in RULES.values() for name, value in each.items()},
)
RIVERS = {
    "page_hinkley": lambda: drift.PageHinkley(threshold=3.0),
    "kswin": lambda: drift.KSWIN(alpha=5e-3, window_size=60, stat_size=20, seed=1),
}


@pytest.mark.parametrize("name", RIVERS)
@seeds(3)
def test_the_others_are_rivers_at_every_value(name: str, seed: int) -> None:
    values, times_us = values_of(np.random.default_rng(seed)), np.arange(3500) * 1_000
    found = Levels(replace(ALL, level_detectors=(name,))).observe(SCORE, values, times_us)
    river, expected = RIVERS[name](), []
    for time_us, value in zip(times_us.tolist(), values.tolist(), strict=True):
        if not np.isnan(value):
            river.update(value)
            if river.drift_detected:
                expected.append((time_us, river.p_value if name == "kswin" else None))
    said = [
        (each.detected_us, each.p_value if name == "kswin" else None)
        for each in found
        if each.detector.name == name.upper()
    ]
    assert said == expected
    assert len(said) == len(found) >= 1


@seeds(3)
def test_page_hinkley_says_what_the_mean_was_and_what_it_became(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(0.1, 0.02, 800), rng.normal(0.6, 0.02, 200)])
    rules = replace(ALL, level_detectors=("page_hinkley",), page_hinkley_delta=0.05)
    (first, *_) = Levels(rules).observe(SCORE, values, np.arange(1000))
    assert first.detector is Detector.PAGE_HINKLEY
    assert abs(first.reference_rows - 800) < 10
    before, since = np.split(values[: first.detected_us + 1], [first.reference_rows])
    assert first.reference_value == pytest.approx(before.mean(), abs=1e-12)
    assert first.value == pytest.approx(since.mean(), abs=1e-12)
    # All values until then are one side or the other.
    assert first.rows + first.reference_rows == first.detected_us + 1
    assert np.isnan([first.p_value, first.jensen_shannon, first.kolmogorov_smirnov]).all()


@seeds(2)
def test_several_say_in_the_order_of_values_what_each_says_alone(seed: int) -> None:
    values, times_us = values_of(np.random.default_rng(seed)), np.arange(3500)
    together = Levels(ALL).observe(ERROR, values, times_us)
    alone = []
    for name in RULES:
        alone += Levels(replace(ALL, level_detectors=(name,))).observe(ERROR, values, times_us)
    assert repr(sorted(together, key=repr)) == repr(sorted(alone, key=repr))
    assert {each.detector for each in together} == set(Detector) - {Detector.PSI}
    assert [each.since_us for each in together] == sorted(each.since_us for each in together)
    assert Levels(replace(ALL, level_detectors=())).observe(ERROR, values, times_us) == []


@seeds(2)
def test_cuts_and_restarts_change_nothing_for_any(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, times_us = values_of(rng), np.arange(3500)
    whole, parts, events = Levels(ALL), Levels(ALL), []
    cuts = np.sort(rng.integers(0, 3500, 30))
    for part, times in zip(np.split(values, cuts), np.split(times_us, cuts), strict=True):
        events += parts.observe(ERROR, part, times)
        kept = Levels(ALL)
        kept.restore(parts.state())
        parts = kept
    assert repr(events) == repr(whole.observe(ERROR, values, times_us))


@seeds(2)
def test_a_state_of_before_there_were_others_is_taken_up(seed: int) -> None:
    values, times_us = values_of(np.random.default_rng(seed)), np.arange(3500)
    alone = replace(ALL, level_detectors=("adwin",))
    before = Levels(alone)
    before.observe(ERROR, values[:1000], times_us[:1000])
    state = before.state().parts["adwin"]
    assert state.kind == "adwin/1"
    expected = before.observe(ERROR, values[1000:], times_us[1000:])
    for rules in (alone, ALL):
        after = Levels(rules)
        after.restore(state)
        found = after.observe(ERROR, values[1000:], times_us[1000:])
        assert repr([e for e in found if e.detector is Detector.ADWIN]) == repr(expected)
    assert expected
    Levels(replace(ALL, level_detectors=("kswin",))).restore(state)


@pytest.mark.parametrize("changed", ["adwin", "page_hinkley", "kswin"])
def test_under_other_parameters_a_detector_begins_anew_and_the_others_go_on(
    changed: str,
) -> None:
    values, times_us = values_of(np.random.default_rng(1)), np.arange(3500)
    other = {
        "adwin": {"adwin_delta": 0.1},
        "page_hinkley": {"page_hinkley_delta": 0.01},
        "kswin": {"kswin_window": 70},
    }
    rules = replace(ALL, **other[changed])
    lived = Levels(ALL)
    lived.observe(SCORE, values[:1500], times_us[:1500])
    found, fresh = Levels(rules), Levels(rules)
    found.restore(lived.state())
    parts, anew, kept = found.state().parts, fresh.state().parts, lived.state().parts
    for name in RULES:
        assert pack(parts[name]) == pack(anew[name] if name == changed else kept[name])


def test_a_damaged_state_changes_nothing() -> None:
    values, times_us = values_of(np.random.default_rng(1)), np.arange(3500)
    lived, own = Levels(ALL), Levels(ALL)
    lived.observe(SCORE, values, times_us)
    own.observe(SCORE, values[::-1].copy(), times_us)
    before, state = pack(own.state()), lived.state()
    state.parts["kswin"].arrays["counters"][0, 0] = 10**6
    with pytest.raises(SnapshotError, match="kswin/1"):
        own.restore(state)
    with pytest.raises(SnapshotError, match="levels/1"):
        own.restore(State("distributions/1"))
    assert pack(own.state()) == before
