"""The champion and its challengers: what they say of payments, and how they learn from labels.

What a challenger does never reaches the champion. It gets copies of what it is asked, and one
that raises, or says what is no probability, is set aside: it says nothing from then on, and
everybody else says what they would have said without it. A champion that fails fails the engine:
nobody is there to decide in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.base import Learner
from models.calibration.calibrator import Calibrator
from models.feedback_delayed import has_feedback_learner
from models.members import Stateful, restore_members, states_of
from models.prequential import Prequential
from models.states.restoring import require_kind
from models.states.snapshot import State, envelope_of
from schemas.errors import SnapshotError
from stream.decide import DecisionScores, champion_first
from stream.labels.examples import Examples
from stream.labels.label_kinds import LabelKind
from stream.short_arrays import filled

_KIND = "contender/1"
# Where a challenger can fail, and who else can set it aside.
SCORING, LEARNING, EXPLAINING, SAVING, ORDER = PLACES = (
    "scoring",
    "learning",
    "explaining",
    "saving",
    "order",
)
_TEXT_MAX = 200


class Aside(NamedTuple):
    """Why a contender is asked nothing, and told nothing.

    Attributes
    ----------
    at : str
        One of `PLACES`.
    why : str
        The kind of the error, without its text: that may hold what an address in memory or a
        payment is, and this is kept. Of an order: what it says.
    """

    at: str
    why: str

    @property
    def failed(self) -> bool:
        """Whether its model is no longer to be trusted; else it was only disabled."""
        return self.at != ORDER


class NoProbabilityError(Exception):
    """A model answered with something else than a score for each row."""


@dataclass
class Contender:
    """A learner, how good its scores were, and what makes them probabilities.

    Attributes
    ----------
    learner : Learner
    prequential : Prequential
    calibrator : Calibrator or None
        Without one what the learner says is the score.
    aside : Aside or None
        None: it takes part.
    error : str
        Text of what it raised, for a log; no part of its state.
    """

    learner: Learner
    prequential: Prequential = field(default_factory=Prequential)
    calibrator: Calibrator | None = None
    aside: Aside | None = None
    error: str = ""

    @property
    def ready(self) -> bool:
        """Whether it takes part, and its learner has seen enough for a score."""
        return self.aside is None and self.learner.ready

    def set_aside(self, at: str, error: Exception) -> None:
        """Ask it nothing any more: it failed."""
        self.aside = Aside(at, type(error).__name__)
        self.error = f"{type(error).__name__}: {error}"[:_TEXT_MAX]

    @property
    def calibration(self) -> dict[str, float | int]:
        """What the calibrator does: slope and offset of log-odds, labels learned; empty if none."""
        it = self.calibrator
        return {} if it is None else {"slope": it.slope, "offset": it.offset, "labels": it.learned}

    def score_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the score of each row, shape (n,), without noting that it was asked for."""
        said = self.learner.predict_proba_many(X)
        return said if self.calibrator is None else self.calibrator.calibrate(said)

    def contributions_many(
        self, X: NDArray[np.float64], raw: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart, of which the learner itself said `raw`.

        Calibration stretches what each feature adds. What it adds itself, and what bounding
        the log-odds takes away, is in the base. Where there was no score there is nothing to take
        apart: all are 0.

        Returns
        -------
        bases : ndarray of float64, shape (n,)
        contributions : ndarray of float64, shape (n, n_features)
            base + their sum is the log-odds of the score.
        """
        bases, parts = self.learner.contributions_many(X)
        if self.calibrator is not None:
            parts = self.calibrator.slope * parts
            bases = self.calibrator.log_odds(raw) - parts.sum(axis=1)
        scored = ~np.isnan(raw)
        return np.where(scored, bases, 0.0), np.where(scored[:, np.newaxis], parts, 0.0)

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        header = {} if self.aside is None else {"aside": list(self.aside)}
        return State(_KIND, header, parts=states_of(self._parts(self.aside)))

    def shadow_state(self) -> State:
        """Return the state of a challenger: whoever cannot be kept is set aside in it.

        Here nothing changes: when a state is asked for depends on the clock, and what is decided
        must not.
        """
        try:
            state = self.state()
            # What has no bytes is found out here, and not when the others' are written.
            envelope_of(state)
        except Exception as error:  # Whatever a model raises: the others are to be kept.
            aside = Aside(SAVING, type(error).__name__)
            return State(_KIND, {"aside": list(aside)}, parts=states_of(self._parts(aside)))
        return state

    def restore(self, state: State) -> None:
        """Go on from the state of a contender built alike; SnapshotError, and no change, else."""
        require_kind(state, _KIND)
        aside = _aside_of(state)
        restore_members(self._parts(aside), state)
        self.aside, self.error = aside, ""

    def begin_from(self, state: State) -> None:
        """Begin with what another one has learned; how good that was is counted anew.

        Raises
        ------
        SnapshotError
            The state is of a model that was built otherwise, or damaged; then nothing was changed.
        """
        require_kind(state, _KIND)
        parts = {name: each for name, each in self._parts(None).items() if name != "quality"}
        # Without calibration then, or now, the other has none.
        known = {name: each for name, each in parts.items() if name in state.parts}
        if "learner" not in known:
            raise SnapshotError(f"{state.kind}: its model failed, and was not kept")
        kept = {name: state.parts[name] for name in known}
        restore_members(known, State(_KIND, parts=kept))

    def _parts(self, aside: Aside | None) -> dict[str, Stateful]:
        """Return what is kept: of a model that failed, how good it was before."""
        parts: dict[str, Stateful] = {"quality": self.prequential}
        if aside is None or not aside.failed:
            parts["learner"] = self.learner
        return parts if self.calibrator is None else {**parts, "calibrator": self.calibrator}


def _aside_of(state: State) -> Aside | None:
    found = state.header.get("aside")
    if found is None:
        return None
    texts = type(found) is list and len(found) == 2 and all(type(each) is str for each in found)
    if not texts or found[0] not in PLACES:
        raise SnapshotError(f"{state.kind}: aside is {found!r}, which nobody was")
    return Aside(*found)


def contender_of(learner: Learner, calibrate: bool) -> Contender:
    """Return a contender about whose scores nothing is known."""
    return Contender(learner, calibrator=Calibrator() if calibrate else None)


def ask(
    contenders: Sequence[Contender], X: NDArray[np.float64], alerting: float, champion: int = 0
) -> DecisionScores:
    """Return what every contender says of every row, NaN where it says nothing.

    Parameters
    ----------
    contenders : sequence of Contender
        By slot.
    X : ndarray of float64, shape (n, n_features)
    alerting : float
        The least score that is alerted now.
    champion : int
        Slot of the one that decides.
    """
    raw = filled((len(X), len(contenders)), np.nan)
    scores = raw.copy()
    if len(X):
        for at, contender in enumerate(contenders):
            said = _said(contender, X) if at == champion else _said_in_shadow(contender, X)
            if said is not None:
                calibrator = contender.calibrator
                raw[:, at] = said
                scores[:, at] = said if calibrator is None else calibrator.calibrate(said)
    return DecisionScores(
        champion_first(scores, champion),
        champion_first(raw, champion),
        filled(len(X), alerting),
        filled(len(X), champion, np.uint8) if champion else None,
    )


def _said(contender: Contender, X: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return contender.learner.predict_proba_many(X) if contender.learner.ready else None


def _said_in_shadow(contender: Contender, X: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return what a challenger says of rows; if it fails at one, only what it said before."""
    if contender.aside is not None:
        return None
    try:
        # A copy: what it does to it is its own business.
        return _scores(_said(contender, X.copy()), len(X))
    except Exception as error:  # Whatever a model raises.
        # How rows were put together must not show, so those before the one that fails count.
        said = filled(len(X), np.nan)
        for row in range(len(X)):
            try:
                one = _scores(_said(contender, X[row : row + 1].copy()), 1)
            except Exception as why:
                contender.set_aside(SCORING, why)
                return said
            said[row] = np.nan if one is None else one[0]
        contender.set_aside(SCORING, error)
        return None


def _scores(said: NDArray[np.float64] | None, n: int) -> NDArray[np.float64] | None:
    """Refuse what are no scores of n rows; NaN is none, and may be."""
    if said is None:
        return None
    if not isinstance(said, np.ndarray) or said.shape != (n,) or said.dtype != np.float64:
        shape = getattr(said, "shape", None)
        raise NoProbabilityError(f"a {type(said).__name__} of shape {shape} for {n} rows")
    if ((said < 0.0) | (said > 1.0)).any():
        raise NoProbabilityError("a score outside of 0 to 1")
    return said


def judge(contenders: Sequence[Contender], said: DecisionScores, y: NDArray[np.bool_]) -> None:
    """Judge by each label what was said before it.

    Parameters
    ----------
    contenders : sequence of Contender
        By slot. Each answers for every payment that it decided, and for those that it scored.
    said : DecisionScores
    y : ndarray of bool, shape (n,)
        True for fraud.
    """
    for at, contender in enumerate(contenders):
        quality = contender.prequential
        for scores, alerted, rows in _as_judged(said, at):
            update = quality.update if rows.decided else quality.update_scored
            update(scores, alerted, y[rows.which])


class _Rows(NamedTuple):
    """Some payments, and whether the contender decided them."""

    which: NDArray[np.bool_] | slice
    decided: bool


def _as_judged(
    said: DecisionScores, slot: int
) -> list[tuple[NDArray[np.float64], NDArray[np.bool_], _Rows]]:
    """Return scores and alerts of the payments that a contender decided, and of the others."""
    scores, decided = said.scores_of(slot), said.decided_by(slot)
    alerted = scores >= said.alerting
    if not decided.any() or decided.all():
        return [(scores, alerted, _Rows(slice(None), bool(decided.any())))]
    return [
        (scores[which], alerted[which], _Rows(which, its))
        for which, its in ((decided, True), (~decided, False))
    ]


def teach(contenders: Sequence[Contender], examples: Examples, champion: int = 0) -> None:
    """Let the learners learn labels: all that is new, or what is of each one's kind.

    Feedback is what somebody said, so it weighs 1.

    Parameters
    ----------
    contenders : sequence of Contender
        By slot.
    examples : Examples
        Their scores are not looked at.
    champion : int
        Slot of the one that decides.
    """
    for at, contender in enumerate(contenders):
        if at == champion:
            _teach(contender.learner, examples)
        elif contender.aside is None:
            try:
                own = examples._replace(
                    features=examples.features.copy(), is_fraud=examples.is_fraud.copy()
                )
                _teach(contender.learner, own)
            except Exception as error:  # Whatever a model raises.
                contender.set_aside(LEARNING, error)


def _teach(learner: Learner, examples: Examples) -> None:
    if not has_feedback_learner(learner):
        learner.learn_many(*_to_learn(examples, examples.news))
        return
    feedback = (examples.kinds & LabelKind.FEEDBACK) != 0
    delayed = (examples.kinds & LabelKind.DELAYED) != 0
    learner.learn_feedback(examples.features[feedback], examples.is_fraud[feedback])
    learner.learn_many(*_to_learn(examples, delayed))


def _to_learn(
    examples: Examples, rows: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64] | None]:
    """Return features, verdicts and weights of some examples, without those that weigh nothing."""
    weights = examples.weights
    if weights is None:
        if rows.all():
            return examples.features, examples.is_fraud, None
        return examples.features[rows], examples.is_fraud[rows], None
    rows = rows & (weights > 0.0)
    return examples.features[rows], examples.is_fraud[rows], weights[rows]


def take_back(contenders: Sequence[Contender], said: DecisionScores, y: NDArray[np.bool_]) -> None:
    """Take back how rows were judged whose truth is the opposite after all.

    Parameters are those of `judge`; `y` is what is known now.
    """
    for at, contender in enumerate(contenders):
        quality = contender.prequential
        for scores, alerted, rows in _as_judged(said, at):
            undo = quality.take_back if rows.decided else quality.take_back_scored
            undo(scores, alerted, ~y[rows.which])


def calibrate(contenders: Sequence[Contender], said: DecisionScores, y: NDArray[np.bool_]) -> None:
    """Let the calibrators learn labels, by what the learners themselves had said.

    Parameters
    ----------
    contenders : sequence of Contender
        By slot.
    said : DecisionScores
    y : ndarray of bool, shape (n,)
        True for fraud.
    """
    for at, contender in enumerate(contenders):
        if contender.calibrator is not None:
            contender.calibrator.learn(said.raw_of(at), y)


def probe(contender: Contender, X: NDArray[np.float64]) -> None:
    """Find out whether a challenger could decide; set it aside if not.

    A challenger is never asked to take a score apart, and whether it can be kept only shows
    when somebody keeps it. Both must be known before it is the champion.

    Parameters
    ----------
    contender : Contender
    X : ndarray of float64, shape (n, n_features)
        Payments that were scored lately; may be none.
    """
    at = SCORING
    try:
        said = _scores(_said(contender, X.copy()), len(X))
        at = EXPLAINING
        if said is not None and len(X):
            bases, parts = contender.contributions_many(X.copy(), said)
            if np.shape(bases) != (len(X),) or np.shape(parts) != X.shape:
                shapes = f"{np.shape(bases)} and {np.shape(parts)}"
                raise NoProbabilityError(f"contributions of shapes {shapes} for {X.shape}")
        at = SAVING
        envelope_of(contender.state())
    except Exception as error:  # Whatever a model raises.
        contender.set_aside(at, error)
