"""The engine: batches of transactions, labels and orders in, effects out, and nothing else.

`Engine.step` is a deterministic state machine. It reads no clock, no file and no
network; time is what the records carry. The same records in the same order give
the same decisions, however they are cut into batches: learning happens only when
the watermark passes a multiple of the learning interval, never merely because a
batch ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from models.base import Learner
from models.prequential import Prequential
from models.states.snapshot import State
from models.two_clocks import on_two_clocks
from models.weights import require_weights
from schemas.columns import Reason, Transactions
from stream.budget.control import budget_of
from stream.contenders import Contender, ask, calibrate, contender_of, judge, take_back, teach
from stream.control import ControlEffects, Orders
from stream.counters import Counters
from stream.decide import Outcome, Said, Thresholds
from stream.effects import Effects, KeptReadings
from stream.engine_state import restore, state_of
from stream.event_time import BEGINNING_US, EventClock, Timeliness
from stream.evidence import Alerted, evidence_of
from stream.features.feature_set import FeatureSet
from stream.features.state import FeatureState
from stream.labels.book import LabelBook
from stream.labels.fates import Departed, Fate, LabelEffects
from stream.labels.lessons import Lessons
from stream.labels.memory import Allocate, in_memory
from stream.labels.rules import LabelRules
from stream.labels.waiting import WaitingRows
from stream.short_arrays import count, every, filled, marked

# As numbers: CPython 3.11 looks a member up by a function of its metaclass each time.
_OK, _EVENT_TOO_LATE = int(Reason.OK), int(Reason.EVENT_TOO_LATE)
_LATE, _TOO_LATE = int(Timeliness.LATE), int(Timeliness.TOO_LATE)
_REVIEW = int(Outcome.REVIEW)
_REPEATED, _CORRECTED, _SUPERSEDED, _LOW_CONFIDENCE = (
    int(fate) for fate in (Fate.REPEATED, Fate.CORRECTED, Fate.SUPERSEDED, Fate.LOW_CONFIDENCE)
)


@dataclass(frozen=True)
class EngineParameters:
    """What the engine may use and how it decides.

    Attributes
    ----------
    features : FeatureSet
    thresholds : Thresholds
    calibrate : bool
        Whether scores are made probabilities by the labels of earlier ones.
    alerts_per_day : float
        What moves the review threshold; 0: nothing does.
    explore : float
        Share of that for payments drawn from below the threshold.
    events_max, entities_max, waiting_max : int
        Bounds of what features remember and of the rows that wait for labels.
    capacities : mapping of str to int
        Entities of one type, where it is not `entities_max`.
    hash_key : bytes
        16 bytes, the decoder's.
    feature_threads : int
        Entity types observed at once.
    allowed_lateness_us, idle_after_us : int
        See `stream.event_time.EventClock`.
    labels : LabelRules
    learn_interval_us : int
        Learning happens when the watermark passes a multiple of this.
    batch_rows_max : int
        Rows that `step` works on at once.
    """

    features: FeatureSet
    thresholds: Thresholds = field(default_factory=Thresholds)
    calibrate: bool = True
    alerts_per_day: float = 0.0
    explore: float = 0.0
    events_max: int = 1_000_000
    entities_max: int = 200_000
    capacities: Mapping[str, int] = field(default_factory=dict)
    hash_key: bytes = bytes(16)
    feature_threads: int = 1
    waiting_max: int = 500_000
    allowed_lateness_us: int = 60_000_000
    idle_after_us: int = 60_000_000
    labels: LabelRules = field(default_factory=LabelRules)
    learn_interval_us: int = 1_000_000
    batch_rows_max: int = 1024


class Keep(IntEnum):
    """What effects carry of the features, for whoever wants them as a table."""

    NOTHING = 0
    VALUES = 1
    STATES = 2  # Values too.


class Engine:
    """The functional core: features, score, decision, memory, learning.

    Parameters
    ----------
    parameters : EngineParameters
    learner : Learner
        The champion; built over ``parameters.features.names``.
    keep : Keep
        What effects carry of the features of every row.
    challengers : mapping of str to Learner, optional
        They score the same rows and learn the same labels, are judged by them as the champion
        is, and decide nothing.
    allocate : Allocate
        Makes the arrays that hold the features of rows that wait.

    Raises
    ------
    ValueError
        Fewer rows may wait than two batches have.
    schemas.errors.ModelError
        `labels.genuine_share` is below 1, and a learner cannot weigh rows.

    Attributes
    ----------
    champion : Contender
    challengers : dict of str to Contender
    budget : AlertBudget or None
        What moves the review threshold.
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
        if parameters.labels.genuine_share < 1.0:
            # Better now than when the first payment is mature.
            for each in (learner, *(challengers or {}).values()):
                require_weights(each)
        self.parameters = parameters
        self.champion = contender_of(learner, parameters.calibrate)
        self.challengers = {
            name: contender_of(each, parameters.calibrate)
            for name, each in (challengers or {}).items()
        }
        self.budget = budget_of(
            parameters.alerts_per_day,
            parameters.thresholds,
            parameters.learn_interval_us,
            parameters.explore,
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
        )
        self.waiting = WaitingRows(
            parameters.waiting_max,
            len(parameters.features.names),
            parameters.batch_rows_max,
            Said.width(len(self.contenders)),
            allocate,
            len(parameters.features.layout.entities),
        )
        two_clocks = any(on_two_clocks(each.learner) for each in self.contenders)
        self.book = LabelBook(
            parameters.labels, self.waiting, parameters.hash_key, allocate, two_clocks
        )
        self._orders = Orders(parameters.features.layout.entities, parameters.hash_key)
        self._barrier = BEGINNING_US // parameters.learn_interval_us

    @property
    def contenders(self) -> list[Contender]:
        """The champion, then the challengers: the order of a row's scores."""
        return [self.champion, *self.challengers.values()]

    @property
    def thresholds(self) -> Thresholds:
        """Those in force."""
        return self.parameters.thresholds if self.budget is None else self.budget.thresholds

    @property
    def _now_us(self) -> int:
        """The time of the latest learning barrier."""
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
        effects = _empty_effects(batch, timeliness, width, self.keep)
        decided = 0
        due_us: int | None = None
        for row, barrier in self._barriers(watermarks):
            if due_us is None:
                due_us = self._due_us(batch)
            self._barrier = barrier
            # Most barriers find nothing to do, and a batch that need not be cut is cheaper.
            if self._now_us >= due_us:
                # What lies before it was to be decided by what was known then.
                self._decide_all(batch, effects, decided, row)
                self._learn(self._now_us, effects)
                decided, due_us = row, self._due_us(batch)
        self._decide_all(batch, effects, decided, len(batch))
        self._count(batch, effects)
        return effects

    def label(self, labels: Transactions) -> LabelEffects:
        """Take labels in the order of arrival; they are learned at the next barrier.

        Features that count known frauds know them at once.

        Parameters
        ----------
        labels : Transactions
            Decoded with `schemas.roles.LABEL_ROLES`.
        """
        effects = self.book.take(labels, self.clock.watermark_us, self._mark)
        self.counters.labels += len(labels)
        self.counters.labels_refused += count(effects.reasons != _OK)
        self.counters.labels_early += count(effects.held)
        self._count_labels(effects.departed)
        return effects

    def control(self, orders: Transactions) -> ControlEffects:
        """Take orders in the order of arrival, each at once.

        Parameters
        ----------
        orders : Transactions
            Decoded with `schemas.roles.CONTROL_ROLES`.
        """
        reasons, erased = self._orders.read(orders)
        departed: list[Departed] = []
        for name, key in erased:
            self.features.erase(name, key)
            entity = self.parameters.features.layout.entities.index(name)
            departed += self.book.erase(entity, key)
        self.counters.erasures += len(erased)
        self._count_labels(departed)
        return ControlEffects(reasons, erased, departed)

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
        due_us = self.book.due_us(batch)
        return due_us if self.budget is None else min(due_us, self.budget.due_us)

    def _decide_all(self, batch: Transactions, effects: Effects, start: int, stop: int) -> None:
        """Decide rows, as many at once as there is room for."""
        size = self.parameters.batch_rows_max
        for first in range(start, stop, size):
            behind = min(first + size, stop)
            self._decide(_rows(batch, first, behind), effects, first, behind)

    def _decide(self, batch: Transactions, effects: Effects, start: int, stop: int) -> None:
        """Score and decide some rows, and remember them."""
        thresholds = self.thresholds
        take = batch.reason == _OK
        timely = effects.timeliness[start:stop] != _TOO_LATE
        places, repeated = self.waiting.admit(
            batch.transaction_key, batch.event_time_us, take, timely
        )
        fresh = take & timely & ~repeated
        # Nearly always all of them; then nothing is copied.
        rows = slice(None) if every(fresh) else marked(fresh)
        self.book.admit(batch, rows, places[rows])
        readings = self.features.observe(batch, fresh)
        X = readings.matrix
        fresh_X = X[rows]
        said = ask(self.contenders, fresh_X, thresholds.alerting)
        scores = filled(len(batch), np.nan)
        scores[rows] = said.scores[:, 0]
        outcomes = thresholds.outcomes(scores)
        drawn = filled(len(batch), np.nan)
        if self.budget is not None:
            drawn = self.budget.draw(batch.transaction_key, scores)
            outcomes[~np.isnan(drawn)] = _REVIEW
        self.waiting.store(
            places[rows],
            fresh_X,
            said.packed(),
            outcomes[rows],
            readings.numbers[rows],
            not self.learner.ready,
        )
        if count(repeated):
            scores[repeated] = self.waiting.scores[places[repeated], 0]
            outcomes[repeated] = self.waiting.outcomes[places[repeated]]
        effects.scores[start:stop] = scores
        effects.outcomes[start:stop] = outcomes
        effects.duplicate[start:stop] = repeated
        silent = marked((fresh | repeated) & np.isnan(scores))
        if len(silent):
            effects.cold[start + silent] = self.waiting.cold[places[silent]]
            effects.unscored[start + silent] = ~self.waiting.cold[places[silent]]
        effects.reasons[start:stop][take & ~timely & ~repeated] = _EVENT_TOO_LATE
        effects.model_versions[start:stop] = self.learner.learned
        alerted = marked(fresh & (outcomes >= _REVIEW))
        if self.budget is not None:
            self.budget.count(said.scores[:, 0], len(alerted))
        if len(alerted):
            raw = said.raw[np.cumsum(fresh)[alerted] - 1, 0]
            alerts = Alerted(
                start + alerted,
                X[alerted],
                readings.states(alerted),
                *self.champion.contributions_many(X[alerted], raw),
                outcomes[alerted],
                drawn[alerted],
            )
            effects.alerted.append(evidence_of(alerts, thresholds))
        if self.keep is not Keep.NOTHING:
            effects.readings.matrix[start:stop] = X
        if self.keep is Keep.STATES:
            effects.readings.value_states[start:stop] = readings.states(np.arange(len(batch)))

    def _mark(self, places: NDArray[np.int64], is_fraud: NDArray[np.bool_]) -> None:
        """Let the features know verdicts on waiting rows, if any feature is made of them."""
        if not self.features.hears_verdicts:
            return
        waiting = self.waiting
        self.features.mark(
            waiting.numbers[places], is_fraud, waiting.scores[places, 0], waiting.features[places]
        )

    def _learn(self, now_us: int, effects: Effects) -> None:
        """Learn what is due at a barrier: labels in order of arrival, then mature rows."""
        reviews, departed = self.book.join(now_us, self._mark)
        effects.label_reviews.extend(reviews)
        effects.departed_labels.extend(departed)
        self._count_labels(departed)
        lessons = self.book.lessons()
        if len(lessons.is_fraud):
            wrong = lessons.corrects
            said = Said.unpacked(lessons.scores[wrong])
            take_back(self.contenders, said, lessons.is_fraud[wrong])
            if self.budget is not None:
                self.budget.judge(said, ~lessons.is_fraud[wrong], -1)
            self._test_then_train(lessons)
            self.counters.labels_learned += count(lessons.news)
        mature = self.book.mature(now_us)
        if len(mature.unlabelled):
            self._mark(mature.unlabelled, np.zeros(len(mature.unlabelled), np.bool_))
            self.counters.matured += len(mature.unlabelled)
        if len(mature.untold):
            self._test_then_train(self.book.mature_lessons(mature.untold))
        # Frauds are found within hours, genuine payments by nobody complaining for weeks: only
        # of mature payments is it known how many of all there were are fraud.
        ripe = mature.ripe
        if self.parameters.calibrate and len(ripe):
            raw = Said.unpacked(self.waiting.scores[ripe]).raw
            calibrate(self.contenders, raw, self.waiting.verdicts[ripe] == 1)
        if self.budget is not None:
            self.budget.advance(now_us)

    def _test_then_train(self, lessons: Lessons) -> None:
        said, y = Said.unpacked(lessons.scores[lessons.news]), lessons.is_fraud[lessons.news]
        if self.budget is not None:
            self.budget.judge(said, y)
        judge(self.contenders, said, y)
        teach(self.contenders, lessons)

    def _count(self, batch: Transactions, effects: Effects) -> None:
        taken = batch.reason == _OK
        counters = self.counters
        decided = count(taken)
        counters.refused += len(batch) - decided
        counters.decisions += decided
        counters.alerts += sum(len(each.rows) for each in effects.alerted)
        counters.duplicates += count(effects.duplicate)
        counters.unscored += count(effects.unscored)
        counters.late += count(taken & (effects.timeliness == _LATE))
        counters.too_late += count(taken & (effects.timeliness == _TOO_LATE))

    def _count_labels(self, departed: list[Departed]) -> None:
        counters, counts = self.counters, self.book.counts
        counters.labels_refused += sum(each.reason != _OK for each in departed)
        counters.labels_repeated = int(counts[_REPEATED])
        counters.labels_corrected = int(counts[_CORRECTED])
        counters.labels_superseded = int(counts[_SUPERSEDED])
        counters.labels_withheld = sum(counts[_LOW_CONFIDENCE:].tolist())


def _empty_effects(
    batch: Transactions, timeliness: NDArray[np.int8], n_features: int, keep: Keep
) -> Effects:
    n = len(batch)
    width = 0 if keep is Keep.NOTHING else n_features
    return Effects(
        scores=filled(n, np.nan),
        outcomes=np.zeros(n, np.int8),
        timeliness=timeliness,
        duplicate=np.zeros(n, np.bool_),
        cold=np.zeros(n, np.bool_),
        unscored=np.zeros(n, np.bool_),
        model_versions=np.zeros(n, np.int64),
        reasons=batch.reason.copy(),
        readings=KeptReadings(
            filled((n, width), np.nan),
            np.zeros((n, n_features if keep is Keep.STATES else 0), np.uint8),
        ),
        alerted=[],
    )


def _rows(batch: Transactions, start: int, stop: int) -> Transactions:
    """View some rows of a batch."""
    if start == 0 and stop == len(batch):
        return batch
    return Transactions(batch.layout, batch.longs[:, start:stop], batch.data)
