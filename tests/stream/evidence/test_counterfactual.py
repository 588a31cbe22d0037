"""What one change would have kept an alert from being raised: verified, bounded, the smallest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from inputs.grammar_names import INPUTS
from seeds import seeds

from stream.evidence.counterfactual import (
    TRIED_MAX,
    Asked,
    Counterfactuals,
    counterfactuals,
    limits_of,
    no_counterfactuals,
)
from stream.evidence.reasons import NO_REASON
from stream.features.declare import parse

NAMES = ("card.count_1h", "amount", "is_night", "card.share_night_1h", "input.age", "hour_sin")
LIMITS = limits_of([parse(name, INPUTS) for name in NAMES])
NAN = math.nan
BELOW = 0.5


class Model:
    """A score by a function of a row, which remembers what it was asked."""

    def __init__(self, function):
        self.function = function
        self.rows = []

    def __call__(self, X):
        self.rows.extend(X.tolist())
        return np.array([self.function(x) for x in X.tolist()])


def look(function, x, reasons, normals=None, raised=True) -> tuple[Model, Counterfactuals]:
    """Return what is told of one row; reasons are names."""
    model = Model(function)
    places = [NAMES.index(name) for name in reasons]
    places += [NO_REASON] * (4 - len(places))
    beside = (normals or [NAN] * 4) + [NAN] * (4 - len(normals or [NAN] * 4))
    asked = Asked(
        np.array([x], np.float64), np.array([places]), np.array([beside]), np.array([raised])
    )
    return model, counterfactuals(model, asked, BELOW, LIMITS)


def told(found: Counterfactuals) -> tuple[str, float, bool] | None:
    if found.features[0] == NO_REASON:
        return None
    return NAMES[found.features[0]], float(found.values[0]), bool(found.beyond[0])


X = [14.0, 900.0, 1.0, 0.25, 40.0, 0.5]


@pytest.mark.parametrize("most", [1, 2, 3, 7, 12, 13])
def test_of_a_count_it_is_the_nearest_whole_number_or_the_value_of_a_step(most: int) -> None:
    _, found = look(lambda x: float(x[0] > most), X, ["card.count_1h"])
    assert told(found) == ("card.count_1h", float(most), True)


def test_a_count_of_a_window_with_the_payment_itself_is_never_0() -> None:
    model, found = look(lambda x: float(x[0] > 0), X, ["card.count_1h"])
    assert told(found) is None
    assert min(row[0] for row in model.rows) == 1.0


def test_of_an_amount_it_has_few_digits_and_is_near_the_border() -> None:
    _, found = look(lambda x: float(x[1] > 321.4567), X, ["amount"])
    name, value, beyond = told(found)
    assert (name, beyond) == ("amount", True)
    assert value == float(f"{value:.3g}")
    assert 300 < value <= 321.4567


def test_a_flag_is_turned_and_a_share_stays_one() -> None:
    assert told(look(lambda x: x[2], X, ["is_night"])[1]) == ("is_night", 0.0, True)
    model, found = look(lambda x: float(x[3] < 0.9), X, ["card.share_night_1h"])
    name, value, _ = told(found)
    assert name == "card.share_night_1h"
    assert 0.9 <= value <= 0.95
    assert all(0 <= row[3] <= 1 for row in model.rows)


def test_a_number_without_bounds_goes_both_ways() -> None:
    assert told(look(lambda x: float(x[4] > -100), X, ["input.age"])[1])[1] <= -100
    assert told(look(lambda x: float(x[4] < 200), X, ["input.age"])[1])[1] >= 200


def test_what_is_usual_is_tried() -> None:
    def only_that(x):
        return float(x[1] != 37.25)

    assert told(look(only_that, X, ["amount"])[1]) is None
    # To three digits, away from the value: 37.2.
    found = look(lambda x: float(x[1] != 37.2), X, ["amount"], [37.25])[1]
    assert told(found) == ("amount", 37.2, False)


def test_the_smallest_change_in_proportion_is_told_and_of_equal_ones_the_first_reasons() -> None:
    def either(x):
        return float(x[0] > 2 and x[1] > 800)

    assert told(look(either, X, ["card.count_1h", "amount"])[1])[0] == "amount"
    assert told(look(lambda x: 0.1 * (x == X) + 0.45, X, ["is_night", "amount"])[1])[0] == "amount"


def test_a_score_that_rises_again_further_away_is_said_to() -> None:
    _, found = look(lambda x: float(not 100 < x[1] < 600), X, ["amount"])
    name, value, beyond = told(found)
    assert name == "amount"
    assert 100 < value < 600
    assert not beyond


@pytest.mark.parametrize(
    ("x", "reasons", "raised"),
    [
        (X, [], True),
        (X, ["amount"], False),
        ([14.0, NAN, 1.0, 0.25, 40.0, 0.5], ["amount"], True),
        ([14.0, math.inf, 1.0, 0.25, 40.0, 0.5], ["amount"], True),
    ],
)
def test_where_nothing_can_be_changed_nothing_is_told_and_nothing_asked(x, reasons, raised) -> None:
    model, found = look(lambda x: 0.0, x, reasons, raised=raised)
    assert told(found) is None
    assert math.isnan(found.values[0])
    assert math.isnan(found.scores[0])
    assert model.rows == []


def test_where_no_single_change_suffices_nothing_is_told() -> None:
    assert told(look(lambda x: 0.9, X, list(NAMES[:4]))[1]) is None


def test_a_model_that_says_nothing_tells_nothing() -> None:
    assert told(look(lambda x: NAN, X, ["amount"])[1]) is None


@seeds(20)
def test_whatever_the_model_what_is_told_is_what_it_says_and_cost_is_bounded(seed) -> None:
    rng = np.random.default_rng(seed)
    weights, bend = rng.normal(0, 1, len(NAMES)), rng.normal(0, 1, len(NAMES))

    def log_odds(x):
        return np.arcsinh(x) @ weights + np.sin(np.arcsinh(x) * 3) @ bend

    n = 60
    rows = np.column_stack(
        [
            rng.integers(1, 40, n),
            rng.lognormal(3, 2, n),
            rng.integers(0, 2, n),
            rng.random(n),
            rng.normal(0, 100, n),
            rng.uniform(-1, 1, n),
        ]
    ).astype(np.float64)
    center = np.median(log_odds(rows))

    def score(x):
        return float(1 / (1 + np.exp(center - log_odds(np.asarray(x)))))

    scores = np.array([score(x) for x in rows])
    reasons = np.array([rng.permutation(len(NAMES))[:4] for _ in range(n)])
    normals = np.where(rng.random((n, 4)) < 0.5, np.nan, rng.lognormal(2, 1, (n, 4)))
    model = Model(score)
    asked = Asked(rows, reasons, normals, scores >= BELOW)
    found = counterfactuals(model, asked, BELOW, LIMITS)
    assert len(model.rows) <= TRIED_MAX * n
    assert (found.features != NO_REASON).any()
    for i in range(n):
        j = found.features[i]
        if j == NO_REASON:
            continue
        assert scores[i] >= BELOW
        assert j in reasons[i]
        changed = rows[i].copy()
        changed[j] = found.values[i]
        assert score(changed) == found.scores[i] < BELOW
        assert LIMITS.low[j] <= changed[j] <= LIMITS.high[j]
        assert not LIMITS.whole[j] or changed[j] == int(changed[j])
        alone = counterfactuals(score_alone(score), only(asked, i), BELOW, LIMITS)
        assert [column[0] for column in alone] == [column[i] for column in found]
    tried = np.array(model.rows)
    assert ((tried >= LIMITS.low) & (tried <= LIMITS.high)).all()


def score_alone(function):
    return lambda rows: np.array([function(x) for x in rows])


def only(asked: Asked, i: int) -> Asked:
    return Asked(*(column[i : i + 1] for column in asked))


def test_rows_are_worked_off_in_pieces_with_the_same_result(monkeypatch) -> None:
    rows = np.repeat([X], 9, axis=0) * np.linspace(0.5, 2, 9)[:, None]
    asked = Asked(rows, np.array([[0, 1, -1, -1]] * 9), np.full((9, 4), NAN), np.ones(9, np.bool_))
    model = Model(lambda x: float(x[0] * x[1] > 3000))
    whole = counterfactuals(model, asked, BELOW, LIMITS)
    monkeypatch.setattr("stream.evidence.counterfactual._CELLS_MAX", 1)
    np.testing.assert_equal(counterfactuals(model, asked, BELOW, LIMITS), whole)
    assert (whole.features != NO_REASON).any()


def test_of_no_alerts_nothing_is_told() -> None:
    assert [len(column) for column in no_counterfactuals(0)] == [0] * 4
