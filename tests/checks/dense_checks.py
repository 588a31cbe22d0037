"""What must hold of every model over matrices, for the tests of each of them.

`make` returns a model that has learned nothing, always with the same parameters.
"""

import math
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from checks.one_row import contributions

from models.states.snapshot import pack, unpack
from schemas.errors import SnapshotError


def everything(model):
    """All that a model is, as bytes."""
    return pack(model.state())


def assert_cuts_never_matter(make, X, y, w):
    """Row by row is as all at once, and whoever asks in between changes nothing."""
    whole, parts = make(), make()
    whole.learn_many(X, y, w)
    for i in range(len(X)):
        before = everything(parts)
        parts.predict_proba_many(X)
        contributions(parts, X[i])
        assert everything(parts) == before
        parts.learn_many(X[i : i + 1], y[i : i + 1], w[i : i + 1])
    assert everything(parts) == everything(whole)
    one_by_one = [whole.predict_proba_many(x[np.newaxis])[0] for x in X]
    assert whole.predict_proba_many(X).tolist() == one_by_one


def assert_stays_finite(make, X, y, w):
    """After hostile rows every number is finite, and the state is one that is taken."""
    model, width = make(), X.shape[1]
    model.learn_many(X, y, w)
    model.learn_many(np.full((3, width), np.inf), np.array([True, False, True]))
    state = model.state()
    assert all(np.isfinite(array).all() for array in state.arrays.values())
    assert math.isfinite(model.intercept)
    scores = model.predict_proba_many(np.concatenate([X, np.full((2, width), -1e308)]))
    assert ((scores >= 0) & (scores <= 1)).all()
    base, parts = contributions(model, np.full(width, -np.inf))
    assert math.isfinite(base + parts.sum())
    make().restore(state)


def assert_contributions_add_up(model, X, tolerance):
    """Base and contributions of each row are the log-odds of its score."""
    for x, score in zip(X, model.predict_proba_many(X), strict=True):
        base, parts = contributions(model, x)
        assert parts.shape == x.shape
        assert math.log(score / (1 - score)) == pytest.approx(base + parts.sum(), abs=tolerance)


def assert_goes_on_bit_for_bit(make, X, y):
    """A model that takes a state goes on as the one that gave it, whatever it was before."""
    half, more = len(X) // 2, 3 * len(X) // 4
    model, other = make(), make()
    model.learn_many(X[:half], y[:half])
    other.learn_many(X[half:more], y[half:more])
    given = model.state()
    before = pack(given)
    taken = unpack(before)
    model.learn_many(X[half:], y[half:])
    other.restore(taken)
    other.learn_many(X[half:], y[half:])
    assert everything(other) == everything(model) != before
    assert pack(given) == pack(taken) == before


def break_header(name, value):
    """Return what damages a state: another value in its header."""
    return lambda state: state.header.__setitem__(name, value)


def break_array(name, at, value):
    """Return what damages a state: another value in one of its arrays."""
    return lambda state: state.arrays[name].__setitem__(at, value)


def assert_refuses_damage(model, damage, text):
    """A damaged state is refused, and changes nothing."""
    saved, before = model.state(), everything(model)
    damage(saved)
    with pytest.raises(SnapshotError, match=text):
        model.restore(saved)
    assert everything(model) == before


def assert_same_uncompiled(file, digest):
    """What a test file's function `digest` says is the same compiled and uncompiled."""
    other = "0" if numba.config.DISABLE_JIT else "1"
    program = f"import runpy; print(runpy.run_path({file!r})[{digest.__name__!r}]())"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "NUMBA_DISABLE_JIT": other,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == digest()
