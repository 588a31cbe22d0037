"""One stream behind two faces: what scikit-learn and River are given is what the engine sees."""

from __future__ import annotations

import copy
import csv
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from river import checks, compose, datasets, linear_model, preprocessing
from seeds import seeds
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from schemas.errors import ConfigError, InputFileError
from stream.config.configuration import load
from stream.offline.feature_stream import Glance
from stream.offline.transformer import FraudFeatures, RowsNotTakenWarning
from stream.replay import Replay, ReplayOutputs
from stream.simulate.handbook import HandbookParameters, generate, write_csv

# The run without a compiler is for the kernels; here it would take minutes and show nothing more.
pytestmark = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="whole streams want compiled kernels"
)

ROOT = Path(__file__).parents[3]
EXAMPLE = str(ROOT / "examples" / "handbook.toml")
SMALL = HandbookParameters(
    customers=40, terminals=40, days=25, radius=9.0, amount_limit=110.0, terminal_days=4
)
# Small memories: what is copied and pickled here, is so many times.
SIZES: dict[str, Any] = {
    "windows": {"events_max": 3_000, "entities_max": 100, "allowed_lateness": "0s"},
    "labels": {"waiting_max": 4_096, "maturity": "7d"},
    "replay": {"label": "TX_FRAUD", "label_delay": "3d"},
}
NAMES = [
    "amount",
    "is_night",
    "customer.{count,amount_mean}_{1d,7d}",
    "customer.seconds_since_last",
    "terminal.{count,fraud_rate}_7d_delay_3d",
    "terminal.frauds_7d",
    "customer.new_terminal",
]


def transformer(**given: Any) -> FraudFeatures:
    return FraudFeatures(EXAMPLE, **{"features": NAMES, **SIZES, **given})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "handbook.csv"
    write_csv(generate(SMALL), path)
    return path


@pytest.fixture(scope="module")
def payments(world: Path) -> pd.DataFrame:
    return pd.read_csv(world, parse_dates=["TX_DATETIME"])


@pytest.fixture(scope="module")
def live(world: Path) -> np.ndarray:
    """The features as the replay of the file gives them, shape (n, n_features)."""
    config = load(Path(EXAMPLE), features={"names": NAMES}, **SIZES)
    table = world.with_name("features.csv")
    replay = Replay(world, config, ReplayOutputs(features=table), scoring=False)
    replay.run()
    names = replay.engine.parameters.features.names
    with table.open(newline="") as file:
        rows = [[float(row[name] or "nan") for name in names] for row in csv.DictReader(file)]
    return np.array(rows)


def same(one: Any, other: Any) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)


def test_the_features_of_a_world_are_worth_comparing(live: np.ndarray) -> None:
    assert len(live) > 1_200
    assert (np.nanstd(live, axis=0) > 0).all()
    assert 0.02 < (live[:, 7] > 0).mean() < 0.98  # A rate of known frauds.
    assert np.isnan(live).any()


# scikit-learn.


def test_a_frame_has_the_features_of_its_file(payments: pd.DataFrame, live: np.ndarray) -> None:
    assert same(transformer().fit_transform(payments), live)
    assert same(transformer().fit_transform(pl.from_pandas(payments)), live)


def test_fit_and_transform_are_one_stream(payments: pd.DataFrame, live: np.ndarray) -> None:
    past, future = payments[:800], payments[800:]
    features = transformer()
    assert same(features.fit_transform(past), live[:800])
    # Labels of the past come due in the future, too.
    assert same(features.transform(future), live[800:])


def test_transform_may_be_repeated_and_changes_nothing(
    payments: pd.DataFrame, live: np.ndarray
) -> None:
    features = transformer().fit(payments[:800])
    before = pickle.dumps(features)
    later = features.transform(payments[1_000:])
    assert same(features.transform(payments[800:870]), live[800:870])
    assert same(features.transform(payments[1_000:]), later)
    assert not same(later, live[1_000:])  # It was never told of those between.
    assert pickle.dumps(features) == before
    assert same(features.fit(payments[:50]).transform(payments[50:]), live[50:])


def test_y_takes_the_place_of_the_column_with_the_truth(
    payments: pd.DataFrame, live: np.ndarray
) -> None:
    y = payments["TX_FRAUD"]
    bare = payments.drop(columns="TX_FRAUD")
    for labels in (y, y.to_numpy(), y.astype(bool).tolist(), pl.from_pandas(y)):
        assert same(transformer().fit_transform(bare, labels), live)
    assert not same(transformer().fit_transform(bare), live)
    assert same(transformer().fit_transform(payments, y * 0), transformer().fit_transform(bare))
    # The truth that is to be predicted may stay in the frame: it is used after its delay only.
    features = transformer().fit(bare[:800], y[:800])
    assert same(features.transform(payments[800:]), live[800:])


def test_names(payments: pd.DataFrame) -> None:
    features = transformer()
    wanted = [
        *("amount", "is_night", "customer.count_1d", "customer.count_7d"),
        *("customer.amount_mean_1d", "customer.amount_mean_7d", "customer.seconds_since_last"),
        *("terminal.count_7d_delay_3d", "terminal.fraud_rate_7d_delay_3d", "terminal.frauds_7d"),
        "customer.new_terminal",
    ]
    assert features.get_feature_names_out().tolist() == wanted
    features.fit(payments[:10])
    assert features.get_feature_names_out(list(payments)).tolist() == wanted
    assert features.feature_names_in_.tolist() == list(payments)
    assert features.n_features_in_ == len(payments.columns)


def test_the_output_is_what_was_asked_for(payments: pd.DataFrame, live: np.ndarray) -> None:
    shuffled = payments.set_index(np.arange(len(payments)) * 7 + 3)
    features = transformer().fit(shuffled[:100])
    found = features.transform(shuffled[100:])
    assert isinstance(found, np.ndarray)
    assert (found.dtype, found.shape) == (np.float64, (len(payments) - 100, 11))
    found = features.set_output(transform="pandas").transform(shuffled[100:])
    assert list(found.columns) == features.get_feature_names_out().tolist()
    assert found.index.equals(shuffled.index[100:])
    assert same(found, live[100:])
    found = features.set_output(transform="polars").fit_transform(pl.from_pandas(payments))
    assert isinstance(found, pl.DataFrame)
    assert found.columns == features.get_feature_names_out().tolist()
    assert same(found.to_numpy(), live)
    assert features.set_output(transform=None) is features
    assert isinstance(features.transform(payments[-1:].assign(TRANSACTION_ID=-1)), pl.DataFrame)
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(transformer().fit_transform(payments[:5]), pd.DataFrame)
    with pytest.raises(ValueError, match="'arrow'"):
        features.set_output(transform="arrow")


def test_parameters_are_kept_as_they_are_given() -> None:
    features = transformer()
    names = ["config", "features", "fields", "windows", "limits", "labels", "replay"]
    assert list(features.get_params()) == names
    assert features.get_params()["features"] is NAMES
    twin = sklearn.base.clone(features)
    assert twin is not features
    assert twin.get_params() == features.get_params()
    assert features.set_params(features=["amount"]) is features
    assert features.get_feature_names_out().tolist() == ["amount"]
    with pytest.raises(ValueError, match="feature is none of the parameters config, features"):
        features.set_params(feature=["amount"])


def test_features_may_be_the_whole_section(payments: pd.DataFrame) -> None:
    section = {
        "names": ["is_large", "customer.share_large_7d"],
        "conditions": {"large": {"field": "amount", "above": 50}},
    }
    found = transformer(features=section).fit_transform(payments)
    assert same(found[:, 0], payments["TX_AMOUNT"] > 50)


def test_a_pipeline_takes_pandas_and_polars(payments: pd.DataFrame) -> None:
    y = payments["TX_FRAUD"]
    past, future = slice(0, 1_000), slice(1_000, None)
    model = make_pipeline(transformer(), DecisionTreeClassifier(max_depth=4, random_state=1))
    scores = model.fit(payments[past], y[past]).predict_proba(payments[future])[:, 1]
    ours = pl.from_pandas(payments)
    others = sklearn.base.clone(model).fit(ours[past], pl.from_pandas(y)[past])
    assert same(others.predict_proba(ours[future])[:, 1], scores)
    assert scores[y[future] == 1].mean() > 2 * scores[y[future] == 0].mean()
    assert same(pickle.loads(pickle.dumps(model)).predict_proba(payments[future])[:, 1], scores)
    assert len(model[:-1].get_feature_names_out()) == 11
    assert "FraudFeatures" in repr(model)
    assert "FraudFeatures" in model._repr_html_()
    named = model.set_output(transform="pandas").fit(payments[past], y[past])
    assert list(named[-1].feature_names_in_) == transformer().get_feature_names_out().tolist()


def test_models_are_selected_on_time_ordered_splits(payments: pd.DataFrame) -> None:
    y = payments["TX_FRAUD"]
    model = make_pipeline(transformer(), DecisionTreeClassifier(max_depth=4, random_state=1))
    splits = TimeSeriesSplit(3)
    assert cross_val_score(model, payments, y, cv=splits, scoring="roc_auc").min() > 0.5
    grid = {"fraudfeatures__features": [["amount"], NAMES]}
    search = GridSearchCV(model, grid, cv=splits, scoring="average_precision").fit(payments, y)
    assert search.best_params_ == {"fraudfeatures__features": NAMES}


def test_rows_that_are_not_taken_are_told_and_have_no_features(payments: pd.DataFrame) -> None:
    broken = payments[:100].copy()
    broken.loc[3, "TX_AMOUNT"] = -1.0
    broken.loc[7, "TX_DATETIME"] = pd.NaT
    broken.loc[9, "TRANSACTION_ID"] = 8
    text = "3 of 100 rows were not taken and have no features: amount_negative 1, .* duplicate 1"
    features = transformer()
    with pytest.warns(RowsNotTakenWarning, match=text):
        found = features.fit_transform(broken)
    assert np.isnan(found[[3, 7, 9]]).all()
    assert not np.isnan(found[[2, 4, 8, 10], 0]).any()
    assert features.not_taken == {"amount_negative": 1, "event_time_missing": 1, "duplicate": 1}
    with pytest.warns(RowsNotTakenWarning, match="in order of time"):
        transformer().fit(payments[:200][::-1])


def test_rows_that_were_fitted_are_not_transformed_to_nothing(payments: pd.DataFrame) -> None:
    features = transformer().fit(payments)
    with pytest.raises(ValueError, match=r"none of the 50 rows .*fit_transform"):
        features.transform(payments[:50])
    assert features.transform(payments[:0]).shape == (0, 11)


def test_what_cannot_be_used_is_said() -> None:
    with pytest.raises(ValueError, match="not fitted"):
        transformer().transform(pd.DataFrame())
    with pytest.raises(InputFileError, match="has no column TX_DATETIME"):
        transformer().fit(pd.DataFrame({"TRANSACTION_ID": [1]}))
    with pytest.raises(ConfigError, match=r"customer\.count_1d"):
        transformer(features=["customer.cuont_1d"]).get_feature_names_out()


def test_a_fitted_transformer_is_copied_and_pickled_with_its_state(
    payments: pd.DataFrame, live: np.ndarray
) -> None:
    features = transformer().fit(payments[:800])
    for twin in (copy.deepcopy(features), pickle.loads(pickle.dumps(features))):
        assert same(twin.transform(payments[800:]), live[800:])
        twin.fit(payments[:5])
    assert same(features.transform(payments[800:]), live[800:])


def test_no_secret_is_pickled(tmp_path: Path, payments: pd.DataFrame) -> None:
    path = tmp_path / "secret.toml"
    secrets = (
        f"[security]\nhash_key = '{'ab' * 16}'\n"
        "[kafka.client]\n'sasl.password' = 'open sesame'\n[registry]\nurl = 'http://me:pw@x'\n"
    )
    path.write_text(Path(EXAMPLE).read_text() + secrets)
    features = FraudFeatures(str(path), **SIZES).fit(payments[:10])
    pickled = pickle.dumps(features)
    assert not [text for text in (b"ab" * 16, b"sesame", b"me:pw") if text in pickled]


def test_importing_it_needs_no_library_of_frames_nor_scikit_learn() -> None:
    code = """
import sys
blocked = {"sklearn", "pandas", "polars", "pyarrow", "duckdb"}
for name in blocked: sys.modules[name] = None
from stream.offline.transformer import FraudFeatures
x = {"transaction_id": "a", "event_time": 1_750_000_000_000_000, "amount_minor": 5,
     "card_id": "c", "merchant_id": "m"}
features = FraudFeatures(features=["amount", "card.count_1h"])
assert features.transform_one(x) == {"amount": 0.05, "card.count_1h": 1.0}
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


# River.

RIVERS_OWN = {
    "windows": {"events_max": 200, "entities_max": 50},
    "labels": {"waiting_max": 2_048},
}
# River's data as payments: every row is taken.
AS_PAYMENTS = {
    **RIVERS_OWN,
    "fields": {
        "transaction_id": "ordinal_date",
        "event_time": "ordinal_date",
        "event_time_unit": "s",
        "amount": "gallup",
        "amount_unit": "major",
        "entities": {"poll": "ipsos"},
    },
    "limits": {"event_time_min_us": 0},
    "features": ["amount", "poll.{count,amount_mean}_{1m,1h}"],
}


def test_its_memory_is_its_own() -> None:
    """Nothing that is measured or pickled reaches into the compiler."""
    model = FraudFeatures(**RIVERS_OWN)
    model.learn_one({})
    assert 10_000 < model._raw_memory_usage < 10_000_000


@pytest.mark.parametrize("given", [RIVERS_OWN, AS_PAYMENTS], ids=["refused", "taken"])
def test_rivers_own_checks_pass(given: dict[str, Any]) -> None:
    model = FraudFeatures(**given)
    checks.check_estimator(model)
    names = {check.__name__ for check in checks.yield_checks(model)}
    assert {"check_transform_one", "check_pickling", "check_bounded_memory_growth"} <= names
    assert len(list(FraudFeatures._unit_test_params())) == 1
    if given is AS_PAYMENTS:
        for x, _ in datasets.TrumpApproval().take(50):
            model.learn_one(x)
        assert model.not_taken == {}
        assert set(model.transform_one(x)) == set(model.get_feature_names_out())


def dicts(payments: pd.DataFrame) -> list[dict[str, Any]]:
    return payments.to_dict("records")


def known(row: np.ndarray) -> dict[str, float]:
    names = transformer().get_feature_names_out()
    pairs = zip(names, row.tolist(), strict=True)
    return {name: value for name, value in pairs if value == value}


def test_one_by_one_the_features_are_the_live_ones(
    payments: pd.DataFrame, live: np.ndarray
) -> None:
    features = transformer()
    for i, x in enumerate(dicts(payments[:450])):
        # Before it is learned as well as after, a payment counts itself once.
        assert features.transform_one(x) == known(live[i])
        features.learn_one(x)
        assert features.transform_one(x) == known(live[i])
    assert features.not_taken == {}


@seeds(2)
def test_looking_changes_nothing(
    payments: pd.DataFrame, live: np.ndarray, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(Glance, "SINCE_MAX", int(rng.integers(1, 30)))
    rows = dicts(payments[:200])
    features = transformer()
    for i, x in enumerate(rows):
        for _ in range(int(rng.choice([0, 0, 0, 1, 3]))):
            other = rows[int(rng.integers(len(rows)))]
            asked = {**other, "TRANSACTION_ID": f"never-{rng.integers(5)}", "TX_AMOUNT": 1e6}
            features.transform_one(rng.choice([other, asked]))
        if rng.random() < 0.5:
            assert features.transform_one(x) == known(live[i])
        if rng.random() < 0.05:
            features = pickle.loads(pickle.dumps(features))
        features.learn_one(x)
        place = int(rng.integers(max(0, i - 60), i + 1))
        assert features.transform_one(rows[place]) == known(live[place])
    assert features.not_taken == {}


def test_what_was_only_looked_at_is_not_kept(payments: pd.DataFrame, live: np.ndarray) -> None:
    features = transformer()
    rows = dicts(payments[:40])
    for x in rows[:20]:
        features.learn_one(x)
    features.transform_one(rows[25])
    # Neither pickled nor transformed from nor counted.
    for twin in (features, pickle.loads(pickle.dumps(features)), copy.deepcopy(features)):
        assert same(twin.transform(payments[20:40]), live[20:40])
    features.transform_one({**rows[30], "TX_AMOUNT": -1})
    assert features.not_taken == {}


def test_a_changed_payment_is_learned_as_it_is_now(
    payments: pd.DataFrame, live: np.ndarray
) -> None:
    x = dicts(payments[:1])[0]
    features = transformer()
    features.transform_one({**x, "TX_AMOUNT": 999.0})
    features.learn_one(x)
    assert features.transform_one(x) == known(live[0])


def test_a_river_pipeline_sees_each_payment_once(payments: pd.DataFrame, live: np.ndarray) -> None:
    def expected() -> Iterator[float]:
        model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
        for row, y in zip(live[:600], payments["TX_FRAUD"], strict=False):
            yield model.predict_proba_one(known(row))[True]
            model.learn_one(known(row), bool(y))

    model = transformer() | preprocessing.StandardScaler() | linear_model.LogisticRegression()
    found = []
    for x, y in zip(dicts(payments[:600]), payments["TX_FRAUD"], strict=False):
        found.append(model.predict_proba_one(x)[True])
        model.learn_one(x, bool(y))
    assert found == list(expected())


def test_labels_may_come_late_when_features_are_learned_at_prediction(
    payments: pd.DataFrame, live: np.ndarray
) -> None:
    """A label teaches the model by the features of decision time, not those of today."""
    model = transformer() | linear_model.LogisticRegression()
    reference = linear_model.LogisticRegression()
    rows, labels = dicts(payments[:400]), payments["TX_FRAUD"].astype(bool).tolist()
    with compose.learn_during_predict():
        for i, x in enumerate(rows):
            found = model.predict_proba_one(x)
            assert found == reference.predict_proba_one(known(live[i]))
            if i >= 50:
                model.learn_one(rows[i - 50], labels[i - 50])
                reference.learn_one(known(live[i - 50]), labels[i - 50])


def test_numbers_beyond_all_reason_do_not_reach_a_model(payments: pd.DataFrame) -> None:
    x = {**dicts(payments[:1])[0], "far": 1e300}
    fields = {"numeric": {"far": "far"}}
    features = transformer(features=["input.far"], fields=fields)
    assert features.transform_one(x) == {"input.far": 1e12}
