"""A state is read only if it is whole."""

import re

import numpy as np
import pytest

from models.scale.restoring import array_of, check_arrays, check_header, scalar_of
from models.snapshot import State
from schemas.errors import SnapshotError


def state(kind="thing/1", header=(("width", 2),), arrays=(("a", (1.0, 2.0)),), parts=()):
    return State(kind, dict(header), {n: np.array(v) for n, v in arrays}, dict(parts))


def test_a_whole_state_is_read():
    whole = state(header=[("width", 2), ("steps", 3)])
    check_header(whole, "thing/1", {"width": 2}, ("steps",))
    check_arrays(whole, ("a",))
    assert scalar_of(whole, "steps", 0, 10) == 3.0
    found = array_of(whole, "a", 2)
    assert found.tolist() == [1.0, 2.0]
    found[0] = 9.0
    assert whole.arrays["a"][0] == 1.0


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (state(kind="thing/2"), "kind is 'thing/2', this model restores 'thing/1'"),
        (state(header=()), "['width']"),
        (state(header=[("width", 2), ("more", 1)]), "['more']"),
        (state(header=[("width", 3)]), "width is 3 in the state and 2 in the model"),
    ],
)
def test_another_header_is_refused(broken, text):
    with pytest.raises(SnapshotError, match=re.escape(text)):
        check_header(broken, "thing/1", {"width": 2})


@pytest.mark.parametrize(
    "broken",
    [state(arrays=()), state(arrays=[("a", ()), ("b", ())]), state(parts=[("p", state())])],
)
def test_other_arrays_and_parts_are_refused(broken):
    with pytest.raises(SnapshotError, match="missing from the state or unknown to the model"):
        check_arrays(broken, ("a",))


@pytest.mark.parametrize("value", [None, "1", True, [1], -1, 11, np.nan, np.inf])
def test_a_scalar_out_of_its_range_is_refused(value):
    with pytest.raises(SnapshotError, match="steps is"):
        scalar_of(state(header=[("steps", value)]), "steps", 0, 10)


def test_an_infinite_scalar_is_refused_in_any_range():
    with pytest.raises(SnapshotError, match="not a finite number"):
        scalar_of(state(header=[("steps", np.inf)]), "steps", 0, np.inf)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3),
        np.zeros((2, 1)),
        np.zeros(2, np.float32),
        np.zeros(2, np.int64),
        np.array([0.0, np.nan]),
        np.array([np.inf, 0.0]),
        np.array([0.0, -1.5]),
        np.array([2.5, 0.0]),
        [0.0, 0.0],
    ],
)
def test_an_array_of_another_type_shape_or_range_is_refused(array):
    with pytest.raises(SnapshotError, match=r"thing/1: a(\[\d\])? is"):
        array_of(State("thing/1", {}, {"a": array}), "a", 2, -1.0, 2.0)
