"""The engine: batches of transactions, labels and orders in, effects out, and nothing else.

`Engine.step` is a deterministic state machine. It reads no clock, no file and no
network; time is what the records carry. The same records in the same order give
the same decisions, however they are cut into batches: learning happens only when
the watermark passes a multiple of the learning interval, never merely because a
batch ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.base import Learner
from models.prequential import Prequential
from models.states.snapshot import State
from schemas.columns import Reason, Transactions
from stream.admission.admission import Admission, Admitted
from stream.admission.snoozes import SCORE
from stream.budget.control import budget_of
from stream.champion.contenders import Contender, ask, calibrate, judge, take_back
from stream.champion.lineup import Lineup
from stream.champion.succession import Succession
from stream.decide import DecisionScores, Outcome, Thresholds
from stream.engine.control import ControlEffects, Orders
from stream.engine.counters import Counters
from stream.engine.effects import Effects, nothing_decided
from stream.engine.orders import ways_of
from stream.engine.parameters import EngineParameters, Keep
from stream.engine.state import restore, state_of
from stream.event_time import BEGINNING_US, EventClock, Timeliness
from stream.evidence.evidence import Alerted
from stream.evidence.explainer import Explainer, note_barriers
from stream.features.sharing import HeardOffsets
from stream.features.state import FeatureState
from stream.labels.book import LabelBook
from stream.labels.examples import Examples
from stream.labels.fates import LabelEffects
from stream.labels.memory import Allocate, in_memory
from stream.labels.waiting import WaitingRows
from stream.lists.lists import Lists
from stream.monitor.monitor import Monitor
from stream.promotion.gate import Gate
from stream.rules.in_force import RulesInForce, Ruling
from stream.rules.names import RuleInputs
from stream.shared_model.training import Training
from stream.short_arrays import count, every, filled, marked

# As numbers: CPython 3.11 looks a member up by a function of its metaclass each time.
_OK, _EVENT_TOO_LATE = int(Reason.OK), int(Reason.EVENT_TOO_LATE)
_TOO_LATE = int(Timeliness.TOO_LATE)
_REVIEW = int(Outcome.REVIEW)


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
        self._explainer = Explainer(parameters.features, parameters.explained)

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
        effects = self.book.take(labels, self.clock.watermark_us, self._mark)
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
        """Score and decide some rows, and remember them."""
        thresholds = self.thresholds
        take, timely = batch.reason == _OK, effects.timeliness[start:stop] != _TOO_LATE
        places, repeated = self.waiting.admit(
            batch.transaction_key, batch.event_time_us, take, timely
        )
        fresh = take & timely & ~repeated
        # Nearly always all of them; then nothing is copied.
        rows = slice(None) if every(fresh) else marked(fresh)
        self.book.admit(batch, rows, places[rows])
        readings = self.features.observe(batch, fresh)
        if self.heard is not None:
            effects.shared.append(self.features.tell(batch.offset[rows]))
        X, fresh_X = readings.matrix, readings.matrix[rows]
        said = ask(self.contenders, fresh_X, thresholds.alerting, self.lineup.at)
        scores = filled(len(batch), np.nan)
        scores[rows] = said.scores[:, 0]
        outcomes = thresholds.outcomes(scores)
        drawn = filled(len(batch), np.nan)
        if self.budget is not None:
            drawn = self.budget.draw(batch.transaction_key, scores)
            outcomes[~np.isnan(drawn)] = _REVIEW
        ruling = None
        if len(self.rules):
            ruling = self._rule(batch, rows, fresh_X, said, outcomes, drawn)
            effects.ruled.append((start, ruling.matched_of(rows, len(batch))))
            effects.tripped.extend(ruling.tripped_of(rows, start))
        self.waiting.store(
            places[rows],
            fresh_X,
            said.packed(),
            outcomes[rows],
            readings.numbers[rows],
            not self.learner.ready,
            self.lineup.at,
        )
        if self.monitor is not None:
            times_us, amounts = batch.event_time_us[rows], batch.amount_minor[rows]
            alerted_rows = outcomes[rows] >= _REVIEW
            found = self.monitor.observe(fresh_X, said, times_us, amounts, alerted_rows)
            effects.drifts.extend(found)
        self._say(effects, (start, stop), places, (fresh, repeated), scores, outcomes)
        effects.reasons[start:stop][take & ~timely & ~repeated] = _EVENT_TOO_LATE
        alerted = marked(fresh & (outcomes >= _REVIEW))
        of, grouped = np.cumsum(fresh)[alerted] - 1, np.zeros(len(alerted), np.int64)
        if len(alerted) and self.admission.active:
            asking = () if ruling is None else self.rules.asking(ruling, of)
            by_score = scores[alerted] >= thresholds.alerting
            admitted = self._going_out(batch, alerted, outcomes, drawn, by_score, asking)
            out = admitted.out
            alerted, of, grouped = alerted[out], of[out], admitted.grouped[out]
        if self.budget is not None:
            self.budget.count(said.scores[:, 0], len(alerted))
            self.budget.count_others(said)
        if len(alerted):
            read = np.zeros((len(of), 0)) if ruling is None else self.rules.looked_at(ruling, of)
            alerts = Alerted(
                start + alerted,
                X[alerted],
                readings.states(alerted),
                *self.champion.contributions_many(X[alerted], said.raw[of, 0]),
                outcomes[alerted],
                drawn[alerted],
                read,
                grouped,
            )
            asked = np.zeros(len(of), np.bool_) if ruling is None else ruling.asked[of]
            of_score = np.where(asked, np.nan, scores[alerted]), self.champion.score_many
            effects.alerted.append(self._explainer.evidence(alerts, thresholds, *of_score))
        if self.keep is not Keep.NOTHING:
            effects.readings.matrix[start:stop] = X
        if self.keep is Keep.STATES:
            effects.readings.value_states[start:stop] = readings.states(np.arange(len(batch)))

    def _say(
        self,
        effects: Effects,
        span: tuple[int, int],
        places: NDArray[np.int64],
        which: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        scores: NDArray[np.float64],
        outcomes: NDArray[np.int8],
    ) -> None:
        """Note what was decided of the rows of a span; `which` are fresh, and which repeated.

        Those get what was said the first time, in `scores` and `outcomes` too.
        """
        (start, stop), (fresh, repeated) = span, which
        waiting, champions = self.waiting, effects.champions[start:stop]
        champions[~repeated] = self.lineup.at
        if count(repeated):
            scores[repeated] = waiting.scores[places[repeated], 0]
            outcomes[repeated] = waiting.outcomes[places[repeated]]
            champions[repeated] = waiting.champions[places[repeated]]
        effects.scores[start:stop] = scores
        effects.outcomes[start:stop] = outcomes
        effects.duplicate[start:stop] = repeated
        effects.model_versions[start:stop] = self.learner.learned
        silent = marked((fresh | repeated) & np.isnan(scores))
        if len(silent):
            effects.cold[start + silent] = waiting.cold[places[silent]]
            effects.unscored[start + silent] = ~waiting.cold[places[silent]]

    def _rule(
        self,
        batch: Transactions,
        rows: NDArray[np.int64] | slice,
        X: NDArray[np.float64],
        said: DecisionScores,
        outcomes: NDArray[np.int8],
        drawn: NDArray[np.float64],
    ) -> Ruling:
        """Let rules change outcomes; what they ask for anyway is not drawn."""
        ruling = self.rules.rule(batch, rows, X, said.scores[:, 0], outcomes[rows], self.lists)
        outcomes[rows] = ruling.outcomes
        drawn[rows] = np.where(ruling.asked, np.nan, drawn[rows])
        return ruling

    def _going_out(
        self,
        batch: Transactions,
        alerted: NDArray[np.int64],
        outcomes: NDArray[np.int8],
        drawn: NDArray[np.float64],
        by_score: NDArray[np.bool_],
        asking: Sequence[tuple[str, ...]],
    ) -> Admitted:
        """Return of which alerted rows somebody is told; the others wait or are silenced."""
        each = zip(asking or [()] * len(alerted), by_score.tolist(), strict=True)
        causes = [(*rules, SCORE) if high else rules for rules, high in each]
        return self.admission.admit(
            outcomes[alerted],
            batch.entities[:, alerted],
            batch.event_time_us[alerted],
            causes,
            ~np.isnan(drawn[alerted]),
        )

    def _mark(self, places: NDArray[np.int64], is_fraud: NDArray[np.bool_]) -> None:
        """Let the features know verdicts on waiting rows, if any feature is made of them."""
        if not self.features.hears_verdicts:
            return
        waiting = self.waiting
        self.features.mark(
            waiting.numbers[places], is_fraud, waiting.scores[places, 0], waiting.features[places]
        )

    def _learn(self, now_us: int, offset: int, effects: Effects) -> None:
        """Learn what is due at a barrier: labels in order of arrival, then mature rows."""
        reviews, departed = self.book.join(now_us, self._mark)
        effects.label_reviews.extend(reviews)
        effects.departed_labels.extend(departed)
        self.counters.count_labels(departed, self.book.counts)
        examples = self.book.examples()
        if len(examples.is_fraud):
            wrong = examples.corrects
            said = examples.said(wrong)
            take_back(self.contenders, said, examples.is_fraud[wrong])
            if self.budget is not None:
                self.budget.judge(said, ~examples.is_fraud[wrong], -1)
            self._test_then_train(examples)
            self.counters.labels_learned += count(examples.news)
        mature = self.book.mature(now_us)
        if len(mature.unlabelled):
            self._mark(mature.unlabelled, np.zeros(len(mature.unlabelled), np.bool_))
            self.counters.matured += len(mature.unlabelled)
        if len(mature.untold):
            self._test_then_train(self.book.mature_examples(mature.untold))
        # Frauds are found within hours, genuine payments by nobody complaining for weeks: only
        # of mature payments is it known how many of all there were are fraud.
        ripe = mature.ripe
        if len(ripe):
            said, y = self.waiting.said(ripe), self.waiting.verdicts[ripe] == 1
            if self.parameters.calibrate:
                calibrate(self.contenders, said, y)
            if self.gate is not None:
                self.gate.judge(said, y, self.waiting.times_us[ripe])
        if self.monitor is not None:
            effects.drifts.extend(self.monitor.judge(self.waiting, ripe, now_us))
            effects.drifts.extend(self.monitor.advance(now_us))
        if self.budget is not None:
            self.budget.advance(now_us)
        self.lists.expire(now_us)
        effects.examples.extend(self.training.tell(offset))
        effects.versions.extend(self.training.versions(now_us, offset))
        if len(ripe):
            effects.promoted.extend(self.succession.go_back())

    def _test_then_train(self, examples: Examples) -> None:
        said, y = examples.said(examples.news), examples.is_fraud[examples.news]
        if self.budget is not None:
            self.budget.judge(said, y)
        judge(self.contenders, said, y)
        self.training.teach(examples)
