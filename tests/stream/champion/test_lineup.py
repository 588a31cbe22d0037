"""Orders about models: who is refused, who decides, who is asked."""

import json

import numpy as np
import pytest
from inputs.plain_learners import Says

from models.states.snapshot import State
from schemas.columns import Reason
from schemas.errors import SnapshotError
from stream.champion.lineup import TEXT_MAX, Lineup, ModelOrder, read_model_order
from stream.champion.reigns import REIGNS_MAX, Cause, Reign
from stream.engine.control import OrderRefusedError

X = np.full((3, 2), 0.25)


def lineup(**others):
    return Lineup(Says(), others or {"b": Says(), "c": Says()}, calibrate=False, name="a")


def reign(name, at=1):
    return Reign(name, at, at, Cause.ORDER.value, "me", "because")


def refused(why):
    return pytest.raises(OrderRefusedError, match=f"^{why.name}$")


def test_who_is_promoted_takes_the_champions_place_and_keeps_its_slot():
    one = lineup()
    before = one.contenders.copy()
    assert (one.name, list(one.challengers), one.former) == ("a", ["b", "c"], None)
    assert one.promote(reign("c"), X)
    assert (one.name, list(one.challengers), one.former) == ("c", ["a", "b"], "a")
    assert one.champion is before[2]
    assert one.contenders == before
    assert not one.promote(reign("c"), X), "it decides already"
    assert [each.model for each in one.reigns] == ["a", "c"]


def test_promotions_that_cannot_be_are_refused_and_change_nothing():
    one = lineup(cold=Says(ready=False), dumb=Says(explains=False), b=Says())
    one.disable("b", "too slow")
    for name, why in (
        ("nobody", Reason.CONTROL_UNKNOWN_MODEL),
        ("cold", Reason.CONTROL_MODEL_COLD),
        ("dumb", Reason.CONTROL_MODEL_SET_ASIDE),
        ("b", Reason.CONTROL_MODEL_SET_ASIDE),
    ):
        with refused(why):
            one.promote(reign(name), X)
        assert (one.name, len(one.reigns)) == ("a", 1)
    assert one.challengers["dumb"].aside.at == "explaining"


def test_who_is_disabled_can_come_back_and_who_failed_cannot():
    one = lineup()
    one.disable("b", "too slow")
    assert one.challengers["b"].aside == ("order", "too slow")
    one.enable("b")
    assert one.challengers["b"].aside is None
    one.enable("b")
    with refused(Reason.CONTROL_MODEL_DECIDES):
        one.disable("a", "")
    with refused(Reason.CONTROL_UNKNOWN_MODEL):
        one.disable("z", "")
    one.challengers["c"].set_aside("learning", ValueError("at 0x7f00"))
    one.disable("c", "too slow")
    assert one.challengers["c"].aside == ("learning", "ValueError")
    with refused(Reason.CONTROL_MODEL_SET_ASIDE):
        one.enable("c")


@pytest.mark.parametrize(
    "text",
    ["", "b", "[]", '{"model": 1}', '{"by": "me"}', '{"model": "b", "x": 1}', "[" * 100_000],
)
def test_what_is_no_order_about_a_model_is_refused(text):
    with refused(Reason.CONTROL_TEXT_INVALID):
        read_model_order(0, text)


def test_what_an_order_says_is_cut_where_it_is_long():
    order = {"model": "b", "by": "x" * 999, "why": "y"}
    read = read_model_order(0, json.dumps(order))
    assert read == ModelOrder("b", "x" * TEXT_MAX, "y")
    assert read_model_order(0, '{"model": "b"}') == ModelOrder("b")


def test_reigns_are_kept_up_to_a_bound():
    one = lineup()
    for at in range(REIGNS_MAX + 9):
        one.promote(reign("bc"[at % 2], at), X)
    assert len(one.reigns) == REIGNS_MAX
    assert one.reigns[-1].since_us == REIGNS_MAX + 8
    state = State("engine/2", one.header())
    assert lineup().read(state) == (one.at, one.reigns)


def test_a_state_of_before_models_could_be_promoted_has_the_first_champion():
    one = lineup()
    assert one.read(State("engine/2")) == (0, [Reign("a", 0, 0)])


@pytest.mark.parametrize(
    "header",
    [
        {"champion": "z", "reigns": [["z", 0, 0, "start", "", ""]]},
        {"champion": "b", "reigns": [["a", 0, 0, "start", "", ""]]},
        {"champion": "a", "reigns": []},
        {"champion": "a"},
        {"champion": "a", "reigns": [["a", 0, -1, "start", "", ""]]},
        {"champion": "a", "reigns": [["a", 0, 0, "war", "", ""]]},
        {"champion": "a", "reigns": [["a", 0.5, 0, "start", "", ""]]},
    ],
)
def test_a_damaged_succession_is_refused(header):
    with pytest.raises(SnapshotError):
        lineup().read(State("engine/2", header))


def test_two_of_one_name_are_refused():
    with pytest.raises(ValueError, match="'a'"):
        lineup(a=Says())
