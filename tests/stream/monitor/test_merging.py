"""Monitors of parts of a stream, together, are that of the whole of it."""

from __future__ import annotations

import numpy as np
import pytest
from seeds import seeds

from stream.monitor.distributions import Distributions
from stream.monitor.merging import Merged, merged_quality
from stream.monitor.parameters import MonitorParameters
from stream.monitor.quality import Quality

HOUR_US = 3_600_000_000
NAMES = ("amount", "channel")
PARAMETERS = MonitorParameters(
    window_us=HOUR_US, reference_windows=3, rows_min=10, quality_windows=4, segments=("channel",)
)


@seeds(3)
def test_distributions_are_those_of_the_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts, whole = (
        [Distributions(NAMES, PARAMETERS) for _ in range(3)],
        Distributions(NAMES, PARAMETERS),
    )
    for hour in range(7):
        for part in parts:
            values = rng.normal(2.0 * (hour > 4), 1.0, (200, 2))
            part.observe(values)
            whole.observe(values)
        if hour < 6:
            for each in (*parts, whole):
                each.advance(hour * HOUR_US)
    merged = Merged(parts)
    assert (merged.rows, merged.from_us) == (whole.rows, whole.from_us)
    assert merged.reference is not None
    assert whole.reference is not None
    assert merged.reference.rows == whole.reference.rows
    found, expected = merged.compare(), whole.compare()
    assert found is not None
    assert expected is not None
    # The groups are the same ones, as they depend on all rows of the reference together.
    for name in ("psi", "jensen_shannon", "kolmogorov_smirnov", "missing", "unseen"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), nan_ok=True), name
    assert (found.p_value < 1e-3).all()
    assert (merged.since_us > 0).all()


def test_one_that_has_no_reference_yet_adds_none() -> None:
    rng = np.random.default_rng(1)
    old, new = Distributions(NAMES, PARAMETERS), Distributions(NAMES, PARAMETERS)
    for hour in range(5):
        old.observe(rng.normal(size=(50, 2)))
        old.advance(hour * HOUR_US)
    merged = Merged([old, new])
    assert old.reference is not None
    assert merged.reference is old.reference
    assert Merged([new]).compare() is None
    assert (merged.since_us == -1).all()


@seeds(3)
def test_quality_is_that_of_the_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts, whole = [Quality(NAMES, PARAMETERS) for _ in range(3)], Quality(NAMES, PARAMETERS)
    for hour in range(6):
        for at, part in enumerate(parts):
            # The parts do not see all of the values, nor all of the windows.
            features = np.stack([rng.normal(size=30), rng.integers(at, at + 8, 30) * 1.0], 1)
            times_us = rng.integers((hour + at) * HOUR_US, (hour + at + 1) * HOUR_US, 30)
            scores = rng.random(30)
            amounts = rng.integers(0, 100, 30)
            for each in (part, whole):
                each.note(features, times_us, amounts, scores, scores > 0.5)
    found = merged_quality(parts)
    latest = found.windows()[-1]
    assert latest.decisions == 30
    for ours, theirs in zip(found.segments(), whole.segments(), strict=True):
        assert ours == theirs
    remembered = {window.from_us: window.decisions for window in whole.windows()}
    for window in found.windows()[-2:]:
        assert window.decisions == remembered[window.from_us]
    assert merged_quality(parts[:1]) is parts[0]
