"""What a step decided, in four bytes: nothing of it can change unnoticed."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from schemas.columns import Reason
from stream.engine.control import ControlEffects
from stream.engine.effects import nothing_decided
from stream.labels.fates import LabelEffects
from stream.recovery.outcome import outcome_of
from stream.rules.matched import NO_RULES

OK, LATE = int(Reason.OK), int(Reason.EVENT_TOO_LATE)


def decided(n=3):
    reasons = np.full(n, OK, np.int64)
    effects = nothing_decided(reasons, np.zeros(n, np.int8), NO_RULES, 0, 0)
    effects.scores[:] = np.arange(n) / 7
    return effects


def alerted(effects, *pieces):
    evidence = [SimpleNamespace(rows=np.array(rows, np.int64)) for rows in pieces]
    return replace(effects, alerted=evidence)


def test_it_is_that_of_what_was_decided_however_it_was_cut():
    assert outcome_of(decided()) == outcome_of(decided())
    assert outcome_of(alerted(decided(), [0, 2])) == outcome_of(alerted(decided(), [0], [2]))
    assert outcome_of(alerted(decided(), [])) == outcome_of(decided())


@pytest.mark.parametrize("name", ["scores", "outcomes", "reasons"])
def test_the_least_change_of_what_was_decided_is_another(name):
    effects = decided()
    column = getattr(effects, name)
    column[1] = np.nextafter(column[1], 1) if name == "scores" else column[1] + 1
    assert outcome_of(effects) != outcome_of(decided())


def test_who_is_alerted_is_part_of_it():
    found = {outcome_of(alerted(decided(), rows)) for rows in ([], [0], [1], [0, 1])}
    assert len(found) == 4


def test_of_labels_and_orders_it_is_why_each_was_taken_or_not():
    good, bad = np.array([OK, OK]), np.array([OK, LATE])
    held = np.zeros(2, np.bool_)
    assert outcome_of(LabelEffects(good, held, [], [])) != outcome_of(
        LabelEffects(bad, held, [], [])
    )
    assert outcome_of(ControlEffects(good)) != outcome_of(ControlEffects(bad))
