"""What was decided and what would have been, payment by payment, in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from stream.decide import Outcome
from stream.engine.effects import Effects
from stream.rules.matched import NamedRules

# Payments of which is remembered what they are called.
NAMED_MAX = 200


class Matches(NamedTuple):
    """Which rules matched which payments, m matches in the order of payments.

    Attributes
    ----------
    payments : ndarray of int64, shape (m,)
    rules : ndarray of int64, shape (m,)
        Places in `Decided.rules`.
    live : ndarray of bool, shape (m,)
        False: in shadow.
    """

    payments: NDArray[np.int64]
    rules: NDArray[np.int64]
    live: NDArray[np.bool_]


class Trip(NamedTuple):
    """A rule that was put in shadow because it matched too much, and the payment's time."""

    rule: str
    event_time_us: int


class Decided(NamedTuple):
    """What was decided of n payments.

    Attributes
    ----------
    outcomes : ndarray of int8, shape (n,)
        `Outcome`.
    scores : ndarray of float64, shape (n,)
        NaN where there was none.
    told : ndarray of bool, shape (n,)
        Whether an alert went out.
    rules : dict of str to Outcome
        Every rule that was in force, by its id, and its action.
    matches : Matches
    trips : list of Trip
    """

    outcomes: NDArray[np.int8]
    scores: NDArray[np.float64]
    told: NDArray[np.bool_]
    rules: dict[str, Outcome]
    matches: Matches
    trips: list[Trip]


class Payments(NamedTuple):
    """The payments themselves.

    Attributes
    ----------
    keys : ndarray of uint64, shape (n,)
        Of their ids.
    event_time_us, amount_minor : ndarray of int64, shape (n,)
    truths : ndarray of int8, shape (n,)
        As a file has them; `stream.evaluation.ledger.UNKNOWN` where only labels say.
    """

    keys: NDArray[np.uint64]
    event_time_us: NDArray[np.int64]
    amount_minor: NDArray[np.int64]
    truths: NDArray[np.int8]


class SideLedger:
    """Grows what one engine decided."""

    def __init__(self) -> None:
        self._rows = 0
        self._columns: list[tuple[NDArray[Any], ...]] = []
        self._matches: list[Matches] = []
        self._rules: dict[str, Outcome] = {}
        self._digest, self._places = "", np.zeros(0, np.int64)
        self._trips: list[Trip] = []

    def add(
        self, said: Sequence[Effects], times_us: NDArray[np.int64], kept: NDArray[np.bool_]
    ) -> None:
        """Append what was decided of a batch, which may have been cut into parts.

        Parameters
        ----------
        said : sequence of Effects
        times_us : ndarray of int64, shape (n,)
        kept : ndarray of bool, shape (n,)
        """
        places = np.cumsum(kept) + (self._rows - 1)
        columns, first = [], 0
        for effects in said:
            here = slice(first, first + len(effects.scores))
            told = np.zeros(len(effects.scores), np.bool_)
            told[effects.alerts.rows] = True
            columns.append((effects.outcomes, effects.scores, told))
            self._match(effects, places[here], kept[here], times_us[here])
            first = here.stop
        whole = [np.concatenate(each)[kept] for each in zip(*columns, strict=True)]
        self._columns.append(tuple(whole))
        self._rows += int(kept.sum())

    def decided(self) -> Decided:
        """Return all so far."""
        outcomes, scores, told = _joined(self._columns, (np.int8, np.float64, np.bool_))
        matches = Matches(*_joined(self._matches, (np.int64, np.int64, np.bool_)))
        return Decided(outcomes, scores, told, self._rules, matches, self._trips)

    def _match(
        self,
        effects: Effects,
        places: NDArray[np.int64],
        kept: NDArray[np.bool_],
        times_us: NDArray[np.int64],
    ) -> None:
        """Append which rules matched; `places` are those of the payments among all."""
        numbers = self._numbers(effects.rules)
        for trip in effects.tripped:
            name = effects.rules.rules[trip.rule].id
            self._trips.append(Trip(name, int(times_us[trip.row])))
        starts, rules, live = effects.matched
        if not len(rules):
            return
        rows = np.repeat(np.arange(len(kept)), np.diff(starts))
        counted = kept[rows]
        found = Matches(places[rows][counted], numbers[rules[counted]], live[counted])
        self._matches.append(found)

    def _numbers(self, named: NamedRules) -> NDArray[np.int64]:
        """Return each rule's place among all that were ever in force."""
        if named.digest != self._digest or len(self._places) != len(named.rules):
            for rule in named.rules:
                self._rules[rule.id] = rule.action
            order = {name: at for at, name in enumerate(self._rules)}
            places = [order[rule.id] for rule in named.rules]
            self._digest, self._places = named.digest, np.array(places, np.int64)
        return self._places


class Ledger:
    """Grows what was decided by one engine or by two.

    Parameters
    ----------
    two : bool
        Whether there is a candidate.

    Attributes
    ----------
    names : dict of int to str
        Ids of the first payments that the two decided otherwise, by their place.
    """

    def __init__(self, two: bool) -> None:
        self._live = SideLedger()
        self._candidate = SideLedger() if two else None
        self._payments: list[Payments] = []
        self._rows = 0
        self.names: dict[int, str] = {}

    def __len__(self) -> int:
        return self._rows

    def add(
        self,
        batch: Transactions,
        live: Sequence[Effects],
        candidate: Sequence[Effects] = (),
        truths: NDArray[np.int8] | None = None,
    ) -> None:
        """Append what became of a batch: not of what was refused, and of a repeat only once.

        Parameters
        ----------
        batch : Transactions
        live, candidate : sequence of Effects
            Of the batch, or of its parts in their order; the two may be cut otherwise.
        truths : ndarray of int8, shape (n,), optional
        """
        kept = decisions_of(live)
        times_us = batch.event_time_us
        truths = np.full(len(batch), -1, np.int8) if truths is None else truths
        self._payments.append(
            Payments(
                batch.transaction_key[kept], times_us[kept], batch.amount_minor[kept], truths[kept]
            )
        )
        self._live.add(live, times_us, kept)
        if self._candidate is not None:
            self._candidate.add(candidate, times_us, kept)
            self._name(batch, live, candidate, kept)
        self._rows += int(kept.sum())

    def payments(self) -> Payments:
        """Return all payments so far."""
        return Payments(*_joined(self._payments, (np.uint64, np.int64, np.int64, np.int8)))

    def live(self) -> Decided:
        """Return what was decided."""
        return self._live.decided()

    def candidate(self) -> Decided | None:
        """Return what would have been; None: nothing was changed."""
        return None if self._candidate is None else self._candidate.decided()

    def _name(
        self,
        batch: Transactions,
        live: Sequence[Effects],
        candidate: Sequence[Effects],
        kept: NDArray[np.bool_],
    ) -> None:
        """Remember what some payments that were decided otherwise are called."""
        if len(self.names) >= NAMED_MAX:
            return
        was, now = (np.concatenate([each.outcomes for each in side]) for side in (live, candidate))
        rows = np.flatnonzero(kept & (was != now))[: NAMED_MAX - len(self.names)]
        places = np.cumsum(kept) + (self._rows - 1)
        for row in rows.tolist():
            self.names[int(places[row])] = batch.transaction_id(row)


def decisions_of(said: Sequence[Effects]) -> NDArray[np.bool_]:
    """Tell which rows are decisions of their own, shape (n,)."""
    reasons = np.concatenate([effects.reasons for effects in said])
    repeated = np.concatenate([effects.duplicate for effects in said])
    # What is too late is a dead letter, and a payment that was decided without a score.
    return ((reasons == Reason.OK) | (reasons == Reason.EVENT_TOO_LATE)) & ~repeated


def _joined(
    parts: Sequence[tuple[NDArray[Any], ...]], kinds: Sequence[Any]
) -> tuple[NDArray[Any], ...]:
    """Lay columns one behind the other; `kinds` are theirs where there are no parts."""
    return tuple(
        np.concatenate([np.zeros(0, kind), *(part[at] for part in parts)])
        for at, kind in enumerate(kinds)
    )
