"""A blend is a learner, and nearly as good as its best member, whichever that is."""

import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from checks.one_row import contributions
from river import naive_bayes, tree
from seeds import seeds

from models import pool
from models.blend import Blend
from models.pool import LOG_ODDS_MAX, LOSS_MAX
from models.readiness import ClassCounts
from models.river.adapter import RiverLearner, logistic_pipeline
from models.sampling import SampledLearner
from models.states.snapshot import State
from schemas.errors import ModelError, SnapshotError

NAMES = ("amount", "ratio", "count", "gap")
HOSTILE = (np.inf, -np.inf, 1e308, -1e308, np.nan, 0.0, -0.0, 5e-324)


def examples(rng, n, rate=0.3):
    y = rng.random(n) < rate
    X = rng.normal(0, 1, (n, len(NAMES))) + y[:, None]
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, y


def river_blend(**options):
    members = {
        "logistic": RiverLearner(logistic_pipeline(), NAMES),
        "tree": RiverLearner(tree.HoeffdingTreeClassifier(grace_period=20), NAMES, 3, 10),
        "bayes": SampledLearner(RiverLearner(naive_bayes.GaussianNB(), NAMES, 8, 20), 0.5),
    }
    return Blend(members, **options)


class Column:
    """A learner whose score is a column: what it says can be chosen freely."""

    learned, ready = 0, True

    def __init__(self, at):
        self.at = at

    def learn_many(self, X, y, w=None):
        self.learned += len(y)

    def predict_proba_many(self, X):
        return X[:, self.at].copy()

    def contributions_many(self, X):
        p = np.clip(X[:, self.at], 1e-15, 1 - 1e-15)
        parts = np.zeros(X.shape)
        parts[:, self.at] = np.log(p / (1 - p)) - 0.5
        return np.full(len(X), 0.5), parts

    def state(self):
        return State("column/1", {"at": self.at, "learned": self.learned})

    def restore(self, state):
        if state.header.get("at") != self.at:
            raise SnapshotError("another column")
        self.learned = state.header["learned"]


def columns(n, **options):
    return Blend({f"m{i}": Column(i) for i in range(n)}, **options)


def odds_of(p):
    p = np.clip(p, 1e-300, 1 - 1e-16)
    return np.clip(np.log(p / (1 - p)), -LOG_ODDS_MAX, LOG_ODDS_MAX)


def losses(p, y):
    """Log loss of scores, with log-odds bounded as the blend bounds them."""
    odds = odds_of(p)
    return np.logaddexp(0, np.where(y[:, None] if p.ndim == 2 else y, -odds, odds))


@seeds(3)
def test_scores_and_weights_equal_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    P, y = rng.random((300, 3)) ** 4, rng.random(300) < 0.2
    blend = columns(3, rate=0.3, share=0.01, fraud_weight=2.0)
    w = np.full(3, 1 / 3)
    for start in range(0, 300, 50):
        rows = slice(start, start + 50)
        expected = 1 / (1 + np.exp(-odds_of(P[rows]) @ w))
        np.testing.assert_allclose(blend.predict_proba_many(P[rows]), expected, rtol=1e-12)
        blend.learn_many(P[rows], y[rows])
        for p, fraud in zip(P[rows], y[rows], strict=True):
            lost = losses(p[None], np.array([fraud]))[0] * (2.0 if fraud else 1.0)
            w = w * np.exp(-0.3 * lost)
            w = 0.99 * w / w.sum() + 0.01 / 3
        np.testing.assert_allclose(list(blend.weights.values()), w, rtol=1e-9)
    assert list(blend.weights) == ["m0", "m1", "m2"]


@seeds(2)
def test_a_weight_multiplies_the_loss_of_its_row_and_is_told_the_members(seed):
    class Weighed(Column):
        heard = ()

        def learn_many(self, X, y, w=None):
            self.heard = [*self.heard, *([1.0] * len(y) if w is None else w.tolist())]

    rng = np.random.default_rng(seed)
    P, y = rng.random((200, 2)) ** 4, rng.random(200) < 0.2
    weights = rng.choice([1.0, 5.0], 200)
    members = {"one": Weighed(0), "two": Weighed(1)}
    blend = Blend(members, rate=0.1, share=0.01, fraud_weight=2.0)
    w = np.full(2, 0.5)
    for p, fraud, weight in zip(P, y, weights, strict=True):
        blend.learn_many(p[None], np.array([fraud]), np.array([weight]))
        w = w * np.exp(-0.1 * weight * losses(p[None], np.array([fraud]))[0] * (1 + fraud))
        w = 0.99 * w / w.sum() + 0.01 / 2
        np.testing.assert_allclose(list(blend.weights.values()), w, rtol=1e-9)
    assert [member.heard for member in members.values()] == [weights.tolist()] * 2
    at_once = Blend({"one": Weighed(0), "two": Weighed(1)}, rate=0.1, share=0.01, fraud_weight=2.0)
    at_once.learn_many(P, y, weights)
    assert at_once.weights == blend.weights


@seeds(2)
def test_how_rows_are_cut_into_batches_never_matters(seed):
    rng = np.random.default_rng(seed)
    X, y = examples(rng, 300)
    whole, pieces = river_blend(), river_blend()
    whole.learn_many(X, y)
    cuts = [0, *np.sort(rng.integers(0, 301, 20)).tolist(), 300]
    for start, stop in pairwise(cuts):
        pieces.learn_many(X[start:stop], y[start:stop])
    assert pieces.learned == whole.learned == 300
    assert pieces.weights == whole.weights
    scores = whole.predict_proba_many(X)
    np.testing.assert_array_equal(pieces.predict_proba_many(X), scores)
    one_by_one = [pieces.predict_proba_many(X[i : i + 1])[0] for i in range(300)]
    np.testing.assert_array_equal(one_by_one, scores)


@seeds(2)
def test_members_are_judged_by_what_they_said_before_they_learned(seed):
    """A member that knows each label once it has learned it gains nothing by that."""

    class Hindsight(Column):
        last = 0.5

        def learn_many(self, X, y, w=None):
            self.last = float(y[-1])

        def predict_proba_many(self, X):
            return np.full(len(X), self.last)

    rng = np.random.default_rng(seed)
    blend = Blend({"hindsight": Hindsight(0), "base rate": Column(0)})
    y = rng.random(400) < 0.3
    blend.learn_many(np.full((400, 1), 0.3), y)
    assert blend.weights["base rate"] > 0.99


@seeds(3)
def test_scores_stay_probabilities_after_hostile_rows(seed):
    rng = np.random.default_rng(seed)
    blend = river_blend()
    X, y = examples(rng, 200)
    hostile = rng.choice(HOSTILE, (40, len(NAMES)))
    blend.learn_many(X[:150], y[:150])
    for row in hostile:
        blend.learn_many(row[None], np.array([rng.random() < 0.5]))
        weights = np.array(list(blend.weights.values()))
        assert (weights > 0).all()
        assert weights.sum() == pytest.approx(1)
    blend.learn_many(X[150:], y[150:])
    rows = np.concatenate([X, hostile])
    before = rows.tobytes()
    scores = blend.predict_proba_many(rows)
    assert ((scores > 0) & (scores < 1)).all()
    assert rows.tobytes() == before
    base, parts = contributions(blend, hostile[0])
    assert np.isfinite([base, *parts]).all()


@seeds(3)
def test_contributions_and_base_are_the_log_odds_of_the_score(seed):
    rng = np.random.default_rng(seed)
    X, y = examples(rng, 300)
    X[::9] *= 40  # Members that are surer than a pool lets them be.
    blend = river_blend()
    for start in range(0, 300, 30):
        blend.learn_many(X[start : start + 30], y[start : start + 30])
        for x, score in zip(X[:60], blend.predict_proba_many(X[:60]), strict=True):
            base, parts = contributions(blend, x)
            assert not parts[np.isnan(x)].any()
            if np.isnan(score):
                assert base == 0.0
                assert not parts.any()
            else:
                assert abs(math.log(score / (1 - score)) - base - parts.sum()) < 1e-9
    # And they are the members' own, weighted.
    x = np.array([0.3, 0.2, -0.1, 0.4])
    w = blend.weights
    awake = {
        name: it for name, it in blend.members.items() if it.predict_proba_many(x[None])[0] >= 0
    }
    total = sum(w[name] for name in awake)
    expected = sum(w[name] / total * contributions(it, x)[1] for name, it in awake.items())
    np.testing.assert_allclose(contributions(blend, x)[1], expected, rtol=1e-12)
    assert expected.any()


def test_contributions_that_are_not_finite_are_in_the_base():
    blend = columns(2)
    said = blend.members["m0"].contributions_many

    def wild(X):
        """Say nothing finite of the second row."""
        bases, parts = said(X)
        bases[1], parts[1] = math.nan, np.inf
        return bases, parts

    blend.members["m0"].contributions_many = wild
    X = np.array([[0.2, 0.7], [0.3, 0.6]])
    bases, parts = blend.contributions_many(X)
    scores = blend.predict_proba_many(X)
    assert np.isfinite(parts).all()
    assert parts[0].all()
    assert parts[1].tolist()[0] == 0.0
    np.testing.assert_allclose(bases + parts.sum(axis=1), np.log(scores / (1 - scores)), 1e-12)


class TestWhoTakesPart:
    def test_nobody_is_ready_and_so_there_is_no_score(self):
        blend = river_blend()
        assert blend.ready is False
        assert np.isnan(blend.predict_proba_many(np.zeros((3, 4)))).all()
        assert contributions(blend, np.zeros(4))[0] == 0.0
        assert blend.predict_proba_many(np.zeros((0, 4))).shape == (0,)

    def test_who_is_not_ready_neither_speaks_nor_is_judged(self):
        blend = columns(3)
        blend.members["m1"].ready = False
        P = np.tile([0.1, 0.999, 0.3], (50, 1))
        only = columns(2)
        blend.learn_many(P, np.zeros(50, np.bool_))
        only.learn_many(P[:, [0, 2]], np.zeros(50, np.bool_))
        assert blend.weights["m1"] == pytest.approx(1 / 3, rel=1e-12)
        expected = only.predict_proba_many(P[:, [0, 2]])
        np.testing.assert_allclose(blend.predict_proba_many(P), expected, rtol=1e-12)
        blend.members["m1"].ready = True
        assert (blend.predict_proba_many(P) > expected).all()

    def test_a_score_that_is_nan_sleeps_for_its_row(self):
        P = np.array([[0.2, np.nan], [np.nan, 0.7], [np.nan, np.nan], [0.2, 0.7]])
        scores = columns(2).predict_proba_many(P)
        together = 1 / (1 + math.exp(-(math.log(0.25) + math.log(7 / 3)) / 2))
        np.testing.assert_allclose(scores, [0.2, 0.7, np.nan, together], rtol=1e-12)

    def test_every_member_learns_every_row_and_the_blend_counts_them(self):
        blend = columns(2)
        blend.members["m1"].ready = False
        blend.learn_many(np.full((7, 2), np.nan), np.zeros(7, np.bool_))
        assert [it.learned for it in blend.members.values()] == [7, 7]
        assert (blend.learned, blend.ready) == (7, True)
        blend.members["m0"].ready = False
        assert blend.ready is False


def changing(rng, n, changes, members=3, fraud=0.05):
    """Make scores of members of whom one is good at a time, another after each change."""
    truth = np.where(rng.random(n) < 0.5, 0.02, 2 * fraud - 0.02)
    y = rng.random(n) < truth
    noise = rng.normal(0, 2.5, (n, members))
    best = (np.arange(n) * (changes + 1) // n) % members
    noise[np.arange(n), best] = rng.normal(0, 0.1, n)
    odds = np.log(truth / (1 - truth))[:, None] + noise
    return 1 / (1 + np.exp(-odds)), y, best


def before_each(blend, P, y, step=1):
    """Score each row just before it is learned."""
    scores = np.empty(len(y))
    for at in range(0, len(y), step):
        scores[at : at + step] = blend.predict_proba_many(P[at : at + step])
        blend.learn_many(P[at : at + step], y[at : at + step])
    return scores


@seeds(3)
def test_it_follows_a_best_member_that_changes(seed):
    rng = np.random.default_rng(seed)
    P, y, best = changing(rng, 12_000, changes=3)
    blend = columns(3)
    ours = losses(before_each(blend, P, y), y).sum()
    each = losses(P, y)
    ideal = each[np.arange(len(y)), best].sum()
    assert ours < 1.1 * ideal
    # Better than any member all the way, and than all of them alike.
    assert ours < 0.85 * each.sum(axis=0).min()
    alike = 1 / (1 + np.exp(-odds_of(P).mean(axis=1)))
    assert ours < 0.98 * losses(alike, y).sum()
    names = list(blend.weights)
    assert max(blend.weights, key=blend.weights.get) == names[best[-1]]


def bound(best_loss, n, changes, members, rate, share, weight=1.0):
    """The bound in the words of models/blend.py."""
    stay = 1 - share + share / members
    c = math.log(members) + changes * math.log(members / share)
    c -= (n - 1 - changes) * math.log(stay)
    worst = LOSS_MAX * max(1.0, weight)
    return (rate * best_loss + c) * worst / (1 - math.exp(-rate * worst))


@pytest.mark.parametrize("rate", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("weight", [1.0, 3.0])
@seeds(2)
def test_the_loss_is_within_the_bound(rate, weight, seed):
    rng = np.random.default_rng(seed)
    share = float(rng.choice([1e-4, 1e-2]))
    for changes in (0, 2):
        P, y, best = changing(rng, 2000, changes)
        blend = columns(3, rate=rate, share=share, fraud_weight=weight)
        counted = np.where(y, weight, 1.0)
        ours = (losses(before_each(blend, P, y), y) * counted).sum()
        ideal = (losses(P, y)[np.arange(len(y)), best] * counted).sum()
        assert ours <= bound(ideal, len(y), changes, 3, rate, share, weight) + 1e-6


@seeds(2)
def test_the_bound_holds_whoever_else_sleeps(seed):
    """Only the members that it speaks of must always have a score."""
    rng = np.random.default_rng(seed)
    for changes in (0, 3):
        P, y, best = changing(rng, 2000, changes, members=2)
        others = rng.random((2000, 2)) ** 3
        others[rng.random(others.shape) < 0.6] = np.nan
        blend = columns(4, rate=0.3, share=1e-3)
        ours = losses(before_each(blend, np.column_stack([P, others]), y), y).sum()
        ideal = losses(P, y)[np.arange(len(y)), best].sum()
        assert ours <= bound(ideal, len(y), changes, 4, 0.3, 1e-3) + 1e-6


@seeds(2)
def test_the_bound_holds_against_an_adversary(seed):
    """Labels that always go against the blend; members that know them now and then."""
    rng = np.random.default_rng(seed)
    n, rate, share = 1500, 0.1, 1e-3
    blend, total, each = columns(3, rate=rate, share=share), 0.0, np.zeros(3)
    for _ in range(n):
        P = rng.random((1, 3)) ** 3
        P[rng.random((1, 3)) < 0.2] = rng.choice([0.0, 1.0])
        (score,) = blend.predict_proba_many(P)
        y = np.array([score < 0.5])
        total += losses(np.array([score]), y)[0]
        each += losses(P, y)[0]
        blend.learn_many(P, y)
    assert total <= bound(each.min(), n, 0, 3, rate, share) + 1e-6


def test_without_a_share_it_would_not_come_back(monkeypatch):
    """What the share is for: the same stream, and weights that nothing holds up."""
    rng = np.random.default_rng(5)
    P, y, best = changing(rng, 9000, changes=1)
    ideal = losses(P, y)[np.arange(len(y)), best].sum()
    with_share = losses(before_each(columns(3), P, y), y).sum()
    without = losses(before_each(columns(3, share=1e-300), P, y), y).sum()
    assert with_share - ideal < 0.5 * (without - ideal)


def test_log_loss_finds_the_better_ranking_at_one_fraud_in_a_hundred():
    """No class weights are needed: the frauds are most of the loss."""
    rng = np.random.default_rng(9)
    n = 20_000
    y = rng.random(n) < 0.01
    evidence = rng.normal(0, 1, n) + 2.5 * y
    prior = math.log(0.01 / 0.99)
    good = 1 / (1 + np.exp(-(prior + 2.5 * evidence - 2.5**2 / 2)))
    P = np.column_stack([np.full(n, 0.01), good, rng.random(n) * 0.02])
    blend = columns(3)
    blend.learn_many(P, y)
    assert blend.weights["m1"] > 0.9


def test_a_weight_of_fraud_prefers_who_errs_on_its_side():
    rng = np.random.default_rng(9)
    y = rng.random(5000) < 0.1
    P = np.tile([0.1, 0.35], (5000, 1))
    fair, wary = columns(2), columns(2, fraud_weight=6.0)
    fair.learn_many(P, y)
    wary.learn_many(P, y)
    assert fair.weights["m0"] > 0.9
    assert wary.weights["m1"] > 0.9


class TestState:
    @seeds(2)
    def test_it_goes_on_bit_for_bit(self, seed):
        rng = np.random.default_rng(seed)
        P, y, _ = changing(rng, 600, 1)
        blend, other = columns(3, rate=0.2), columns(3, rate=0.2)
        blend.learn_many(P[:300], y[:300])
        state = blend.state()
        assert state.kind == "blend/1"
        assert json.loads(json.dumps(state.header)) == state.header
        blend.learn_many(P[300:], y[300:])
        other.restore(state)
        other.learn_many(P[300:], y[300:])
        assert other.weights == blend.weights
        assert other.learned == blend.learned == 600
        assert [it.learned for it in other.members.values()] == [600] * 3
        np.testing.assert_array_equal(other.predict_proba_many(P), blend.predict_proba_many(P))

    def test_what_is_in_it_is_a_copy(self):
        blend, other = columns(2), columns(2)
        state = blend.state()
        other.restore(state)
        P = np.tile([0.1, 0.9], (50, 1))
        blend.learn_many(P, np.zeros(50, np.bool_))
        other.learn_many(P, np.zeros(50, np.bool_))
        assert state.arrays["weights"].tolist() == [0.5, 0.5]

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"kind": "blend/2"}, "blend/2"),
            ({"rate": 0.2}, "rate is 0.2"),
            ({"share": 0.5}, "share"),
            ({"fraud_weight": None}, "fraud_weight"),
            ({"members": ["m1", "m0"]}, "members"),
            ({"learned": -1}, "learned is -1"),
            ({"learned": 1.5}, "learned is 1.5"),
            ({"weights": np.array([0.5, 0.5, 0.5])}, "weights must be above 0 and add up"),
            ({"weights": np.array([1.0, 0.0, 0.0])}, "weights must be above 0 and add up"),
            ({"weights": np.array([2.0, -0.5, -0.5])}, "weights must be above 0 and add up"),
            ({"weights": np.array([np.nan, 0.5, 0.5])}, "weights holds a value"),
            ({"weights": np.array([0.5, 0.5])}, "weights is float64 of shape"),
            ({"weights": np.full(3, 1 / 3, np.float32)}, "weights is float32"),
            ({"weights": None}, "'weights' is missing"),
            ({"parts": {}}, "its parts are not the members"),
        ],
    )
    def test_what_is_no_state_of_it_changes_nothing(self, change, match):
        blend = columns(3)
        P, y, _ = changing(np.random.default_rng(2), 100, 0)
        blend.learn_many(P, y)
        state, before = columns(3).state(), blend.weights
        for name, value in change.items():
            if name == "weights":
                arrays = {} if value is None else {"weights": value}
                state = replace(state, arrays=arrays)
            elif name in ("kind", "parts"):
                state = replace(state, **{name: value})
            else:
                state = replace(state, header={**state.header, name: value})
        with pytest.raises(SnapshotError, match=match):
            blend.restore(state)
        assert blend.weights == before
        assert [it.learned for it in blend.members.values()] == [100] * 3

    def test_a_part_that_is_refused_takes_the_others_back(self):
        blend = columns(3)
        P, y, _ = changing(np.random.default_rng(2), 100, 0)
        blend.learn_many(P, y)
        before, state = blend.weights, columns(3).state()
        parts = {**state.parts, "m2": State("column/1", {"at": 9, "learned": 0})}
        with pytest.raises(SnapshotError, match="member 'm2': another column"):
            blend.restore(replace(state, parts=parts))
        assert blend.weights == before
        assert blend.learned == 100
        assert [it.learned for it in blend.members.values()] == [100] * 3

    def test_a_member_that_stops_in_the_middle_takes_all_of_them_back(self):
        class Stopping(Column):
            stops = True

            def restore(self, state):
                super().restore(state)
                if self.stops:
                    self.stops = False
                    raise MemoryError("no room")

        blend = Blend({"m0": Column(0), "m1": Stopping(1), "m2": Column(2)})
        state = blend.state()
        P, y, _ = changing(np.random.default_rng(2), 100, 0)
        blend.learn_many(P, y)
        before = blend.weights
        with pytest.raises(MemoryError, match="no room"):
            blend.restore(state)
        assert blend.weights == before
        assert blend.learned == 100
        assert [it.learned for it in blend.members.values()] == [100] * 3

    def test_a_member_without_a_state_is_named(self):
        class Stateless:
            ready = True

        with pytest.raises(ModelError, match="member 'x' is a Stateless, which has no state"):
            Blend({"x": Stateless()}).state()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"rate": 0.0}, "rate is 0.0: give a number above 0 to 1"),
        ({"rate": 1.5}, "rate is 1.5"),
        ({"rate": math.nan}, "rate is nan"),
        ({"share": 0.0}, "share is 0.0: give a number between 0 and 1"),
        ({"share": 1.0}, "share is 1.0"),
        ({"fraud_weight": 0.0}, "fraud_weight is 0.0: give a number above 0"),
        ({"fraud_weight": math.inf}, "fraud_weight is inf"),
    ],
)
def test_wrong_parameters_are_named(options, match):
    with pytest.raises(ValueError, match=match):
        columns(2, **options)


def test_no_members_and_missing_labels_are_refused():
    with pytest.raises(ValueError, match="members is empty"):
        Blend({})
    with pytest.raises(ValueError, match="X has 2 rows and y 1"):
        columns(1).learn_many(np.zeros((2, 1)), np.zeros(1, np.bool_))


def test_a_blend_of_blends_is_one():
    inner = columns(2)
    outer = Blend({"inner": inner, "alone": Column(0)})
    P, y, _ = changing(np.random.default_rng(2), 300, 0, members=2)
    outer.learn_many(P, y)
    assert inner.learned == outer.learned == 300
    other = Blend({"inner": columns(2), "alone": Column(0)})
    other.restore(outer.state())
    np.testing.assert_array_equal(other.predict_proba_many(P), outer.predict_proba_many(P))


def test_counts_of_the_members_are_their_own():
    blend = river_blend()
    X, y = examples(np.random.default_rng(1), 100)
    blend.learn_many(X, y)
    counts = blend.members["logistic"].counts
    assert counts == ClassCounts(frauds=int(y.sum()), genuine=int((~y).sum()))
    assert pytest.approx(LOG_ODDS_MAX, abs=1e-4) == pool.LOSS_MAX
