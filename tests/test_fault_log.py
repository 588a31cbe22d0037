"""A run of a test that injects a fault is a line of the log, whatever becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from checks.pytest_runs import run
from fault_log import repeats

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import pytest
from fault_log import injects, seen

@injects("a kill", "nothing is lost")
@pytest.mark.parametrize("n", [1, 2])
def test_well(n):
    seen(n, 10 * n, 0, 0)

@injects("a kill", "nothing is lost")
def test_ill():
    seen(1, 10, 3)
    assert not "lost"

@injects("a kill", "nothing is lost")
def test_not_at_all():
    pytest.skip("no broker")

@injects("a kill", "nothing is lost")
def test_silent():
    pass

def test_unmarked():
    seen(1)

@pytest.fixture
def later():
    yield
    seen(2, 5, 1)

@injects("a flush", "it fills again")
def test_counted_at_the_end(later):
    pass
"""


def test_every_outcome_is_a_line(tmp_path: Path) -> None:
    out, lines = run(tmp_path, PROGRAM)
    assert [(line["test"].partition("::")[2], line["outcome"]) for line in lines] == [
        ("test_well", "passed"),
        ("test_well", "passed"),
        ("test_ill", "failed"),
        ("test_not_at_all", "skipped"),
        ("test_silent", "failed"),
        ("test_counted_at_the_end", "passed"),
    ]
    assert lines[1]["seen"] == [{"faults": 2, "inputs": 20, "lost": 0, "repeated": 0}]
    assert lines[2]["seen"] == [{"faults": 1, "inputs": 10, "lost": 3, "repeated": None}]
    assert lines[3]["seen"] == []
    assert lines[5]["seen"] == [{"faults": 2, "inputs": 5, "lost": 1, "repeated": None}]
    assert {"fault": "a flush", "invariant": "it fills again"}.items() <= lines[5].items()
    # One that says nothing of its fault, and one that says it of none.
    assert out.count("if, and only if, it says what was `seen`") >= 2


def test_without_a_log_nothing_is_written(tmp_path: Path) -> None:
    _, lines = run(tmp_path, PROGRAM, FRAUDSTREAM_FAULT_LOG="")
    assert lines == []


@pytest.mark.parametrize(("names", "n"), [("", 0), ("abc", 0), ("abab", 2), ("aaab", 2)])
def test_repeats_are_what_is_beyond_the_first(names: str, n: int) -> None:
    assert repeats(names) == n
