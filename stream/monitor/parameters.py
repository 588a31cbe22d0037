"""What is watched, and from when on something is called a drift."""

from __future__ import annotations

from dataclasses import dataclass

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class MonitorParameters:
    """How drift is looked for, and how far back quality is remembered.

    Attributes
    ----------
    window_us : int
        Event time of a window: each is compared with the reference once it is over.
    reference_windows : int
        The reference is made of so many windows, 2 or more; how far they lie apart says what is
        no drift.
    warm_up_us : int
        Event time before the first of them, in which features fill their own windows.
    rows_min : int
        A window goes on until it has so many payments.
    reference : str
        A name: under another one a new reference is begun.
    psi_min : float
        A smaller population stability index is no drift, however certain.
    false_alarms : float
        Share of the features called drifted that may be called so wrongly.
    level_detectors : tuple of str
        Who watches scores and errors value by value: ``adwin``, ``page_hinkley``, ``kswin``.
    adwin_delta : float
        Significance of a cut that ADWIN makes in scores and errors.
    adwin_change_min : float
        A cut at which the mean changes by a smaller share of what it was is no drift.
    page_hinkley_values_min : int
        No drift before there are so many values.
    page_hinkley_delta : float
        A change of the mean that is passed over, in the unit of scores.
    page_hinkley_threshold : float
        A drift is where deviations from the mean have added up to so much.
    kswin_alpha : float
        Significance of a test; there is one at every value.
    kswin_window : int
        Values that KSWIN remembers.
    kswin_newest : int
        The newest of them, which are held beside as many of the others.
    quality_windows : int
        Windows of payments whose decisions are judged once they are mature.
    segments : tuple of str
        Features by whose values payments are judged apart.
    """

    window_us: int = DAY_US
    reference_windows: int = 7
    warm_up_us: int = 0
    rows_min: int = 500
    reference: str = "1"
    psi_min: float = 0.05
    false_alarms: float = 0.01
    level_detectors: tuple[str, ...] = ("adwin",)
    adwin_delta: float = 1e-5
    adwin_change_min: float = 0.05
    page_hinkley_values_min: int = 30
    page_hinkley_delta: float = 0.005
    page_hinkley_threshold: float = 50.0
    kswin_alpha: float = 0.005
    kswin_window: int = 100
    kswin_newest: int = 30
    quality_windows: int = 60
    segments: tuple[str, ...] = ()
