"""Drifts in words: what, how far, and who noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stream.monitor.events import Detector, DriftEvent
from stream.page.drift_said import said_of

NAN = float("nan")
DRIFT = DriftEvent("amount", Detector.PSI, True, 1, 2, 0.314, 0.052, 0.001, 0.1, 0.2, 500, 3500)


def test_the_index_stands_beside_what_it_stays_below() -> None:
    assert said_of(DRIFT) == "amount drifts: PSI 0.31, without a drift below 0.05"
    assert said_of(replace(DRIFT, drifted=False)) == "amount is as in the reference again"


@pytest.mark.parametrize(
    ("detector", "said"),
    [
        (Detector.ADWIN, "the mean of error went FROM"),
        (Detector.PAGE_HINKLEY, "the mean of error went FROM (Page-Hinkley)"),
        (
            Detector.KSWIN,
            "the newest of error are not as shortly before: their mean went FROM (KSWIN)",
        ),
    ],
)
def test_of_a_mean_it_is_said_where_it_went_and_who_noticed(detector: Detector, said: str) -> None:
    drift = replace(DRIFT, subject="error", detector=detector, reference_value=0.05214)
    assert said_of(drift) == said.replace("FROM", "from 0.0521 to 0.314")


def test_every_detector_has_words() -> None:
    assert all(said_of(replace(DRIFT, detector=detector)) for detector in Detector)
