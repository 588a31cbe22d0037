"""What a kernel may be given."""

import numpy as np
import pytest

from models.dense.matrix import labels_of, rows_of


def test_a_plain_matrix_is_not_copied():
    X = np.ones((3, 2))
    assert rows_of(X, 2) is X


def unwritable(array):
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "X",
    [
        np.array([[1.0, 2.0], [3.0, 4.0]], order="F"),
        np.array([[1.0, 0.0, 2.0], [3.0, 0.0, 4.0]])[:, ::2],
        np.array([[1, 2], [3, 4]]),
        np.array([[1.0, 2.0], [3.0, 4.0]], np.float32),
        np.array([[1.0, 2.0], [3.0, 4.0]], ">f8"),
        unwritable(np.array([[1.0, 2.0], [3.0, 4.0]])),
    ],
    ids=["columns first", "strided", "whole numbers", "float32", "foreign bytes", "read-only"],
)
def test_any_other_matrix_becomes_a_plain_one(X):
    plain = rows_of(X, 2)
    assert plain.dtype == np.float64
    assert plain.dtype.isnative
    assert plain.flags.carray
    assert plain.tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 3), (1, 3, 2)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"X has shape .* the model 2 columns"):
        rows_of(np.zeros(shape), 2)


def test_labels_become_booleans():
    assert labels_of(np.array([0, 1, 2]), 3).tolist() == [False, True, True]
    y = np.array([True, False])
    assert labels_of(y, 2) is y


@pytest.mark.parametrize("shape", [(2,), (3, 1), ()])
def test_labels_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="give one label a row"):
        labels_of(np.zeros(shape), 3)
