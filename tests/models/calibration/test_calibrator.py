"""A calibrator equals plain loops, finds what scikit-learn finds, and survives anything."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from naive_calibration import NaiveCalibrator
from seeds import seeds
from sklearn.linear_model import LogisticRegression

from models.calibration.calibrator import Calibrator
from models.calibration.newton import LINE_SIZE, OFFSET_MAX, SLOPE_MAX, SLOPE_MIN
from models.reliability import Reliability
from schemas.errors import SnapshotError

# Four memories.
N = 200_000
HOSTILE = (0.0, 1.0, np.nan, 5e-324, 1 - 1e-16, -1.0, 2.0, np.inf, -np.inf)


def stream(rng, n, slope=1.0, offset=0.0, mean=-4.0):
    """Scores, and labels whose log-odds are slope * the score's + offset."""
    z = rng.normal(mean, 2, n)
    scores = 1 / (1 + np.exp(-z))
    return scores, rng.random(n) < 1 / (1 + np.exp(-(slope * z + offset)))


def prequential(calibrator, scores, y, part=500):
    """Calibrate, then learn, part by part: what was said of each."""
    said = []
    for at in range(0, len(y), part):
        said.append(calibrator.calibrate(scores[at : at + part]))
        calibrator.learn(scores[at : at + part], y[at : at + part])
    return np.concatenate(said)


def loss(p, y):
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-np.where(y, np.log(p), np.log1p(-p)).mean())


def error(p, y):
    reliability = Reliability()
    reliability.update(p, y)
    return reliability.calibration_error


@seeds(4)
def test_learning_equals_plain_loops(seed):
    rng = np.random.default_rng(seed)
    memory, worth = int(rng.choice([1, 30, 10**6])), float(rng.choice([0.01, 10.0, 1e3]))
    scores, y = stream(rng, 300, slope=float(rng.choice([-2.0, 0.3, 3.0])), mean=-1.0)
    hostile = rng.random(300) < 0.2
    scores[hostile] = rng.choice(HOSTILE, hostile.sum())
    ours, naive = Calibrator(memory, worth), NaiveCalibrator(memory, worth)
    for score, fraud in zip(scores.tolist(), y.tolist(), strict=True):
        said = ours.calibrate(np.array([score]))[0]
        known = None if math.isnan(score) else score
        expected = naive.calibrate(known)
        assert math.isnan(said) if expected is None else said == pytest.approx(expected, 1e-7)
        ours.learn(np.array([score]), np.array([fraud]))
        naive.learn(known, fraud)
        assert [ours.slope, ours.offset] == pytest.approx(naive.line, rel=1e-7, abs=1e-7)
    assert ours.learned == naive.learned < 300


@seeds(3)
def test_how_labels_are_cut_into_batches_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    scores, y = stream(rng, 2000, slope=0.4)
    scores[rng.random(2000) < 0.1] = np.nan
    whole, cut = Calibrator(), Calibrator()
    whole.learn(scores, y)
    edges = [0, *np.sort(rng.integers(0, 2000, 30)).tolist(), 2000]
    for start, stop in itertools.pairwise(edges):
        cut.learn(scores[start:stop], y[start:stop])
    assert cut.state().arrays["line"].tobytes() == whole.state().arrays["line"].tobytes()
    at_once = whole.calibrate(scores)
    one_by_one = [whole.calibrate(scores[i : i + 1])[0] for i in range(2000)]
    assert at_once.tobytes() == np.array(one_by_one).tobytes()


@pytest.mark.quality
@pytest.mark.parametrize(("slope", "offset"), [(1 / 3, 0.0), (1.0, 2.0), (2.0, -1.0), (0.7, 3.0)])
@seeds(1)
def test_it_finds_what_scikit_learn_finds(seed, slope, offset):
    """All labels remembered and a weak prior: the same line, within 1.5 of its standard errors.

    What differs are the first steps, taken around a line that was still wrong: most where it
    is steepest, where it is seldom more than a whole standard error.
    """
    rng = np.random.default_rng(seed)
    n = N // 2
    scores, y = stream(rng, n, slope, offset, mean=-2.0)
    z = np.log(scores / (1 - scores))
    oracle = LogisticRegression(C=1e9, tol=1e-10).fit(z[:, None], y)
    ours = Calibrator(10**9, 0.5)
    ours.learn(scores, y)
    p = oracle.predict_proba(z[:, None])[:, 1]
    X = np.stack([z, np.ones(n)], 1)
    deviations = np.sqrt(np.diag(np.linalg.inv((X * (p * (1 - p))[:, None]).T @ X)))
    found = np.array([ours.slope, ours.offset])
    expected = np.array([oracle.coef_[0, 0], oracle.intercept_[0]])
    assert (np.abs(found - expected) < 1.5 * deviations).all(), (found, expected, deviations)


@pytest.mark.quality
@seeds(2)
def test_a_model_three_times_too_sure_is_put_right(seed):
    rng = np.random.default_rng(seed)
    scores, y = stream(rng, N, slope=1 / 3)
    said = prequential(Calibrator(), scores, y)
    assert loss(said, y) < 0.75 * loss(scores, y)
    late = slice(N // 2, None)
    truth = 1 / (1 + np.exp(-np.log(scores / (1 - scores)) / 3))
    assert loss(said[late], y[late]) < 1.002 * loss(truth[late], y[late])
    assert error(said[late], y[late]) < 0.2 * error(scores[late], y[late])


@pytest.mark.quality
@seeds(2)
def test_ten_times_as_much_fraud_is_followed(seed):
    rng = np.random.default_rng(seed)
    calm, often = stream(rng, N), stream(rng, N, offset=math.log(10))
    scores, y = (np.concatenate(pair) for pair in zip(calm, often, strict=True))
    said = prequential(Calibrator(), scores, y)
    after = slice(N, None)
    assert loss(said[after], y[after]) < 0.9 * loss(scores[after], y[after])
    assert error(said[after], y[after]) < 0.35 * error(scores[after], y[after])
    late = slice(2 * N - N // 4, None)
    assert said[late].mean() == pytest.approx(y[late].mean(), rel=0.25)


@pytest.mark.quality
@seeds(3)
def test_scores_that_are_right_are_left_alone(seed):
    rng = np.random.default_rng(seed)
    scores, y = stream(rng, N)
    said = prequential(Calibrator(), scores, y)
    # Two parameters, learned anew in every memory's length: a nat each at the very most.
    assert loss(said, y) - loss(scores, y) < 2 * (1 + N / 50_000) / N
    assert abs(error(said, y) - error(scores, y)) < 0.002


@seeds(2)
def test_order_never_changes(seed):
    """Even where labels say that the model is right the wrong way round."""
    rng = np.random.default_rng(seed)
    scores, y = stream(rng, 5000, slope=-1.0, mean=0.0)
    calibrator = Calibrator()
    calibrator.learn(scores, y)
    assert SLOPE_MIN <= calibrator.slope < 0.1
    grid = np.sort(np.concatenate([rng.random(500), 10.0 ** rng.uniform(-12, -3, 500)]))
    assert (np.diff(calibrator.calibrate(grid)) >= 0).all()


@pytest.mark.parametrize("memory", [1, 100, 10**9])
@seeds(1)
def test_hostile_scores_leave_it_finite_and_able_to_learn(seed, memory):
    rng = np.random.default_rng(seed)
    calibrator = Calibrator(memory)
    for _ in range(30):
        scores, y = rng.choice(HOSTILE, 100), np.full(100, rng.random() < 0.5)
        calibrator.learn(scores, y)
        assert SLOPE_MIN <= calibrator.slope <= SLOPE_MAX
        assert abs(calibrator.offset) <= OFFSET_MAX
        said = calibrator.calibrate(scores)
        assert ((said >= 0) & (said <= 1) | np.isnan(scores)).all()
        assert np.isnan(said[np.isnan(scores)]).all()
    if memory == 100:
        scores, y = stream(rng, 5000)
        calibrator.learn(scores, y)
        assert loss(calibrator.calibrate(scores), y) < 1.2 * loss(scores, y)


def test_a_long_silence_of_fraud_leaves_it_as_quick_as_it_was():
    """What fades is replaced by the prior: a fraud after a million genuine ones is one fraud."""
    fresh, quiet = Calibrator(1000), Calibrator(1000)
    quiet.learn(np.full(N, 1e-9), np.zeros(N, np.bool_))
    fraud = np.array([0.01]), np.array([True])
    moves = []
    for calibrator in (fresh, quiet):
        before = calibrator.offset
        calibrator.learn(*fraud)
        moves.append(calibrator.offset - before)
    assert abs(moves[1]) <= 1.05 * abs(moves[0])


def test_at_first_it_changes_nothing():
    scores = np.array([0.0, 1e-5, 0.2, 0.5, 1 - 1e-5, 1.0, np.nan])
    said = Calibrator().calibrate(scores)
    np.testing.assert_allclose(said, [6e-6, 1e-5, 0.2, 0.5, 1 - 1e-5, 1.0, np.nan], 1e-2)
    np.testing.assert_allclose(said[1:5], scores[1:5], 1e-12)


@seeds(2)
def test_log_odds_are_those_of_the_score(seed):
    rng = np.random.default_rng(seed)
    scores, y = stream(rng, 1000, slope=0.5)
    calibrator = Calibrator()
    calibrator.learn(scores, y)
    for p in (1e-14, 1e-4, 0.3, 0.999):
        (odds,) = calibrator.log_odds(np.array([p]))
        assert calibrator.calibrate(np.array([p]))[0] == pytest.approx(1 / (1 + math.exp(-odds)))


@seeds(2)
def test_restored_it_goes_on_bit_for_bit(seed):
    rng = np.random.default_rng(seed)
    scores, y = stream(rng, 2000, slope=0.5)
    one, other = Calibrator(700), Calibrator(700)
    one.learn(scores[:1000], y[:1000])
    other.restore(one.state())
    for each in (one, other):
        each.learn(scores[1000:], y[1000:])
    assert other.learned == one.learned == 2000
    assert other.state().arrays["line"].tobytes() == one.state().arrays["line"].tobytes()


def line_of(**values):
    line = Calibrator().state().arrays["line"].copy()
    for at, value in values.items():
        line[int(at[1:])] = value
    return {"line": line}


DAMAGED = {
    "another kind": {"kind": "calibrator/0"},
    "no line": {"arrays": {}},
    "a short line": {"arrays": {"line": np.ones(LINE_SIZE - 1)}},
    "not finite": {"arrays": line_of(_1=np.nan)},
    "a falling line": {"arrays": line_of(_0=-0.5)},
    "too steep": {"arrays": line_of(_0=1e3)},
    "an offset out of range": {"arrays": line_of(_1=1e3)},
    "less curvature than the prior's": {"arrays": line_of(_2=0.0)},
    "no curvature of the offset": {"arrays": line_of(_4=1e-3)},
    "a saddle": {"arrays": line_of(_3=1e6)},
    "curvature of no stream": {"arrays": line_of(_2=1e300)},
    "a negative count": {"header": {"learned": -1}},
    "another memory": {"header": {"memory_labels": 7}},
    "another prior": {"header": {"prior_frauds": 11.0}},
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_state_changes_nothing(damage):
    calibrator = Calibrator()
    state = calibrator.state()
    if "header" in damage:
        damage = {"header": {**state.header, **damage["header"]}}
    with pytest.raises(SnapshotError):
        calibrator.restore(replace(state, **damage))
    assert calibrator.state().arrays["line"].tolist() == state.arrays["line"].tolist()
    assert calibrator.learned == 0


@pytest.mark.parametrize(
    "wrong", [{"memory_labels": 0}, {"prior_frauds": 0}, {"prior_frauds": np.inf}]
)
def test_parameters_must_be_positive(wrong):
    with pytest.raises(ValueError, match="give numbers above 0"):
        Calibrator(**wrong)


def test_scores_and_labels_come_in_pairs():
    with pytest.raises(ValueError, match="3 scores and 2 labels"):
        Calibrator().learn(np.ones(3), np.ones(2, np.bool_))
