"""What the engine does beside the laws: labels it cannot learn from."""

import numpy as np
from streams import LABEL_LAYOUT, LAYOUT, START_US, block, build_engine, random_parameters

from schemas.columns import Reason


def test_a_label_that_does_not_say_what_it_found_teaches_nothing():
    engine = build_engine(random_parameters(np.random.default_rng(3)))
    payment = {"time_us": START_US, "amount": 100, "key": 7}
    payment |= {"entities": [1, 2], "numeric": [np.nan, 1.0]}
    engine.step(block(LAYOUT, [payment]))
    silent = {"time_us": START_US, "key": 7, "entities": [], "numeric": [np.nan]}
    assert engine.label(block(LABEL_LAYOUT, [silent])).tolist() == [Reason.LABEL_WITHOUT_VERDICT]
    # The row still waits: a label that says something is taken.
    spoken = {**silent, "numeric": [1.0]}
    assert engine.label(block(LABEL_LAYOUT, [spoken])).tolist() == [Reason.OK]
    assert engine.counters.labels_refused == 1
