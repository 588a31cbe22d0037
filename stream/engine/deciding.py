"""How payments are decided: windows, scores, draws, rules, memory, and which alerts go out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.base import Learner
from schemas.columns import Reason, Transactions
from stream.admission.admission import Admission
from stream.admission.snoozes import SCORE
from stream.budget.control import AlertBudget
from stream.champion.contenders import Contender, ask
from stream.champion.lineup import Lineup
from stream.decide import DecisionScores, Outcome, Thresholds
from stream.engine.effects import Effects
from stream.engine.parameters import Keep
from stream.event_time import Timeliness
from stream.evidence.evidence import Alerted, Evidence
from stream.evidence.explainer import Explainer
from stream.features.readings import Readings
from stream.features.sharing import HeardOffsets
from stream.features.state import FeatureState
from stream.labels.book import LabelBook
from stream.labels.waiting import WaitingRows
from stream.lists.lists import Lists
from stream.monitor.monitor import Monitor
from stream.rules.in_force import RulesInForce, Ruling
from stream.short_arrays import count, every, filled, marked

# As numbers: CPython 3.11 looks a member up by a function of its metaclass each time.
_OK, _EVENT_TOO_LATE = int(Reason.OK), int(Reason.EVENT_TOO_LATE)
_TOO_LATE = int(Timeliness.TOO_LATE)
_REVIEW = int(Outcome.REVIEW)


class Engine(Protocol):
    """What of an engine decides; see `stream.engine.engine.Engine`."""

    keep: Keep
    features: FeatureState
    heard: HeardOffsets | None
    waiting: WaitingRows
    book: LabelBook
    lineup: Lineup
    budget: AlertBudget | None
    monitor: Monitor | None
    lists: Lists
    rules: RulesInForce
    admission: Admission
    explainer: Explainer

    @property
    def contenders(self) -> list[Contender]:
        """All who take part, by slot."""
        ...

    @property
    def champion(self) -> Contender:
        """Whose scores decide."""
        ...

    @property
    def learner(self) -> Learner:
        """The champion's learner."""
        ...

    @property
    def thresholds(self) -> Thresholds:
        """Those in force."""
        ...


class _Taken(NamedTuple):
    """The rows of a batch by what is done with them.

    Attributes
    ----------
    rows : slice or ndarray of int64
        Those that are decided now; nearly always all of them, and then nothing is copied.
    fresh, repeated, too_late : ndarray of bool, shape (n,)
        Decided now; decided before, and waiting; left out of windows and scores.
    places : ndarray of int64, shape (n,)
        Where fresh and repeated ones wait for their labels.
    """

    rows: slice | NDArray[np.int64]
    fresh: NDArray[np.bool_]
    repeated: NDArray[np.bool_]
    too_late: NDArray[np.bool_]
    places: NDArray[np.int64]


class _Decided(NamedTuple):
    """What was decided of the rows of a batch.

    Attributes
    ----------
    thresholds : Thresholds
    said : DecisionScores
        What all contenders say of the fresh rows.
    scores : ndarray of float64, shape (n,)
    outcomes : ndarray of int8, shape (n,)
    drawn : ndarray of float64, shape (n,)
        With which probability a row was drawn from below the threshold; NaN: it was not.
    """

    thresholds: Thresholds
    said: DecisionScores
    scores: NDArray[np.float64]
    outcomes: NDArray[np.int8]
    drawn: NDArray[np.float64]


class _GoingOut(NamedTuple):
    """Which rows become alerts.

    Attributes
    ----------
    rows, of : ndarray of int64, shape (n,)
        Their places in the batch, and among the fresh ones.
    grouped : ndarray of int64, shape (n,)
        How many alerts of its entity were held back since the one before.
    """

    rows: NDArray[np.int64]
    of: NDArray[np.int64]
    grouped: NDArray[np.int64]


def decide(engine: Engine, batch: Transactions, effects: Effects, start: int, stop: int) -> None:
    """Score and decide some rows, and remember them.

    Parameters
    ----------
    engine : Engine
    batch : Transactions
        Those rows alone.
    effects : Effects
        Of all rows of the step; written from `start` to before `stop`.
    start, stop : int
    """
    thresholds = engine.thresholds
    taken = _take(engine, batch, effects.timeliness[start:stop])
    readings = engine.features.observe(batch, taken.fresh)
    if engine.heard is not None:
        effects.shared.append(engine.features.tell(batch.offset[taken.rows]))
    X = readings.matrix[taken.rows]
    decided = _score(engine, batch, taken, X, thresholds)
    ruling = None
    if len(engine.rules):
        ruling = _rule(engine, batch, taken.rows, X, decided)
        effects.ruled.append((start, ruling.matched_of(taken.rows, len(batch))))
        effects.tripped.extend(ruling.tripped_of(taken.rows, start))
    _remember(engine, taken, X, readings, decided)
    if engine.monitor is not None:
        alerted = decided.outcomes[taken.rows] >= _REVIEW
        times_us, amounts = batch.event_time_us[taken.rows], batch.amount_minor[taken.rows]
        found = engine.monitor.observe(X, decided.said, times_us, amounts, alerted)
        effects.drifts.extend(found)
    _note(engine, effects, (start, stop), taken, decided)
    going_out = _admit(engine, batch, taken, decided, ruling)
    if engine.budget is not None:
        engine.budget.count(decided.said.scores[:, 0], len(going_out.rows))
        engine.budget.count_others(decided.said)
    if len(going_out.rows):
        evidence = _explain(engine, readings, decided, ruling, going_out, start)
        effects.alerted.append(evidence)
    if engine.keep is not Keep.NOTHING:
        effects.readings.matrix[start:stop] = readings.matrix
    if engine.keep is Keep.STATES:
        effects.readings.value_states[start:stop] = readings.states(np.arange(len(batch)))


def _take(engine: Engine, batch: Transactions, timeliness: NDArray[np.int8]) -> _Taken:
    """Find out which rows are new, and give each of them a place to wait for its label."""
    take, timely = batch.reason == _OK, timeliness != _TOO_LATE
    places, repeated = engine.waiting.admit(
        batch.transaction_key, batch.event_time_us, take, timely
    )
    fresh = take & timely & ~repeated
    rows = slice(None) if every(fresh) else marked(fresh)
    engine.book.admit(batch, rows, places[rows])
    return _Taken(rows, fresh, repeated, take & ~timely & ~repeated, places)


def _score(
    engine: Engine,
    batch: Transactions,
    taken: _Taken,
    X: NDArray[np.float64],
    thresholds: Thresholds,
) -> _Decided:
    """Let the models speak, and decide by the champion's scores and by draws."""
    said = ask(engine.contenders, X, thresholds.alerting, engine.lineup.at)
    scores = filled(len(batch), np.nan)
    scores[taken.rows] = said.scores[:, 0]
    outcomes = thresholds.outcomes(scores)
    drawn = filled(len(batch), np.nan)
    if engine.budget is not None:
        drawn = engine.budget.draw(batch.transaction_key, scores)
        outcomes[~np.isnan(drawn)] = _REVIEW
    return _Decided(thresholds, said, scores, outcomes, drawn)


def _rule(
    engine: Engine,
    batch: Transactions,
    rows: slice | NDArray[np.int64],
    X: NDArray[np.float64],
    decided: _Decided,
) -> Ruling:
    """Let rules change outcomes; what they ask for anyway is not drawn."""
    scores, outcomes = decided.said.scores[:, 0], decided.outcomes[rows]
    ruling = engine.rules.rule(batch, rows, X, scores, outcomes, engine.lists)
    decided.outcomes[rows] = ruling.outcomes
    decided.drawn[rows] = np.where(ruling.asked, np.nan, decided.drawn[rows])
    return ruling


def _remember(
    engine: Engine, taken: _Taken, X: NDArray[np.float64], readings: Readings, decided: _Decided
) -> None:
    """Let fresh rows wait for their labels, with all that they will be learned and judged by."""
    engine.waiting.store(
        taken.places[taken.rows],
        X,
        decided.said.packed(),
        decided.outcomes[taken.rows],
        readings.numbers[taken.rows],
        not engine.learner.ready,
        engine.lineup.at,
    )


def _note(
    engine: Engine, effects: Effects, span: tuple[int, int], taken: _Taken, decided: _Decided
) -> None:
    """Write into the effects what was decided of the rows of a span.

    Repeated ones get what was said the first time, in `decided` too.
    """
    (start, stop), waiting, repeated = span, engine.waiting, taken.repeated
    scores, outcomes, places = decided.scores, decided.outcomes, taken.places
    champions = effects.champions[start:stop]
    champions[~repeated] = engine.lineup.at
    if count(repeated):
        scores[repeated] = waiting.scores[places[repeated], 0]
        outcomes[repeated] = waiting.outcomes[places[repeated]]
        champions[repeated] = waiting.champions[places[repeated]]
    effects.scores[start:stop] = scores
    effects.outcomes[start:stop] = outcomes
    effects.duplicate[start:stop] = repeated
    effects.model_versions[start:stop] = engine.learner.learned
    effects.reasons[start:stop][taken.too_late] = _EVENT_TOO_LATE
    silent = marked((taken.fresh | repeated) & np.isnan(scores))
    if len(silent):
        effects.cold[start + silent] = waiting.cold[places[silent]]
        effects.unscored[start + silent] = ~waiting.cold[places[silent]]


def _admit(
    engine: Engine,
    batch: Transactions,
    taken: _Taken,
    decided: _Decided,
    ruling: Ruling | None,
) -> _GoingOut:
    """Return of which alerted rows somebody is told; the others wait or are silenced."""
    rows = marked(taken.fresh & (decided.outcomes >= _REVIEW))
    of = np.cumsum(taken.fresh)[rows] - 1
    if not len(rows) or not engine.admission.active:
        return _GoingOut(rows, of, np.zeros(len(rows), np.int64))
    admitted = engine.admission.admit(
        decided.outcomes[rows],
        batch.entities[:, rows],
        batch.event_time_us[rows],
        _causes(engine, rows, of, decided, ruling),
        ~np.isnan(decided.drawn[rows]),
    )
    out = admitted.out
    return _GoingOut(rows[out], of[out], admitted.grouped[out])


def _causes(
    engine: Engine,
    rows: NDArray[np.int64],
    of: NDArray[np.int64],
    decided: _Decided,
    ruling: Ruling | None,
) -> Sequence[tuple[str, ...]]:
    """Return what asks for each alert: rules by their ids, and the score if it is high enough."""
    asking = () if ruling is None else engine.rules.asking(ruling, of)
    by_score = decided.scores[rows] >= decided.thresholds.alerting
    each = zip(asking or [()] * len(rows), by_score.tolist(), strict=True)
    return [(*rules, SCORE) if high else rules for rules, high in each]


def _explain(
    engine: Engine,
    readings: Readings,
    decided: _Decided,
    ruling: Ruling | None,
    going_out: _GoingOut,
    start: int,
) -> Evidence:
    """Return why there are these alerts."""
    rows, of, grouped = going_out
    X, scores = readings.matrix[rows], decided.scores[rows]
    read = np.zeros((len(of), 0)) if ruling is None else engine.rules.looked_at(ruling, of)
    asked = np.zeros(len(of), np.bool_) if ruling is None else ruling.asked[of]
    alerts = Alerted(
        start + rows,
        X,
        readings.states(rows),
        *engine.champion.contributions_many(X, decided.said.raw[of, 0]),
        decided.outcomes[rows],
        decided.drawn[rows],
        read,
        grouped,
    )
    by_score = np.where(asked, np.nan, scores), engine.champion.score_many
    return engine.explainer.evidence(alerts, decided.thresholds, *by_score)
