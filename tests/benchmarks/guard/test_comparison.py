"""What the guard says of two trees, on times that are made up."""

import numpy as np
import pytest

from benchmarks.guard.comparison import judge

STAGES = ["decode", "learn"]


def pairs_of(rng, factor, noise, rounds=33):
    """Rounds of two stages; the second tree's `learn` takes `factor` times as long."""
    base = 1e-6 * np.exp(noise * rng.normal(size=(2, rounds)))
    now = 1e-6 * np.exp(noise * rng.normal(size=(2, rounds)))
    return {
        ("learn", 16): list(zip(base[0].tolist(), (factor * now[0]).tolist(), strict=True)),
        ("decode", 16): list(zip(base[1].tolist(), now[1].tolist(), strict=True)),
    }


@pytest.mark.parametrize("noise", [0.02, 0.05, 0.1])
def test_a_stage_that_takes_half_as_long_again_is_named(noise):
    rng = np.random.default_rng(1)
    for _ in range(200):
        decode, learn = judge(pairs_of(rng, 1.5, noise), STAGES, 1.2, 0.999)
        assert (decode.stage, learn.stage) == ("decode", "learn")
        assert learn.slower
        assert not decode.slower


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.4, 1.0])
def test_two_equal_trees_are_equal_however_noisy_the_machine(noise):
    rng = np.random.default_rng(2)
    for _ in range(200):
        assert not any(each.slower for each in judge(pairs_of(rng, 1.0, noise), STAGES, 1.2, 0.999))


def test_a_machine_that_is_slow_for_a_while_is_slow_for_both():
    rng = np.random.default_rng(3)
    pairs = pairs_of(rng, 1.0, 0.05)
    slow = {key: [(9 * a, 9 * b) for a, b in rounds[:20]] for key, rounds in pairs.items()}
    both = {key: slow[key] + rounds[20:] for key, rounds in pairs.items()}
    assert not any(each.slower for each in judge(both, STAGES, 1.2, 0.999))


def test_times_are_told_in_microseconds_an_event():
    (found,) = judge({("learn", 16): [(2e-6, 3e-6)] * 12}, STAGES, 1.2, 0.99)
    assert (found.base_us, found.now_us) == pytest.approx((2.0, 3.0))
    assert found.ratio == pytest.approx((1.5, 1.5, 1.5))
    assert found.as_json()["ratio"]["median"] == pytest.approx(1.5)
