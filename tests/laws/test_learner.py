"""Law g: what every learner promises the engine. A new learner is a line in LEARNERS."""

import numpy as np
import pytest
from checks.one_row import contributions
from river import anomaly, naive_bayes, preprocessing, tree
from seeds import seeds

import models
from models.additive.estimators import AdditiveLogisticRegression
from models.blend import Blend
from models.compiled import Unlabelled
from models.feedback_delayed import FeedbackAndDelayed
from models.river.adapter import RiverLearner, logistic_pipeline
from models.sampling import SampledLearner
from models.trees.estimators import ARFClassifier
from models.weights import require_weights
from schemas.errors import ModelError

NAMES = tuple(f"f{i}" for i in range(6))
IMBALANCED = {"grace_period": 20, "max_share_to_split": 1.0, "min_branch_fraction": 1e-4}


def tree_of_river():
    return tree.HoeffdingTreeClassifier(**IMBALANCED)


def members():
    return {
        "logistic": models.compile(logistic_pipeline(), NAMES),
        "additive": models.compile(AdditiveLogisticRegression(), NAMES),
        "tree": RiverLearner(tree_of_river(), NAMES),
        "bayes": SampledLearner(RiverLearner(naive_bayes.GaussianNB(), NAMES), 0.5),
    }


LEARNERS = {
    "compiled logistic pipeline": lambda: models.compile(logistic_pipeline(), NAMES),
    "additive model": lambda: models.compile(AdditiveLogisticRegression(), NAMES),
    "compiled tree": lambda: models.compile(tree_of_river(), NAMES),
    "compiled forest": lambda: models.compile(ARFClassifier(3, grace_period=20, seed=1), NAMES),
    "compiled detector": lambda: models.compile(
        preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(4, 4, 50, seed=1), NAMES
    ),
    "blend": lambda: Blend(members()),
    "blend that weighs": lambda: Blend({name: members()[name] for name in ("logistic", "tree")}),
    "feedback apart": lambda: FeedbackAndDelayed(members()["tree"], members()["logistic"]),
    "logistic pipeline": lambda: RiverLearner(logistic_pipeline(), NAMES),
    "Hoeffding tree": lambda: RiverLearner(tree.HoeffdingTreeClassifier(grace_period=20), NAMES),
    "naive Bayes": lambda: RiverLearner(naive_bayes.GaussianNB(), NAMES),
}
HOSTILE = (np.inf, -np.inf, 1e308, -1e308, np.nan, 0.0, -0.0, 5e-324)


@pytest.fixture(params=LEARNERS.values(), ids=LEARNERS)
def build(request):
    return request.param


def examples(rng, n):
    y = rng.random(n) < 0.3
    X = rng.normal(0, 1, (n, len(NAMES))) + y[:, None]
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, y


@seeds(3)
def test_a_batch_is_nothing_but_its_rows(build, seed):
    rng = np.random.default_rng(seed)
    X, y = examples(rng, 300)
    whole, pieces = build(), build()
    whole.learn_many(X, y)
    cuts = np.sort(rng.integers(0, 301, 20)).tolist()
    for start, stop in zip([0, *cuts], [*cuts, 300], strict=True):
        pieces.learn_many(X[start:stop], y[start:stop])
    assert pieces.learned == whole.learned == 300
    assert pieces.ready is whole.ready
    test, _ = examples(rng, 40)
    scores = whole.predict_proba_many(test)
    np.testing.assert_array_equal(pieces.predict_proba_many(test), scores)
    one_by_one = [pieces.predict_proba_many(test[i : i + 1])[0] for i in range(40)]
    np.testing.assert_array_equal(one_by_one, scores)


@seeds(2)
def test_a_batch_of_weights_is_nothing_but_its_rows_and_one_is_no_weight(build, seed):
    try:
        require_weights(build())
    except ModelError:
        pytest.skip("it takes no weights")
    rng = np.random.default_rng(seed)
    X, y = examples(rng, 200)
    w = rng.choice([0.5, 1.0, 5.0], 200)
    whole, pieces, plain, ones = build(), build(), build(), build()
    whole.learn_many(X, y, w)
    cuts = np.sort(rng.integers(0, 201, 15)).tolist()
    for start, stop in zip([0, *cuts], [*cuts, 200], strict=True):
        pieces.learn_many(X[start:stop], y[start:stop], w[start:stop])
    plain.learn_many(X, y)
    ones.learn_many(X, y, np.ones(200))
    learners = {"whole": whole, "pieces": pieces, "plain": plain, "ones": ones}
    scores = {name: learner.predict_proba_many(X).tolist() for name, learner in learners.items()}
    assert scores["pieces"] == scores["whole"]
    assert scores["ones"] == scores["plain"]
    assert whole.learned == plain.learned == 200
    unlabelled = isinstance(getattr(whole, "model", None), Unlabelled)
    assert (scores["whole"] == scores["plain"]) == unlabelled


@seeds(3)
def test_scores_are_probabilities_for_ever_after_hostile_rows(build, seed):
    rng = np.random.default_rng(seed)
    learner = build()
    X, y = examples(rng, 200)
    hostile = rng.choice(HOSTILE, (30, len(NAMES)))
    learner.learn_many(X[:100], y[:100])
    for row in hostile:
        learner.learn_many(row[np.newaxis], np.array([rng.random() < 0.5]))
        assert_probabilities(learner.predict_proba_many(np.concatenate([X[:5], hostile])))
    learner.learn_many(X[100:], y[100:])
    assert_probabilities(learner.predict_proba_many(np.concatenate([X, hostile])))
    rows = np.concatenate([X[:10], hostile])
    bases, parts = learner.contributions_many(rows)
    assert np.isfinite(np.column_stack([bases, parts])).all()
    for row, x in enumerate(rows):
        base, alone = contributions(learner, x)
        assert (base, alone.tobytes()) == (bases[row], parts[row].tobytes())
    none, nothing = learner.contributions_many(rows[:0])
    assert (none.shape, nothing.shape) == ((0,), (0, len(NAMES)))


def assert_probabilities(scores):
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()


@seeds(2)
def test_a_prediction_changes_nothing(build, seed):
    rng = np.random.default_rng(seed)
    X, y = examples(rng, 200)
    asked, unasked = build(), build()
    for start in range(0, 200, 10):
        # Also before the first example, and of hostile rows.
        asked.predict_proba_many(X)
        asked.predict_proba_many(rng.choice(HOSTILE, (5, len(NAMES))))
        contributions(asked, X[start])
        for learner in (asked, unasked):
            learner.learn_many(X[start : start + 10], y[start : start + 10])
    np.testing.assert_array_equal(asked.predict_proba_many(X), unasked.predict_proba_many(X))
    assert asked.learned == unasked.learned


def test_rows_that_are_given_stay_as_they_are(build):
    X, y = examples(np.random.default_rng(1), 50)
    X[0, 0] = np.inf
    before = X.tobytes(), y.tobytes()
    learner = build()
    learner.learn_many(X, y)
    learner.predict_proba_many(X)
    contributions(learner, X[0])
    assert (X.tobytes(), y.tobytes()) == before


def test_no_rows_teach_nothing_and_get_no_scores(build):
    learner = build()
    learner.learn_many(np.empty((0, len(NAMES))), np.empty(0, np.bool_))
    assert learner.learned == 0
    assert learner.predict_proba_many(np.empty((0, len(NAMES)))).shape == (0,)


def test_what_separates_the_classes_is_learned(build):
    rng = np.random.default_rng(2)
    X, y = examples(rng, 600)
    learner = build()
    learner.learn_many(X, y)
    if isinstance(getattr(learner, "model", None), Unlabelled):
        pytest.skip("a detector is not told which is which")
    scores = learner.predict_proba_many(X)
    assert scores[y].mean() > scores[~y].mean() + 0.2
