"""A dense model whose columns have names, and which grows when a new name is learned."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.dense.face import Columns, names_of
from models.dense.model import Dense

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

    def row(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64]:
        """Return a dictionary as a row, shape (1, width); names without a column are left out."""
        return self.columns.row(x)

    def row_to_learn(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64]:
        """Return a dictionary as a row, shape (1, width), with a column for every name.

        Raises
        ------
        TypeError
            A value is no number; then no column was added either.
        """
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

    def _columns_with(self, names: Iterable[Hashable]) -> Columns:
        columns = Columns(self.columns.places)
        columns.add(names)
        return columns

    def _grow(self, columns: Columns) -> None:
        if len(columns) > self.dense.width:
            self.dense.widen(len(columns))
        self.columns = columns
