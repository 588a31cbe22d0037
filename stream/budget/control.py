"""A threshold that moves so that there are so many alerts a day.

It is the least score above which lie, by what the last days were like, as many payments a
day as are wanted. Wanted is the budget, corrected by what was really alerted: each day's
worth of alerts too many is paid back over `REPAY_DAYS`, each too few made up for, so that
the mean is the budget even where scores drift faster than the memory of them.

A share of the budget may be drawn at random from below the threshold (`exploration`); then the
threshold is for the rest.

All happens at learning barriers, in event time.

Scores of different models are spread differently, so what the others say is remembered as well:
whoever is promoted comes with a threshold of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interval import DEVIATIONS, wilson
from models.states.restoring import (
    array,
    count,
    require,
    require_header,
    require_kind,
    require_within,
)
from models.states.snapshot import State
from stream.budget.exploration import drawn, rate_of
from stream.budget.levels import BINS, COUNT, DAY_US, FadingLevels, score_at
from stream.decide import THRESHOLD_OFF, DecisionScores, Thresholds
from stream.event_time import BEGINNING_US

# Several days, so that the hours of one do not show; what a week does not repay, debts do.
HALF_LIFE_US = 2 * DAY_US
# Before it has seen this much of the stream the fixed threshold applies.
SEEN_MIN_US = DAY_US
REPAY_DAYS = 3.0
# However little was alerted before, no more than this multiple of the budget is wanted.
WANTED_MAX = 3.0
# Debts beyond are forgotten, either way: nobody wants to hear nothing for a month.
DEBT_DAYS_MAX = 10.0
# A silence counts as a day at most: it says nothing of how many payments a day there are,
# and whoever got no alerts in it cannot look at all of them afterwards.
SILENCE_MAX_US = DAY_US
# A threshold that moved just now stays: the walk over the bins costs microseconds.
MOVE_EVERY_US = 60_000_000
# A bin that holds this share of the budget is not cut, as its payments may be equal.
COARSE = 0.5
# In bins: what lies on an edge, but for rounding, is in the bin above it.
_ON_THE_EDGE = 1e-7

# Of a model whose scores were seen for less, in days that fade, nothing is known.
KNOWN_DAYS_MIN = 1.0
# Where nobody else is tried, nobody needs a name.
ONE = ("",)

_KIND = "alert_budget/2"
_COUNT_MAX = 2**62


@dataclass(frozen=True)
class _Counts:
    """Whole numbers of the state.

    Attributes
    ----------
    scored : int
        Payments with a score.
    began_us : int
        The barrier before the first of them.
    moved_us : int
        The latest barrier at which a threshold was chosen, or could have been.
    active_us : int
        How long the budget had been in force at that barrier.
    alerts : int
        Raised while it was, drawn ones included.
    drawn : int
        Payments that were drawn at random.
    recent : int
        Alerts since that barrier.
    judged, hits : int
        Of alerts that its threshold raised: labels, and frauds among them.
    """

    scored: int = 0
    began_us: int = 0
    moved_us: int = 0
    active_us: int = 0
    alerts: int = 0
    drawn: int = 0
    recent: int = 0
    judged: int = 0
    hits: int = 0


def budget_of(
    alerts_per_day: float,
    fixed: Thresholds,
    learn_interval_us: int,
    explore: float = 0.0,
    contenders: Sequence[str] = ONE,
) -> AlertBudget | None:
    """Return a budget that has seen nothing; None if it is 0, and the thresholds are fixed."""
    if not alerts_per_day:
        return None
    return AlertBudget(
        alerts_per_day, fixed, learn_interval_us, explore=explore, contenders=contenders
    )


class AlertBudget:
    """The threshold of REVIEW, moved by a budget; those of CHALLENGE and BLOCK stay.

    Parameters
    ----------
    alerts_per_day : float
        What stricter outcomes take of it is not left for REVIEW.
    fixed : Thresholds
        In force until a day of scores has been seen.
    learn_interval_us : int
        Between barriers, where none is left out.
    half_life_us : int
        Event time after which a payment counts half.
    explore : float
        Share of the budget, from 0 to below 1, for payments drawn at random from below the
        threshold.
    contenders : sequence of str
        Names of all that may decide, by slot; the first one does.

    Raises
    ------
    ValueError
        The budget or the half-life is not above 0, or the share is none.

    Attributes
    ----------
    thresholds : Thresholds
        Those in force.
    """

    def __init__(
        self,
        alerts_per_day: float,
        fixed: Thresholds,
        learn_interval_us: int = 1,
        half_life_us: int = HALF_LIFE_US,
        explore: float = 0.0,
        contenders: Sequence[str] = ONE,
    ) -> None:
        if not 0 < alerts_per_day < math.inf or half_life_us <= 0:
            raise ValueError(
                f"alerts_per_day is {alerts_per_day} and half_life_us {half_life_us}: "
                "give numbers above 0"
            )
        if not 0.0 <= explore < 1.0:
            raise ValueError(f"explore is {explore}: give a share from 0 to below 1")
        self.alerts_per_day = float(alerts_per_day)
        self.explore = float(explore)
        self.fixed = fixed
        self.thresholds = fixed
        self._learn_interval_us = learn_interval_us
        self._names = tuple(contenders)
        self._by_slot = [FadingLevels(half_life_us) for _ in contenders]
        self._champion = 0
        self._counts = _Counts()
        # Alerts beyond the budget that are still to be paid back.
        self._debt = 0.0
        # Probability that a unit of score gives a payment below the threshold to be drawn.
        self._rate = 0.0

    @property
    def _levels(self) -> FadingLevels:
        """The champion's."""
        return self._by_slot[self._champion]

    @property
    def _others(self) -> dict[str, FadingLevels]:
        pairs = enumerate(zip(self._names, self._by_slot, strict=True))
        return {name: levels for slot, (name, levels) in pairs if slot != self._champion}

    @property
    def active(self) -> bool:
        """Whether the budget is in force: a day of scores has been seen."""
        counts = self._counts
        return counts.scored > 0 and counts.moved_us - counts.began_us >= SEEN_MIN_US

    @property
    def due_us(self) -> int:
        """The least time of a barrier at which `advance` has anything to do."""
        counts = self._counts
        return counts.moved_us + MOVE_EVERY_US if counts.scored else BEGINNING_US

    def advance(self, now_us: int) -> None:
        """Come to a learning barrier, before any payment behind it is decided.

        The same barrier may be told again; it moves nothing then.
        """
        counts = self._counts
        if counts.scored == 0:
            self._counts = replace(counts, began_us=now_us, moved_us=now_us)
            return
        if now_us - counts.moved_us < MOVE_EVERY_US:
            return
        passed_us = min(now_us - counts.moved_us, max(SILENCE_MAX_US, self._learn_interval_us))
        self._levels.fold(passed_us)
        for levels in self._others.values():
            # While nothing is said there is nothing to remember the time of.
            levels.fold(passed_us, counts_time=levels.recent[COUNT].any())
        if self.active:
            budget = self.alerts_per_day
            owed = self._debt + counts.recent - budget * passed_us / DAY_US
            most = DEBT_DAYS_MAX * budget
            self._debt = min(max(owed, -most), most)
            active_us, alerts = counts.active_us + passed_us, counts.alerts + counts.recent
            counts = replace(counts, active_us=active_us, alerts=alerts)
        self._counts = replace(counts, moved_us=now_us, recent=0)
        self._move()

    def promote(self, slot: int) -> None:
        """Let the threshold be of another contender's scores, from the next payment on.

        Of one whose scores nearly nobody has seen it is assumed that they are spread as those
        of the one before it; what its own are like is learned from then on.
        """
        before, self._champion = self._levels, slot
        if self._levels.days < KNOWN_DAYS_MIN:
            self._by_slot[slot] = before.copy()
        self._move()

    def _move(self) -> None:
        """Choose the threshold, and how many payments below it are drawn."""
        if self.active and self._levels.days > 0.0:
            self.thresholds = replace(self.fixed, review=self._review())
            below = self._levels.sum_below(self.thresholds.alerting)
            self._rate = rate_of(self.explore * self.alerts_per_day, below)

    def draw(self, keys: NDArray[np.uint64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draw payments from below the threshold, to be alerted too; none before it is active.

        Parameters
        ----------
        keys : ndarray of uint64, shape (n,)
            Keyed hashes of the payments' ids.
        scores : ndarray of float64, shape (n,)
            NaN where there was none.

        Returns
        -------
        ndarray of float64, shape (n,)
            The probability with which a payment was drawn; NaN where it was not.
        """
        if not self._rate:
            return np.full(len(scores), np.nan)
        below = np.where(scores < self.thresholds.alerting, scores, np.nan)
        probabilities = drawn(keys, below, self._rate)
        n = int((~np.isnan(probabilities)).sum())
        self._counts = replace(self._counts, drawn=self._counts.drawn + n)
        return probabilities

    def count(self, scores: NDArray[np.float64], alerts: int) -> None:
        """Count payments that were decided, and how many of them were alerted.

        Parameters
        ----------
        scores : ndarray of float64, shape (n,)
            NaN where there was none.
        alerts : int
        """
        scored = self._levels.count(scores)
        counts = self._counts
        self._counts = replace(counts, scored=counts.scored + scored, recent=counts.recent + alerts)

    def count_others(self, said: DecisionScores) -> None:
        """Count what the contenders that do not decide said of the same payments."""
        for slot, levels in enumerate(self._by_slot):
            if slot != self._champion:
                levels.count(said.scores_of(slot))

    def judge(self, said: DecisionScores, y: NDArray[np.bool_], sign: int = 1) -> None:
        """Count the labels of payments that the budget's threshold had alerted.

        A `sign` of -1 takes back what was counted of them.

        Parameters
        ----------
        said : DecisionScores
        y : ndarray of bool, shape (n,)
            True for fraud.
        """
        mine = said.alerting != self.fixed.alerting
        mine &= said.scores[:, 0] >= said.alerting
        counts = self._counts
        self._counts = replace(
            counts,
            judged=counts.judged + sign * int(mine.sum()),
            hits=counts.hits + sign * int((mine & y).sum()),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the threshold, and what it gives and is worth; None where nobody knows.

        ``precision_expected`` is the mean score of those that lie above the threshold, of
        late; a day's precision lies in its interval 95 days in 100 if scores are calibrated
        (normal approximation). ``precision`` is of the alerts whose truth is known, with
        Wilson's 95 % interval.
        """
        counts, thresholds = self._counts, self.thresholds
        above = self._levels.above(thresholds.alerting)
        expected = interval = None
        if above.a_day > 0.0:
            half = DEVIATIONS * math.sqrt(above.variance / max(above.a_day, 1.0))
            expected = above.mean
            interval = [max(expected - half, 0.0), min(expected + half, 1.0)]
        days = counts.active_us / DAY_US
        return {
            "alerts_per_day": self.alerts_per_day,
            "active": self.active,
            "threshold": thresholds.review,
            "alerts_per_day_expected": above.a_day if counts.scored else None,
            "alerts_per_day_so_far": counts.alerts / days if days else None,
            "drawn": counts.drawn,
            "precision_expected": expected,
            "precision_expected_interval": interval,
            "alerts_judged": counts.judged,
            "precision": counts.hits / counts.judged if counts.judged else None,
            "precision_interval": (
                list(wilson(counts.hits, counts.judged)) if counts.judged else None
            ),
        }

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        levels = self._levels
        numbers = np.array([levels.days, self._debt, self.thresholds.review, self._rate])
        who: dict[str, Any] = {}
        if len(self._names) > 1:
            who = {"champion": self._names[self._champion], "others": sorted(self._others)}
        return State(
            _KIND,
            {**self._parameters(), **asdict(self._counts), **who},
            {"numbers": numbers, "mass": levels.mass.copy(), "recent": levels.recent.copy()},
            {name: levels.state() for name, levels in self._others.items()},
        )

    def restore(self, state: State) -> None:
        """Go on where a budget with the same parameters was; SnapshotError, no change, else."""
        require_kind(state, _KIND)
        require_header(state, self._parameters())
        least = {"began_us": -_COUNT_MAX, "moved_us": -_COUNT_MAX}
        names = [each.name for each in fields(_Counts)]
        counts = _Counts(**{n: count(state, n, least.get(n, 0), _COUNT_MAX) for n in names})
        ordered = counts.began_us <= counts.moved_us and counts.hits <= counts.judged
        require(state, ordered, "its counts contradict each other")
        days, debt, review, rate = array(state, "numbers", np.float64, (4,)).tolist()
        owed = abs(debt) <= DEBT_DAYS_MAX * self.alerts_per_day
        require(state, days >= 0 and owed, "its days or its debt are out of range")
        require(state, 0 <= review <= THRESHOLD_OFF, f"{review} is no threshold")
        require(state, rate >= 0, f"{rate} is no rate")
        mass, recent = (array(state, name, np.float64, (3, BINS)) for name in ("mass", "recent"))
        require_within(state, "mass", mass, 0.0, float(_COUNT_MAX))
        require_within(state, "recent", recent, 0.0, float(_COUNT_MAX))
        champion = state.header.get("champion", self._names[0])
        require(state, champion in self._names, f"its champion {champion!r} is nobody")
        # A state from before models could be promoted knows of one, and a contender that came
        # since was never seen.
        complete = state.header.get("others", []) == sorted(state.parts)
        require(state, complete, "the scores of some contenders are missing")
        by_slot = [
            self._levels.like(state.parts[name]) if name in state.parts else self._levels.empty()
            for name in self._names
        ]
        self._counts, self._debt, self._rate = counts, debt, rate
        self._champion, self._by_slot = self._names.index(champion), by_slot
        self._levels.days, self._levels.mass, self._levels.recent = days, mass, recent
        self.thresholds = replace(self.fixed, review=review)

    def _parameters(self) -> dict[str, Any]:
        return {
            "alerts_per_day": self.alerts_per_day,
            "learn_interval_us": self._learn_interval_us,
            "half_life_us": self._levels.half_life_us,
            "explore": self.explore,
            "fixed": [float(value) for value in astuple(self.fixed)],
        }

    def _review(self) -> float:
        """Return the threshold that gives what is wanted."""
        budget = self.alerts_per_day * (1.0 - self.explore)
        wanted = budget * min(math.exp(-self._debt / (REPAY_DAYS * budget)), WANTED_MAX)
        at, share = self._levels.place(wanted)
        if at < 0:
            return 0.0
        if at == BINS - 1 or self._levels.in_bin(at) > COARSE * budget:
            # All or none of them, in turns.
            share = 1.0 if self._debt <= 0.0 else 0.0
            # Scores beyond the ends of the axis are in its last bins.
            if share == 1.0 and at == 0:
                return 0.0
            if share == 0.0 and at == BINS - 1:
                return THRESHOLD_OFF
        return score_at(at + 1 - share - _ON_THE_EDGE)
