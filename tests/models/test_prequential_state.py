"""How good scores were, kept and taken up."""

from dataclasses import replace

import numpy as np
import pytest

from models.prequential import Prequential
from models.states.snapshot import State, pack, unpack
from schemas.errors import SnapshotError


def judged(seed):
    rng = np.random.default_rng(seed)
    found = Prequential()
    scores = rng.random(50)
    scores[::7] = np.nan
    for judge in (found.update, found.update_scored):
        judge(scores, scores > 0.5, rng.random(50) < 0.3)
    return found


def test_it_goes_on_bit_for_bit():
    one, other = judged(1), judged(2)
    other.restore(unpack(pack(one.state())))
    assert pack(other.state()) == pack(one.state())
    scores, y = np.array([0.1, 0.9]), np.array([True, False])
    for each in (one, other):
        each.take_back(scores, scores > 0.5, y)
    assert other.as_dict() == one.as_dict()
    assert pack(other.state()) == pack(one.state())


@pytest.mark.parametrize("damage", ["kind", "count", "missing", "loss", "part", "bins"])
def test_what_is_damaged_is_refused_and_changes_nothing(damage):
    state, other = judged(1).state(), judged(2)
    inner = state.parts["reliability"]
    damaged = {
        "kind": replace(state, kind="other/1"),
        "count": replace(state, header={**state.header, "unscored": -1}),
        "missing": replace(state, header={}),
        "loss": replace(state, arrays={"log_loss_sum": np.array([np.nan])}),
        "part": State(state.kind, state.header, state.arrays),
        "bins": replace(state, parts={"reliability": replace(inner, arrays={})}),
    }
    before = pack(other.state())
    with pytest.raises(SnapshotError):
        other.restore(damaged[damage])
    assert pack(other.state()) == before
