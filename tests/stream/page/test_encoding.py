"""Boards as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from inputs.page_boards import Boards

from stream.page.encoding import encoded


def test_a_board_is_one_line_that_says_the_same() -> None:
    board = Boards().board(3)
    assert json.loads(encoded(board)) == board
    assert b"\n" not in encoded(board)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64(math.nan)])
def test_what_is_no_finite_number_is_null(value: float) -> None:
    assert encoded({"psi": value, "deep": [[value]]}) == b'{"psi":null,"deep":[[null]]}'


def test_numpys_scalars_are_plain_values() -> None:
    values: list[Any] = [np.float64(0.5), np.int64(7), np.bool_(True), np.float32(0.25)]
    assert encoded(values) == b"[0.5,7,true,0.25]"


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert encoded({"id": "a\ud800b", "more": ["\udfff"]}) == b'{"id":"a?b","more":["?"]}'


def test_line_breaks_of_strangers_do_not_end_an_event() -> None:
    text = encoded({"id": "one\ntwo\r\ndata: three"})
    assert b"\n" not in text
    assert b"\r" not in text


def test_anything_else_is_refused_by_its_type() -> None:
    with pytest.raises(TypeError, match="plain values, not object"):
        encoded({"x": object()})
