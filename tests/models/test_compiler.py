"""River pipelines compiled: the same scores as River driven by hand, or River's own objects."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
from checks.one_row import contributions
from river import anomaly, compose, drift, forest, linear_model, naive_bayes, optim, preprocessing
from river import tree as trees
from seeds import seeds

import models
from models.anomaly import estimators as our_anomaly
from models.compiled import CompiledLearner
from models.compiler import UncompiledWarning
from models.linear import estimators as our_linear
from models.river.adapter import RiverLearner
from models.scale import estimators as our_scale
from models.states.snapshot import pack, unpack
from models.trees import estimators as our_trees
from schemas.errors import ModelError, SnapshotError, TrainedModelError

NAMES = ("ratio", "amount", "count", "gap", "age")
IMBALANCE = {"max_share_to_split": 1.0, "min_branch_fraction": 1e-4}
NO_DRIFT = {"drift_detector": drift.NoDrift(), "warning_detector": drift.NoDrift()}

PIPELINES = {
    "scaler | logistic regression": lambda: (
        preprocessing.StandardScaler() | linear_model.LogisticRegression()
    ),
    "scalers in a pipeline of pipelines": lambda: compose.Pipeline(
        compose.Pipeline(preprocessing.MinMaxScaler(), preprocessing.StandardScaler()),
        linear_model.LogisticRegression(optim.Adam(0.01), l2=1e-3),
    ),
    "logistic regression alone": lambda: linear_model.LogisticRegression(optim.AdaGrad(0.05)),
    "Hoeffding tree": lambda: trees.HoeffdingTreeClassifier(grace_period=30, **IMBALANCE),
    "forest": lambda: forest.ARFClassifier(
        3, seed=5, grace_period=30, leaf_prediction="mc", **NO_DRIFT, **IMBALANCE
    ),
    "scaler | half-space trees": lambda: (
        preprocessing.MinMaxScaler()
        | anomaly.HalfSpaceTrees(n_trees=5, height=4, window_size=40, seed=3)
    ),
}


@pytest.fixture(params=PIPELINES.values(), ids=PIPELINES)
def pipeline(request):
    return request.param()


def examples(rng, n, unknown=0.1):
    y = rng.random(n) < 0.2
    X = rng.normal(3, 2, (n, len(NAMES))) + 2 * y[:, None] * np.arange(len(NAMES))
    X[rng.random(X.shape) < unknown] = np.nan
    return X, y


def is_detector(model):
    last = list(model.steps.values())[-1] if isinstance(model, compose.Pipeline) else model
    return isinstance(last, anomaly.HalfSpaceTrees)


def river_score(model, x):
    return model.score_one(x) if is_detector(model) else model.predict_proba_one(x).get(True, 0.0)


def river_learn(model, x, y):
    model.learn_one(x) if is_detector(model) else model.learn_one(x, y)


@seeds(2)
def test_scores_equal_river_driven_by_hand(pipeline, seed):
    # Where values are missing, River's trees break ties by the order in which a leaf met its
    # features; ours by the columns'.
    X, y = examples(np.random.default_rng(seed), 600, unknown=0.0)
    river, compiled = pipeline.clone(), models.compile(pipeline, NAMES)
    assert isinstance(compiled, CompiledLearner)
    for start in range(0, len(X), 40):
        rows = slice(start, start + 40)
        dicts = [dict(zip(NAMES, x, strict=True)) for x in X[rows].tolist()]
        expected = [river_score(river, x) for x in dicts]
        np.testing.assert_allclose(compiled.predict_proba_many(X[rows]), expected, 1e-9, 1e-12)
        compiled.learn_many(X[rows], y[rows])
        for x, label in zip(dicts, y[rows].tolist(), strict=True):
            river_learn(river, x, label)
    assert compiled.learned == len(X)
    assert len(set(compiled.predict_proba_many(X))) > 1


@seeds(2)
def test_how_rows_are_cut_into_batches_never_matters(pipeline, seed):
    rng = np.random.default_rng(seed)
    X, y = examples(rng, 300)
    whole, cut = (models.compile(pipeline, NAMES) for _ in range(2))
    whole.learn_many(X, y)
    edges = np.sort(rng.integers(0, 300, 12))
    for part, labels in zip(np.split(X, edges), np.split(y, edges), strict=True):
        cut.learn_many(part, labels)
    assert whole.predict_proba_many(X).tolist() == cut.predict_proba_many(X).tolist()
    assert pack(whole.state()) == pack(cut.state())


@seeds(2)
def test_contributions_and_base_are_the_score_s_log_odds(pipeline, seed):
    X, y = examples(np.random.default_rng(seed), 400)
    learner = models.compile(pipeline, NAMES)
    learner.learn_many(X[:350], y[:350])
    for x, score in zip(X[350:], learner.predict_proba_many(X[350:]), strict=True):
        base, parts = contributions(learner, x)
        assert parts.shape == (len(NAMES),)
        limited = min(max(score, 1e-12), 1 - 1e-12)
        if limited == score:
            assert base + parts.sum() == pytest.approx(math.log(score / (1 - score)), abs=1e-6)


@seeds(2)
def test_a_restored_learner_goes_on_bit_for_bit(pipeline, seed):
    X, y = examples(np.random.default_rng(seed), 500)
    going, other = (models.compile(pipeline, NAMES) for _ in range(2))
    going.learn_many(X[:300], y[:300])
    other.learn_many(X[100:150], y[100:150])
    other.restore(unpack(pack(going.state())))
    assert other.learned == going.learned
    for learner in (going, other):
        learner.learn_many(X[300:], y[300:])
    assert going.predict_proba_many(X).tolist() == other.predict_proba_many(X).tolist()
    assert pack(going.state()) == pack(other.state())


def test_a_state_that_does_not_fit_changes_nothing(pipeline):
    X, y = examples(np.random.default_rng(1), 200)
    learner = models.compile(pipeline, NAMES)
    learner.learn_many(X, y)
    before = pack(learner.state())
    state = learner.state()
    damaged = copy.deepcopy(state)
    damaged.parts["model"].arrays.clear()
    wrong = [
        (damaged, "missing|arrays|not"),
        (models.compile(pipeline, NAMES[::-1]).state(), "feature_names"),
        (models.compile(naive_bayes_like(), NAMES).state(), "."),
        (replace(state, header={**state.header, "frauds_min": 6}), "frauds_min is 6"),
        (replace(state, header={**state.header, "genuine_min": 0}), "genuine_min is 0"),
        (replace(state, header={**state.header, "frauds": -1}), "frauds is -1"),
    ]
    for bad, text in wrong:
        with pytest.raises(SnapshotError, match=text):
            learner.restore(bad)
        assert pack(learner.state()) == before


def test_a_part_that_stops_in_the_middle_takes_all_of_them_back(pipeline, monkeypatch):
    X, y = examples(np.random.default_rng(1), 200)
    learner = models.compile(pipeline, NAMES)
    fresh = learner.state()
    learner.learn_many(X, y)
    before = pack(learner.state())
    restore = learner.model.restore

    def stop(state):
        monkeypatch.undo()
        restore(state)
        raise MemoryError("no room")

    monkeypatch.setattr(learner.model, "restore", stop)
    with pytest.raises(MemoryError, match="no room"):
        learner.restore(fresh)
    assert pack(learner.state()) == before


@pytest.mark.parametrize("shape", [(9,), (11,), (10, 1), ()])
def test_a_label_missing_or_too_many_is_an_error_before_anything_is_learned(pipeline, shape):
    X, _ = examples(np.random.default_rng(1), 10)
    learner = models.compile(pipeline, NAMES)
    before = pack(learner.state())
    with pytest.raises(ValueError, match=r"X has 10 rows and y \d+: give each row its label"):
        learner.learn_many(X, np.ones(shape, np.bool_))
    assert pack(learner.state()) == before


def naive_bayes_like():
    """Another pipeline than any of the above."""
    return preprocessing.StandardScaler() | trees.HoeffdingTreeClassifier(
        grace_period=77, **IMBALANCE
    )


@seeds(2)
def test_hostile_values_leave_every_score_finite(pipeline, seed):
    rng = np.random.default_rng(seed)
    X, y = examples(rng, 400)
    wild = np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.0])
    hit = rng.random(X.shape) < 0.2
    X[hit] = rng.choice(wild, hit.sum())
    X[7] = np.nan
    learner = models.compile(pipeline, NAMES)
    for start in range(0, 400, 50):
        learner.learn_many(X[start : start + 50], y[start : start + 50])
        scores = learner.predict_proba_many(X)
        assert np.isfinite(scores).all()
        assert ((scores >= 0) & (scores <= 1)).all()


def test_the_pipeline_given_stays_as_it_is(pipeline):
    X, y = examples(np.random.default_rng(1), 100)
    models.compile(pipeline, NAMES).learn_many(X, y)
    assert models.compile(pipeline, NAMES).learned == 0
    fresh = models.compile(pipeline.clone(), NAMES)
    used = models.compile(pipeline, NAMES)
    assert pack(used.state()) == pack(fresh.state())


UNCOMPILED = {
    "another model": (naive_bayes.GaussianNB, "GaussianNB"),
    "another optimizer": (
        lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.Nadam()),
        "Nadam",
    ),
    "another transformer": (
        lambda: preprocessing.Normalizer() | linear_model.LogisticRegression(),
        "Normalizer",
    ),
    "a window": (
        lambda: preprocessing.StandardScaler(window_size=9) | linear_model.LogisticRegression(),
        "window_size",
    ),
    "a union": (
        lambda: (
            (preprocessing.StandardScaler() + preprocessing.MinMaxScaler())
            | linear_model.LogisticRegression()
        ),
        "TransformerUnion",
    ),
    "no seed": (anomaly.HalfSpaceTrees, "seed"),
}


@pytest.mark.parametrize(("model", "why"), UNCOMPILED.values(), ids=UNCOMPILED)
def test_what_has_no_compiled_form_runs_as_river_s_own_and_says_so(model, why):
    with pytest.warns(UncompiledWarning, match=why) as warned:
        learner = models.compile(model(), NAMES)
    assert isinstance(learner, RiverLearner)
    assert len(warned) == 1
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    "ours",
    [
        lambda: our_scale.StandardScaler() | our_linear.LogisticRegression(optim.Adam(0.02)),
        lambda: our_scale.MinMaxScaler() | our_anomaly.HalfSpaceTrees(3, 3, 20, seed=1),
        lambda: our_trees.HoeffdingTreeClassifier(grace_period=30),
        lambda: our_trees.ARFClassifier(2, seed=2, **NO_DRIFT),
    ],
)
def test_the_package_s_own_estimators_are_compiled_as_river_s_are(ours):
    assert isinstance(models.compile(ours(), NAMES), CompiledLearner)


def once(step):
    """Teach a step one event."""
    x = dict.fromkeys(NAMES, 0.5)
    step.learn_one(x, True) if hasattr(step, "predict_proba_one") else step.learn_one(x)
    return step


TRAINED = {
    "River's scaler": lambda: (
        once(preprocessing.StandardScaler()) | linear_model.LogisticRegression()
    ),
    "River's regression": lambda: (
        preprocessing.MinMaxScaler() | once(linear_model.LogisticRegression())
    ),
    "a whole pipeline": lambda: once(PIPELINES["scaler | logistic regression"]()),
    "River's tree": lambda: once(trees.HoeffdingTreeClassifier()),
    "River's forest": lambda: once(forest.ARFClassifier(2, seed=1)),
    "River's detector": lambda: once(anomaly.HalfSpaceTrees(seed=1)),
    "our scaler": lambda: once(our_scale.StandardScaler()) | our_linear.LogisticRegression(),
    "our other scaler": lambda: once(our_scale.MinMaxScaler()) | our_linear.LogisticRegression(),
    "our regression": lambda: once(our_linear.LogisticRegression()),
    "our intercept": lambda: intercept_only(our_linear.LogisticRegression()),
    "our tree": lambda: once(our_trees.HoeffdingTreeClassifier()),
    "our forest": lambda: once(our_trees.ARFClassifier(2, seed=1)),
    "our detector": lambda: once(our_anomaly.HalfSpaceTrees(seed=1)),
    "our detector without a seed": lambda: once(our_anomaly.HalfSpaceTrees()),
    "a used optimizer": lambda: linear_model.LogisticRegression(used(optim.Momentum())),
    "behind a step without a form": lambda: (
        preprocessing.Normalizer() | once(linear_model.LogisticRegression())
    ),
    "with a parameter without a form": lambda: once(anomaly.HalfSpaceTrees()),
    "before a model without a form": lambda: (
        once(preprocessing.StandardScaler(window_size=9)) | naive_bayes.GaussianNB()
    ),
}


def intercept_only(regression):
    regression.learn_one({}, True)
    return regression


def used(optimizer):
    once(linear_model.LogisticRegression(optimizer))
    return optimizer


@pytest.mark.filterwarnings("ignore::models.compiler.UncompiledWarning")
@pytest.mark.parametrize("model", TRAINED.values(), ids=TRAINED)
def test_what_has_learned_already_is_refused_with_the_remedy(model):
    with pytest.raises(TrainedModelError, match=r"already .*give a fresh one.*clone\(\)"):
        models.compile(model(), NAMES)
    assert models.compile(model().clone(), NAMES).learned == 0


def test_what_gives_no_score_is_refused():
    with pytest.raises(ModelError, match="StandardScaler"):
        models.compile(preprocessing.StandardScaler(), NAMES)


def test_readiness_asks_for_both_classes_of_a_classifier_and_for_rows_of_a_detector():
    X, _ = examples(np.random.default_rng(1), 60)
    none, all_of_them = np.zeros(60, bool), np.ones(60, bool)
    classifier = models.compile(PIPELINES["logistic regression alone"](), NAMES, 3, 50)
    detector = models.compile(PIPELINES["scaler | half-space trees"](), NAMES, 3, 50)
    for learner in (classifier, detector):
        learner.learn_many(X, none)
    assert (classifier.ready, detector.ready) == (False, True)
    classifier.learn_many(X, all_of_them)
    assert classifier.ready


def test_a_detector_is_not_ready_before_its_first_window_is_full():
    X, y = examples(np.random.default_rng(1), 100)
    detector = models.compile(PIPELINES["scaler | half-space trees"](), NAMES, 1, 10)
    ready = []
    for start in range(0, 100, 13):
        detector.learn_many(X[start : start + 13], y[start : start + 13])
        ready.append(detector.ready)
        assert bool(detector.predict_proba_many(X).any()) is detector.ready
    assert ready == [False, False, False, True, True, True, True, True]
    other = models.compile(PIPELINES["scaler | half-space trees"](), NAMES, 1, 10)
    other.restore(detector.state())
    assert other.ready


def test_the_package_has_no_other_surprises():
    with pytest.raises(AttributeError, match="compiles"):
        models.compiles  # noqa: B018
