"""Law i: what a challenger does never reaches the champion."""

import numpy as np
import pytest
from inputs.streams import (
    build_engine,
    hostile_log,
    model_orders,
    random_cuts,
    random_parameters,
    run_engine,
    with_erasures,
)
from seeds import seeds

from models.river.adapter import RiverLearner, logistic_pipeline
from models.states.snapshot import State, pack, unpack
from schemas.columns import Reason
from stream.champion.contenders import Aside
from stream.champion.lineup import FIRST
from stream.engine.engine import Engine
from stream.engine.parameters import Keep

# After so many calls or rows it does what it should not.
SOUND = 3


class Faulty(RiverLearner):
    """A learner that is well for a while, and then does what no learner may."""

    def __init__(self, names, fault):
        super().__init__(logistic_pipeline(), names, frauds_min=1, genuine_min=1)
        self.fault = fault
        self.scored = self.taught = 0

    @property
    def ready(self):
        if self.fault == "ready" and self.taught > SOUND:
            raise RuntimeError("nobody knows")
        return True

    def predict_proba_many(self, X):
        said = np.full(len(X), 0.25)
        ill = X[:, 0] > 60.0  # Of the payment, not of the call: predicting changes nothing.
        if self.fault == "writes":
            X[:] = np.nan
        if self.fault in ("shape", "none", "kind", "raises") and ill.any():
            if self.fault == "raises":
                raise ValueError("a payment that is too dear")
            kind = {"shape": said[:, None], "none": None, "kind": said.astype(np.float32)}
            return kind[self.fault] if self.fault != "none" else [0.5]
        bad = {"nan": np.nan, "inf": np.inf, "above": 1.5, "below": -0.1}
        return np.where(ill, bad.get(self.fault, 0.25), said)

    def learn_many(self, X, y, w=None):
        self.taught += len(X)
        if self.fault == "learning" and self.taught > SOUND:
            raise MemoryError
        if self.fault == "forgets":
            X[:], y[:] = 0.0, True

    def contributions_many(self, X):
        if self.fault == "explaining":
            raise ArithmeticError
        if self.fault == "wide":
            return np.zeros(len(X)), np.zeros((len(X), 1))
        return super().contributions_many(X)

    def state(self):
        if self.fault == "saving":
            raise OSError
        if self.fault == "no state":
            return None
        if self.fault == "no bytes":
            return State("faulty/1", {"it": object()})
        return super().state()


# Fault -> where it is noticed; None: it is no fault that is set aside.
FAULTS = {
    "ready": "scoring",
    "raises": "scoring",
    "shape": "scoring",
    "none": "scoring",
    "kind": "scoring",
    "inf": "scoring",
    "above": "scoring",
    "below": "scoring",
    "nan": None,
    "writes": None,
    "forgets": None,
    "learning": "learning",
    "explaining": None,
    "wide": None,
    "saving": None,
    "no state": None,
    "no bytes": None,
}


def engine_with(parameters, fault=None):
    """The logs' champion, alone or beside a learner with a fault."""
    champion = build_engine(parameters).learner
    others = {} if fault is None else {"ill": Faulty(parameters.features.names, fault)}
    return Engine(parameters, champion, Keep.STATES, others)


def of_the_champion(run):
    """All that is said and kept, but for what there is of challengers."""
    engine, said, state = run.engine, run.said(), run.engine.state()
    for name in ("lineup", "gate", "quality", "reliability", "models", "calibrators", "budget"):
        said.pop(name)
    waiting = engine.waiting
    said["thresholds in force"] = repr(engine.thresholds)
    said["champion"] = pack(state.parts["champion"])
    said["waiting"] = np.where(waiting.states > 0, waiting.scores[:, 0], 0.0).tobytes()
    for name in ("features", "clock", "early_labels", "label_caps"):
        said[name] = pack(state.parts[name])
    return said


@pytest.mark.parametrize("fault", FAULTS)
@seeds(1)
def test_whatever_a_challenger_does_the_champion_says_and_is_the_same(seed, fault):
    rng = np.random.default_rng(seed)
    parameters, log = random_parameters(rng), hostile_log(rng, 250)
    log = with_erasures(rng, log)
    cuts = random_cuts(rng, log)
    alone = run_engine(engine_with(parameters), log, cuts)
    beside = run_engine(engine_with(parameters, fault), log, cuts)
    assert of_the_champion(beside) == of_the_champion(alone)
    aside = beside.engine.challengers["ill"].aside
    assert (aside and aside.at) == FAULTS[fault]


@pytest.mark.parametrize("fault", ["raises", "learning", "inf", "saving", "nan"])
@seeds(1)
def test_where_it_is_set_aside_does_not_depend_on_batches_or_restarts(seed, fault):
    rng = np.random.default_rng(seed)
    parameters, log = random_parameters(rng), hostile_log(rng, 250)
    whole = run_engine(engine_with(parameters, fault), log)
    cut = run_engine(engine_with(parameters, fault), log, random_cuts(rng, log))
    assert cut.said_of_challengers() == whole.said_of_challengers()
    assert pack(cut.engine.state()) == pack(whole.engine.state())
    # Whoever goes on from the state has set it aside too.
    heir = engine_with(parameters, fault)
    heir.restore(unpack(pack(whole.engine.state())))
    assert pack(heir.state()) == pack(whole.engine.state())
    aside = heir.challengers["ill"].aside
    if fault == "saving":
        assert aside == Aside("saving", "OSError")
    else:
        assert aside == whole.engine.challengers["ill"].aside


@pytest.mark.parametrize("fault", ["explaining", "wide", "saving", "no state", "no bytes"])
def test_who_could_not_be_champion_is_found_out_before_it_is(fault):
    rng = np.random.default_rng(4)
    parameters, log = random_parameters(rng), hostile_log(rng, 150)
    alone, beside = engine_with(parameters), engine_with(parameters, fault)
    run_engine(alone, log)
    run_engine(beside, log)
    effects = beside.control(model_orders("PROMOTE", "ill", "ill"))
    assert effects.reasons.tolist() == [Reason.CONTROL_MODEL_SET_ASIDE] * 2
    assert effects.promoted == []
    assert beside.lineup.name == FIRST
    contender = beside.challengers["ill"]
    assert contender.aside.at == ("explaining" if fault in ("explaining", "wide") else "saving")
    assert contender.error
    again = hostile_log(rng, 50)
    one, other = run_engine(alone, again), run_engine(beside, again)
    assert one.columns["scores"].tobytes() == other.columns["scores"].tobytes()


def test_a_champion_that_fails_fails_the_engine():
    engine = engine_with(random_parameters(np.random.default_rng(2)), "raises")
    engine.lineup.at = 1
    with pytest.raises(ValueError, match="too dear"):
        run_engine(engine, hostile_log(np.random.default_rng(2), 100))
