"""Recorded payments through an engine in event time, each label when it is due.

What has no clock of its own is played back by what its rows say: a row arrives at its
event time, and the label of a fraud once event time has come as far as the payment's
time and the label's delay, before the first row that is not earlier.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from schemas.columns import ARRIVAL_TIME_US, REASON, Reason, Transactions
from schemas.compiler import compile_schema
from schemas.decoder import Decoder, Limits
from schemas.records import RecordCodec, builtin
from schemas.roles import LABEL_ROLES
from stream.engine import Effects, Engine
from stream.labels.fates import Departed, Review

# What is played back never leaves the machine, so its key need not be secret, only fixed.
REPLAY_HASH_KEY = b"fraudstream-file"
# A record has no arrival to hold its time against. Later than 2100 is a wrong unit,
# and would end event time for every row behind it.
LATEST_US = 4_102_444_800_000_000
_BEGINNING_US = -(2**62)
_LABEL_SCHEMA_ID = 2
_OK = int(Reason.OK)

# When a label is due, the row of its payment counted from the first, and the payment's id.
_Due = tuple[int, int, str]


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

    def of_frauds(self, due: list[_Due]) -> Transactions:
        """Return the labels of payments that turned out to be frauds."""
        values = [
            self._codec.encode_checked(
                {
                    "transaction_id": transaction_id,
                    "is_fraud": True,
                    "source": "CHARGEBACK",
                    "label_time": due_us,
                    "confidence": 1.0,
                }
            )
            for due_us, _, transaction_id in due
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
    """

    def __init__(self, engine: Engine, limits: Limits, label_delay_us: int) -> None:
        self.engine = engine
        self.limits = limits
        self.label_delay_us = label_delay_us
        self.labels_refused: dict[str, int] = {}
        self.label_reviews: dict[str, int] = {}
        self.rows = 0
        self._due: list[_Due] = []
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
            The truth of each row; only a fraud gets a label.

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
        calls = self._calls(batch, np.array([truth is True for truth in is_fraud], np.bool_))
        for start, stop in pairwise(sorted({0, *calls, n})):
            if start in calls:
                self._give(sorted(calls[start]))
            part = Transactions(batch.layout, batch.longs[:, start:stop], batch.data)
            effects = self.engine.step(part)
            self._tell(effects.label_reviews, _reasons(effects.departed_labels))
            yield start, part, effects
        self.rows += n

    def _calls(self, batch: Transactions, is_fraud: NDArray[np.bool_]) -> dict[int, list[_Due]]:
        """Find the row before which each label comes; keep those that come later."""
        good = batch.reason == _OK
        times = np.where(good, batch.event_time_us, _BEGINNING_US)
        # Event time goes on from the block before.
        latest = np.maximum.accumulate(np.maximum(times, self._latest_us))
        if len(latest):
            self._latest_us = int(latest[-1])
        calls: dict[int, list[_Due]] = defaultdict(list)
        while self._due and self._due[0][0] <= self._latest_us:
            due = heapq.heappop(self._due)
            calls[int(np.searchsorted(latest, due[0]))].append(due)
        for row in np.flatnonzero(is_fraud & good).tolist():
            due = (
                int(times[row]) + self.label_delay_us,
                self.rows + row,
                batch.transaction_id(row),
            )
            # A label never comes before its payment, however late that is.
            before = max(int(np.searchsorted(latest, due[0])), row + 1)
            if before < len(batch):
                calls[before].append(due)
            else:
                heapq.heappush(self._due, due)
        return calls

    def _give(self, due: list[_Due]) -> None:
        effects = self.engine.label(labels_of(self.limits).of_frauds(due))
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
