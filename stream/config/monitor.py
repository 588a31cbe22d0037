"""The section of the configuration that says what is watched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field

from stream.config.sections import Section
from stream.config.values import Duration, Number
from stream.features.grammar import (
    AtFraud,
    Derived,
    Feature,
    PerEntity,
    Windowed,
    nearest,
    quoted,
)
from stream.monitor.parameters import MonitorParameters

_DAY_US = 86_400_000_000
_WINDOWS_MAX = 1_000


class MonitorSection(Section):
    """What is watched while payments are decided; docs/monitoring.md says what it tells."""

    enabled: bool = True
    """Whether drift is looked for and decisions are judged by the time of their payment."""
    window: Annotated[Duration, Field(ge=1_000_000)] = _DAY_US
    """Event time of a window; each is compared with the reference once it is over. Shorter than
    a day, and the hours of a day must lie within the reference."""
    reference_windows: Annotated[int, Field(ge=2, le=100)] = 7
    """The first windows, so many, are the reference: how far they lie apart says what is no
    drift. With windows of a day seven have a weekend in them."""
    reference: str = Field(default="1", max_length=64)
    """A name of the reference: give another one, and it is gathered anew from then on, after a
    release that is meant to change what payments look like."""
    warm_up: Duration | None = None
    """Event time before the reference begins; unset: the longest window of the features, which
    count too little until it has passed."""
    rows_min: Annotated[int, Field(ge=2)] = 500
    """A window goes on until it has so many payments."""
    psi_min: Annotated[Number, Field(ge=0)] = 0.05
    """A smaller population stability index is no drift, however sure it is."""
    false_alarms: Annotated[Number, Field(gt=0, lt=1)] = 0.01
    """Share of the features called drifted in a window that may be called so wrongly."""
    level_detectors: tuple[Literal["adwin", "page_hinkley", "kswin"], ...] = ("adwin",)
    """Who watches scores, and errors of mature payments, value by value; none: nobody does. The
    last two are River's own, value by value: docs/monitoring.md says how often they are wrong."""
    adwin_delta: Annotated[Number, Field(gt=0, lt=1)] = 1e-5
    """Significance from which on ADWIN says that scores, or errors, are not what they were."""
    adwin_change_min: Annotated[Number, Field(ge=0)] = 0.05
    """Of ADWIN: a mean that changes by a smaller share of what it was is no drift, however sure it
    is."""
    page_hinkley_values_min: Annotated[int, Field(ge=1)] = 30
    """Of Page-Hinkley: no drift before there are so many values."""
    page_hinkley_delta: Annotated[Number, Field(ge=0)] = 0.005
    """Of Page-Hinkley: a change of the mean that is passed over."""
    page_hinkley_threshold: Annotated[Number, Field(gt=0)] = 50.0
    """Of Page-Hinkley: a drift is where deviations from the mean have added up to so much."""
    kswin_alpha: Annotated[Number, Field(gt=0, lt=1)] = 0.005
    """Of KSWIN: significance of a test. There is one at every value, so without any drift there
    are alarms, and the fewer the smaller this is."""
    kswin_window: Annotated[int, Field(ge=2, le=10_000)] = 100
    """Of KSWIN: so many values are remembered; a test looks at all of them."""
    kswin_newest: Annotated[int, Field(ge=1, le=5_000)] = 30
    """Of KSWIN: the newest values, which are held beside as many drawn from the rest of the
    window; at most half of it."""
    segments: tuple[str, ...] = ()
    """Features of few values, such as `input.channel`: quality is shown for each value apart, for
    fairness. They must be among `features.names`."""

    def parameters(
        self, features: Iterable[Feature], maturity_us: int, delay_us: int = 0
    ) -> MonitorParameters | None:
        """Return the same as the engine wants it; None: nothing is watched.

        Parameters
        ----------
        features : iterable of Feature
        maturity_us : int
            Until then decisions are remembered, and as long again.
        delay_us : int
            Time in which a mature payment may still be corrected.
        """
        if not self.enabled:
            return None
        warm_up_us = self.warm_up
        if warm_up_us is None:
            warm_up_us = max(map(_memory_us, features), default=0)
        windows = 2 * -(-(maturity_us + delay_us) // self.window) + 2
        return MonitorParameters(
            window_us=self.window,
            reference_windows=self.reference_windows,
            warm_up_us=warm_up_us,
            rows_min=self.rows_min,
            reference=self.reference,
            psi_min=self.psi_min,
            false_alarms=self.false_alarms,
            level_detectors=self.level_detectors,
            adwin_delta=self.adwin_delta,
            adwin_change_min=self.adwin_change_min,
            page_hinkley_values_min=self.page_hinkley_values_min,
            page_hinkley_delta=self.page_hinkley_delta,
            page_hinkley_threshold=self.page_hinkley_threshold,
            kswin_alpha=self.kswin_alpha,
            kswin_window=self.kswin_window,
            kswin_newest=self.kswin_newest,
            quality_windows=min(max(windows, 30), _WINDOWS_MAX),
            segments=self.segments,
        )

    def problems(self, names: Collection[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield the keys and places of what is wrong, and why; `names` are the features'."""
        for place, name in enumerate(self.segments):
            if name not in names:
                yield ("segments", place), f"no feature is {quoted(name)}{nearest(name, names)}"
        for place, name in enumerate(self.level_detectors):
            if name in self.level_detectors[:place]:
                yield ("level_detectors", place), f"{quoted(name)} is there twice: leave one out"
        if 2 * self.kswin_newest > self.kswin_window:
            most = self.kswin_window // 2
            yield (
                ("kswin_newest",),
                f"{self.kswin_newest} is more than half of monitor.kswin_window: at most {most}",
            )


def _memory_us(feature: Feature) -> int:
    """Return how far back a feature looks, about."""
    if isinstance(feature, Windowed):
        return feature.length_us + feature.delay_us
    if isinstance(feature, PerEntity):
        return feature.half_life_us
    if isinstance(feature, AtFraud):
        return _memory_us(feature.argument)
    if isinstance(feature, Derived):
        return max(map(_memory_us, feature.arguments), default=0)
    return 0
