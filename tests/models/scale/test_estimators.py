"""The scalers as River's transformers: River's own checks, and River's own numbers."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from checks.river_checks import assert_passes, every_check
from river import preprocessing
from seeds import seeds

from models.scale.estimators import MinMaxScaler, StandardScaler

PAIRS = {
    "standard": (StandardScaler, preprocessing.StandardScaler),
    "centred": (
        lambda: StandardScaler(with_std=False),
        lambda: preprocessing.StandardScaler(with_std=False),
    ),
    "min-max": (MinMaxScaler, preprocessing.MinMaxScaler),
}


@pytest.fixture(params=PAIRS.values(), ids=PAIRS)
def pair(request):
    return request.param


@pytest.mark.parametrize(
    ("model", "check"), every_check({name: ours() for name, (ours, _) in PAIRS.items()})
)
def test_rivers_own_checks(model, check):
    assert_passes(model, check)


def dictionaries(seed, n=200):
    rng = np.random.default_rng(seed)
    for i in range(n):
        names = rng.permutation(5 if i > 50 else 3)[: rng.integers(0, 6)]
        yield {f"f{j}": float(rng.normal(3, 2)) for j in names}


@seeds(2)
def test_dictionaries_equal_river(pair, seed):
    ours, river = (build() for build in pair)
    for x in dictionaries(seed):
        ours.learn_one(x)
        river.learn_one(x)
        found = ours.transform_one(x)
        assert list(found) == list(x)
        assert found == pytest.approx(river.transform_one(x), rel=1e-14, abs=0)
    if isinstance(ours, MinMaxScaler):
        assert {n: v.get() for n, v in ours.min.items()} == {
            n: v.get() for n, v in river.min.items()
        }
        assert {n: v.get() for n, v in ours.max.items()} == {
            n: v.get() for n, v in river.max.items()
        }
    else:
        assert ours.counts == river.counts
        assert ours.means == river.means
        assert ours.vars == river.vars


@pytest.mark.parametrize(
    "frame", [pd.DataFrame, pl.DataFrame, pa.Table.from_pylist], ids=["pandas", "polars", "arrow"]
)
def test_frames_equal_dictionaries(pair, frame):
    one, many = pair[0](), pair[0]()
    rng = np.random.default_rng(3)
    for names in ("abc", "cb", "bcad", "a"):
        batch = [{n: float(rng.normal()) for n in names} for _ in range(6)]
        for x in batch:
            one.learn_one(x)
        many.learn_many(frame(batch))
        scaled = many.transform_many(frame(batch))
        assert type(scaled) is type(frame(batch))
        rows = scaled.to_dict("records") if isinstance(scaled, pd.DataFrame) else None
        rows = rows or (scaled.to_dicts() if isinstance(scaled, pl.DataFrame) else None)
        assert (rows or scaled.to_pylist()) == [one.transform_one(x) for x in batch]


def test_what_was_never_learned_is_scaled_alike_in_frames_and_dictionaries(pair):
    model = pair[0]()
    model.learn_many(pd.DataFrame({"a": [1.0, 3.0]}))
    before = pickle.dumps(model)
    x = {"new": 4.0, "a": 3.0}
    expected = {
        "new": 4.0 if model._get_params().get("with_std") is False else 0.0,
        "a": model.transform_one({"a": 3.0})["a"],
    }
    assert model.transform_one(x) == expected
    scaled = model.transform_many(pd.DataFrame([x], index=[7]))
    assert scaled.to_dict("index") == {7: expected}
    assert pickle.dumps(model) == before


def test_what_is_not_there_is_not_learned_and_comes_out_missing(pair):
    model, other = pair[0](), pair[0]()
    for value in (1.0, 4.0, 2.0):
        model.learn_one({"a": value, "b": None, "c": float("nan")})
        other.learn_one({"a": value})
    assert model.transform_one({"a": 3.0}) == other.transform_one({"a": 3.0})
    assert np.isnan(list(model.transform_one({"b": None, "c": float("nan")}).values())).all()
    seen = model.min if isinstance(model, MinMaxScaler) else model.means
    assert list(seen) == ["a"]


def test_a_pickled_scaler_goes_on_alike(pair):
    model = pair[0]()
    for x in dictionaries(1, 60):
        model.learn_one(x)
    other = pickle.loads(pickle.dumps(model))
    for x in dictionaries(2, 60):
        model.learn_one(x)
        other.learn_one(x)
        assert model.transform_one(x) == other.transform_one(x)


@pytest.mark.parametrize("scaler", [StandardScaler, MinMaxScaler])
def test_a_window_is_refused(scaler):
    with pytest.raises(ValueError, match="window_size=3 has no compiled form"):
        scaler(window_size=3)


def test_a_text_is_refused_by_name(pair):
    with pytest.raises(TypeError, match="feature 'a' is '4'"):
        pair[0]().learn_one({"a": "4"})
