"""Labels that came early teach the calibrator when the others of their time do."""

import numpy as np
from seeds import seeds

from stream.decide import Said
from stream.unripe import UnripeLabels

MATURITY_US = 100


def said_of(times):
    raw = np.stack([times / 1000.0, -times / 1000.0], 1)
    return Said(raw, raw, np.zeros(len(times)), times.astype(np.float64))


@seeds(3)
def test_each_label_is_given_out_once_and_not_before_its_payment_is_mature(seed):
    rng = np.random.default_rng(seed)
    unripe, taken, given = UnripeLabels(MATURITY_US), [], []
    for now_us in range(0, 1000, 10):
        times = rng.integers(max(now_us - 150, 0), now_us + 1, rng.integers(0, 6))
        y = rng.random(len(times)) < 0.5
        at_once, truths = unripe.add(said_of(times), y, now_us)
        due = times <= now_us - MATURITY_US
        np.testing.assert_array_equal(at_once[:, 0], times[due] / 1000.0)
        np.testing.assert_array_equal(truths, y[due])
        taken += list(zip((times[~due] / 1000.0).tolist(), y[~due].tolist(), strict=True))
        ripe = unripe.ripe(now_us)
        if ripe is not None:
            raw, truths = ripe
            assert (raw[:, 0] * 1000 <= now_us - MATURITY_US + 1e-6).all()
            assert (np.diff(raw[:, 0]) >= 0).all()
            np.testing.assert_array_equal(raw[:, 1], -raw[:, 0])
            given += list(zip(raw[:, 0].tolist(), truths.tolist(), strict=True))
    assert len(given) + len(unripe) == len(taken)
    raw, truths = unripe.ripe(10_000)
    given += list(zip(raw[:, 0].tolist(), truths.tolist(), strict=True))
    assert sorted(given) == sorted(taken)
    assert len(unripe) == 0


def test_of_one_time_the_first_comes_first():
    unripe = UnripeLabels(MATURITY_US)
    for fraud in (True, False, False, True):
        unripe.add(said_of(np.array([50])), np.array([fraud]), 60)
    assert unripe.ripe(150)[1].tolist() == [True, False, False, True]
