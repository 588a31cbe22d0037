"""A forest beside River's over payments whose labels come a week late.

Each payment is scored when it comes, and learned once its label is known. With
``FRAUDSTREAM_PARITY=all`` there are 343,553 of them; River takes minutes for those.
"""

import os

import numpy as np
import pytest
from river import drift, forest

from models.trees.translate import dense_of

ALL = os.environ.get("FRAUDSTREAM_PARITY") == "all"
SAFE = {"min_branch_fraction": 1e-4, "max_share_to_split": 1.0}
FORESTS = {
    "naive Bayes leaves": lambda: forest.ARFClassifier(
        seed=7, drift_detector=drift.NoDrift(), warning_detector=drift.NoDrift(), **SAFE
    ),
    "detectors of drift": lambda: forest.ARFClassifier(seed=7, leaf_prediction="mc", **SAFE),
}


@pytest.mark.slow
@pytest.mark.timeout(7200 if ALL else 300)
@pytest.mark.parametrize("build", FORESTS.values(), ids=FORESTS)
def test_all_scores_equal_river(streams, build):
    n = 343_553 if ALL else 10_000
    t, X, y = streams.payments(11, n)
    names = [f"f{j:02}" for j in range(X.shape[1])]
    rows, labels = streams.dictionaries(X, names), y.tolist()
    theirs, ours = build(), dense_of(build(), len(names), names)
    different, known = 0, 0
    for i, until in enumerate(streams.known_before(t)):
        if until > known:
            ours.learn_many(X[known:until], y[known:until])
            for x, label in zip(rows[known:until], labels[known:until], strict=True):
                theirs.learn_one(x, label)
            known = until
        expected = theirs.predict_proba_one(rows[i]).get(True, 0.0)
        different += ours.predict_proba_many(X[i : i + 1])[0] != expected
    assert different == 0
    assert known > 0.8 * n
    assert np.isfinite(ours.predict_proba_many(X[:1])).all()
