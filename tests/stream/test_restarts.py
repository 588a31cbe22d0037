"""A worker begins anew so many times in so long a time, and no more."""

import pytest

from stream.restarts import Restarts


def test_the_sixth_in_ten_minutes_is_one_too_many():
    now_s = [5.0]
    restarts = Restarts(5, 600.0, lambda: now_s[0])
    allowed = []
    for _ in range(7):
        allowed.append(restarts.allow())
        now_s[0] += 10
    assert allowed == [True] * 5 + [False] * 2
    assert restarts.begun == 5
    # The first was at 5 s.
    now_s[0] = 604.9
    assert not restarts.allow()
    now_s[0] = 605.0
    assert restarts.allow()
    assert not restarts.allow()
    assert restarts.begun == 6


@pytest.mark.parametrize("at", [0.0, 1e9])
def test_the_first_may_be_whatever_the_clock_says(at):
    restarts = Restarts(1, 600.0, lambda: at)
    assert restarts.allow()
    assert not restarts.allow()
