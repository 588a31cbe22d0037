"""What is usual for an entity itself, as far as its own features say it.

A value is compared with others of the same payment's features, known when it is decided: a total
of a short window with the rate of a longer one, a mean with the mean of a longer window, the amount
with the entity's mean. What the longer window holds of the shorter one, or of the payment itself,
is taken out again: what is unusual must not be its own measure. Where no such feature is declared,
where the entity has no past in the longer window, and where one of the values cannot be trusted,
nothing is usual: NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.jit import inlined, kernel
from stream.features.feature_set import FeatureSet
from stream.features.grammar import Amount, Feature, Inputs, Is, PerEntity, Windowed
from stream.features.kinds import span_us
from stream.features.value_states import ValueState

_TOTALS = ("count", "sum", "frauds")
_MEANS = ("mean", "fraud_rate", "share")
_S = 1e6
_NOWHERE = -1
_SATURATED = int(ValueState.SATURATED)


# What has a window or a half-life.
_Spanning = TypeVar("_Spanning", Windowed, PerEntity)


class Way(IntEnum):
    """How what is usual comes from other columns: `a`, `b` and `c` of `Usual`."""

    NONE = 0
    # The total a without the value, for as long as the value's own window.
    RATE = 1
    # The mean a of b events, without the value, which is a mean of c of them.
    MEAN = 2
    # The mean a of b events, without the value, which is of this one.
    OTHERS = 3
    # The mean time between b events, without the last.
    GAP = 4
    # The column a as it is.
    COLUMN = 5
    # Nothing else: what is usual is 0 by what the feature is.
    ZERO = 6


_NONE, _RATE, _MEAN, _OTHERS = (int(way) for way in (Way.NONE, Way.RATE, Way.MEAN, Way.OTHERS))
_GAP, _COLUMN, _ZERO = (int(way) for way in (Way.GAP, Way.COLUMN, Way.ZERO))


class Usual(NamedTuple):
    """For each feature where what is usual comes from; kernels take it whole.

    Attributes
    ----------
    way : ndarray of int8, shape (n_features,)
    a, b, c : ndarray of int32, shape (n_features,)
        Columns; -1 where there is none.
    since : ndarray of int32, shape (n_features,)
        Column of the time since the entity's first event: it may be younger than the window.
    short_s, long_s : ndarray of float64, shape (n_features,)
        Lengths of both windows, seconds.
    """

    way: NDArray[np.int8]
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    c: NDArray[np.int32]
    since: NDArray[np.int32]
    short_s: NDArray[np.float64]
    long_s: NDArray[np.float64]


class _Source(NamedTuple):
    """The same of one feature."""

    way: Way = Way.NONE
    a: int = _NOWHERE
    b: int = _NOWHERE
    c: int = _NOWHERE
    since: int = _NOWHERE
    short_s: float = 0.0
    long_s: float = 0.0


def usual_of(features: FeatureSet) -> Usual:
    """Find for each feature what it can be compared with."""
    columns = {feature: at for at, feature in enumerate(features.features)}
    rows = [_source(feature, columns, features.inputs) for feature in features.features]
    by_field = zip(*rows, strict=True) if rows else [()] * len(_KINDS)
    arrays: list[Any] = [np.array(each, kind) for each, kind in zip(by_field, _KINDS, strict=True)]
    return Usual(*arrays)


_KINDS = (np.int8, np.int32, np.int32, np.int32, np.int32, np.float64, np.float64)


def _source(feature: Feature, columns: Mapping[Feature, int], inputs: Inputs) -> _Source:
    match feature:
        case Amount():
            return _of_amount(columns, inputs)
        case Is(condition):
            return _without_this(columns, inputs, "share", condition)
        case Windowed():
            return _of_window(feature, columns, inputs)
        case PerEntity(value="seconds_since_last"):
            return _of_gap(feature, columns)
        case PerEntity(value="rate" | "decayed_mean"):
            slower = _longest(
                (other, at)
                for other, at in columns.items()
                if isinstance(other, PerEntity)
                and replace(other, half_life_us=feature.half_life_us) == feature
                and other.half_life_us > feature.half_life_us
            )
            return _Source(Way.COLUMN, slower[1]) if slower else _Source()
    return _Source()


def _of_window(feature: Windowed, columns: Mapping[Feature, int], inputs: Inputs) -> _Source:
    if feature.aggregate == "zscore":
        return _Source(Way.ZERO)
    longer = _longest(
        (other, at)
        for other, at in columns.items()
        if isinstance(other, Windowed)
        and replace(other, length_us=feature.length_us) == feature
        and other.length_us > feature.length_us
    )
    if longer is None or feature.delay_us:
        return _Source()
    long, at = longer
    lengths = feature.length_us / _S, long.length_us / _S
    if feature.aggregate in _TOTALS and (feature.of in ("", "amount")):
        since = columns.get(PerEntity(feature.entity, "seconds_since_first"), _NOWHERE)
        return _Source(Way.RATE, at, since=since, short_s=lengths[0], long_s=lengths[1])
    if feature.aggregate in _MEANS and _is_of_all(feature, inputs):
        counts = [_count_beside(each, columns) for each in (long, feature)]
        if _NOWHERE not in counts:
            return _Source(Way.MEAN, at, *counts)
    return _Source()


def _of_amount(columns: Mapping[Feature, int], inputs: Inputs) -> _Source:
    """Return the mean of the entity's other amounts, or of those that are known to be genuine."""
    found = _without_this(columns, inputs, "mean", "amount")
    if found.way is not Way.NONE:
        return found
    genuine = _longest(
        (other, at)
        for other, at in columns.items()
        if isinstance(other, PerEntity)
        and other.value == "genuine_mean"
        and other.entity == inputs.entities[:1]
    )
    return _Source(Way.COLUMN, genuine[1]) if genuine else _Source()


def _without_this(
    columns: Mapping[Feature, int], inputs: Inputs, aggregate: str, of: str
) -> _Source:
    """Return a mean of the first entity's other payments, of the longest window there is."""
    longest = _longest(
        (other, at)
        for other, at in columns.items()
        if isinstance(other, Windowed)
        and (other.aggregate, other.of, other.delay_us) == (aggregate, of, 0)
        and other.entity == inputs.entities[:1]
        and _is_of_all(other, inputs)
        and _count_beside(other, columns) != _NOWHERE
    )
    if longest is None:
        return _Source()
    return _Source(Way.OTHERS, longest[1], _count_beside(longest[0], columns))


def _of_gap(feature: PerEntity, columns: Mapping[Feature, int]) -> _Source:
    count = _longest(
        (other, at)
        for other, at in columns.items()
        if isinstance(other, Windowed)
        and (other.aggregate, other.delay_us, other.entity) == ("count", 0, feature.entity)
    )
    if count is None:
        return _Source()
    since = columns.get(PerEntity(feature.entity, "seconds_since_first"), _NOWHERE)
    return _Source(Way.GAP, b=count[1], since=since, long_s=count[0].length_us / _S)


def _count_beside(feature: Windowed, columns: Mapping[Feature, int]) -> int:
    """Return the column of how many events a window has; -1: it is not declared."""
    return columns.get(replace(feature, aggregate="count", of=""), _NOWHERE)


def _is_of_all(feature: Windowed, inputs: Inputs) -> bool:
    """Tell whether every event of the window takes part: nothing it is of can be null."""
    if feature.aggregate == "share":
        return inputs.conditions[feature.of].field in ("", "amount")
    return feature.of in ("", "amount")


def _longest(found: Iterable[tuple[_Spanning, int]]) -> tuple[_Spanning, int] | None:
    """Return what has the longest window or half-life, with its column."""
    return max(found, key=lambda each: span_us(each[0]), default=None)


@kernel
def write_normals(usual, X, states, reasons, normals):
    """Write what is usual beside each reason; NaN where nothing is.

    Parameters
    ----------
    usual : Usual
    X : ndarray of float64, shape (n, n_features)
    states : ndarray of uint8, shape (n, n_features)
        A value of which something was forgotten is nobody's measure.
    reasons : ndarray of int64, shape (n, most)
        Places of features; negative for none.
    normals : ndarray of float64, shape (n, most)
    """
    for i in range(reasons.shape[0]):
        for k in range(reasons.shape[1]):
            j = reasons[i, k]
            normals[i, k] = math.nan
            if j >= 0 and is_whole(usual, states[i], j):
                normals[i, k] = normal(usual, X[i], j)


@inlined
def is_whole(usual, states, j):
    """Tell whether nothing was forgotten of what a comparison is made of."""
    whole = states[j] != _SATURATED
    for column in (usual.a[j], usual.b[j], usual.c[j], usual.since[j]):
        if column >= 0 and states[column] == _SATURATED:
            whole = False
    return whole


@kernel
def normal(usual, x, j):
    """Return what is usual beside the value of one feature; NaN where nothing is."""
    way, a, b, c = usual.way[j], usual.a[j], usual.b[j], usual.c[j]
    if way == _RATE:
        span_s = since_first(usual, x, j)
        rest = x[a] - x[j]
        if rest > 0.0 and span_s > usual.short_s[j]:
            return rest * usual.short_s[j] / (span_s - usual.short_s[j])
    elif way == _MEAN:
        return mean_without(x[a], x[b], x[j], x[c])
    elif way == _OTHERS:
        return mean_without(x[a], x[b], x[j], 1.0)
    elif way == _GAP:
        if x[b] > 2.0:
            return (since_first(usual, x, j) - x[j]) / (x[b] - 2.0)
    elif way == _COLUMN:
        return x[a]
    elif way == _ZERO:
        return 0.0
    return math.nan


@inlined
def mean_without(mean, n, part, n_part):
    """Return the mean of those of n values that are not among some others, whose mean is `part`."""
    if not n > n_part:
        return math.nan
    rest = mean * n - part * n_part
    # What rounding leaves of nothing is nothing.
    return rest / (n - n_part) if abs(rest) > 1e-9 * abs(mean * n) else 0.0


@kernel
def since_first(usual, x, j):
    """Return for how long events of the longer window can have come, seconds."""
    since = usual.since[j]
    if since >= 0 and x[since] < usual.long_s[j]:
        return x[since]
    return usual.long_s[j]
