"""What kernels are given to learn from."""

import numba
import numpy as np
import pytest

from models.dense.examples import WEIGHT_MAX, WEIGHT_MIN, examples_of
from models.trees.tree import DenseTree, _learn_rows


def frozen(array):
    array = array.copy()
    array.flags.writeable = False
    return array


ROWS, LABELS = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([True, False])


def test_without_weights_every_row_has_weight_one():
    X, y, w = examples_of(ROWS, LABELS, None, 2)
    assert X is ROWS
    assert y is LABELS
    assert w.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("w", [np.array([0, 2]), frozen(np.array([0.0, 2.0])), np.arange(4.0)[::2]])
def test_whatever_is_given_kernels_get_one_type(w):
    X, y, weights = examples_of(frozen(ROWS), frozen(LABELS), w, 2)
    for array in (X, y, weights):
        assert array.flags.carray
    assert (X.tolist(), y.tolist(), weights.tolist()) == (ROWS.tolist(), [True, False], [0.0, 2.0])


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_what_cannot_be_written_is_not_compiled_for_anew():
    model = DenseTree(2)
    model.learn_many(ROWS, LABELS)
    before = len(_learn_rows.signatures)
    model.learn_many(frozen(ROWS), frozen(LABELS), frozen(np.ones(2)))
    assert len(_learn_rows.signatures) == before


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf, WEIGHT_MIN / 2, WEIGHT_MAX * 2])
def test_weights_out_of_their_range_are_refused(wrong):
    with pytest.raises(ValueError, match="give 0 to leave a row out, or weights from 1e-09"):
        examples_of(ROWS, LABELS, np.array([1.0, wrong]), 2)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"X has shape \(2, 2\), the model 3 columns"):
        examples_of(ROWS, LABELS, None, 3)
    with pytest.raises(ValueError, match=r"y has shape \(1,\), X 2 rows"):
        examples_of(ROWS, LABELS[:1], None, 2)
    with pytest.raises(ValueError, match=r"w has shape \(3,\), X 2 rows"):
        examples_of(ROWS, LABELS, np.ones(3), 2)
