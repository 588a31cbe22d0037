"""From declared features to the program that computes them, and to where states come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from stream.features.columns import EPOCH_WEEKDAY, FRAUD, Column
from stream.features.declare import flat
from stream.features.evaluate import STEP, Op
from stream.features.feature_set import FeatureSet
from stream.features.grammar import (
    AtFraud,
    Cyclic,
    Derived,
    Feature,
    Input,
    Is,
    PerEntity,
    Windowed,
)
from stream.features.plan import Entity, EntityPlan, scale_of
from stream.windows.words import GAP_US, IS_NEW, KNOWN, SINCE_FIRST_US, SINCE_FRAUD_US, TIME_US

_DAY_US = 86_400_000_000
_WEEK_US = 7 * _DAY_US
_HOUR_US = 3_600_000_000
_DERIVED = {"ratio": Op.RATIO, "difference": Op.DIFFERENCE, "log": Op.LOG}
_SECONDS = {
    "seconds_since_last": GAP_US,
    "seconds_since_first": SINCE_FIRST_US,
    "seconds_since_fraud": SINCE_FRAUD_US,
}


class History(IntEnum):
    """How a value depends on what its entity remembers."""

    NONE = 0  # Not at all.
    WINDOW = 1  # On what lies within a span.
    LINE = 2  # On the events before it.
    BIRTH = 3  # On all there ever were.


# The words of where the state of a value comes from: which feature, which of the results that it
# is made of, the `History` of that, the row of the block where the readings of its entity begin,
# and how far back a window reaches.
FEATURE, RESULT, HISTORY, BASE, SPAN_US = range(5)
SOURCE = 5


@dataclass(frozen=True)
class Program:
    """How to compute the values of a feature list, and of what it is derived from.

    Attributes
    ----------
    steps : ndarray of int64, shape (results, STEP)
        In order; the last word of each names its result.
    scales : ndarray of float64, shape (results,)
    n_values : int
        Results; the first are the features in their order.
    sources : ndarray of int64, shape (parts, SOURCE)
        Of each result that each feature is made of.
    of_transaction : ndarray of bool, shape (n_features,)
        Features that need no memory and no amount: time and inputs.
    """

    steps: NDArray[np.int64]
    scales: NDArray[np.float64]
    n_values: int
    sources: NDArray[np.int64]
    of_transaction: NDArray[np.bool_]


class _Compiler:
    """Turns features into steps.

    Parameters
    ----------
    features : FeatureSet
    plans : mapping of Entity to EntityPlan
    at : mapping of Column to int
        Row of each event column.
    bases : mapping of Entity to int
        Row where each entity's readings begin.
    """

    def __init__(
        self,
        features: FeatureSet,
        plans: Mapping[Entity, EntityPlan],
        at: Mapping[Column, int],
        bases: Mapping[Entity, int],
    ) -> None:
        self.inputs = features.inputs
        self.plans, self.at, self.bases = plans, at, bases
        hidden = [f for f in flat(features.features) if f not in features.features]
        self.results = {f: i for i, f in enumerate([*features.features, *dict.fromkeys(hidden)])}
        self.steps: list[list[int]] = []
        self.scales: list[float] = []

    def compile(self, feature: Feature) -> None:
        """Add the step of a feature whose arguments have theirs."""
        if isinstance(feature, Windowed):
            self._window(feature)
        elif isinstance(feature, PerEntity):
            self._value(feature)
        elif isinstance(feature, AtFraud):
            plan, base = self.plans[feature.entity], self.bases[feature.entity]
            at = plan.at_fraud_at(self.results[feature.argument])
            self._step(feature, Op.DOUBLE, [base + at], base)
        elif isinstance(feature, Derived):
            arguments = [self.results[argument] for argument in feature.arguments]
            self._step(feature, _DERIVED[feature.function], arguments)
        elif isinstance(feature, Cyclic):
            op = Op.SIN if feature.function == "sin" else Op.COS
            period = _DAY_US if feature.period == "hour" else _WEEK_US
            self._step(feature, op, [TIME_US, EPOCH_WEEKDAY * _DAY_US], scale=period)
        elif isinstance(feature, Input):
            self._step(feature, Op.DOUBLE, [self.at[("double", feature.field)]])
        elif isinstance(feature, Is):
            name = feature.condition
            self._step(feature, Op.DECIDED, [self.at[("true", name)], self.at[("decided", name)]])
        else:
            amount = self.at[("number", "amount")]
            self._step(feature, Op.WORD, [amount], scale=scale_of("amount", self.inputs))

    def _window(self, feature: Windowed) -> None:
        plan, base, of = self.plans[feature.entity], self.bases[feature.entity], feature.of
        count = base + plan.window_at(feature)

        def total(column: Column) -> int:
            return base + plan.sum_at(feature, column)

        scale = scale_of(of, self.inputs)
        known = count if of == "amount" else -1
        if feature.aggregate in ("mean", "std", "zscore") and of != "amount":
            known = total(("known", of))
        if feature.aggregate == "count":
            self._step(feature, Op.WORD, [count], base)
        elif feature.aggregate == "sum":
            self._step(feature, Op.WORD, [total(("number", of))], base, scale)
        elif feature.aggregate == "mean":
            self._step(feature, Op.MEAN, [total(("number", of)), known], base, scale)
        elif feature.aggregate in ("std", "zscore"):
            high, low = total(("square_high", of)), total(("square_low", of))
            operands = [total(("number", of)), known, high, low]
            if feature.aggregate == "std":
                self._step(feature, Op.STD, operands, base, scale)
            else:
                own = [self.at[(kind, of)] for kind in ("number", "square_high", "square_low")]
                operands += [*own, self.at[("known", of)]]
                self._step(feature, Op.ZSCORE, operands, base)
        elif feature.aggregate in ("min", "max"):
            self._step(feature, Op.PEAK, [base + plan.peak_at(feature)], base, scale)
        elif feature.aggregate == "distinct":
            self._step(feature, Op.WORD, [base + plan.distinct_at(feature)], base)
        elif feature.aggregate == "share":
            self._step(feature, Op.SHARE, [total(("true", of)), total(("decided", of))], base)
        elif feature.aggregate == "frauds":
            self._step(feature, Op.WORD, [total(FRAUD)], base)
        else:
            self._step(feature, Op.FRAUD_RATE, [total(FRAUD), count], base)

    def _value(self, feature: PerEntity) -> None:
        plan, base = self.plans[feature.entity], self.bases[feature.entity]
        if feature.value == "seconds_since_genuine":
            self._step(feature, Op.SECONDS, [base + plan.known_at(feature)], base)
        elif feature.of_verdicts:
            self._step(feature, Op.DOUBLE, [base + plan.known_at(feature)], base)
        elif feature.value in _SECONDS:
            self._step(feature, Op.SECONDS, [base + _SECONDS[feature.value]], base)
        elif feature.value == "new":
            self._step(feature, Op.WORD, [base + IS_NEW], base)
        elif feature.value == "speed_kmh":
            self._step(feature, Op.DOUBLE, [base + plan.speed_at], base)
        elif feature.value == "rate":
            events_an_hour = float(np.log(2) / (feature.half_life_us / _HOUR_US))
            self._step(feature, Op.DOUBLE, [base + plan.decay_at(feature)], base, events_an_hour)
        else:
            weight = base + plan.decay_at(feature)
            mean = feature.value == "decayed_mean"
            op = Op.WEIGHTED_MEAN if mean else Op.WEIGHTED_STD
            self._step(feature, op, [weight + (1 if mean else 2), weight], base)

    def _step(
        self,
        feature: Feature,
        op: Op,
        operands: Sequence[int],
        base: int | None = None,
        scale: float = 1.0,
    ) -> None:
        known = -1 if base is None else base + KNOWN
        step = [int(op), self.results[feature], known, *operands]
        self.steps.append(step + [0] * (STEP - len(step)))
        self.scales.append(float(scale))


def compile_program(
    features: FeatureSet,
    plans: Mapping[Entity, EntityPlan],
    at: Mapping[Column, int],
    bases: Mapping[Entity, int],
) -> Program:
    """Compile a feature list; the arguments are those of `_Compiler`."""
    compiler = _Compiler(features, plans, at, bases)
    for feature in dict.fromkeys(flat(features.features)):
        compiler.compile(feature)
    sources = [
        [at, compiler.results[part], *_source(part, bases)]
        for at, feature in enumerate(features.features)
        for part in flat([feature])
        if not isinstance(part, Derived)
    ]
    return Program(
        np.array(compiler.steps, np.int64).reshape(-1, STEP),
        np.array(compiler.scales, np.float64),
        len(compiler.results),
        np.array(sources, np.int64).reshape(-1, SOURCE),
        np.array([_needs_nothing(feature) for feature in features.features], np.bool_),
    )


def compile_derived(features: FeatureSet) -> tuple[dict[Feature, int], Program]:
    """Compile what is derived of a feature list, where all else is known already.

    Returns
    -------
    results : dict of Feature to int
        Which row of the values each feature is, the list first; those that are not derived
        are to be filled in before the program runs.
    program : Program
        Its steps read values alone, no block.
    """
    compiler = _Compiler(features, {}, {}, {})
    for feature in dict.fromkeys(flat(features.features)):
        if isinstance(feature, Derived):
            compiler.compile(feature)
    nothing = np.zeros((0, SOURCE), np.int64), np.zeros(0, np.bool_)
    steps = np.array(compiler.steps, np.int64).reshape(-1, STEP)
    scales = np.array(compiler.scales, np.float64)
    return compiler.results, Program(steps, scales, len(compiler.results), *nothing)


def _source(feature: Feature, bases: Mapping[Entity, int]) -> tuple[History, int, int]:
    """Return the last three words of a source."""
    if isinstance(feature, Windowed):
        span_us = feature.length_us + feature.delay_us
        return History.WINDOW, bases[feature.entity], span_us
    if isinstance(feature, AtFraud):
        return History.BIRTH, bases[feature.entity], 0
    if isinstance(feature, PerEntity):
        plain = feature.value in ("seconds_since_last", "seconds_since_fraud")
        return History.LINE if plain else History.BIRTH, bases[feature.entity], 0
    return History.NONE, 0, 0


def _needs_nothing(feature: Feature) -> bool:
    """Whether a value is known of a row that was not taken: of its time and inputs only."""
    if isinstance(feature, Derived):
        return all(map(_needs_nothing, feature.arguments))
    return isinstance(feature, Cyclic | Input)
