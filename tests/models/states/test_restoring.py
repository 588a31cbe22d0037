"""Questions to a state: an answer, or a refusal that names what is wrong."""

import numpy as np
import pytest

from models.states.restoring import (
    array,
    count,
    names,
    require,
    require_header,
    require_kind,
    require_same,
    require_within,
    view,
)
from models.states.snapshot import State
from schemas.errors import SnapshotError

STATE = State(
    "model/1",
    {"n": 3, "rate": 0.5, "flag": True, "names": ["a", "b"], "twice": ["a", "a"], "of": [["a"], 1]},
    {"values": np.arange(4.0).reshape(2, 2), "wild": np.array([1.0, np.nan])},
)


def refused(told, question, *args, **kwargs):
    with pytest.raises(SnapshotError, match=told):
        question(STATE, *args, **kwargs)


def test_the_kind_is_the_models():
    require_kind(STATE, "model/1")
    refused("'model/1', and this model takes 'model/2'", require_kind, "model/2")


def test_the_header_says_what_the_model_does():
    require_header(STATE, {"n": 3, "rate": 0.5, "flag": True})
    refused(
        r"n is 3 in the state and 4 in the model: build the model with n=3",
        require_header,
        {"n": 4},
    )
    refused("n is 3", require_header, {"n": 3.0})
    refused("flag is True", require_header, {"flag": 1})
    refused("other is None", require_header, {"other": 0})


def test_a_count_is_a_whole_number_within_its_range():
    assert count(STATE, "n", 3, 3) == 3
    for name, low, high in (("n", 4, 9), ("n", 0, 2), ("rate", 0, 9), ("flag", 0, 9), ("no", 0, 9)):
        refused(f"{name} is .*not a number from {low} to {high}", count, name, low, high)


def test_names_are_different_texts():
    assert names(STATE, "names") == ["a", "b"]
    assert names(STATE, "of", 0) == ["a"]
    assert names(STATE, "names") is not STATE.header["names"]
    refused("a name stands twice in twice", names, "twice")
    for question in (("n",), ("of",), ("of", 1), ("no",), ("n", 0)):
        refused("is no list of names", names, *question)


def test_an_array_is_a_copy_of_the_type_and_shape_that_was_asked_for():
    found = array(STATE, "values", np.float64, (2, 2))
    found[:] = 9
    assert STATE.arrays["values"].tolist() == [[0.0, 1.0], [2.0, 3.0]]
    refused("'no' is missing", array, "no", np.float64, (2,))
    refused(
        r"float64 of shape \(2, 2\), not float64 of shape \(4,\)", array, "values", np.float64, (4,)
    )
    refused("not float32 of shape", array, "values", np.float32, (2, 2))


def test_an_array_is_finite_unless_it_need_not_be():
    refused("wild holds a value that is not finite", array, "wild", np.float64, (2,))
    assert np.isnan(array(STATE, "wild", np.float64, (2,), finite=False)[1])


def test_values_lie_within_their_range():
    values = STATE.arrays["values"]
    require_within(STATE, "values", values, 0, 3)
    require_within(STATE, "values", values, values, values)
    refused(r"values holds 3\.0, which is out of range", require_within, "values", values, 0, 2)
    refused(r"values holds 0\.0", require_within, "values", values, 1, 3)
    refused("wild holds nan", require_within, "wild", STATE.arrays["wild"], 0, 3)


def test_what_contradicts_itself_is_refused():
    require(STATE, True, "fine")
    refused("model/1: a sum is wrong", require, False, "a sum is wrong")


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"a": [1, {"b": 3}]}, r"kept\.a\[1\]\.b is 2 in the state and 3 here"),
        ({"a": [1]}, r"kept\.a is 2 of \(1, .*\) in the state and 1 of \(1\) here"),
        ({"c": 1}, r"kept is 1 of \(a\) in the state and 1 of \(c\) here"),
        (None, r"kept is 1 of \(a\) in the state and None here"),
        ({"a": [True, {"b": 2}]}, r"kept\.a\[0\] is 1 in the state and True here"),
    ],
)
def test_what_differs_is_named_and_the_remedy(own, said):
    state = State("model/1", {"kept": {"a": [1, {"b": 2}]}})
    require_same(state, "kept", {"a": [1, {"b": 2}]})
    with pytest.raises(SnapshotError, match=f"model/1: {said}: start with the configuration"):
        require_same(state, "kept", own)


def test_a_view_is_the_states_own_array():
    values = np.arange(3)
    state = State("model/1", {}, {"values": values})
    assert view(state, "values", np.int64, (3,)) is values
    assert not np.shares_memory(array(state, "values", np.int64, (3,)), values)
