"""The engine: batches of transactions, labels and orders in, effects out, and nothing else.

`Engine.step` is a deterministic state machine. It reads no clock, no file and no
network; time is what the records carry. The same records in the same order give
the same decisions, however they are cut into batches: learning happens only when
the watermark passes a multiple of the learning interval, never merely because a
batch ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.base import Learner
from models.prequential import Prequential
from models.states.snapshot import State
from schemas.columns import Reason, Transactions
from stream.admission.admission import Admission
from stream.budget.control import budget_of
from stream.champion.contenders import Contender
from stream.champion.lineup import Lineup
from stream.champion.succession import Succession
from stream.decide import DecisionScores, Thresholds
from stream.engine.control import ControlEffects, Orders
from stream.engine.counters import Counters
from stream.engine.deciding import decide
from stream.engine.effects import Effects, nothing_decided
from stream.engine.learning import learn, mark
from stream.engine.orders import ways_of
from stream.engine.parameters import EngineParameters, Keep
from stream.engine.state import restore, state_of
from stream.event_time import BEGINNING_US, EventClock
from stream.evidence.explainer import Explainer, note_barriers
from stream.features.sharing import HeardOffsets
from stream.features.state import FeatureState
from stream.labels.book import LabelBook
from stream.labels.fates import LabelEffects
from stream.labels.memory import Allocate, in_memory
from stream.labels.waiting import WaitingRows
from stream.lists.lists import Lists
from stream.monitor.monitor import Monitor
from stream.promotion.gate import Gate
from stream.rules.in_force import RulesInForce
from stream.rules.names import RuleInputs
from stream.shared_model.training import Training
from stream.short_arrays import count, marked

# As a number: CPython 3.11 looks a member up by a function of its metaclass each time.
_OK = int(Reason.OK)


class Engine:
    """The functional core: features, score, decision, memory, learning.

    Parameters
    ----------
    parameters : EngineParameters
    learner : Learner
        The first champion; built over ``parameters.features.names``.
    keep : Keep
        What effects carry of the features of every row.
    challengers : mapping of str to Learner, optional
        They score the same rows and learn the same labels, are judged by them as the champion
        is, and decide nothing until they are promoted.
    allocate : Allocate
        Makes the arrays that hold the features of rows that wait.

    Raises
    ------
    ValueError
        Fewer rows may wait than two batches have, or two models have one name.
    schemas.errors.ModelError
        `labels.genuine_share` is below 1, and a learner cannot weigh rows.

    Attributes
    ----------
    lineup : Lineup
        The contenders, and which of them is champion.
    succession : Succession
        How another one becomes champion.
    budget : AlertBudget or None
        What moves the review threshold.
    lists : Lists
    rules : RulesInForce
    admission : Admission
    monitor : Monitor or None
    heard : HeardOffsets or None
    training : Training
        Who learns what labels teach.
    """

    def __init__(
        self,
        parameters: EngineParameters,
        learner: Learner,
        keep: Keep = Keep.NOTHING,
        challengers: Mapping[str, Learner] | None = None,
        allocate: Allocate = in_memory,
    ) -> None:
        if parameters.waiting_max < 2 * parameters.batch_rows_max:
            raise ValueError("waiting_max must be at least twice batch_rows_max")
        self.parameters = parameters
        self.lineup = Lineup(learner, challengers or {}, parameters.calibrate, parameters.model)
        if parameters.labels.genuine_share < 1.0:
            self.lineup.require_weights()
        self.budget = budget_of(
            parameters.alerts_per_day,
            parameters.thresholds,
            parameters.learn_interval_us,
            parameters.explore,
            self.lineup.names,
        )
        self.counters = Counters()
        self.clock = EventClock(parameters.allowed_lateness_us, parameters.idle_after_us)
        self.keep = keep
        self.features = FeatureState(
            parameters.features,
            parameters.events_max,
            parameters.entities_max,
            parameters.capacities,
            parameters.batch_rows_max,
            parameters.hash_key,
            parameters.feature_threads,
            parameters.shared,
        )
        self.heard = HeardOffsets() if parameters.shared else None
        self.waiting = WaitingRows(
            parameters.waiting_max,
            len(parameters.features.names),
            parameters.batch_rows_max,
            DecisionScores.width(len(self.contenders)),
            allocate,
            len(parameters.features.layout.entities),
        )
        self.succession = Succession(
            self.lineup,
            parameters.promotion,
            self.budget,
            self.waiting,
            self.counters,
            self._now_us,
        )
        self.training = Training(self.lineup, parameters.version_interval_us)
        hash_key, feedback_apart = parameters.hash_key, self.lineup.feedback_apart
        self.book = LabelBook(parameters.labels, self.waiting, hash_key, allocate, feedback_apart)
        self.lists = Lists(parameters.lists)
        features = parameters.features
        self.rules = RulesInForce(
            parameters.rules,
            RuleInputs(features.inputs, features.names, tuple(self.lists.declared)),
            parameters.hash_key,
            parameters.batch_rows_max,
            parameters.breaker,
        )
        self.admission = Admission(
            features.layout.entities, parameters.cooldown_us, parameters.cooldown_entity
        )
        watched = parameters.monitor
        self.monitor = None if watched is None else Monitor(features.names, watched)
        self._orders = Orders(ways_of(self), parameters.hash_key)
        self._barrier = BEGINNING_US // parameters.learn_interval_us
        self.explainer = Explainer(parameters.features, parameters.explained)

    @property
    def contenders(self) -> list[Contender]:
        """All who take part, by slot."""
        return self.lineup.contenders

    @property
    def champion(self) -> Contender:
        """Whose scores decide."""
        return self.lineup.champion

    @property
    def challengers(self) -> dict[str, Contender]:
        """The others, by name."""
        return self.lineup.challengers

    @property
    def gate(self) -> Gate | None:
        """What compares challengers with the champion; None: there are none."""
        return self.succession.gate

    @property
    def thresholds(self) -> Thresholds:
        """Those in force."""
        return self.parameters.thresholds if self.budget is None else self.budget.thresholds

    def _now_us(self) -> int:
        """Return the time of the latest learning barrier."""
        return self._barrier * self.parameters.learn_interval_us

    @property
    def learner(self) -> Learner:
        """The champion's learner."""
        return self.champion.learner

    @property
    def prequential(self) -> Prequential:
        """How good the champion's scores were."""
        return self.champion.prequential

    def step(self, batch: Transactions) -> Effects:
        """Take transactions in the order of arrival.

        Refused rows (a reason other than OK) are passed over. A row that moves the
        watermark past a learning barrier first makes the engine learn all that is
        due, and is then scored by what was learned.
        """
        timeliness, watermarks = self.clock.observe(
            batch.partition, batch.event_time_us, batch.arrival_time_us, batch.reason
        )
        width = len(self.parameters.features.names)
        kept = (width if self.keep >= each else 0 for each in (Keep.VALUES, Keep.STATES))
        effects = nothing_decided(batch.reason, timeliness, self.rules.named, *kept)
        decided = 0
        due_us: int | None = None
        for row, barrier in self._barriers(watermarks):
            if due_us is None:
                due_us = self._due_us(batch)
            self._barrier = barrier
            # Most barriers find nothing to do, and a batch that need not be cut is cheaper.
            if self._now_us() >= due_us:
                # What lies before it was to be decided by what was known then.
                self._decide_all(batch, effects, decided, row)
                self._learn(self._now_us(), int(batch.offset[row]), effects)
                decided, due_us = row, self._due_us(batch)
        self._decide_all(batch, effects, decided, len(batch))
        note_barriers(effects.alerted, watermarks, self.parameters.learn_interval_us)
        self.counters.count(batch, effects)
        return effects

    def label(self, labels: Transactions) -> LabelEffects:
        """Take labels in the order of arrival; they are learned at the next barrier.

        Features that count known frauds know them at once.

        Parameters
        ----------
        labels : Transactions
            Decoded with `schemas.roles.LABEL_ROLES`.
        """
        effects = self.book.take(labels, self.clock.watermark_us, partial(mark, self))
        self.counters.labels += len(labels)
        self.counters.labels_refused += count(effects.reasons != _OK)
        self.counters.labels_early += count(effects.held)
        self.counters.count_labels(effects.departed, self.book.counts)
        return effects

    def control(self, orders: Transactions) -> ControlEffects:
        """Take orders in the order of arrival, each at once.

        Parameters
        ----------
        orders : Transactions
            Decoded with `schemas.roles.CONTROL_ROLES`.
        """
        return self._orders.take(orders)

    def hear(self, partition: int, words: NDArray[np.int64]) -> None:
        """Let windows count payments that another partition took; see `FeatureState.hear`."""
        if self.heard is not None:
            self.features.hear(self.heard.new(partition, words))

    def arrays(self) -> Iterator[NDArray[np.generic]]:
        """Yield the arrays that hold what is remembered; they are allocated once."""
        yield from self.features.arrays().values()
        yield from self.waiting.arrays()
        yield from self.book.queue.arrays()

    def state(self) -> State:
        """Return all that decides what is said next; large arrays are views until then."""
        return state_of(self, self._barrier)

    def restore(self, state: State) -> None:
        """Go on from the state of an engine built alike; SnapshotError, no change, else."""
        self._barrier = restore(self, state)

    def _barriers(self, watermarks: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
        """Return the rows at which a barrier is passed, and which."""
        barriers = watermarks // self.parameters.learn_interval_us
        if not len(barriers) or barriers[-1] == self._barrier:
            return ()
        cuts = marked(np.diff(barriers, prepend=self._barrier) != 0)
        return zip(cuts.tolist(), barriers[cuts].tolist(), strict=True)

    def _due_us(self, batch: Transactions) -> int:
        """Return before which time no barrier has anything to do, if only this batch comes."""
        parts = (self.lists, self.training, self.budget, self.monitor)
        dues_us = [part.due_us for part in parts if part is not None]
        return min([self.book.due_us(batch), *dues_us])

    def _decide_all(self, batch: Transactions, effects: Effects, start: int, stop: int) -> None:
        """Decide rows, as many at once as there is room for."""
        size = self.parameters.batch_rows_max
        for first in range(start, stop, size):
            behind = min(first + size, stop)
            self._decide(batch.span(first, behind), effects, first, behind)

    def _decide(self, batch: Transactions, effects: Effects, start: int, stop: int) -> None:
        decide(self, batch, effects, start, stop)

    def _learn(self, now_us: int, offset: int, effects: Effects) -> None:
        learn(self, now_us, offset, effects)
