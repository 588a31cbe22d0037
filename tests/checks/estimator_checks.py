"""What must hold of every classifier with River's face, for the tests of each of them."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

# What makes a frame of dictionaries, and a column of a list.
in_every_library = pytest.mark.parametrize(
    ("frame", "series"),
    [
        (pd.DataFrame, lambda values: pd.Series(values, name="fraud")),
        (pl.DataFrame, lambda values: pl.Series("fraud", values)),
        (pa.Table.from_pylist, lambda values: pa.chunked_array([values])),
    ],
    ids=["pandas", "polars", "arrow"],
)


def assert_frames_equal_dictionaries(one, many, frame, series):
    """Frames with other columns each time teach `many` what their rows teach `one`."""
    rng = np.random.default_rng(3)
    for names in ("abc", "cb", "bcad", "a"):
        batch = [{n: float(rng.normal()) for n in names} for _ in range(6)]
        y, w = rng.random(6) < 0.5, rng.random(6)
        for x, label, weight in zip(batch, y.tolist(), w.tolist(), strict=True):
            one.learn_one(x, label, w=weight)
        many.learn_many(frame(batch), series(y.tolist()), series(w.tolist()))
        scores = np.asarray(many.predict_proba_many(frame(batch)), np.float64)
        assert scores.tolist() == [list(one.predict_proba_one(x).values()) for x in batch]
        verdicts = list(np.asarray(many.predict_many(frame(batch))))
        assert verdicts == [one.predict_one(x) for x in batch]
    assert one.n_learned == many.n_learned == 24


def assert_pickled_goes_on_alike(model, examples, more):
    """A pickled model and its original say the same of what both learn afterwards."""
    for x, y, w in examples:
        model.learn_one(x, y, w)
    other = pickle.loads(pickle.dumps(model))
    for x, y, w in more:
        model.learn_one(x, y, w)
        other.learn_one(x, y, w)
        assert model.predict_proba_one(x) == other.predict_proba_one(x)
