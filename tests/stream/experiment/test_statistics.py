"""Intervals beside SciPy's and NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from seeds import seeds

from stream.experiment.statistics import interval, t_quantile, within


@pytest.mark.parametrize("degrees", [*range(1, 60), 99, 100, 999])
def test_t_is_scipys(degrees: int) -> None:
    for confidence in (0.5, 0.9, 0.95, 0.99, 0.999):
        wanted = stats.t.ppf((1 + confidence) / 2, degrees)
        assert t_quantile(degrees, confidence) == pytest.approx(wanted, rel=1e-9)
    for t in (0.0, 0.1, 1.0, 2.5, 30.0):
        wanted = stats.t.cdf(t, degrees) - stats.t.cdf(-t, degrees)
        assert within(t, degrees) == pytest.approx(wanted, rel=1e-10, abs=1e-15)


@seeds(5)
def test_an_interval_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(rng.normal(), rng.exponential(), rng.integers(2, 12))
    found = interval(values.tolist())
    assert found is not None
    assert (found.n, found.mean) == (len(values), pytest.approx(values.mean()))
    assert found.std == pytest.approx(values.std(ddof=1))
    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    said = found.as_dict()
    assert (said["low"], said["high"]) == (pytest.approx(low), pytest.approx(high))
    assert said["half"] == pytest.approx((high - low) / 2)


def test_one_value_has_no_interval_and_equal_ones_a_width_of_0() -> None:
    assert interval([]) is None
    one = interval([0.25])
    assert one is not None
    assert one.as_dict() == {
        "n": 1,
        "mean": 0.25,
        "std": None,
        "half": None,
        "low": None,
        "high": None,
    }
    same = interval([0.1, 0.1, 0.1])
    assert same is not None
    assert same.half == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(("degrees", "confidence"), [(0, 0.95), (-1, 0.95), (3, 0.0), (3, 1.0)])
def test_what_is_no_question_has_no_t(degrees: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="degrees of freedom"):
        t_quantile(degrees, confidence)
