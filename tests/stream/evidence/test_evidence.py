"""Why a payment was alerted: the features that raised its score most, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from seeds import seeds

from stream.decide import Outcome, Thresholds
from stream.evidence.evidence import ALERT_REASONS_MAX, Alerted, Contribution, evidence_of, together
from stream.features.value_states import ValueState

NAMES = tuple(f"f{i}" for i in range(45))
THRESHOLDS = Thresholds(review=0.2, challenge=0.5, block=0.9)


def alerted(X, parts, rng):
    n = len(X)
    return Alerted(
        np.sort(rng.choice(10 * n, n, replace=False)),
        X,
        rng.integers(0, len(ValueState), X.shape, dtype=np.uint8),
        rng.normal(size=n),
        parts,
        rng.integers(Outcome.REVIEW, len(Outcome), n, dtype=np.int8),
        np.where(rng.random(n) < 0.3, 0.25, np.nan),
        rng.normal(size=(n, 3)),
        rng.integers(0, 9, n),
    )


def plain_reasons(names, x, parts, states):
    """The features that raised the score, largest first, of equals the first."""
    raised = [i for i, part in enumerate(parts) if part > 0]
    raised.sort(key=lambda i: (-parts[i], i))
    return tuple(
        Contribution(names[i], x[i], parts[i], ValueState(states[i]))
        for i in raised[:ALERT_REASONS_MAX]
    )


@seeds(20)
@pytest.mark.parametrize("width", [1, 3, 4, 45])
def test_reasons_are_what_plain_python_finds(seed, width):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    X = rng.normal(size=(n, width))
    # Few values, so that many are equal; some of them are no reason.
    parts = rng.choice([-1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 1e-300, np.nan], (n, width))
    rows = alerted(X, parts, rng)
    found = evidence_of(rows, THRESHOLDS)
    expected = [
        plain_reasons(NAMES, *row)
        for row in zip(X.tolist(), parts.tolist(), rows.states.tolist(), strict=True)
    ]
    assert found.contributions(NAMES) == expected
    assert found.rows.tolist() == rows.rows.tolist()
    assert found.bases.tolist() == rows.bases.tolist()
    assert found.grouped.tolist() == rows.grouped.tolist()
    least = {Outcome.REVIEW: 0.2, Outcome.CHALLENGE: 0.5, Outcome.BLOCK: 0.9}
    assert found.thresholds.tolist() == [least[Outcome(each)] for each in rows.outcomes]
    drawn = rows.drawn.tolist()
    assert found.probabilities.tolist() == [1.0 if np.isnan(p) else p for p in drawn]


@seeds(4)
def test_parts_of_a_batch_lie_one_behind_the_other(seed):
    rng = np.random.default_rng(seed)
    X, parts = rng.normal(size=(2, 30, 45))
    rows = alerted(X, parts, rng)
    whole = evidence_of(rows, THRESHOLDS)
    cuts = [slice(0, 7), slice(7, 8), slice(8, 30)]
    pieces = [evidence_of(Alerted(*(each[cut] for each in rows)), THRESHOLDS) for cut in cuts]
    np.testing.assert_equal(together(pieces), whole)
    assert together(pieces[:1]) is pieces[0]
    chosen = np.array([3, 1])
    assert whole.of(chosen).contributions(NAMES) == [whole.contributions(NAMES)[i] for i in (3, 1)]
    nothing = together([])
    assert [len(column) for column in nothing] == [0] * len(nothing)
    assert nothing.contributions(NAMES) == []
