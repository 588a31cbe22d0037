"""A state that is taken up with other challengers than it was kept with."""

from dataclasses import replace

import numpy as np
import pytest
from inputs.plain_learners import DAY, PARAMETERS, Says, payments
from inputs.streams import START_US, model_orders

from models.states.snapshot import pack, unpack
from schemas.errors import SnapshotError
from stream.engine.engine import Engine


def engine(*challengers, champion="old"):
    others = {name: Says(0.1 * at) for at, name in enumerate(challengers, 2)}
    return Engine(replace(PARAMETERS, model=champion), Says(0.1), challengers=others)


def kept(*challengers, promoted=()):
    it = engine(*challengers)
    for at, name in enumerate(("", *promoted)):
        it.control(model_orders("PROMOTE", name)) if name else None
        it.step(payments(1 + 10 * at, 5, START_US + 10_000_000 * at))
    return unpack(pack(it.state()))


def said(it, slot):
    return it.waiting.said(np.arange(it.waiting.kept)).scores_of(slot).tolist()


def test_who_came_since_has_said_nothing_and_who_is_gone_left_nothing():
    heir = engine("c", "d", "b")
    heir.restore(kept("b", "c"))
    assert said(heir, 0) == [0.1] * 5
    assert said(heir, 1) == pytest.approx([0.3] * 5)
    assert np.isnan(said(heir, 2)).all()
    assert said(heir, 3) == pytest.approx([0.2] * 5)
    less = engine("d")
    less.restore(unpack(pack(heir.state())))
    assert np.isnan(said(less, 1)).all()
    assert less.waiting.scores.shape[1] == 5
    # It goes on: the labels of what waited meet what was said.
    less.step(payments(90, 2, START_US + 2 * DAY))
    judged = [each.prequential.as_dict()["judged"] for each in less.contenders]
    assert judged == [5, 0]


def test_who_decided_decides_and_what_it_decided_stays():
    heir = engine("d", "c", "b")
    heir.restore(kept("b", "c", promoted=("c", "b")))
    assert heir.lineup.name == "b"
    waited = heir.waiting.said(np.arange(15))
    assert waited.champions.tolist() == [0] * 5 + [2] * 5 + [3] * 5
    assert waited.scores[:, 0].tolist() == pytest.approx([0.1] * 5 + [0.3] * 5 + [0.2] * 5)
    assert said(heir, 0) == [0.1] * 15
    assert said(heir, 2) == pytest.approx([0.3] * 15)
    assert said(heir, 3) == pytest.approx([0.2] * 15)
    # As the fourth it says something else here than as the second there.
    assert heir.step(payments(90, 1, START_US + DAY // 2)).scores.tolist() == [0.4]


@pytest.mark.parametrize(
    ("names", "promoted", "text"),
    [
        (("b",), ("c",), "'c' decides"),
        (("b",), ("c", "b"), "'c' decided payments that still wait"),
    ],
)
def test_whoever_is_needed_may_not_be_gone(names, promoted, text):
    heir = engine(*names)
    before = pack(heir.state())
    with pytest.raises(SnapshotError, match=text):
        heir.restore(kept("b", "c", promoted=promoted))
    assert pack(heir.state()) == before
