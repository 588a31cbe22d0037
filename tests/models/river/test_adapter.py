"""River behind the learner protocol: the same as River driven by hand, and never NaN."""

import math
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from checks.one_row import contributions
from river import anomaly, base, compose, linear_model, naive_bayes, optim, preprocessing, tree
from seeds import seeds

from models.dense.model import VALUE_MAX
from models.readiness import FRAUDS_MIN, GENUINE_MIN
from models.river.adapter import RiverLearner, logistic_pipeline
from models.river.kinds import Kind
from models.states.snapshot import State, pack, unpack
from schemas.errors import ModelError, SnapshotError

NAMES = ("amount", "ratio", "count", "gap")
MODELS = {
    "logistic pipeline": logistic_pipeline,
    "Hoeffding tree": lambda: tree.HoeffdingTreeClassifier(grace_period=20),
    "naive Bayes": naive_bayes.GaussianNB,
    "other pipeline": lambda: compose.Pipeline(
        preprocessing.StandardScaler(), linear_model.SoftmaxRegression(optim.Adam(0.01))
    ),
}


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def build(request):
    return request.param


def examples(rng, n):
    y = rng.random(n) < 0.3
    X = rng.normal(3, 2, (n, len(NAMES))) + 2 * y[:, None]
    X[rng.random(X.shape) < 0.15] = np.nan
    return X, y


def by_hand(x):
    """River's dictionary of a row: what is not known is not there."""
    named = zip(NAMES, x.tolist(), strict=True)
    return {name: min(max(v, -1e12), 1e12) for name, v in named if not math.isnan(v)}


@seeds(3)
def test_scores_equal_river_driven_by_hand(build, seed):
    X, y = examples(np.random.default_rng(seed), 400)
    X[5, 0], X[9, 1], X[77, 2] = np.inf, -np.inf, 1e300
    learner, river = RiverLearner(build(), NAMES), build()
    for start in range(0, 400, 50):
        rows = slice(start, start + 50)
        expected = [river.predict_proba_one(by_hand(x)).get(True, 0.0) for x in X[rows]]
        assert learner.predict_proba_many(X[rows]).tolist() == expected
        learner.learn_many(X[rows], y[rows])
        for x, label in zip(X[rows], y[rows], strict=True):
            river.learn_one(by_hand(x), bool(label))


@seeds(3)
def test_weights_equal_river_driven_by_hand(seed):
    X, y = examples(np.random.default_rng(seed), 300)
    learner, river = RiverLearner(logistic_pipeline(), NAMES), logistic_pipeline()
    learner.learn_many(X, y)
    for x, label in zip(X, y, strict=True):
        river.learn_one(by_hand(x), bool(label))
    scaler, regression = learner.model.steps.values()
    other_scaler, other_regression = river.steps.values()
    assert regression.weights == other_regression.weights
    assert regression.intercept == other_regression.intercept
    assert dict(scaler.means) == dict(other_scaler.means)
    assert dict(scaler.counts) == dict(other_scaler.counts)


class Listener:
    """A model that keeps the dictionaries it is given."""

    def __init__(self):
        self.learned, self.asked = [], []

    def clone(self):
        return self

    def learn_one(self, x, y):
        self.learned.append((x, y))

    def predict_proba_one(self, x):
        self.asked.append(x)
        return {True: 0.25, False: 0.75}


def test_what_is_not_known_is_absent_and_what_is_wild_is_clipped():
    listener = Listener()
    learner = RiverLearner(listener, NAMES)
    X = np.array([[1.0, np.nan, np.inf, -1e308], [np.nan] * 4, [0.0, -0.0, VALUE_MAX, 5.0]])
    learner.learn_many(X, np.array([True, False, True]))
    learner.predict_proba_many(X)
    rows = [
        {"amount": 1.0, "count": VALUE_MAX, "gap": -VALUE_MAX},
        {},
        {"amount": 0.0, "ratio": 0.0, "count": VALUE_MAX, "gap": 5.0},
    ]
    assert listener.learned == list(zip(rows, [True, False, True], strict=True))
    assert listener.asked == rows
    assert all(type(label) is bool for _, label in listener.learned)


@pytest.mark.parametrize("wild", [np.inf, -1e308, 1e200])
@pytest.mark.parametrize("label", [True, False])
def test_one_hostile_row_never_makes_a_model_nan(build, wild, label):
    X, y = examples(np.random.default_rng(4), 1000)
    learner = RiverLearner(build(), NAMES)
    learner.learn_many(X[:20], y[:20])
    learner.learn_many(np.full((1, 4), wild), np.array([label]))
    for start in range(0, 1000, 100):
        learner.learn_many(X[start : start + 100], y[start : start + 100])
        scores = learner.predict_proba_many(X[start : start + 100])
        assert np.isfinite(scores).all()
        assert ((scores >= 0) & (scores <= 1)).all()


def test_without_the_adapter_a_hostile_row_does_make_river_nan():
    """Why the adapter clips: should River do it itself one day, this says so."""
    X, y = examples(np.random.default_rng(4), 20)
    river = logistic_pipeline()
    for x, label in zip(np.concatenate([X, np.full((1, 4), np.inf), X]), [*y, 1, *y], strict=True):
        named = {n: v for n, v in zip(NAMES, x.tolist(), strict=True) if not math.isnan(v)}
        river.learn_one(named, bool(label))
    assert math.isnan(river.predict_proba_one({"amount": 1.0})[True])


@seeds(3)
def test_the_default_pipeline_is_taken_apart_by_weight_times_scaled_value(seed):
    X, y = examples(np.random.default_rng(seed), 300)
    learner = RiverLearner(logistic_pipeline(), NAMES)
    learner.learn_many(X, y)
    scaler, regression = learner.model.steps.values()
    for x, score in zip(X[:50], learner.predict_proba_many(X[:50]), strict=True):
        base, parts = contributions(learner, x)
        assert base == regression.intercept
        for name, value, part in zip(NAMES, x.tolist(), parts.tolist(), strict=True):
            if math.isnan(value):
                assert part == 0.0
                continue
            scaled = (value - scaler.means[name]) / math.sqrt(scaler.vars[name])
            assert part == pytest.approx(regression.weights[name] * scaled, rel=1e-12)
        assert abs(math.log(score / (1 - score)) - base - parts.sum()) < 1e-9


def test_a_model_of_another_kind_has_all_its_log_odds_in_the_base():
    X, y = examples(np.random.default_rng(8), 300)
    learner = RiverLearner(tree.HoeffdingTreeClassifier(grace_period=20), NAMES)
    learner.learn_many(X, y)
    for x, score in zip(X, learner.predict_proba_many(X), strict=True):
        base, parts = contributions(learner, x)
        assert parts.tolist() == [0.0] * 4
        assert math.isfinite(base)
        if 1e-9 < score < 1 - 1e-9:
            assert abs(math.log(score / (1 - score)) - base) < 1e-9


@pytest.mark.parametrize("p", [{}, {True: 0.0}, {True: 1.0}, {False: 1.0}])
def test_a_score_of_zero_or_one_or_none_has_finite_log_odds(p):
    learner = RiverLearner(Listener(), NAMES)
    learner.model.predict_proba_one = lambda x: p
    base, _ = contributions(learner, np.zeros(4))
    assert math.isfinite(base)
    assert (base > 0) is (p.get(True) == 1.0)


def test_a_class_never_seen_has_probability_zero(build):
    learner = RiverLearner(build(), NAMES)
    scores = learner.predict_proba_many(np.zeros((3, 4)))
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()


@seeds(2)
def test_how_examples_are_cut_never_matters(build, seed):
    rng = np.random.default_rng(seed)
    X, y = examples(rng, 200)
    whole, pieces = RiverLearner(build(), NAMES), RiverLearner(build(), NAMES)
    whole.learn_many(X, y)
    for start in range(0, 200, 7):
        pieces.learn_many(X[start : start + 7], y[start : start + 7])
    np.testing.assert_array_equal(whole.predict_proba_many(X), pieces.predict_proba_many(X))
    assert pieces.counts == whole.counts


def test_it_is_ready_once_it_has_seen_enough_of_both_classes():
    learner = RiverLearner(logistic_pipeline(), NAMES, frauds_min=2, genuine_min=3)
    seen = []
    for label in (False, False, False, False, True, True):
        learner.learn_many(np.zeros((1, 4)), np.array([label]))
        seen.append(learner.ready)
    assert seen == [False, False, False, False, False, True]
    assert (learner.counts.frauds, learner.counts.genuine, learner.learned) == (2, 4, 6)
    other = RiverLearner(logistic_pipeline(), NAMES, frauds_min=1, genuine_min=2)
    other.learn_many(np.zeros((2, 4)), np.array([True, False]))
    assert other.ready is False
    other.learn_many(np.zeros((1, 4)), np.array([False]))
    assert other.ready is True


def test_the_default_limits_are_those_that_are_documented():
    learner = RiverLearner(logistic_pipeline(), NAMES)
    y = np.arange(FRAUDS_MIN + GENUINE_MIN) < FRAUDS_MIN
    learner.learn_many(np.zeros((len(y) - 1, 4)), y[:-1])
    assert not learner.ready
    learner.learn_many(np.zeros((1, 4)), y[-1:])
    assert learner.ready


def test_the_model_given_in_stays_as_it_is():
    given = logistic_pipeline()
    X, y = examples(np.random.default_rng(1), 100)
    learner = RiverLearner(given, NAMES)
    learner.learn_many(X, y)
    learner.predict_proba_many(X)
    scaler, regression = given.steps.values()
    assert not scaler.counts
    assert not regression.weights
    assert learner.model is not given


def test_a_label_missing_or_too_many_is_an_error_and_not_a_shift():
    learner = RiverLearner(logistic_pipeline(), NAMES)
    for n in (1, 3):
        with pytest.raises(ValueError, match=f"X has 2 rows and y {n}: give each row its label"):
            learner.learn_many(np.zeros((2, 4)), np.ones(n, np.bool_))
    assert not learner.model["StandardScaler"].counts
    assert learner.learned == 0
    with pytest.raises(ValueError, match="zip"):
        learner.predict_proba_many(np.zeros((2, 3)))


DETECTORS = {
    "half-space trees": lambda: anomaly.HalfSpaceTrees(n_trees=3, height=4, window_size=40, seed=1),
    "scaled half-space trees": lambda: compose.Pipeline(
        preprocessing.MinMaxScaler(),
        anomaly.HalfSpaceTrees(n_trees=3, height=4, window_size=40, seed=1),
    ),
    "one-class SVM": lambda: compose.Pipeline(
        preprocessing.StandardScaler(), anomaly.OneClassSVM()
    ),
    "filter": lambda: anomaly.QuantileFilter(
        anomaly.HalfSpaceTrees(n_trees=3, height=4, window_size=40, seed=1), q=0.95
    ),
}


@pytest.fixture(params=DETECTORS.values(), ids=DETECTORS)
def detector(request):
    return request.param


@seeds(2)
def test_a_detector_is_river_driven_by_hand_without_labels(detector, seed):
    X, y = examples(np.random.default_rng(seed), 200)
    learner, river = RiverLearner(detector(), NAMES), detector()
    assert learner.kind is Kind.DETECTOR
    for start in range(0, 200, 50):
        rows = slice(start, start + 50)
        expected = [min(max(river.score_one(by_hand(x)), 0.0), 1.0) for x in X[rows]]
        assert learner.predict_proba_many(X[rows]).tolist() == expected
        learner.learn_many(X[rows], y[rows])
        for x in X[rows]:
            river.learn_one(by_hand(x))
    other = RiverLearner(detector(), NAMES)
    other.learn_many(X, ~y)
    np.testing.assert_array_equal(other.predict_proba_many(X), learner.predict_proba_many(X))


def test_a_detector_is_ready_after_enough_labels_of_either_class(detector):
    learner = RiverLearner(detector(), NAMES, frauds_min=5, genuine_min=30)
    X, _ = examples(np.random.default_rng(3), 30)
    learner.learn_many(X[:29], np.zeros(29, np.bool_))
    assert not learner.ready
    learner.learn_many(X[29:], np.zeros(1, np.bool_))
    assert learner.ready
    assert learner.learned == 30


class Saying:
    """A detector that says what it is told to."""

    def __init__(self, *said):
        self.said = said
        self.examples = []

    def clone(self):
        return self

    def learn_one(self, x):
        if x["amount"] == 3:
            raise ZeroDivisionError
        self.examples.append(x["amount"])

    def score_one(self, x):
        said = self.said[int(x["amount"])]
        if isinstance(said, Exception):
            raise said
        return said


def test_a_score_that_is_none_is_nan_and_the_next_row_goes_on():
    said = (0.25, -3.0, 7.5, math.nan, math.inf, -math.inf, ZeroDivisionError(), ValueError(), 0.5)
    learner = RiverLearner(Saying(*said), ("amount",))
    X = np.arange(len(said), dtype=np.float64)[:, np.newaxis]
    scores = learner.predict_proba_many(X)
    expected = [0.25, 0.0, 1.0, *[math.nan] * 5, 0.5]
    np.testing.assert_array_equal(scores, expected)
    for x, score in zip(X, scores, strict=True):
        base, parts = contributions(learner, x)
        assert math.isfinite(base)
        assert parts.tolist() == [0.0]
        assert base == (0.0 if math.isnan(score) or score == 0.5 else base)
    # Whatever a model raises: where a feature is unknown, its own steps meet no such key.
    for error in (KeyError("amount"), TypeError(), AttributeError()):
        broken = RiverLearner(Saying(error), ("amount",))
        assert np.isnan(broken.predict_proba_many(np.zeros((1, 1)))).all()


def test_a_model_that_needs_an_unknown_feature_neither_scores_nor_learns_the_row():
    def ratio(x):
        return {"ratio": x["amount"] / (1 + x["count"])}

    model = compose.FuncTransformer(ratio) | logistic_pipeline()
    learner = RiverLearner(model, ("amount", "count"))
    X = np.array([[1.0, 2.0], [1.0, np.nan], [3.0, 0.0]])
    learner.learn_many(X, np.array([True, True, False]))
    assert (learner.learned, learner.unlearned) == (2, 1)
    assert np.isnan(learner.predict_proba_many(X)).tolist() == [False, True, False]


def test_a_row_that_cannot_be_learned_is_left_out_and_counted():
    model = Saying()
    learner = RiverLearner(model, ("amount",))
    X = np.arange(6.0)[:, np.newaxis]
    learner.learn_many(X, np.array([True, False, False, True, False, True]))
    assert model.examples == [0.0, 1.0, 2.0, 4.0, 5.0]
    assert (learner.counts.frauds, learner.counts.genuine, learner.unlearned) == (2, 3, 1)


class ClassesOnly(base.Classifier):
    """A classifier that inherits River's predict_proba_one, which raises."""

    def learn_one(self, x, y):
        pass

    def predict_one(self, x):
        return True


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (linear_model.LinearRegression(), "LinearRegression gives no probability"),
        (linear_model.Perceptron() | linear_model.LinearRegression(), "LinearRegression gives"),
        (ClassesOnly(), "ClassesOnly gives no probability"),
        (preprocessing.StandardScaler(), "StandardScaler gives no probability"),
        (anomaly.GaussianScorer(), "how strange a target value is"),
        (anomaly.ThresholdFilter(anomaly.GaussianScorer(), 0.9), "how strange a target value is"),
        (compose.Pipeline(), "the pipeline is empty"),
    ],
)
def test_what_gives_neither_probability_nor_score_is_refused(model, match):
    with pytest.raises(ModelError, match=match):
        RiverLearner(model, NAMES)


@pytest.mark.parametrize("true", [True, 1, 1.0, np.True_, np.int64(1)])
def test_fraud_is_the_label_that_equals_true(true):
    learner = RiverLearner(Listener(), NAMES)
    learner.model.predict_proba_one = lambda x: {0: 0.75, true: 0.25}
    assert learner.predict_proba_many(np.zeros((1, 4))).tolist() == [0.25]


def test_a_copy_goes_its_own_way(build):
    X, y = examples(np.random.default_rng(6), 200)
    learner = RiverLearner(build(), NAMES)
    learner.learn_many(X[:100], y[:100])
    before = learner.predict_proba_many(X)
    other = deepcopy(learner)
    other.learn_many(X[100:], y[100:])
    np.testing.assert_array_equal(learner.predict_proba_many(X), before)
    assert (learner.learned, other.learned) == (100, 200)
    assert (other.predict_proba_many(X) != before).any()


class TestState:
    @staticmethod
    def build(model=logistic_pipeline, **options):
        return RiverLearner(model(), NAMES, **options)

    @pytest.mark.parametrize(
        "model",
        [logistic_pipeline, naive_bayes.GaussianNB, DETECTORS["scaled half-space trees"]],
        ids=["logistic pipeline", "naive Bayes", "half-space trees"],
    )
    @seeds(2)
    def test_it_goes_on_bit_for_bit(self, model, seed):
        X, y = examples(np.random.default_rng(seed), 300)
        learner, other = (self.build(model) for _ in range(2))
        learner.learn_many(X[:150], y[:150])
        state = unpack(pack(learner.state()))
        learner.learn_many(X[150:], y[150:])
        other.restore(state)
        assert other.learned < learner.learned
        other.learn_many(X[150:], y[150:])
        np.testing.assert_array_equal(other.predict_proba_many(X), learner.predict_proba_many(X))
        assert other.counts == learner.counts

    def test_what_has_no_state_is_named_and_kept_as_a_pickle_only_where_that_is_allowed(self):
        X, y = examples(np.random.default_rng(1), 200)
        build = MODELS["Hoeffding tree"]
        with pytest.raises(ModelError, match="HoeffdingTreeClassifier"):
            self.build(build).state()
        learner, other = (self.build(build, allow_pickle=True) for _ in range(2))
        learner.learn_many(X, y)
        other.restore(learner.state())
        np.testing.assert_array_equal(other.predict_proba_many(X), learner.predict_proba_many(X))
        assert other.ready
        strict = self.build(build)
        with pytest.raises(SnapshotError, match="allow_pickle"):
            strict.restore(learner.state())
        assert strict.learned == 0

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"feature_names": ["a"]}, "feature_names"),
            ({"frauds": -1}, "frauds is -1"),
            ({"genuine": None}, "genuine is None"),
            ({"frauds_min": 4}, "build the model with frauds_min=4"),
            ({"genuine_min": 51}, "build the model with genuine_min=51"),
            ({"unlearned": -1}, "unlearned is -1"),
        ],
    )
    def test_what_is_no_state_of_it_changes_nothing(self, change, match):
        X, y = examples(np.random.default_rng(1), 200)
        learner = self.build()
        learner.learn_many(X, y)
        before = learner.predict_proba_many(X)
        state = self.build().state()
        with pytest.raises(SnapshotError, match=match):
            learner.restore(replace(state, header={**state.header, **change}))
        with pytest.raises(SnapshotError, match="its one part is the model"):
            learner.restore(replace(state, parts={}))
        with pytest.raises(SnapshotError, match="other/1"):
            learner.restore(replace(state, kind="other/1"))
        with pytest.raises(SnapshotError):
            learner.restore(replace(state, parts={"model": State("other/1")}))
        np.testing.assert_array_equal(learner.predict_proba_many(X), before)
        assert learner.learned == 200
