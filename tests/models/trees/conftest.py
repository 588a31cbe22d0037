"""Streams for trees: simple examples, hostile rows, and payments whose labels come late."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

DAY_S = 86_400

# Not compiled, a forest takes milliseconds for an event.
COMPILED = os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"


def examples(seed, n, width=6, fraud=0.1, missing=0.0):
    """Return features (n, width), some of them whole numbers or flags, and labels."""
    rng = np.random.default_rng(seed)
    y = rng.random(n) < fraud
    X = rng.normal(size=(n, width))
    X[:, ::3] = np.round(X[:, ::3])
    X[:, 0] += 2 * y
    X[:, 1 % width] *= 1 + 2 * y
    X[:, 2 % width] = rng.random(n) < 0.3
    X[rng.random(X.shape) < missing] = np.nan
    return X, y


def hostile(seed, n, width=6):
    """Return rows that hold everything a float can be, and labels that say nothing."""
    rng = np.random.default_rng(seed)
    wild = [np.nan, np.inf, -np.inf, 1e308, -1e308, -0.0, 5e-324, 1e-310, 1e12, 0.0, 1.0]
    X = rng.choice(wild, (n, width))
    X[:, 0] = 7.0
    X[rng.random(n) < 0.1] = np.nan
    X[: n // 3, 1 % width] = rng.normal(size=n // 3) * 1e300
    return X, rng.random(n) < 0.4


def payments(seed, n, days=60):
    """Return times in seconds, features of shape (n, 15) and labels; 0.85 % are fraud.

    Three kinds of fraud: large amounts, a few terminals, and cards whose amounts and
    counts go up.
    """
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, days * DAY_S, n))
    kind = rng.choice(4, n, p=[0.9915, 0.002, 0.004, 0.0025])
    usual = rng.lognormal(3.5, 0.6, n)
    amount = np.round(usual * rng.lognormal(0, 0.5, n), 2)
    amount[kind == 1] += rng.uniform(150, 400, (kind == 1).sum())
    amount[kind == 3] *= 5
    counts = rng.poisson([[1.2, 8.0, 34.0]], (n, 3)) + (kind == 3)[:, None] * rng.poisson(2, (n, 3))
    risk = rng.beta(0.3, 30, (n, 3)) * (rng.random((n, 3)) < 0.5)
    risk[kind == 2] += rng.uniform(0, 0.6, ((kind == 2).sum(), 3))
    means = usual[:, None] * rng.lognormal(0, [0.5, 0.2, 0.1], (n, 3))
    hour = t % DAY_S // 3600
    columns = (amount, hour, hour < 6, t // DAY_S % 7 >= 5, counts, means, amount / means[:, 1])
    more = (risk, np.round(rng.exponential(20, n)))
    X = np.column_stack([np.asarray(c, np.float64) for c in (*columns, *more)])
    return t, X, kind > 0


def known_before(t, delay_s=7 * DAY_S):
    """Return how many labels are known when each event comes."""
    return np.searchsorted(t, t - delay_s, side="right").tolist()


def dictionaries(X, names=None):
    """Return rows as River's dictionaries: what is not known is not there."""
    names = names or [f"f{j:02}" for j in range(X.shape[1])]
    return [{name: v for name, v in zip(names, x, strict=True) if v == v} for x in X.tolist()]


def same(a, b):
    """Say whether two states are the same to the last bit."""
    return (
        (a.kind, a.header) == (b.kind, b.header)
        and a.arrays.keys() == b.arrays.keys()
        and all(np.array_equal(a.arrays[name], b.arrays[name]) for name in a.arrays)
        and a.parts.keys() == b.parts.keys()
        and all(same(a.parts[name], b.parts[name]) for name in a.parts)
    )


@pytest.fixture(scope="session")
def streams():
    """The functions of this file."""
    functions = (examples, hostile, payments, known_before, dictionaries, same)
    return SimpleNamespace(compiled=COMPILED, **{f.__name__: f for f in functions})
