"""The section of the configuration that says what is watched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Annotated

from pydantic import Field

from stream.features.grammar import (
    AtFraud,
    Derived,
    Feature,
    PerEntity,
    Windowed,
    nearest,
    quoted,
)
from stream.monitor.rules import MonitorRules
from stream.sections import Section
from stream.values import Duration, Number

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
    adwin_delta: Annotated[Number, Field(gt=0, lt=1)] = 1e-5
    """Significance from which on ADWIN says that scores, or errors, are not what they were."""
    adwin_change_min: Annotated[Number, Field(ge=0)] = 0.05
    """A mean that changes by a smaller share of what it was is no drift, however sure it is."""
    segments: tuple[str, ...] = ()
    """Features of few values, such as `input.channel`: quality is shown for each value apart, for
    fairness. They must be among `features.names`."""

    def rules(
        self, features: Iterable[Feature], maturity_us: int, delay_us: int = 0
    ) -> MonitorRules | None:
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
        return MonitorRules(
            window_us=self.window,
            reference_windows=self.reference_windows,
            warm_up_us=warm_up_us,
            rows_min=self.rows_min,
            reference=self.reference,
            psi_min=self.psi_min,
            false_alarms=self.false_alarms,
            adwin_delta=self.adwin_delta,
            adwin_change_min=self.adwin_change_min,
            quality_windows=min(max(windows, 30), _WINDOWS_MAX),
            segments=self.segments,
        )

    def problems(self, names: Collection[str]) -> Iterator[tuple[int, str]]:
        """Yield the place of each wrong segment, and what is wrong; `names` are the features'."""
        for place, name in enumerate(self.segments):
            if name not in names:
                yield place, f"no feature is {quoted(name)}{nearest(name, names)}"


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
