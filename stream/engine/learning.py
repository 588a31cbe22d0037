"""What a learning barrier does: labels are judged and learned, then rows that are mature."""

from __future__ import annotations

from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stream.budget.control import AlertBudget
from stream.champion.contenders import Contender, calibrate, judge, take_back
from stream.champion.succession import Succession
from stream.engine.counters import Counters
from stream.engine.effects import Effects
from stream.engine.parameters import EngineParameters
from stream.features.state import FeatureState
from stream.labels.book import LabelBook
from stream.labels.examples import Examples
from stream.labels.waiting import WaitingRows
from stream.lists.lists import Lists
from stream.monitor.monitor import Monitor
from stream.promotion.gate import Gate
from stream.shared_model.training import Training
from stream.short_arrays import count


class Engine(Protocol):
    """What of an engine learns; see `stream.engine.engine.Engine`."""

    parameters: EngineParameters
    counters: Counters
    features: FeatureState
    waiting: WaitingRows
    book: LabelBook
    budget: AlertBudget | None
    monitor: Monitor | None
    lists: Lists
    succession: Succession
    training: Training

    @property
    def contenders(self) -> list[Contender]:
        """All who take part, by slot."""
        ...

    @property
    def gate(self) -> Gate | None:
        """What compares challengers with the champion."""
        ...


def learn(engine: Engine, now_us: int, offset: int, effects: Effects) -> None:
    """Learn what is due at a barrier: labels in order of arrival, then mature rows.

    Parameters
    ----------
    engine : Engine
    now_us : int
        Event time of the barrier.
    offset : int
        Of the payment at whose arrival it is passed.
    effects : Effects
        Gets what became of labels, drifts, who decides again, and what other partitions are to
        know.
    """
    reviews, departed = engine.book.join(now_us, partial(mark, engine))
    effects.label_reviews.extend(reviews)
    effects.departed_labels.extend(departed)
    engine.counters.count_labels(departed, engine.book.counts)
    _learn_labels(engine, engine.book.examples())
    ripe = _learn_mature(engine, now_us)
    if engine.monitor is not None:
        effects.drifts.extend(engine.monitor.judge(engine.waiting, ripe, now_us))
        effects.drifts.extend(engine.monitor.advance(now_us))
    if engine.budget is not None:
        engine.budget.advance(now_us)
    engine.lists.expire(now_us)
    effects.examples.extend(engine.training.tell(offset))
    effects.versions.extend(engine.training.versions(now_us, offset))
    if len(ripe):
        effects.promoted.extend(engine.succession.go_back())


def mark(engine: Engine, places: NDArray[np.int64], is_fraud: NDArray[np.bool_]) -> None:
    """Let the features know verdicts on waiting rows, if any feature is made of them."""
    if not engine.features.hears_verdicts:
        return
    waiting = engine.waiting
    engine.features.mark(
        waiting.numbers[places], is_fraud, waiting.scores[places, 0], waiting.features[places]
    )


def test_then_train(engine: Engine, examples: Examples) -> None:
    """Judge what was said of examples when they were decided, and only then learn them."""
    said, y = examples.said(examples.news), examples.is_fraud[examples.news]
    if engine.budget is not None:
        engine.budget.judge(said, y)
    judge(engine.contenders, said, y)
    engine.training.teach(examples)


def _learn_labels(engine: Engine, examples: Examples) -> None:
    """Learn labels; what was judged by a label that another one corrects is judged anew."""
    if not len(examples.is_fraud):
        return
    wrong = examples.corrects
    said = examples.said(wrong)
    take_back(engine.contenders, said, examples.is_fraud[wrong])
    if engine.budget is not None:
        engine.budget.judge(said, ~examples.is_fraud[wrong], -1)
    test_then_train(engine, examples)
    engine.counters.labels_learned += count(examples.news)


def _learn_mature(engine: Engine, now_us: int) -> NDArray[np.int64]:
    """Learn rows that are mature, and judge by them; return their places."""
    mature = engine.book.mature(now_us)
    if len(mature.unlabelled):
        mark(engine, mature.unlabelled, np.zeros(len(mature.unlabelled), np.bool_))
        engine.counters.matured += len(mature.unlabelled)
    if len(mature.untold):
        test_then_train(engine, engine.book.mature_examples(mature.untold))
    # Frauds are found within hours, genuine payments by nobody complaining for weeks: only
    # of mature payments is it known how many of all there were are fraud.
    ripe = mature.ripe
    if len(ripe):
        said, y = engine.waiting.said(ripe), engine.waiting.verdicts[ripe] == 1
        if engine.parameters.calibrate:
            calibrate(engine.contenders, said, y)
        if engine.gate is not None:
            engine.gate.judge(said, y, engine.waiting.times_us[ripe])
    return ripe
