"""From a list of features to what must be remembered, and where each value is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stream.features.columns import FRAUD, NUMBER_SCALE, VERDICT, Column
from stream.features.declare import flat
from stream.features.feature_set import FeatureSet
from stream.features.grammar import (
    KNOWN_AMOUNT,
    KNOWN_DECAYED,
    KNOWN_RUN,
    Amount,
    AtFraud,
    Input,
    Inputs,
    Is,
    PerEntity,
    Windowed,
)
from stream.windows.words import KNOWN_SUMS, N_READ, NIL, Plan

_T = TypeVar("_T")
Entity = tuple[str, ...]
Peak = tuple[Column, int]
Decay = tuple[int, str]  # Half-life and number; "" for a rate.


@dataclass
class EntityPlan:
    """What is kept of one entity type, by name; everything in order of first mention."""

    entity: Entity
    windows_us: list[int] = field(default_factory=list)
    sums: list[Column] = field(default_factory=list)
    distinct: list[Column] = field(default_factory=list)
    peaks: list[Peak] = field(default_factory=list)
    delayed_us: list[tuple[int, int]] = field(default_factory=list)
    delayed_sums: list[Column] = field(default_factory=list)
    decays: list[Decay] = field(default_factory=list)
    location: bool = False
    fraud: bool = False
    known: bool = False
    known_us: list[int] = field(default_factory=list)
    at_fraud: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The entity as it is written: ``card`` or ``card+merchant``."""
        return "+".join(self.entity)

    def window_at(self, feature: Windowed) -> int:
        """Return where the readings of a feature's window begin: its count, then its sums."""
        if feature.delay_us:
            place = self.delayed_us.index((feature.length_us, feature.delay_us))
            return self._delayed_at + place * (1 + len(self.delayed_sums))
        return N_READ + self.windows_us.index(feature.length_us) * self._window_reads

    def sum_at(self, feature: Windowed, column: Column) -> int:
        """Return where a sum over a feature's window is read."""
        sums = self.delayed_sums if feature.delay_us else self.sums
        return self.window_at(feature) + 1 + sums.index(column)

    def distinct_at(self, feature: Windowed) -> int:
        """Return where a distinct count is read."""
        place = self.distinct.index(("key", feature.of))
        return self.window_at(feature) + 1 + len(self.sums) + place

    def peak_at(self, feature: Windowed) -> int:
        """Return where a greatest or least value is read."""
        place = self.peaks.index(peak_of(feature))
        return self.window_at(feature) + 1 + len(self.sums) + len(self.distinct) + place

    def decay_at(self, feature: PerEntity) -> int:
        """Return where the states of a decayed value are read."""
        place = self.decays.index((feature.half_life_us, feature.of))
        return self._running_at + sum(3 if of else 1 for _, of in self.decays[:place])

    @property
    def speed_at(self) -> int:
        """Where the speed is read: after the three states of the last place."""
        return self._running_at + sum(3 if of else 1 for _, of in self.decays) + 3

    def known_at(self, feature: PerEntity) -> int:
        """Return where a value that is made of verdicts is read."""
        if feature.value == "seconds_since_genuine":
            return self._known_at
        if feature.value == KNOWN_RUN:
            return self._known_at + 1
        place = self.known_us.index(feature.half_life_us)
        name = (*KNOWN_DECAYED, *KNOWN_AMOUNT).index(feature.value)
        return self._known_at + 2 + place * KNOWN_SUMS + name

    def at_fraud_at(self, feature: int) -> int:
        """Return where the value that a feature had at the latest known fraud is read."""
        sums = KNOWN_SUMS * len(self.known_us)
        return self._known_at + 2 + sums + self.at_fraud.index(feature)

    @property
    def _window_reads(self) -> int:
        return 1 + len(self.sums) + len(self.distinct) + len(self.peaks)

    @property
    def _delayed_at(self) -> int:
        return N_READ + len(self.windows_us) * self._window_reads

    @property
    def _known_at(self) -> int:
        return self._delayed_at + len(self.delayed_us) * (1 + len(self.delayed_sums))

    @property
    def _running_at(self) -> int:
        reads = 2 + KNOWN_SUMS * len(self.known_us) + len(self.at_fraud)
        return self._known_at + reads * self.known

    def arrays(self, at: dict[Column, int], inputs: Inputs) -> Plan:
        """Return the same as kernels read it; `at` is each column's place in an event."""
        location = inputs.location
        places: list[Column] = [("double", name) for name in location or ()]
        decays = [
            (half_life, at[("number", of)] if of else NIL, at[("known", of)] if of else NIL)
            for half_life, of in self.decays
        ]
        return Plan(
            windows_us=_row(self.windows_us),
            sums=_row(at[c] for c in self.sums),
            distinct=_row(at[c] for c in self.distinct),
            peaks=np.array([(at[c], sign) for c, sign in self.peaks], np.int64).reshape(-1, 2),
            delayed_us=np.array(self.delayed_us, np.int64).reshape(-1, 2),
            delayed_sums=_row(at[c] for c in self.delayed_sums),
            decays=np.array(decays, np.int64).reshape(-1, 3),
            scales=np.array([[scale_of(of or "amount", inputs) for _, of in self.decays]]),
            location=_row(at[c] for c in places if self.location),
            fraud=_row([at[FRAUD]] if self.fraud else []),
            known_us=_row(self.known_us),
            known_amount=_row([at[("number", "amount")]] if self.known else []),
            known_unit=np.array([[scale_of("amount", inputs)]]),
            known_verdict=_row([at[FRAUD], at[VERDICT]] if self.known else []),
            known_at=_row([self._known_at]),
            at_fraud=_row(self.at_fraud),
        )

    def columns(self, location: tuple[str, str] | None) -> list[Column]:
        """Return every column that this entity type reads from its events."""
        found = [*self.sums, *self.distinct, *(c for c, _ in self.peaks), *self.delayed_sums]
        for _, of in self.decays:
            found += [("number", of), ("known", of)] if of else []
        found += [("double", name) for name in location or ()] if self.location else []
        found += [("number", "amount"), FRAUD, VERDICT] if self.known else []
        return found + [FRAUD] * self.fraud


def plan_features(features: FeatureSet) -> tuple[list[EntityPlan], list[Column]]:
    """Find what the features need.

    Returns
    -------
    plans : list of EntityPlan
        One an entity type, in order of first mention.
    columns : list of Column
        Columns of an event after its time, each once.
    """
    plans: dict[Entity, EntityPlan] = {}
    columns: list[Column] = []
    for feature in flat(features.features):
        if isinstance(feature, Amount):
            columns.append(("number", "amount"))
        if isinstance(feature, Input):
            columns.append(("double", feature.field))
        if isinstance(feature, Is):
            columns += [("true", feature.condition), ("decided", feature.condition)]
        if isinstance(feature, Windowed | PerEntity | AtFraud):
            plan = plans.setdefault(feature.entity, EntityPlan(feature.entity))
            if isinstance(feature, Windowed):
                _need_window(plan, feature)
                if feature.aggregate == "zscore":
                    columns += number_columns(feature.of)
            elif isinstance(feature, AtFraud):
                plan.known = True
                _add(plan.at_fraud, features.features.index(feature.argument))
            else:
                _need_value(plan, feature)
    for plan in plans.values():
        plan.windows_us.sort()
        plan.delayed_us.sort()
        columns += plan.columns(features.inputs.location)
    return list(plans.values()), list(dict.fromkeys(columns))


def parts_of(entity: Entity, inputs: Inputs) -> list[str]:
    """Return the parts of a pair that are entities themselves; of no pair, none."""
    return [name for name in entity if name in inputs.entities] if len(entity) > 1 else []


def number_columns(of: str) -> list[Column]:
    """Return the columns of a number and its square."""
    return [("number", of), ("known", of), ("square_high", of), ("square_low", of)]


def needed_sums(feature: Windowed) -> list[Column]:
    """Return the columns whose sums a feature is made of, beside the count."""
    of = feature.of
    known: list[Column] = [] if of == "amount" else [("known", of)]
    return {
        "sum": [("number", of)],
        "mean": [("number", of), *known],
        "std": [("number", of), *known, ("square_high", of), ("square_low", of)],
        "zscore": [("number", of), *known, ("square_high", of), ("square_low", of)],
        "share": [("true", of), ("decided", of)],
        "frauds": [FRAUD],
        "fraud_rate": [FRAUD],
    }.get(feature.aggregate, [])


def peak_of(feature: Windowed) -> Peak:
    """Return the column and sign of a greatest or least value."""
    kind, sign = ("most", 1) if feature.aggregate == "max" else ("least", -1)
    return ("number" if feature.of == "amount" else kind, feature.of), sign


def scale_of(number: str, inputs: Inputs) -> float:
    """Return the integer steps in one unit of a number."""
    return float(10**inputs.minor_digits if number == "amount" else NUMBER_SCALE)


def _need_window(plan: EntityPlan, feature: Windowed) -> None:
    sums = plan.delayed_sums if feature.delay_us else plan.sums
    if feature.delay_us:
        _add(plan.delayed_us, (feature.length_us, feature.delay_us))
    else:
        _add(plan.windows_us, feature.length_us)
    for column in needed_sums(feature):
        _add(sums, column)
    if feature.aggregate == "distinct":
        _add(plan.distinct, ("key", feature.of))
    if feature.aggregate in ("min", "max"):
        _add(plan.peaks, peak_of(feature))
    plan.fraud |= feature.aggregate in ("frauds", "fraud_rate")


def _need_value(plan: EntityPlan, feature: PerEntity) -> None:
    if feature.of_verdicts and feature.half_life_us:
        _add(plan.known_us, feature.half_life_us)
    elif feature.half_life_us:
        _add(plan.decays, (feature.half_life_us, feature.of))
    plan.location |= feature.value == "speed_kmh"
    plan.fraud |= feature.value == "seconds_since_fraud"
    plan.known |= feature.of_verdicts


def _row(numbers: Iterable[int]) -> NDArray[np.int64]:
    return np.array([list(numbers)], np.int64)


def _add(items: list[_T], item: _T) -> None:
    if item not in items:
        items.append(item)
