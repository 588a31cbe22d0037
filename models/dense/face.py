"""River's dictionaries and frames as the rows of a dense matrix.

A compiled model is a matrix's; River's users speak in dictionaries whose keys come
and go. Each key gets a column when it is first learned, and the key's absence is a
NaN. Labels are booleans: the models here tell two classes apart.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from operator import itemgetter
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from river.utils import dataframe


class Columns:
    """Which column each feature has, in the order in which they were first learned."""

    def __init__(self, names: Iterable[Hashable] = ()) -> None:
        self.places: dict[Hashable, int] = {}
        self._values_of: Callable[[Mapping[Hashable, Any]], Any] | None = None
        self.add(names)

    def __len__(self) -> int:
        return len(self.places)

    def add(self, names: Iterable[Hashable]) -> None:
        """Give a column to each name that has none."""
        for name in names:
            self.places.setdefault(name, len(self.places))
        # With a single name an itemgetter returns no tuple.
        self._values_of = itemgetter(*self.places) if len(self) > 1 else None

    def row(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64]:
        """Return a dictionary as a row, shape (1, n_columns); names without a column are left out.

        Raises
        ------
        TypeError
            A value is no number.
        """
        full = self._full_row(x)
        if full is not None:
            return full
        places = self.places
        row = np.full((1, len(places)), np.nan)
        for name, value in x.items():
            place = places.get(name)
            if place is not None and value is not None:
                row[0, place] = _number(name, value)
        return row

    def matrix(self, X: Any) -> NDArray[np.float64]:
        """Return a frame of any backend as a matrix, shape (n, n_columns).

        Raises
        ------
        TypeError
            A value is no number.
        """
        frame = dataframe.into_frame(X)
        matrix = np.full((len(frame), len(self)), np.nan)
        found = [(at, self.places[n]) for at, n in enumerate(frame.columns) if n in self.places]
        if found:
            given, ours = (list(places) for places in zip(*found, strict=True))
            values = frame.to_numpy()
            if values.dtype.kind in "biuf":
                matrix[:, ours] = values[:, given]
            else:
                matrix[:, ours] = _numbers(frame[:, given])
        return matrix

    def frame(self, matrix: NDArray[np.float64], like: Any) -> Any:
        """Return a matrix as a frame of the same backend, columns and index as another."""
        frame = dataframe.into_frame(like)
        places = [self.places.get(name) for name in frame.columns]
        # A transformer has nothing to say of a feature that it never met: zero, as River does.
        columns = [np.zeros(len(matrix)) if at is None else matrix[:, at] for at in places]
        return dataframe.to_native_frame(
            np.column_stack(columns) if columns else matrix, columns=frame.columns, like=frame
        )

    def _full_row(self, x: Mapping[Hashable, Any]) -> NDArray[np.float64] | None:
        """Return the row of a dictionary of all columns and of floats; None for any other."""
        # Another class than dict may make a value up where it has none.
        if self._values_of is None or type(x) is not dict or len(x) != len(self):
            return None
        try:
            row = np.array([self._values_of(x)])
        except (KeyError, ValueError):
            return None
        return row if row.dtype == np.float64 and row.ndim == 2 else None


def names_of(X: Any) -> list[str]:
    """Return the names of a frame's columns."""
    return list(dataframe.into_frame(X).columns)


def verdict_of(y: Any) -> bool:
    """Return a label as a boolean.

    Raises
    ------
    ValueError
        It is neither True nor False, nor 1 nor 0.
    """
    if isinstance(y, (bool, int, float, np.bool_, np.number)) and y in (0, 1):
        return bool(y)
    raise ValueError(f"the label is {y!r}: give True for fraud, False for genuine")


def verdicts_of(y: Any) -> NDArray[np.bool_]:
    """Return a series of labels as booleans; ValueError as in `verdict_of`."""
    labels = dataframe.into_series(y).to_numpy()
    return np.array([verdict_of(label) for label in labels.tolist()], np.bool_)


def weights_of(w: Any, n: int) -> NDArray[np.float64] | None:
    """Return one weight or a series of them, shape (n,); None where every row weighs 1."""
    if isinstance(w, (int, float)):
        return None if w == 1 else np.full(n, float(w))
    return np.asarray(dataframe.into_series(w).to_numpy(), np.float64)


def probabilities(p: NDArray[np.float64], like: Any) -> Any:
    """Return the probabilities of fraud as River's frame of both classes."""
    return dataframe.to_native_frame({False: 1.0 - p, True: p}, like=dataframe.into_frame(like))


def _numbers(frame: nw.DataFrame[Any]) -> NDArray[np.float64]:
    """Return a frame of numbers as a matrix; TypeError where a value is none."""
    for name, dtype in frame.schema.items():
        if not dtype.is_numeric() and dtype != nw.Boolean:
            for value in frame.get_column(name).drop_nulls().to_list():
                # What follows would parse text.
                _number(name, value)
    return dataframe.to_numpy(frame)


def _number(name: Hashable, value: Any) -> float:
    try:
        return float(value) if not isinstance(value, str) else _refuse(name, value)
    except (TypeError, ValueError):
        return _refuse(name, value)


def _refuse(name: Hashable, value: Any) -> float:
    raise TypeError(
        f"feature {name!r} is {value!r}, which is no number: encode it before the model, "
        "for instance with river.preprocessing.OneHotEncoder"
    )
