"""How much longer a run takes."""

from __future__ import annotations

import pytest

from benchmarks.pace import Pace, words


def test_before_anything_ran_all_is_left_and_a_fraction_of_it_with_quick() -> None:
    assert Pace([60.0, 30.0]).left_s() == 90.0
    assert 0 < Pace([60.0, 30.0], quick=True).left_s() < 45.0


def test_what_runs_now_is_left_by_as_much_as_it_has_not_run_yet() -> None:
    pace = Pace([60.0, 30.0])
    assert pace.left_s(20.0) == 70.0
    assert pace.left_s(100.0) == 30.0


def test_a_slow_machine_is_noticed_and_what_is_unknown_teaches_nothing() -> None:
    pace = Pace([300.0, 0.0, 100.0])
    pace.took(600.0)
    assert 150.0 < pace.left_s() < 200.0
    before = pace.left_s()
    pace.took(1_000.0)
    assert pace.left_s() == before


def test_at_the_end_nothing_is_left() -> None:
    pace = Pace([10.0])
    pace.took(20.0)
    assert pace.left_s() == 0.0
    assert Pace([]).left_s() == 0.0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a minute left"),
        (29, "less than a minute left"),
        (30, "about a minute left"),
        (89, "about a minute left"),
        (90, "about 2 minutes left"),
        (1_199, "about 20 minutes left"),
    ],
)
def test_seconds_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert words(seconds) == said
