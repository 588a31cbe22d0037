"""Names become columns when they are learned, and not before."""

import numpy as np
import pandas as pd
import pytest

from models.dense.named import Named
from models.scale.min_max import DenseMinMaxScaler


@pytest.fixture
def named():
    return Named(DenseMinMaxScaler(0))


def same(row, expected):
    return np.array_equal(row, np.array([expected]), equal_nan=True)


def test_columns_come_in_the_order_in_which_names_were_learned(named):
    assert same(named.row_to_learn({"b": 1.0, "a": 2.0}), [1.0, 2.0])
    assert same(named.row_to_learn({"a": 3.0, "b": 4.0}), [4.0, 3.0])
    assert same(named.row_to_learn({"c": 5, "a": 6}), [np.nan, 6.0, 5.0])
    assert same(named.row_to_learn({"a": True}), [np.nan, 1.0, np.nan])
    assert named.dense.width == 3
    assert named.by_name(np.array([1.0, 2.0, 3.0])) == {"b": 1.0, "a": 2.0, "c": 3.0}


def test_a_single_name(named):
    assert same(named.row_to_learn({"a": 1.0}), [1.0])
    assert same(named.row({"a": 2.0}), [2.0])


def test_reading_adds_no_columns(named):
    named.row_to_learn({"a": 1.0, "b": 2.0})
    assert same(named.row({"a": 3.0, "x": 4.0}), [3.0, np.nan])
    assert same(named.row({"a": 3.0, "b": None}), [3.0, np.nan])
    assert same(named.row({}), [np.nan, np.nan])
    wider = named.with_names(["b", "x"])
    assert wider.dense.width == 3
    assert named.dense.width == len(named.columns) == 2
    assert named.with_names({"b": 0}) is named


@pytest.mark.parametrize("value", ["4", {}, object()])
def test_a_value_that_is_no_number_is_refused_and_adds_no_column(named, value):
    named.row_to_learn({"a": 1.0, "b": 2.0})
    for x in ({"a": 1.0, "b": value}, {"a": 1.0, "c": value}):
        with pytest.raises(TypeError, match="is no number"):
            named.row_to_learn(x)
    assert list(named.columns.places) == ["a", "b"]
    assert named.dense.width == 2


def test_frames(named):
    named.row_to_learn({"b": 1.0})
    matrix = named.matrix_to_learn(pd.DataFrame({"a": [1.0, None], "b": [3, 4]}))
    assert np.array_equal(matrix, [[3.0, 1.0], [4.0, np.nan]], equal_nan=True)
    assert named.dense.width == 2
