"""Dictionaries and frames as rows: every name has its column, every text its refusal."""

from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import polars as pl
import pytest

from models.dense.face import Columns, probabilities, verdict_of, verdicts_of, weights_of


def test_names_get_columns_in_the_order_in_which_they_come():
    columns = Columns(["b", "a"])
    columns.add(["a", 7])
    assert columns.places == {"b": 0, "a": 1, 7: 2}
    assert len(columns) == 3


@pytest.mark.parametrize(
    ("x", "row"),
    [
        ({"a": 1.0, "b": 2.0, "c": 3.0}, [1, 2, 3]),
        ({"c": 3.0, "b": 2.0, "a": 1.0}, [1, 2, 3]),
        ({"a": 1, "b": True, "c": np.float32(0.5)}, [1, 1, 0.5]),
        ({"b": 2.0, "z": "not asked for"}, [np.nan, 2, np.nan]),
        ({"a": None, "b": float("nan"), "c": float("inf")}, [np.nan, np.nan, np.inf]),
        ({}, [np.nan, np.nan, np.nan]),
    ],
)
def test_a_dictionary_becomes_a_row(x, row):
    np.testing.assert_array_equal(Columns(["a", "b", "c"]).row(x), [row])


@pytest.mark.parametrize("value", ["9.5", "genuine", [1.0], {}, 1j])
@pytest.mark.parametrize("others", [{}, {"a": 1.0}])
def test_a_value_that_is_no_number_is_named(value, others):
    with pytest.raises(TypeError, match=r"feature .b. is .*, which is no number"):
        Columns(["a", "b"]).row({**others, "b": value})


@pytest.mark.parametrize(
    "x", [Counter({"a": 1.0, "z": 2.0}), defaultdict(float, {"a": 1.0, "z": 2.0})]
)
def test_a_dictionary_that_makes_values_up_is_not_asked_to(x):
    np.testing.assert_array_equal(Columns(["a", "b"]).row(x), [[1.0, np.nan]])
    assert set(x) == {"a", "z"}


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    "values",
    [["1.5", None], ["genuine", "2"], [[1.0], [2.0]]],
    ids=["number", "word", "list"],
)
def test_a_column_that_holds_no_numbers_is_named(frame, values):
    X = frame({"a": [1.0, 2.0], "b": values})
    with pytest.raises(TypeError, match=r"feature .b. is .*, which is no number"):
        Columns(["a", "b"]).matrix(X)
    np.testing.assert_array_equal(Columns(["a"]).matrix(X), [[1.0], [2.0]])


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1.5, None, True], dtype=object),
        pd.array([1, None, 0], "Int64"),
        pd.array([True, None, False], "boolean"),
        pl.Series([1, None, 0]),
        pl.Series([True, None, False]),
        pl.Series([None, None, None]),
    ],
)
def test_whatever_numbers_are_kept_in_they_are_read(values):
    frame = pl.DataFrame if isinstance(values, pl.Series) else pd.DataFrame
    X = frame({"a": [1, 2, 3], "b": values, "z": ["not", "asked", "for"]})
    expected = [np.nan if value is None or value is pd.NA else float(value) for value in values]
    np.testing.assert_array_equal(Columns(["b"]).matrix(X)[:, 0], expected)


def test_names_that_are_no_text_are_columns_of_frames_too():
    with pytest.raises(TypeError, match="feature 7 is '2'"):
        Columns([7]).matrix(pd.DataFrame({7: ["2"]}))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_frame_becomes_a_matrix_and_back(frame):
    X = frame({"b": [1, 2], "z": [9.0, 9.0], "a": [0.5, None]})
    columns = Columns(["a", "b", "c"])
    matrix = columns.matrix(X)
    np.testing.assert_array_equal(matrix, [[0.5, 1, np.nan], [np.nan, 2, np.nan]])
    back = columns.frame(matrix, X)
    assert isinstance(back, frame)
    assert list(back.columns) == ["b", "z", "a"]
    np.testing.assert_array_equal(back.to_numpy(), [[1, 0, 0.5], [2, 0, np.nan]])


def test_a_frame_keeps_its_index():
    X = pd.DataFrame({"a": [1.0, 2.0]}, index=["x", "y"])
    assert Columns(["a"]).frame(np.ones((2, 1)), X).index.tolist() == ["x", "y"]
    p = probabilities(np.array([0.25, 0.5]), X)
    assert p.index.tolist() == ["x", "y"]
    assert p[True].tolist() == [0.25, 0.5]
    assert p[False].tolist() == [0.75, 0.5]


@pytest.mark.parametrize(
    ("y", "verdict"), [(True, True), (0, False), (1.0, True), (np.True_, True)]
)
def test_labels_are_true_and_false_however_written(y, verdict):
    assert verdict_of(y) is verdict
    assert verdicts_of(pd.Series([y])).tolist() == [verdict]


@pytest.mark.parametrize("y", ["genuine", None, 2, float("nan"), -1])
def test_another_label_is_refused(y):
    with pytest.raises(ValueError, match="give True for fraud, False for genuine"):
        verdict_of(y)
    with pytest.raises(ValueError, match="give True for fraud"):
        verdicts_of(pd.Series([y], dtype=object))


def test_weights_are_one_number_or_one_each():
    assert weights_of(1, 3) is None
    assert weights_of(2, 3).tolist() == [2, 2, 2]
    assert weights_of(pl.Series([1, 2]), 2).tolist() == [1, 2]
