"""Detectors by name: every one that can be configured, and room for all that they can find."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from seeds import seeds

from stream.config.monitor import MonitorSection
from stream.monitor.events import Detector
from stream.monitor.level_detectors import METHODS, ROW, LevelDetector
from stream.monitor.parameters import MonitorParameters

# Something is found as soon as it may be.
PARAMETERS = MonitorParameters(
    adwin_delta=0.999,
    page_hinkley_values_min=1,
    page_hinkley_delta=0.0,
    page_hinkley_threshold=1e-12,
    kswin_alpha=1.0,
    kswin_window=2,
    kswin_newest=1,
)


def test_what_can_be_configured_is_what_there_is() -> None:
    (names, _) = get_args(MonitorSection.model_fields["level_detectors"].annotation)
    assert list(get_args(names)) == list(METHODS)
    detectors = {each.detector for each in METHODS.values()}
    assert detectors == set(Detector) - {Detector.PSI}


@pytest.mark.parametrize("name", METHODS)
@seeds(3)
def test_there_is_room_for_every_change_however_the_values_are_cut(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    detector, found, seen = LevelDetector(name, 2, PARAMETERS), [], 0
    while seen < 2000:
        n = int(rng.integers(1, 70))
        # The mean jumps every few hundred values.
        values = rng.normal(1000.0 * (seen // 300 % 2), 1.0, n)
        lines = detector.observe(1, values)
        # A full array would have been written behind its end.
        assert len(lines) <= lines.base.shape[0]
        assert lines.base.shape[0] <= n + 1
        found += (seen + lines[:, ROW]).tolist()
        seen += n
    assert found == sorted(set(found))
    assert len(found) > 3
