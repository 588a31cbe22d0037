"""Quality by window and by segment, against plain loops over all payments."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from seeds import seeds

from models.states.snapshot import State
from schemas.errors import SnapshotError
from stream.monitor.parameters import MonitorParameters
from stream.monitor.quality import Quality, WindowQuality

HOUR_US = 3_600_000_000
NAMES = ("amount", "channel", "country")
PARAMETERS = MonitorParameters(
    window_us=HOUR_US, quality_windows=5, segments=("country", "channel")
)
START_US = 400_000 * HOUR_US


class Stream:
    """Payments as they come, and as they wait."""

    def __init__(self, rng: np.random.Generator, n: int = 600) -> None:
        hours = np.sort(rng.uniform(0, 7, n)) + rng.normal(0, 0.1, n)
        self.times_us = START_US + (np.maximum(hours, 0) * HOUR_US).astype(np.int64)
        self.amounts = rng.integers(0, 100_000, n)
        self.features = np.stack(
            [rng.normal(size=n), rng.integers(0, 30, n), rng.choice([1.0, 2.0, np.nan], n)], 1
        )
        self.scores = rng.random((n, 3)) ** 3
        self.scores[rng.random(n) < 0.1, 0] = np.nan
        self.outcomes = np.where(np.nan_to_num(self.scores[:, 0]) > 0.5, 1, 0).astype(np.int8)
        self.verdicts = (rng.random(n) < np.nan_to_num(self.scores[:, 0], nan=0.1)).astype(np.int8)

    def note(self, quality: Quality, rows: slice) -> None:
        quality.note(
            self.features[rows],
            self.times_us[rows],
            self.amounts[rows],
            np.ascontiguousarray(self.scores[rows, 0]),
            self.outcomes[rows] > 0,
        )


def ratio(some: float, of: float) -> float | None:
    return some / of if of > 0 else None


def naive_window(stream: Stream, rows: list[int], mature: set[int], from_us: int) -> WindowQuality:
    """Judge a window by the definition."""
    known = [r for r in rows if r in mature]
    open_ = [r for r in rows if r not in mature]
    alerted = {r for r in rows if stream.outcomes[r] > 0}
    frauds = {r for r in known if stream.verdicts[r]}
    said = {r: float(stream.scores[r, 0]) for r in rows if not math.isnan(stream.scores[r, 0])}
    money = stream.amounts.tolist()

    def expected(of: list[int], value: bool = False) -> float:
        return sum(said[r] * (money[r] if value else 1) for r in of if r in said)

    open_alerted = [r for r in open_ if r in alerted]
    return WindowQuality(
        from_us,
        from_us + HOUR_US,
        len(rows),
        len(alerted),
        len(known),
        sum(r in alerted for r in known),
        len(frauds),
        ratio(len(frauds & alerted), sum(r in alerted for r in known)),
        ratio(len(frauds & alerted), len(frauds)),
        ratio(sum(money[r] for r in frauds & alerted), sum(money[r] for r in frauds)),
        ratio(expected(known), sum(r in said for r in known)),
        ratio(len(frauds), len(known)),
        ratio(expected(open_alerted), len(open_alerted)),
        ratio(expected(open_alerted), expected(open_)),
        ratio(expected(open_alerted, True), expected(open_, True)),
    )


def play(stream: Stream, rng: np.random.Generator) -> tuple[Quality, set[int]]:
    """Note payments in pieces; every now and then some of those that came are mature."""
    quality, mature, waiting = Quality(NAMES, PARAMETERS), set(), SimpleNamespace(**vars(stream))
    cuts = sorted({0, len(stream.times_us), *rng.integers(0, len(stream.times_us), 20).tolist()})
    for start, stop in itertools.pairwise(cuts):
        stream.note(quality, slice(start, stop))
        ripe = [r for r in range(stop) if r not in mature and rng.random() < 0.1]
        quality.judge(waiting, np.array(ripe, np.int64))
        mature |= set(ripe)
    return quality, mature


@seeds(5)
def test_windows_are_what_plain_loops_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stream = Stream(rng)
    quality, mature = play(stream, rng)
    found = quality.windows()
    hours = stream.times_us // HOUR_US
    assert [window.from_us // HOUR_US for window in found] == sorted(set(hours.tolist()))[-5:]
    for window in found:
        rows = np.flatnonzero(hours == window.from_us // HOUR_US).tolist()
        expected = naive_window(stream, rows, mature, window.from_us)
        for got, right in zip(window, expected, strict=True):
            assert got == (None if right is None else pytest.approx(right, rel=1e-9)), window


@seeds(3)
def test_segments_are_what_plain_loops_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stream = Stream(rng)
    quality, mature = play(stream, rng)
    found = {(each.feature, each.value): each for each in quality.segments()}
    assert {value for feature, value in found if feature == "country"} == {"1", "2", "no value"}
    for text, wanted in (("1", 1.0), ("no value", math.nan)):
        rows = [
            r
            for r, value in enumerate(stream.features[:, 2].tolist())
            if value == wanted or (math.isnan(value) and math.isnan(wanted))
        ]
        segment, known = found["country", text], [r for r in rows if r in mature]
        genuine = [r for r in known if not stream.verdicts[r]]
        assert segment.decisions == len(rows)
        assert segment.mature == len(known)
        assert segment.false_positive_rate == pytest.approx(
            sum(stream.outcomes[r] > 0 for r in genuine) / len(genuine)
        )
    channels = [each for (feature, _), each in found.items() if feature == "channel"]
    # There are thirty, and room for sixteen.
    assert len(channels) == 17
    assert sum(each.decisions for each in channels) == len(stream.times_us)
    assert sum(each.mature for each in channels) == len(mature)


def test_what_is_too_old_to_be_remembered_writes_over_nothing() -> None:
    quality = Quality(NAMES, PARAMETERS)
    stream = Stream(np.random.default_rng(1))
    stream.note(quality, slice(None))
    before = quality.windows()
    stream.times_us[:] = START_US - HOUR_US
    stream.note(quality, slice(None))
    assert quality.windows() == before


@seeds(2)
def test_reliability_is_that_of_mature_payments(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stream = Stream(rng)
    quality, mature = play(stream, rng)
    rows = np.array(sorted(mature))
    scored = rows[~np.isnan(stream.scores[rows, 0])]
    assert quality.reliability.count.sum() == len(scored)
    assert quality.reliability.frauds.sum() == stream.verdicts[scored].sum()


@seeds(2)
def test_it_goes_on_from_its_state(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stream = Stream(rng)
    one, _ = play(stream, rng)
    other = Quality(NAMES, PARAMETERS)
    other.restore(one.state())
    for each in (one, other):
        stream.note(each, slice(300, None))
    assert one.windows() == other.windows()
    assert one.segments() == other.segments()


def test_under_other_parameters_it_begins_anew_and_a_damaged_state_is_refused() -> None:
    rng = np.random.default_rng(1)
    one, _ = play(Stream(rng), rng)
    other = Quality(NAMES, MonitorParameters(window_us=2 * HOUR_US, quality_windows=5))
    other.restore(one.state())
    assert other.windows() == []
    kept: Any = one.state()
    fresh = Quality(NAMES, PARAMETERS)
    used = State(
        kept.kind, kept.header, {**kept.arrays, "used": kept.arrays["used"] + 20}, kept.parts
    )
    with pytest.raises(SnapshotError, match="used"):
        fresh.restore(used)
    assert fresh.windows() == []
