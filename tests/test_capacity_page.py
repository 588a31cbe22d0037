"""docs/capacity.md is worked out from the results file and the code."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
MADE = runpy.run_path(str(DOCS / "make_capacity.py"))
TEXT = (DOCS / "capacity.md").read_text(encoding="utf-8")


def test_its_tables_are_the_results_and_the_codes() -> None:
    assert MADE["page"](TEXT) == TEXT, "run: python docs/make_capacity.py"


@pytest.mark.parametrize(
    ("rate", "heard", "expected"),
    [
        (10_000, False, 1),
        (100_000, False, 4),
        # Of the half of a core a fifth goes to what others tell.
        (100_000, True, 5),
        (500_000, True, None),
        (600_000, True, None),
    ],
)
def test_workers_are_enough_for_their_own_payments_and_those_that_they_hear(
    rate: int, heard: bool, expected: int | None
) -> None:
    costs = MADE["Costs"](20e-6, 3e-6, 1e-6)
    assert MADE["workers"](rate, costs, heard) == expected


def test_numbers_of_bytes_have_the_unit_that_they_need() -> None:
    of = MADE["_bytes"]
    assert [of(n) for n in (999, 1_000, 2.5e9, 3e12)] == ["999 B", "1 KB", "2.5 GB", "3 TB"]
