"""A drift in a few words, beside a chart."""

from __future__ import annotations

from stream.monitor.events import Detector, DriftEvent

# ADWIN is who watches where nobody is named.
_BY = {Detector.ADWIN: "", Detector.PAGE_HINKLEY: " (Page-Hinkley)", Detector.KSWIN: " (KSWIN)"}


def said_of(drift: DriftEvent) -> str:
    """Return what has drifted, how far, and who noticed."""
    if not drift.drifted:
        return f"{drift.subject} is as in the reference again"
    if drift.detector is Detector.PSI:
        return (
            f"{drift.subject} drifts: PSI {drift.value:.2f}, "
            f"without a drift below {drift.reference_value:.2f}"
        )
    went = f"from {drift.reference_value:.3g} to {drift.value:.3g}{_BY[drift.detector]}"
    if drift.detector is Detector.KSWIN:
        return f"the newest of {drift.subject} are not as shortly before: their mean went {went}"
    return f"the mean of {drift.subject} went {went}"
