"""What `python -m benchmarks` runs by itself: the rows of the README, in less than 20 minutes."""

from __future__ import annotations

import pytest

import benchmarks
from benchmarks.harness import REGISTRY, Registry, discover
from benchmarks.machine import ROOT
from benchmarks.report import BEGIN, END

_SECONDS_MAX = 20 * 60


@pytest.fixture(scope="module")
def registry() -> Registry:
    discover(benchmarks)
    return REGISTRY


def test_everybody_says_how_long_it_takes(registry: Registry) -> None:
    assert [list(each.units) for each in registry if not each.takes_s > 0] == []


def test_a_usual_run_takes_less_than_20_minutes(registry: Registry) -> None:
    usual = registry.select([])
    assert len(usual) > 10
    assert sum(each.takes_s for each in usual) < _SECONDS_MAX


def test_the_rows_of_the_readme_are_those_of_a_usual_run(registry: Registry) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index(BEGIN) : text.index(END)].splitlines()
    rows = [line.split("|")[1].strip() for line in table if line.startswith("|")][2:]
    assert "engine_vs_raw_consume" in rows
    usual = {name for each in registry.select([]) for name in each.units}
    assert set(rows) - usual == set()


def test_whatever_is_left_to_a_full_run_can_be_named(registry: Registry) -> None:
    usual, everything = registry.select([]), registry.select([], full=True)
    assert everything == list(registry)
    left = [each for each in everything if each not in usual]
    assert left
    for each in left:
        assert registry.select([next(iter(each.units))]) == [each]
