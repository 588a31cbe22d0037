"""The compiled scalers as River's transformers: dictionaries and frames."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any, Generic, TypeVar

import numpy as np
from river import base, stats

from models.dense.face import names_of
from models.dense.named import Named
from models.scale.min_max import DenseMinMaxScaler
from models.scale.standard import DenseStandardScaler
from models.scale.translate import refuse_window

Scaler = TypeVar("Scaler", DenseStandardScaler, DenseMinMaxScaler)


class _Transformer(base.MiniBatchTransformer, Generic[Scaler]):
    """What both scalers do with dictionaries and frames."""

    _named: Named[Scaler]

    def learn_one(self, x: Mapping[Hashable, Any]) -> None:
        """Take a dictionary's numbers in; None and NaN are not known."""
        self._named.dense.learn_many(self._named.row_to_learn(x))

    def learn_many(self, X: Any) -> None:
        """Take a frame's rows in, one after the other: the same as `learn_one` of each."""
        self._named.dense.learn_many(self._named.matrix_to_learn(X))

    def transform_one(self, x: Mapping[Hashable, Any]) -> dict[Hashable, float]:
        """Return the dictionary scaled; changes nothing."""
        named = self._named.with_names(x)
        places = named.columns.places
        scaled = named.dense.transform_many(named.row(x))[0].tolist()
        return {name: scaled[places[name]] for name in x}

    def transform_many(self, X: Any) -> Any:
        """Return the frame scaled, of the same backend, columns and index; changes nothing."""
        named = self._named.with_names(names_of(X))
        return named.columns.frame(named.dense.transform_many(named.columns.matrix(X)), X)


class StandardScaler(_Transformer[DenseStandardScaler]):
    """River's `preprocessing.StandardScaler`, compiled.

    Equal to River row by row. In frames a row counts by itself, as in `learn_one`;
    a value that is not there (None, NaN) is not learned from and comes out as NaN.

    Parameters
    ----------
    with_std : bool
        Whether to divide by the standard deviation.
    window_size : None
        River's scalers can forget; compiled ones cannot.

    Attributes
    ----------
    counts, means, vars : dict
        Of each feature, how many values were seen, their mean and population variance.

    Raises
    ------
    ValueError
        A `window_size` was given.
    """

    def __init__(self, with_std: bool = True, window_size: int | None = None) -> None:
        refuse_window(window_size)
        self.with_std = with_std
        self.window_size = window_size
        self._named = Named(DenseStandardScaler(0, with_std))

    @property
    def counts(self) -> Counter[Hashable]:
        """How many values of each feature were seen."""
        counts = self._named.by_name(self._named.dense.moments.counts)
        return Counter({name: int(count) for name, count in counts.items() if count})

    @property
    def means(self) -> dict[Hashable, float]:
        """The mean of each feature."""
        means = self._named.by_name(self._named.dense.moments.means)
        return {name: means[name] for name in self.counts}

    @property
    def vars(self) -> dict[Hashable, float]:
        """The variance of each feature; none where `with_std` is off."""
        variances = self._named.by_name(self._named.dense.moments.variances)
        return {name: variances[name] for name in self.counts} if self.with_std else {}


class MinMaxScaler(_Transformer[DenseMinMaxScaler]):
    """River's `preprocessing.MinMaxScaler`, compiled; frames too, which River's has not.

    Equal to River row by row. A value that is not there (None, NaN) is not learned
    from and comes out as NaN; a feature that was never learned comes out as 0, where
    River says NaN.

    Parameters
    ----------
    window_size : None
        River's scalers can forget; compiled ones cannot.

    Attributes
    ----------
    min, max : dict of river.stats.Min, river.stats.Max
        The least and the greatest value of each feature.

    Raises
    ------
    ValueError
        A `window_size` was given.
    """

    def __init__(self, window_size: int | None = None) -> None:
        refuse_window(window_size)
        self.window_size = window_size
        self._named = Named(DenseMinMaxScaler(0))

    @property
    def min(self) -> dict[Hashable, stats.Min]:
        """The least value of each feature."""
        return self._read(stats.Min, self._named.dense.extremes.lows)

    @property
    def max(self) -> dict[Hashable, stats.Max]:
        """The greatest value of each feature."""
        return self._read(stats.Max, self._named.dense.extremes.highs)

    def _read(self, kind: type[Any], values: Any) -> dict[Hashable, Any]:
        lows, highs = self._named.dense.extremes
        found = {}
        for name, value in self._named.by_name(np.where(lows <= highs, values, np.nan)).items():
            if not math.isnan(value):
                found[name] = kind()
                found[name].update(value)
        return found
