"""A dense model whose columns have names, and which grows when a new name is learned."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterable, Mapping
from operator import itemgetter
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.dense import Dense
from models.face import Columns, names_of

Model = TypeVar("Model", bound=Dense)


class Named(Generic[Model]):
    """A model and the names of its columns.

    Parameters
    ----------
    dense : Dense
        A model without columns; each name that is learned gets one.

    Attributes
    ----------
    columns : Columns
    dense : Dense
        As wide as there are columns.
    """

    def __init__(self, dense: Model) -> None:
        self.columns = Columns()
        self.dense = dense
        self._values_of: Callable[[Mapping[Hashable, Any]], Any] | None = None

    def row(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64]:
        """Return a dictionary as a row, shape (1, width); names without a column are left out."""
        full = self._full_row(x)
        return self.columns.row(x) if full is None else full

    def row_to_learn(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64]:
        """Return a dictionary as a row, shape (1, width), with a column for every name.

        Raises
        ------
        TypeError
            A value is no number; then no column was added either.
        """
        full = self._full_row(x)
        if full is not None:
            return full
        if x.keys() <= self.columns.places.keys():
            return self.columns.row(x)
        columns = self._columns_with(x)
        row = columns.row(x)
        self._grow(columns)
        return row

    def matrix_to_learn(self, X: Any) -> NDArray[np.float64]:
        """Return a frame as a matrix, shape (n, width), with a column for every name."""
        columns = self._columns_with(names_of(X))
        matrix = columns.matrix(X)
        self._grow(columns)
        return matrix

    def with_names(self, names: Iterable[Hashable]) -> Named[Model]:
        """Return a model that has a column for each name: this, or a copy that has more."""
        if self.columns.places.keys() >= set(names):
            return self
        wider = Named(copy.deepcopy(self.dense))
        wider._grow(self._columns_with(names))
        return wider

    def by_name(self, values: NDArray[np.float64]) -> dict[Hashable, float]:
        """Return one value a column, shape (width,), as a dictionary."""
        return dict(zip(self.columns.places, values.tolist(), strict=True))

    def _full_row(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64] | None:
        """Return the row of a dictionary of all columns and of floats; None for any other."""
        if self._values_of is None or len(x) != len(self.columns):
            return None
        try:
            row = np.array([self._values_of(x)])
        except (KeyError, ValueError):
            return None
        return row if row.dtype == np.float64 and row.ndim == 2 else None

    def _columns_with(self, names: Iterable[Hashable]) -> Columns:
        columns = Columns(self.columns.places)
        columns.add(names)
        return columns

    def _grow(self, columns: Columns) -> None:
        if len(columns) > self.dense.width:
            self.dense.widen(len(columns))
        self.columns = columns
        # With a single name an itemgetter returns no tuple.
        self._values_of = itemgetter(*columns.places) if len(columns) > 1 else None
