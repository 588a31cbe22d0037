"""A breaker over a clock that the test moves."""

import pytest

from stream.store.breaker import Breaker, Circuit


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


def failing(breaker, times):
    for _ in range(times):
        assert breaker.allows()
        breaker.failed()


def test_it_opens_after_failures_in_a_row_and_not_before(clock):
    breaker = Breaker(clock, failures_max=3)
    failing(breaker, 2)
    assert breaker.circuit is Circuit.CLOSED
    breaker.succeeded()
    failing(breaker, 2)
    assert breaker.circuit is Circuit.CLOSED
    failing(breaker, 1)
    assert breaker.circuit is Circuit.OPEN
    assert not breaker.allows()


def test_one_call_is_let_through_after_each_pause_and_pauses_grow_to_a_bound(clock):
    breaker = Breaker(clock, failures_max=1, pause_s=1.0, pause_max_s=5.0)
    failing(breaker, 1)
    for pause_s in (1.0, 2.0, 4.0, 5.0, 5.0):
        clock.now_s += pause_s - 0.001
        assert not breaker.allows()
        clock.now_s += 0.001
        assert breaker.allows()
        assert breaker.circuit is Circuit.HALF_OPEN
        breaker.failed()
        assert breaker.circuit is Circuit.OPEN


def test_a_success_closes_it_and_the_next_pause_is_short_again(clock):
    breaker = Breaker(clock, failures_max=2, pause_s=1.0, pause_max_s=8.0)
    failing(breaker, 2)
    for _ in range(3):
        clock.now_s += 8.0
        failing(breaker, 1)
    clock.now_s += 8.0
    assert breaker.allows()
    breaker.succeeded()
    assert (breaker.circuit, breaker.failures) == (Circuit.CLOSED, 0)
    failing(breaker, 2)
    clock.now_s += 0.999
    assert not breaker.allows()
    clock.now_s += 0.001
    assert breaker.allows()


@pytest.mark.parametrize("wrong", [{"failures_max": 0}, {"pause_s": 0}, {"pause_max_s": 0.1}])
def test_a_breaker_that_is_none_is_refused(clock, wrong):
    with pytest.raises(ValueError, match="give at least 1"):
        Breaker(clock, **wrong)
