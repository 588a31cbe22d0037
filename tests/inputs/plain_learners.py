"""Learners that do one thing, and payments and an engine's parameters for what is around them."""

import numpy as np
from inputs.streams import HASH_KEY, LAYOUT, SECOND, block, feature_set

from models.states.restoring import require_kind
from models.states.snapshot import State
from stream.decide import Thresholds
from stream.engine.parameters import EngineParameters
from stream.labels.parameters import LabelParameters
from stream.promotion.parameters import DAY_US, PromotionParameters

DAY = DAY_US
PARAMETERS = EngineParameters(
    features=feature_set(("amount",)),
    thresholds=Thresholds(review=0.5, block=0.99),
    calibrate=False,
    labels=LabelParameters(maturity_us=DAY),
    waiting_max=3000,
    batch_rows_max=100,
    learn_interval_us=SECOND,
    idle_after_us=10 * DAY,
    hash_key=HASH_KEY,
    model="old",
    promotion=PromotionParameters(canary_us=5 * DAY),
)


def payments(first, n, start_us, every_us=SECOND):
    return block(
        LAYOUT,
        [
            {
                "time_us": start_us + at * every_us,
                "amount": 100,
                "key": first + at,
                "entities": [1, 2],
                "numeric": [0, 0],
            }
            for at in range(n)
        ],
    )


class Says:
    """A learner that says one score of everything, or what it is told to do with a row."""

    learned = 0

    def __init__(self, score=0.5, ready=True, explains=True):
        self.score = score
        self.ready = ready
        self.explains = explains

    def predict_proba_many(self, X):
        return self.score(X) if callable(self.score) else np.full(len(X), self.score)

    def learn_many(self, X, y, w=None):
        pass

    def contributions_many(self, X):
        if not self.explains:
            raise NotImplementedError
        odds = np.log(self.predict_proba_many(X)) - np.log1p(-self.predict_proba_many(X))
        return odds, np.zeros(X.shape)

    def state(self):
        return State("says/1")

    def restore(self, state):
        require_kind(state, "says/1")
