"""Whose journal is taken again: orders may begin to be taken, and not cease to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.errors import RecoveryError
from stream.recovery.identity import Identity
from stream.recovery.journal import Entry, Kind
from stream.recovery.runs import Run

WITHOUT = Identity("0.1.0+ab", "c0ffee", "in", "labels", (1,), (2,))
WITH = replace(WITHOUT, control="orders", control_schemas=(8,))
ENTRY = Entry(Kind.LABELS, 1, 0, 0, (Run(0, 0, 1),))


def test_topics_are_those_that_are_read():
    assert WITHOUT.topics == {Kind.TRANSACTIONS: "in", Kind.LABELS: "labels"}
    assert WITH.topics == {**WITHOUT.topics, Kind.CONTROL: "orders"}


def test_one_that_takes_orders_goes_on_where_none_were_taken():
    WITH.require([(WITHOUT.header(1, 1), [ENTRY])])
    WITH.require([(WITH.header(1, 1), [ENTRY])])
    assert WITHOUT.differs(WITHOUT.header(1, 1)) == ""


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (WITHOUT, "control topic orders, not none"),
        (replace(WITH, control="others"), "control topic orders, not others"),
        (replace(WITH, control_schemas=(9,)), r"schema ids \[8\]"),
    ],
)
def test_one_that_cannot_take_the_orders_again_does_not_go_on(other, match):
    with pytest.raises(RecoveryError, match=match):
        other.require([(WITH.header(1, 1), [ENTRY])])
