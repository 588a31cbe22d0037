"""Log-odds of probabilities."""

import math

import pytest

from models.odds import log_odds


@pytest.mark.parametrize("p", [0.001, 0.2, 0.5, 0.75, 0.999999])
def test_they_are_what_the_sigmoid_undoes(p):
    assert 1 / (1 + math.exp(-log_odds(p))) == pytest.approx(p, rel=1e-12)


def test_they_are_finite_and_fair_at_both_ends():
    assert log_odds(0.5) == 0.0
    assert log_odds(0.0) == log_odds(-0.1) == pytest.approx(-34.5, abs=0.1)
    assert log_odds(1.0) == log_odds(1.1) == pytest.approx(34.5, abs=0.1)
    assert log_odds(0.0, nearest=0.1) == pytest.approx(math.log(1 / 9))
    assert log_odds(1.0, nearest=0.1) == pytest.approx(math.log(9))
