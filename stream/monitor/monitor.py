"""All that is watched while an engine decides; it decides nothing itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.members import Stateful, restore_members, states_of
from models.states.restoring import require_kind
from models.states.snapshot import State
from stream.decide import DecisionScores
from stream.labels.waiting import WaitingRows
from stream.monitor.distributions import Distributions
from stream.monitor.events import DriftEvent
from stream.monitor.levels import ERROR, SCORE, Levels
from stream.monitor.parameters import MonitorParameters
from stream.monitor.quality import Quality

_KIND = "monitor/1"
_DISAGREEMENTS = 50


class Disagreement(NamedTuple):
    """A payment that one contender would alert and the champion would not, or the reverse.

    Attributes
    ----------
    time_us : int
    challenger : int
        Its slot.
    champion_score, challenger_score : float
    """

    time_us: int
    challenger: int
    champion_score: float
    challenger_score: float


class Monitor:
    """Distributions of features and scores, levels of scores and errors, quality by window.

    Parameters
    ----------
    names : sequence of str
        The features.
    parameters : MonitorParameters

    Attributes
    ----------
    features, scores : Distributions
        Of payments that were decided; the latter of those that have a score.
    quality : Quality
    disagreements : deque of Disagreement
        The latest, the newest last; not part of the state.
    """

    def __init__(self, names: Sequence[str], parameters: MonitorParameters) -> None:
        self.parameters = parameters
        self.features = Distributions(names, parameters)
        self.scores = Distributions(("score",), parameters)
        self.quality = Quality(names, parameters)
        self.disagreements: deque[Disagreement] = deque(maxlen=_DISAGREEMENTS)
        self._levels = Levels(parameters)

    @property
    def due_us(self) -> int:
        """Before this time `advance` has nothing to do."""
        return min(self.features.due_us, self.scores.due_us)

    def observe(
        self,
        features: NDArray[np.float64],
        said: DecisionScores,
        times_us: NDArray[np.int64],
        amounts: NDArray[np.int64],
        alerted: NDArray[np.bool_],
    ) -> list[DriftEvent]:
        """Watch payments that were decided; return what changed at one of them.

        Parameters
        ----------
        features : ndarray of float64, shape (n, n_features)
            Contiguous.
        said : DecisionScores
        times_us, amounts : ndarray of int64, shape (n,)
        alerted : ndarray of bool, shape (n,)
        """
        if not len(times_us):
            return []
        scores = np.ascontiguousarray(said.scores[:, 0])
        self.features.observe(features)
        self.quality.note(features, times_us, amounts, scores, alerted)
        if said.scores.shape[1] > 1:
            self._disagree(said, times_us)
        scored = scores[~np.isnan(scores)]
        if not len(scored):
            return []
        self.scores.observe(scored[:, np.newaxis])
        return self._levels.observe(SCORE, scores, times_us)

    def judge(self, waiting: WaitingRows, ripe: NDArray[np.int64], now_us: int) -> list[DriftEvent]:
        """Judge payments that are mature now, by their places; return what changed at one."""
        if not len(ripe):
            return []
        self.quality.judge(waiting, ripe)
        errors = (waiting.scores[ripe, 0] - (waiting.verdicts[ripe] == 1)) ** 2
        return self._levels.observe(ERROR, errors, waiting.times_us[ripe], now_us)

    def advance(self, now_us: int) -> list[DriftEvent]:
        """Close the windows that are over; return what drifts, and what does so no longer."""
        return self.features.advance(now_us) + self.scores.advance(now_us)

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        return State(_KIND, parts=states_of(self._parts))

    def restore(self, state: State) -> None:
        """Go on from a state; SnapshotError, and no change, if it is damaged."""
        require_kind(state, _KIND)
        restore_members(self._parts, state)

    @property
    def _parts(self) -> dict[str, Stateful]:
        return {
            "features": self.features,
            "scores": self.scores,
            "levels": self._levels,
            "quality": self.quality,
        }

    def _disagree(self, said: DecisionScores, times_us: NDArray[np.int64]) -> None:
        alerting = said.scores >= said.alerting[:, np.newaxis]
        unlike = (alerting[:, 1:] != alerting[:, :1]) & ~np.isnan(said.scores[:, :1])
        unlike &= ~np.isnan(said.scores[:, 1:])
        champion = 0 if said.champions is None else int(said.champions[0])
        for row, challenger in np.argwhere(unlike)[-_DISAGREEMENTS:].tolist():
            scores, column = said.scores[row], 1 + challenger
            # Where the champion would be is who has the first slot.
            slot = 0 if column == champion else column
            self.disagreements.append(
                Disagreement(int(times_us[row]), slot, float(scores[0]), float(scores[column]))
            )
