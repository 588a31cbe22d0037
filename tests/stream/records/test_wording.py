"""What every alert says alike, and which of the words fit a value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from inputs.grammar_names import INPUTS

from stream.decide import Thresholds
from stream.evidence.evidence import Alerted, Evidence, evidence_of
from stream.evidence.reason_codes import read_table
from stream.explanation.reason_files import reason_table
from stream.features.declare import declare
from stream.features.feature_set import FeatureSet
from stream.records.wording import (
    HIGH,
    LOW,
    NEUTRAL,
    NO_WORDING,
    protected_names,
    text_of,
    wording_of,
)

NAMES = ("card.count_1h", "is_night", "amount", "input.age")
NAN = math.nan


def features(*names: str) -> FeatureSet:
    return FeatureSet(declare(names or NAMES, INPUTS), None, INPUTS)  # type: ignore[arg-type]


def evidence(values: list[float], normals: list[float]) -> Evidence:
    """Evidence of one row that has the first features as reasons, in order."""
    n = len(NAMES)
    X = np.array([values + [0.0] * (n - len(values))])
    parts = np.array([[float(n - j) if j < len(values) else -1.0 for j in range(n)]])
    one = np.zeros(1)
    states, outcomes = np.zeros(X.shape, np.uint8), np.array([1], np.int8)
    none = np.zeros((1, 0)), np.zeros(1, np.int64)
    alerted = Alerted(np.array([0]), X, states, one, parts, outcomes, one, *none)
    found = evidence_of(alerted, Thresholds())
    found.normals[0, : len(normals)] = normals
    return found


@pytest.mark.parametrize(
    ("value", "normal", "direction"),
    [(14.0, 2.0, HIGH), (1.0, 2.0, LOW), (2.0, 2.0, NEUTRAL), (14.0, NAN, NEUTRAL)],
)
def test_much_and_little_are_said_beside_what_is_usual(value, normal, direction) -> None:
    wording = wording_of(reason_table(), features())
    assert wording.directions(evidence([value], [normal])).tolist() == [[direction, 0, 0, 0]]
    assert text_of(wording.of(0), direction).startswith(("Payments", "Many", "Few")[direction])


@pytest.mark.parametrize(("value", "direction"), [(1.0, HIGH), (0.0, LOW), (NAN, NEUTRAL)])
@pytest.mark.parametrize("normal", [NAN, 0.0, 0.4, 1.0])
def test_a_flag_says_what_it_is_whatever_is_usual(value, direction, normal) -> None:
    wording = wording_of(reason_table(), features())
    assert wording.directions(evidence([3.0, value], [NAN, normal]))[0, 1] == direction


def test_without_words_nothing_is_said() -> None:
    words = NO_WORDING.of(3)
    assert (words.code, words.text, words.high, words.low) == ("", "", "", "")
    assert NO_WORDING.directions(evidence([14.0], [2.0])).tolist() == [[HIGH, 0, 0, 0]]


def test_the_digest_of_features_is_of_their_names_their_order_and_what_they_stand_on() -> None:
    table = reason_table()
    one = wording_of(table, features("amount", "is_large")).feature_set
    assert one == wording_of(table, features("amount", "is_large")).feature_set
    assert one != wording_of(table, features("is_large", "amount")).feature_set
    assert len(one) == 12


def test_protected_features_are_named() -> None:
    own = read_table('version = "1"\n[[codes]]\ncode = "P"\nof = "age"\nprotected = true', "own")
    assert protected_names(own.over(reason_table()), features()) == {"input.age"}
    assert protected_names(reason_table(), features()) == frozenset()
