"""All that decides what an engine says next, as one state; and an engine that goes on from it.

What follows from the configuration is not in it, but for what must be the same when it is
taken up: an engine of other features would read the same bytes as something else.
Thresholds, lateness and threads may differ. So may what a budget's threshold has come to:
the budget is part of the state, and says itself what it was kept under.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple, Protocol

import numpy as np

from models.members import Stateful, restore_members, states_of
from models.states.restoring import (
    array,
    count,
    require,
    require_kind,
    require_same,
    require_within,
)
from models.states.snapshot import State
from schemas.siphash import hash_texts
from stream.admission.admission import Admission
from stream.budget.control import AlertBudget
from stream.champion.contenders import Contender
from stream.champion.lineup import Lineup
from stream.champion.other_challengers import CHALLENGER, challengers_of, with_challengers
from stream.event_time import BEGINNING_US, EventClock
from stream.features.sharing import HeardOffsets
from stream.features.state import FeatureState
from stream.labels.book import LabelBook
from stream.labels.waiting import NO_EXAMPLE, WaitingRows
from stream.lists.lists import Lists
from stream.monitor.monitor import Monitor
from stream.promotion.gate import Gate
from stream.rings import WRAPPED
from stream.rules.in_force import RulesInForce
from stream.shared_model.training import Training

_KIND = "engine/2"
_COUNT_MAX = 2**62
_MONITOR, _GATE, _LISTS, _RULES = "monitor", "gate", "lists", "rules"
_ADMISSION = "admission"
_HEARD, _TRAINING = "heard", "training"
# What a snapshot from before there was such a part has not, or one that was made without it.
_MAY_BEGIN_ANEW = {_MONITOR, _GATE, _LISTS, _RULES, _ADMISSION}
# Those that a snapshot of before they were counted does not name.
_NEW_COUNTERS = {"erasures": 0, "promotions": 0, "rollbacks": 0}
# What is hashed under the key of ids, so that states kept under another key are known.
_OF_THE_KEY = "the key of this state"


class Engine(Protocol):
    """What of an engine is looked at here; see `stream.engine.engine.Engine`."""

    parameters: Any
    counters: Any
    features: FeatureState
    heard: HeardOffsets | None
    training: Training
    waiting: WaitingRows
    book: LabelBook
    clock: EventClock
    lineup: Lineup
    budget: AlertBudget | None
    monitor: Monitor | None
    lists: Lists
    rules: RulesInForce
    admission: Admission

    @property
    def gate(self) -> Gate | None:
        """What compares challengers with the champion."""
        ...


def state_of(engine: Engine, barrier: int) -> State:
    """Return the state of an engine whose latest learning barrier had this number.

    The arrays of features, of rows that wait and of examples are views: they hold until the
    next step or label.
    """
    header = {
        **_parameters(engine),
        "barrier": barrier,
        "counters": asdict(engine.counters),
        **engine.lineup.header(),
    }
    large = {name: part.state() for name, part in _large(engine).items()}
    counts = {"label_counts": engine.book.counts.copy()}
    contenders = _by_role(engine.lineup, engine.lineup.at)
    small = states_of(_small(engine) | _beside(engine) | contenders)
    return State(_KIND, header, counts, {**large, **small})


def restore(engine: Engine, state: State) -> int:
    """Let an engine go on from a state; return the number of its latest learning barrier.

    Raises
    ------
    SnapshotError
        The state is of an engine that was built otherwise, or damaged; then nothing was
        changed.
    """
    require_kind(state, _KIND)
    before = [engine.lineup.names[0], *challengers_of(state)]
    state = with_challengers(state, engine.lineup.names)
    for name, own in _parameters(engine).items():
        require_same(state, name, own)
    at, reigns = engine.lineup.read(state)
    large = _large(engine)
    contenders = _by_role(engine.lineup, at)
    # A challenger that is new begins as it was built.
    new = {f"{CHALLENGER}{name}" for name in engine.lineup.names if name not in before}
    known = {name: each for name, each in contenders.items() if name not in new}
    small = _small(engine) | known
    found = state.parts.keys() - _MAY_BEGIN_ANEW
    require(state, found == large.keys() | small.keys(), "its parts are others")
    if engine.gate is not None and "reigns" in state.header:
        require(state, _GATE in state.parts, "its gate is missing")
    if _GATE in state.parts:
        compares = state.parts[_GATE].header.get("champion")
        require(state, compares == reigns[-1].model, f"its gate compares with {compares!r}")
    beside = _beside(engine)
    small |= {name: part for name, part in beside.items() if name in state.parts}
    barrier = count(state, "barrier", 2 * BEGINNING_US, _COUNT_MAX)
    counters = _counters(engine, state)
    label_counts = array(state, "label_counts", np.int64, engine.book.counts.shape)
    # What is large is looked at before anything changes, what is small can be put back.
    take_over = [part.restorer(state.parts[name]) for name, part in large.items()]
    _require_examples(state)
    parts = {name: state.parts[name] for name in small}
    restore_members(small, State(_KIND, parts=parts))
    for take in take_over:
        take()
    engine.book.counts[:] = label_counts
    vars(engine.counters).update(counters)
    engine.lineup.at, engine.lineup.reigns = at, reigns
    if engine.gate is not None and _GATE not in state.parts:
        engine.gate.begin(at, reigns[-1].since_us)
    return barrier


def _parameters(engine: Engine) -> dict[str, Any]:
    """Return what must be the same where a state is taken up; its parts know of more."""
    parameters = engine.parameters
    (of_the_key,) = hash_texts([_OF_THE_KEY], parameters.hash_key).tolist()
    return {
        "hash_key": f"a key with the mark {of_the_key:016x}",
        "learn_interval_us": parameters.learn_interval_us,
        "labels": asdict(parameters.labels),
        "calibrate": parameters.calibrate,
        "alerts_per_day": float(parameters.alerts_per_day),
        "challengers": list(engine.lineup.names[1:]),
    }


def _counters(engine: Engine, state: State) -> dict[str, int]:
    counters = state.header.get("counters")
    own = asdict(engine.counters)
    if type(counters) is dict:
        counters = {**_NEW_COUNTERS, **counters}
    require(state, type(counters) is dict and counters.keys() == own.keys(), "counters are others")
    kept = State(_KIND, counters or {})
    return {name: count(kept, name, 0, _COUNT_MAX) for name in own}


def _require_examples(state: State) -> None:
    """Refuse rows that name examples which were never put on the queue."""
    _, tail = state.parts["examples"].arrays["cursors"].tolist()
    waiting = state.parts["waiting"]
    for name in ("examples", "examples" + WRAPPED):
        require_within(waiting, name, waiting.arrays[name], NO_EXAMPLE, tail - 1)


def _large(engine: Engine) -> dict[str, Any]:
    return {
        "features": engine.features,
        "waiting": engine.waiting,
        "examples": engine.book.queue,
    }


def _small(engine: Engine) -> dict[str, Stateful]:
    parts: dict[str, Stateful] = {
        "clock": engine.clock,
        "early_labels": engine.book.early,
        "label_caps": engine.book.caps,
    }
    if engine.budget is not None:
        parts["budget"] = engine.budget
    if engine.heard is not None:
        parts[_HEARD] = engine.heard
    if engine.parameters.version_interval_us:
        parts[_TRAINING] = engine.training
    return parts


def _beside(engine: Engine) -> dict[str, Stateful]:
    """Return what may begin anew."""
    parts: dict[str, Stateful] = {
        _LISTS: engine.lists,
        _RULES: engine.rules,
        _ADMISSION: engine.admission,
    }
    if engine.gate is not None:
        parts[_GATE] = engine.gate
    if engine.monitor is not None:
        parts[_MONITOR] = engine.monitor
    return parts


def _by_role(lineup: Lineup, champion: int) -> dict[str, Stateful]:
    """Return the contenders by what they are called in a state with this champion."""
    pairs = zip(lineup.names, lineup.contenders, strict=True)
    return {
        "champion" if slot == champion else f"{CHALLENGER}{name}": (
            contender if slot == champion else _Shadow(contender)
        )
        for slot, (name, contender) in enumerate(pairs)
    }


class _Shadow(NamedTuple):
    """A challenger, of which a state can always be had."""

    contender: Contender

    def state(self) -> State:
        return self.contender.shadow_state()

    def restore(self, state: State) -> None:
        self.contender.restore(state)
