"""What rows weigh: who weighs them, and how those are refused who cannot."""

import numpy as np
import pytest
from river import anomaly, compose, naive_bayes, preprocessing, tree
from river.forest import ARFClassifier

import models
from models.blend import Blend
from models.feedback_delayed import FeedbackAndDelayed
from models.river.adapter import RiverLearner, logistic_pipeline
from models.sampling import SampledLearner, chosen
from models.silent import SilentLearner
from models.states.snapshot import pack
from models.weights import check_weights, require_weights
from schemas.errors import ModelError
from stream.timed_learner import TimedLearner

NAMES = ("f0", "f1", "f2")
ONE = {"frauds_min": 1, "genuine_min": 1}


def examples(n=120):
    rng = np.random.default_rng(1)
    y = rng.random(n) < 0.3
    return rng.normal(size=(n, 3)) + y[:, None], y, rng.choice([0.5, 1.0, 4.0], n)


def bayes():
    return RiverLearner(preprocessing.StandardScaler() | naive_bayes.GaussianNB(), NAMES, **ONE)


def logistic():
    return models.compile(logistic_pipeline(), NAMES, **ONE)


def river():
    return RiverLearner(logistic_pipeline(), NAMES, **ONE)


@pytest.mark.parametrize(
    "model",
    [logistic_pipeline, lambda: tree.HoeffdingTreeClassifier(grace_period=20)],
    ids=["regression", "tree"],
)
def test_rows_weigh_as_river_s_own_models_weigh_them(model):
    X, y, w = examples()
    plain = model()
    for x, fraud, weight in zip(X.tolist(), y.tolist(), w.tolist(), strict=True):
        plain.learn_one(dict(zip(NAMES, x, strict=True)), fraud, w=weight)
    expected = [plain.predict_proba_one(dict(zip(NAMES, x, strict=True)))[True] for x in X.tolist()]
    for learner in (RiverLearner(model(), NAMES, **ONE), models.compile(model(), NAMES, **ONE)):
        learner.learn_many(X, y, w)
        np.testing.assert_allclose(learner.predict_proba_many(X), expected, 1e-9)
        # Rows are counted, not what they stand for.
        assert learner.learned == len(y)


@pytest.mark.parametrize(
    "wrap", [lambda it: it, TimedLearner, lambda it: FeedbackAndDelayed(logistic(), it)]
)
def test_weights_reach_the_model_through_what_wraps_it(wrap):
    X, y, w = examples()
    wrapped, plain = wrap(logistic()), logistic()
    wrapped.learn_many(X, y, w)
    plain.learn_many(X, y, w)
    np.testing.assert_allclose(wrapped.predict_proba_many(X), plain.predict_proba_many(X), 1e-12)


def test_a_share_of_rows_keeps_each_its_weight():
    X, y, w = examples()
    sampled, plain, rows = SampledLearner(logistic(), 0.5), logistic(), chosen(X, 0.5)
    sampled.learn_many(X, y, w)
    plain.learn_many(X[rows], y[rows], w[rows])
    assert pack(sampled.learner.state()) == pack(plain.state())


@pytest.mark.parametrize(
    "build",
    [
        bayes,
        lambda: TimedLearner(SampledLearner(bayes(), 0.5)),
        lambda: Blend({"one": logistic(), "two": bayes()}),
        lambda: FeedbackAndDelayed(bayes(), bayes()),
        lambda: RiverLearner(ARFClassifier(2, seed=1), NAMES),
        lambda: RiverLearner(compose.Pipeline(compose.Pipeline(naive_bayes.GaussianNB())), NAMES),
    ],
    ids=["itself", "wrapped", "in a blend", "feedback apart", "swallows w", "in pipelines"],
)
def test_a_river_model_that_cannot_weigh_is_named_and_nothing_is_learned(build):
    learner = build()
    match = r"river\.\S+\.(GaussianNB|ARFClassifier) takes no weight w .*labels.genuine_share = 1"
    with pytest.raises(ModelError, match=match):
        require_weights(learner)
    X, y, w = examples()
    with pytest.raises(ModelError, match=match):
        learner.learn_many(X, y, w)
    assert learner.learned == 0
    assert [each.learned for each in getattr(learner, "members", {}).values() if each.learned] == []
    learner.learn_many(X, y)
    assert learner.learned > 0


@pytest.mark.parametrize(
    "build",
    [
        logistic,
        river,
        SilentLearner,
        lambda: Blend({"one": logistic(), "two": SampledLearner(river(), 0.5)}),
        lambda: models.compile(anomaly.HalfSpaceTrees(2, 2, 10, seed=1), NAMES),
        lambda: RiverLearner(anomaly.HalfSpaceTrees(2, 2, 10, seed=1), NAMES),
    ],
    ids=["compiled", "river", "silent", "blend", "compiled detector", "detector"],
)
def test_who_can_weigh_or_learns_no_labels_is_not_refused(build):
    learner = build()
    require_weights(learner)
    X, y, w = examples()
    learner.learn_many(X, y, w)
    if not isinstance(learner, SilentLearner):
        assert learner.learned == len(y)


@pytest.mark.parametrize(
    ("w", "match"),
    [
        (np.ones(2), "w has shape .2,. and X 3 rows"),
        (np.ones((3, 1)), "w has shape"),
        (np.array([1.0, 0.0, 1.0]), "w holds 0.0: give weights from 1e-09 to 1e[+]09"),
        (np.array([1.0, -1.0, 1.0]), "w holds -1.0"),
        (np.array([1.0, np.nan, 1.0]), "w holds nan"),
        (np.array([1.0, np.inf, 1.0]), "w holds inf"),
    ],
)
def test_weights_are_positive_and_one_a_row(w, match):
    X, y, _ = examples(3)
    for build in (logistic, river, lambda: Blend({"one": logistic()})):
        learner = build()
        before = pack(learner.state())
        with pytest.raises(ValueError, match=match):
            learner.learn_many(X, y, w)
        assert pack(learner.state()) == before
    with pytest.raises(ValueError, match=match):
        SampledLearner(logistic(), 0.5).learn_many(X, y, w)
    check_weights(None, 3)
