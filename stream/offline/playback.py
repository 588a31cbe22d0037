"""Recorded payments through an engine in event time, each label when it is due.

What has no clock of its own is played back by what its rows say: a row arrives at its
event time, and the label of a fraud once event time has come as far as the payment's
time and the label's delay, before the first row that is not earlier. Analysts, where there are
any, look at each alert a delay after it was raised, and say what it was.
"""

from __future__ import annotations

import copy
import heapq
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import ARRIVAL_TIME_US, REASON, Reason, Transactions
from schemas.compiler import compile_schema
from schemas.decoder import Decoder, Limits
from schemas.records import RecordCodec, builtin
from schemas.roles import LABEL_ROLES
from stream.engine.effects import Effects
from stream.engine.engine import Engine
from stream.labels.fates import Departed, Review, Source

# What is played back never leaves the machine, so its key need not be secret, only fixed.
REPLAY_HASH_KEY = b"fraudstream-file"
# A record has no arrival to hold its time against. Later than 2100 is a wrong unit,
# and would end event time for every row behind it.
LATEST_US = 4_102_444_800_000_000
_BEGINNING_US = -(2**62)
_LABEL_SCHEMA_ID = 2
_OK = int(Reason.OK)


class Due(NamedTuple):
    """A label that somebody is going to give; they are given in this order.

    Attributes
    ----------
    due_us : int
    row : int
        Of its payment, counted from the first.
    transaction_id : str
    is_fraud : bool
    source : Source
    """

    due_us: int
    row: int
    transaction_id: str
    is_fraud: bool
    source: Source


class Labels:
    """Labels as somebody would have sent them, decoded; nothing in it changes.

    Parameters
    ----------
    limits : Limits
    """

    def __init__(self, limits: Limits) -> None:
        schema = builtin("label")
        self._codec = RecordCodec(schema, _LABEL_SCHEMA_ID)
        programs = {_LABEL_SCHEMA_ID: compile_schema(schema, LABEL_ROLES)}
        self.decoder = Decoder(LABEL_ROLES.layout, programs, REPLAY_HASH_KEY, limits)

    def of(self, due: list[Due]) -> Transactions:
        """Return labels as records of `label.avsc`, decoded."""
        values = [
            self._codec.encode_checked(
                {
                    "transaction_id": each.transaction_id,
                    "is_fraud": each.is_fraud,
                    "source": each.source.name,
                    "label_time": each.due_us,
                    "confidence": 1.0,
                }
            )
            for each in due
        ]
        return self.decoder.decode(values, -_BEGINNING_US)


@cache
def labels_of(limits: Limits) -> Labels:
    """Return the labels under some limits: compiled once, held by nobody."""
    return Labels(limits)


class Playback:
    """One engine and the labels that it is still to be told.

    Parameters
    ----------
    engine : Engine
        Its hash key is `REPLAY_HASH_KEY`.
    limits : Limits
    label_delay_us : int
        From a payment to its label, event time.
    analyst_delay_us : int
        From an alert to an analyst's verdict, event time; 0: nobody looks at alerts.
    """

    def __init__(
        self, engine: Engine, limits: Limits, label_delay_us: int, analyst_delay_us: int = 0
    ) -> None:
        self.engine = engine
        self.limits = limits
        self.label_delay_us = label_delay_us
        self.analyst_delay_us = analyst_delay_us
        self.labels_refused: dict[str, int] = {}
        self.label_reviews: dict[str, int] = {}
        self.rows = 0
        self._due: list[Due] = []
        self._latest_us = _BEGINNING_US

    @property
    def labels_not_yet_due(self) -> int:
        """Labels that event time has not come to."""
        return len(self._due)

    def play(
        self, batch: Transactions, readable: Sequence[bool], is_fraud: Sequence[bool | None]
    ) -> Iterator[tuple[int, Transactions, Effects]]:
        """Step the engine over the next rows, giving it each label when it is due.

        A block ends where a label comes, and only there, so the size of a block
        changes nothing.

        Parameters
        ----------
        batch : Transactions
            Decoded with `LATEST_US` as arrival time; its arrival times and reasons are
            set here.
        readable : sequence of bool, length n
            False for a row whose cells could not be read.
        is_fraud : sequence of bool or None, length n
            The truth of each row. Only a fraud gets a label by itself, and only an alert whose
            truth is known gets a verdict.

        Yields
        ------
        first : int
            Row of `batch` at which the part begins.
        part : Transactions
        effects : Effects
        """
        n = len(batch)
        batch.longs[REASON, ~np.array(readable, np.bool_)] = Reason.UNREADABLE_FIELD
        batch.longs[ARRIVAL_TIME_US] = batch.event_time_us
        latest = self._latest(batch)
        frauds = np.array([truth is True for truth in is_fraud], np.bool_)
        frauds &= batch.reason == _OK
        first_due = batch.event_time_us + self.label_delay_us
        # A label never comes before its payment, however late that is.
        calls = np.maximum(np.searchsorted(latest, first_due), np.arange(n) + 1)[frauds]
        calls = np.unique(calls)
        start = 0
        while start < n:
            self._give(int(latest[start]))
            stop = self._stop(latest, calls, start)
            part = Transactions(batch.layout, batch.longs[:, start:stop], batch.data)
            effects = self.engine.step(part)
            self._tell(effects.label_reviews, _reasons(effects.departed_labels))
            for row in np.flatnonzero(frauds[start:stop]).tolist():
                self._expect(part, row, int(first_due[start + row]), True, Source.CHARGEBACK)
            if self.analyst_delay_us:
                for row in effects.alerts.rows.tolist():
                    truth = is_fraud[start + row]
                    if truth is not None:
                        due_us = int(latest[start + row]) + self.analyst_delay_us
                        self._expect(part, row, due_us, truth, Source.ANALYST_REVIEW)
            self.rows += len(part)
            yield start, part, effects
            start = stop

    def fork(self, engine: Engine) -> Playback:
        """Return one that goes on from here by itself, with an engine that is as this one's."""
        other = copy.copy(self)
        other.engine = engine
        other.labels_refused, other.label_reviews = {**self.labels_refused}, {**self.label_reviews}
        other._due = [*self._due]
        return other

    def _latest(self, batch: Transactions) -> NDArray[np.int64]:
        """Return how far event time has come at each row: it goes on from the block before."""
        times = np.where(batch.reason == _OK, batch.event_time_us, _BEGINNING_US)
        latest = np.maximum.accumulate(np.maximum(times, self._latest_us))
        if len(latest):
            self._latest_us = int(latest[-1])
        return latest

    def _stop(self, latest: NDArray[np.int64], calls: NDArray[np.int64], start: int) -> int:
        """Find the row before which the next label may come; a part ends there."""
        later = calls[calls > start]
        stops = [len(latest), *later[:1].tolist()]
        times_us = [self._due[0].due_us] if self._due else []
        if self.analyst_delay_us:
            # No alert of this part is looked at before.
            times_us.append(int(latest[start]) + self.analyst_delay_us)
        stops += [int(np.searchsorted(latest, at_us)) for at_us in times_us]
        return max(min(stops), start + 1)

    def _expect(
        self, part: Transactions, row: int, due_us: int, is_fraud: bool, source: Source
    ) -> None:
        """Note a label that is due later."""
        name = part.transaction_id(row)
        heapq.heappush(self._due, Due(due_us, self.rows + row, name, is_fraud, source))

    def _give(self, now_us: int) -> None:
        """Give the engine all labels that are due."""
        due = []
        while self._due and self._due[0].due_us <= now_us:
            due.append(heapq.heappop(self._due))
        if not due:
            return
        effects = self.engine.label(labels_of(self.limits).of(due))
        refused = effects.reasons[effects.reasons != _OK].tolist()
        self._tell(effects.reviews, [*map(Reason, refused), *_reasons(effects.departed)])

    def _tell(self, reviews: list[Review], reasons: list[Reason]) -> None:
        for review in reviews:
            why = review.why.name.lower()
            self.label_reviews[why] = self.label_reviews.get(why, 0) + 1
        for reason in reasons:
            name = reason.name.lower()
            self.labels_refused[name] = self.labels_refused.get(name, 0) + 1


def _reasons(departed: list[Departed]) -> list[Reason]:
    """Return why labels that were held are dead letters, those that are."""
    return [each.reason for each in departed if each.reason is not Reason.OK]
