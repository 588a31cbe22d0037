"""Rows that a model must survive, and River's view of rows."""

import math

import numba
import numpy as np
import pytest

HOSTILE = (np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0, -0.0, 5e-324, -1e-310, 1e12, -1e12, 1e-12)


@pytest.fixture
def hostile_rows():
    """A function: rows with wild cells, a constant, a missing and a denormal column, empty rows."""

    def rows(rng, n, width=6):
        X = rng.normal(3, 2, (n, width))
        wild = rng.random(X.shape) < 0.3
        X[wild] = rng.choice(HOSTILE, wild.sum())
        X[:, 0] = 7.0
        X[:, 1] = np.nan
        X[:, 2] = rng.choice((0.0, 5e-324, -5e-324), n)
        X[rng.random(n) < 0.1] = np.nan
        return X

    return rows


@pytest.fixture
def as_dict():
    """A function: River's dictionary of a row; what is not known is not there."""

    def named(row):
        return {
            f"f{j}": min(max(value, -1e12), 1e12)
            for j, value in enumerate(row.tolist())
            if not math.isnan(value)
        }

    return named


@pytest.fixture
def n_rows():
    """How many rows a comparison takes: uncompiled kernels are slow."""
    return 300 if numba.config.DISABLE_JIT else 3000
