"""Levels of scores and errors: River's own detector, value by value."""

from __future__ import annotations

import numpy as np
import pytest
from river import drift
from seeds import seeds

from stream.monitor.events import Detector
from stream.monitor.levels import ERROR, SCORE, Levels
from stream.monitor.rules import MonitorRules


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
    rules = MonitorRules(adwin_delta=1e-5, adwin_change_min=0.0)
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
    rules = MonitorRules(adwin_delta=0.5, adwin_change_min=0.0)
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
    every = Levels(MonitorRules(adwin_delta=0.5, adwin_change_min=0.0))
    all_of_them = every.observe(ERROR, values, times_us, now_us=9_000)
    changes = [abs(each.value / each.reference_value - 1.0) for each in all_of_them]
    # Between two of them, so that rounding decides nothing.
    limit = (min(changes) + max(changes)) / 2
    large = Levels(MonitorRules(adwin_delta=0.5, adwin_change_min=limit))
    found = large.observe(ERROR, values, times_us, now_us=9_000)
    kept = [each for each, change in zip(all_of_them, changes, strict=True) if change >= limit]
    assert repr(found) == repr(kept)
    assert 0 < len(found) < len(all_of_them)
    assert {each.detected_us for each in found} == {9_000}
    assert all(0 <= each.since_us < 3500 for each in found)
