"""An interval that holds however often it is looked at."""

import math

import numpy as np
import pytest
from seeds import seeds

from models.anytime import AnytimeMean, boundary
from models.states.snapshot import State, pack, unpack
from schemas.errors import SnapshotError


def looks(values, alpha, every=1):
    """The interval after each value, or after some."""
    mean, found = AnytimeMean(), []
    for start in range(0, len(values), every):
        mean.update(values[start : start + every])
        found.append(mean.interval(alpha))
    return np.array(found)


def test_the_boundary_is_that_of_the_article():
    # eta = 2, s = 1.4, m = 1, c = 2, by hand: l = 1.4 ln(log2(16) + 1) + ln zeta(1.4) - ln 0.025.
    length = 1.4 * math.log(5.0) + math.log(3.1055) + math.log(40.0)
    k1, k2 = (2**0.25 + 2**-0.25) / math.sqrt(2), (math.sqrt(2) + 1) / 2
    expected = math.sqrt(k1**2 * 16 * length + (2 * k2 * length) ** 2) + 2 * k2 * length
    assert boundary(16.0, 2.0, 0.025) == pytest.approx(expected, rel=1e-4)
    assert boundary(0.0, 2.0, 0.025) == boundary(1.0, 2.0, 0.025)


@pytest.mark.quality
@pytest.mark.parametrize("share", [0.5, 0.05])
def test_who_stops_at_the_worst_moment_is_still_right(share):
    """Of 400 streams hardly one ever leaves out its mean, though it is looked at 3,000 times."""
    rng, alpha, wrong = np.random.default_rng(11), 0.2, 0
    for _ in range(400):
        # Rare large differences, as scores of rare frauds have them; their mean is 0.
        values = np.where(rng.random(3000) < share, rng.choice([-1.0, 1.0], 3000), 0.0)
        low, high = looks(values, alpha, 5).T
        wrong += bool(((low > 0.0) | (high < 0.0)).any())
    assert wrong <= 0.2 * 400
    # Student's interval, looked at as often, is wrong far oftener than it says.
    naive = 0
    for _ in range(100):
        values = rng.choice([-1.0, 1.0], 3000)
        n = np.arange(10, 3001)
        means = np.cumsum(values)[9:] / n
        naive += bool((np.abs(means) > 1.2816 / np.sqrt(n)).any())
    assert naive > 50


def test_a_mean_that_changes_is_covered():
    rng = np.random.default_rng(5)
    expected = 0.3 * np.sin(np.arange(4000) / 300)
    values = expected + rng.uniform(-0.5, 0.5, 4000)
    low, high = looks(values, 0.05).T
    truth = np.cumsum(expected) / np.arange(1, 4001)
    assert ((low <= truth) & (truth <= high)).all()
    assert high[-1] - low[-1] < 0.12


@seeds(5)
def test_it_is_the_same_however_the_values_are_cut(seed):
    rng = np.random.default_rng(seed)
    values = rng.uniform(-1, 1, 200)
    whole, cut = AnytimeMean(), AnytimeMean()
    whole.update(values)
    for piece in np.split(values, np.sort(rng.integers(0, 200, 9))):
        cut.update(piece)
    assert pack(cut.state()) == pack(whole.state())
    heir = AnytimeMean()
    heir.restore(unpack(pack(whole.state())))
    assert heir.interval(0.1) == whole.interval(0.1)


def test_without_values_it_is_everything():
    assert AnytimeMean().interval(0.05) == (-1.0, 1.0)
    assert math.isnan(AnytimeMean().mean)


@pytest.mark.parametrize(
    "damage",
    [
        {"n": -1},
        {"n": 1},
        {"sums": np.array([0.5, -1.0])},
        {"sums": np.array([np.nan, 1.0])},
        {"sums": np.array([0.5])},
    ],
)
def test_a_damaged_state_is_refused(damage):
    mean = AnytimeMean()
    mean.update(np.array([0.9, 0.9]))
    state = mean.state()
    header = {**state.header, **{k: v for k, v in damage.items() if k == "n"}}
    arrays = {**state.arrays, **{k: v for k, v in damage.items() if k == "sums"}}
    before = pack(state)
    with pytest.raises(SnapshotError):
        mean.restore(State(state.kind, header, arrays))
    assert pack(mean.state()) == before
