"""What a monitor says: something has drifted, or does so no longer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Detector(IntEnum):
    """Who noticed."""

    PSI = 1
    ADWIN = 2
    PAGE_HINKLEY = 3
    KSWIN = 4


@dataclass(frozen=True)
class DriftEvent:
    """A drift that begins or is over.

    Attributes
    ----------
    subject : str
        A feature, ``score``, or ``error``.
    detector : Detector
    drifted : bool
        False: it is as in the reference again.
    since_us : int
        Event time from which on it shows.
    detected_us : int
        Event time at which it was noticed.
    value, reference_value : float
        The population stability index, and what it stays below 95 times in 100 without a drift;
        of other detectors the mean now, and before.
    p_value, kolmogorov_smirnov : float
        Of `PSI` and `KSWIN`; NaN of other detectors.
    jensen_shannon : float
        NaN of other detectors than `PSI`.
    rows, reference_rows : int
        That were compared.
    """

    subject: str
    detector: Detector
    drifted: bool
    since_us: int
    detected_us: int
    value: float
    reference_value: float
    p_value: float
    jensen_shannon: float
    kolmogorov_smirnov: float
    rows: int
    reference_rows: int
