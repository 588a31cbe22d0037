"""River's detector taken over: the same scores, or a refusal that says what to do."""

import numpy as np
import pytest
from river import anomaly
from seeds import seeds

from models.anomaly.estimators import HalfSpaceTrees
from models.anomaly.translate import dense_of, refuse_trained
from schemas.errors import ModelError, TrainedModelError

NAMES = ("zeta", "amount", "count")
SMALL = {"n_trees": 4, "height": 4, "window_size": 20}


@seeds(3)
def test_scores_are_rivers_whatever_the_order_of_the_columns(seed):
    X = np.random.default_rng(seed).beta(2, 4, (150, 3))
    river = anomaly.HalfSpaceTrees(
        **SMALL, limits={"zeta": (0.0, 0.5), "other": (0.0, 9.0)}, seed=seed
    )
    ours = dense_of(river, 3, NAMES)
    for x in X:
        named = dict(zip(NAMES, x.tolist(), strict=True))
        assert ours.score_many(x[np.newaxis])[0] == river.score_one(named)
        ours.learn_many(x[np.newaxis])
        river.learn_one(named)


class Other(anomaly.HalfSpaceTrees):
    """Might do anything else."""


def learned():
    river = anomaly.HalfSpaceTrees(**SMALL, seed=1)
    river.learn_one({"zeta": 0.5})
    return river


@pytest.mark.parametrize(
    ("river", "names", "told"),
    [
        (Other(seed=1), NAMES, "Other has no compiled form"),
        (anomaly.LocalOutlierFactor(), NAMES, "LocalOutlierFactor has no compiled form"),
        (anomaly.HalfSpaceTrees(), NAMES, "seed is None.*seed=1"),
        (learned(), NAMES, "already learned.*clone"),
        (anomaly.HalfSpaceTrees(seed=1), NAMES[:2], "2 different names for 3 columns"),
        (anomaly.HalfSpaceTrees(seed=1), ("a", "b", "a"), "2 different names for 3 columns"),
        (anomaly.HalfSpaceTrees(seed=1, height=40), NAMES, "HalfSpaceTrees: height is 40"),
        (
            anomaly.HalfSpaceTrees(seed=1, limits={"zeta": (2, 1)}),
            NAMES,
            "HalfSpaceTrees: limits of 0",
        ),
    ],
)
def test_what_has_no_compiled_form_is_refused(river, names, told):
    with pytest.raises(ModelError, match=told):
        dense_of(river, 3, names)


def test_rivers_object_stays_as_it_is():
    river = anomaly.HalfSpaceTrees(**SMALL, seed=5)
    before = river.rng.getstate(), dict(river.limits)
    dense_of(river, 3, NAMES)
    assert (river.rng.getstate(), dict(river.limits), river.trees) == (*before, [])


@pytest.mark.parametrize("kind", [anomaly.HalfSpaceTrees, HalfSpaceTrees])
def test_a_detector_is_trained_once_it_has_trees(kind):
    detector = kind(**SMALL, seed=1)
    refuse_trained(detector)
    detector.learn_one({"zeta": 0.5})
    with pytest.raises(TrainedModelError, match="already learned"):
        refuse_trained(detector)
    refuse_trained(detector.clone())
