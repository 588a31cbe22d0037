"""A share of the payments that nobody labelled: which, how many, and what they stand for."""

import numpy as np
import pytest
from naive_labels import weight_of
from seeds import seeds

from stream.budget.exploration import drawn
from stream.labels.share import weights_of


@seeds(2)
def test_what_is_learned_stands_for_all(seed):
    rng = np.random.default_rng(seed)
    keys, values = rng.integers(1, 2**64, 100_000, np.uint64), rng.random(100_000)
    for share in (0.01, 0.3, 0.9):
        weights = weights_of(keys, share)
        assert weights[:500].tolist() == [weight_of(key, share) for key in keys[:500].tolist()]
        error = 5 * np.sqrt((1 - share) / share * (values**2).sum())
        assert (weights * values).sum() == pytest.approx(values.sum(), abs=error)
        assert set(weights.tolist()) == {0.0, 1 / share}


def test_a_share_of_one_is_all_of_them():
    assert weights_of(np.arange(1, 10_001, dtype=np.uint64), 1.0).tolist() == [1.0] * 10_000


def test_the_same_are_chosen_whoever_is_beside_them_and_a_larger_share_has_them_too():
    keys = np.arange(1, 2001, dtype=np.uint64)
    together = weights_of(keys, 0.3)
    alone = [weights_of(keys[i : i + 1], 0.3)[0] for i in range(len(keys))]
    np.testing.assert_array_equal(together, alone)
    assert not ((together > 0) & (weights_of(keys, 0.5) == 0)).any()


def test_who_is_drawn_for_the_alert_budget_is_learned_no_more_often():
    keys = np.arange(1, 200_001, dtype=np.uint64)
    looked_at = ~np.isnan(drawn(keys, np.full(len(keys), 0.1), 1.0))
    share = (weights_of(keys[looked_at], 0.3) > 0).mean()
    assert share == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / looked_at.sum()))
