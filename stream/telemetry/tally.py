"""What went through a worker, as plain numbers: counted by its own thread, a batch at a time.

Nobody else looks at what changes here: `traffic` makes copies now and then, in the same thread, and
those are what others read.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from schemas.jit import kernel, uncounted
from stream.champion.reigns import Cause
from stream.decide import Outcome
from stream.engine.control import ControlEffects
from stream.engine.effects import Effects
from stream.event_time import Timeliness
from stream.exchange.topics import NO_EXCHANGE, ExchangeTopics
from stream.keytable import NOWHERE, find
from stream.labels.fates import LabelEffects
from stream.labels.waiting import WaitingRows
from stream.short_arrays import count
from stream.telemetry.latency_histogram import PARTS_BITS, LatencyHistogram

# What became of a payment: its outcome, if it was decided for the first time and in time.
OUTCOMES = (*(each.name.lower() for each in Outcome), "duplicate", "too_late", "refused")
ALERTING = tuple(each.name.lower() for each in Outcome if each >= Outcome.REVIEW)
# Why one that was decided has no score.
CAUSES = ("model_cold", "no_score")
# Why a model became champion: by orders, or by what the engine itself found.
BY_CANARY = "canary"
PROMOTIONS = (Cause.ORDER.value, Cause.ROLLBACK.value, BY_CANARY)
# What became of a label or an order; no order is held.
_ARRIVALS = ("taken", "held", "refused")
SCORE_BOUNDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)

# Places of `Tally.sums_us`.
SCORING, END_TO_END, LABEL_DELAY, SHARED_DELAY, TRAINING_DELAY, ADOPTION_DELAY = range(6)

_OK, _EVENT_TOO_LATE = int(Reason.OK), int(Reason.EVENT_TOO_LATE)
_TOO_LATE = int(Timeliness.TOO_LATE)
_DUPLICATE, _LATEST, _REFUSED = (OUTCOMES.index(n) for n in ("duplicate", "too_late", "refused"))
_COLD, _NO_SCORE = range(2)
_LARGEST_US = 2**41 - 1


class Tally:
    """Counts of what a worker took, decided and handed over.

    Parameters
    ----------
    transactions, labels, control : str
        Names of the topics.
    exchange : ExchangeTopics
        And of those on which partitions tell each other.
    now_us : callable
        The time of day, microseconds since the epoch.
    clock : callable
        Seconds, never going back.

    Attributes
    ----------
    payments : ndarray of int64, shape (len(OUTCOMES),)
        By what became of them.
    unscored : ndarray of int64, shape (2,)
        Payments that were decided without a score, by `CAUSES`.
    scores : ndarray of int64, shape (len(SCORE_BOUNDS) + 1,)
        The champion's scores by the first bound that they do not exceed.
    score_sum : ndarray of float64, shape (1,)
    others : Counter of (str, str)
        Labels and orders: topic and what became of them.
    promotions : Counter of str
        Models that became champion: by an order, back again by an order (rollback), or because
        their canary said so.
    trips : int
        Rules that were put in shadow for matching too much.
    rules_applied : int
        Sets of rules that came into force.
    records : int
        Of all topics but those on which partitions tell each other.
    scoring : LatencyHistogram
        For each payment from when its poll returned to when all that came of its batch was
        handed to the client.
    end_to_end : LatencyHistogram
        For each payment from its arrival at the brokers to that moment. Whether the topic or its
        producer stamps the arrival is the topic's setting.
    label_delay : LatencyHistogram
        From a payment to its label, by their own times; of labels whose payment was here before.
    shared_delay, training_delay, adoption_delay : LatencyHistogram
        From a record's arrival on each of the topics on which partitions tell each other to when
        payments were counted here, examples learned, and a version of the models taken over.
    sums_us : ndarray of float64, shape (6,)
        Of these six, by `SCORING`, `END_TO_END`, `LABEL_DELAY` and so on.
    turned_s : float
        When the loop came round last.
    """

    def __init__(
        self,
        transactions: str,
        labels: str = "",
        control: str = "",
        exchange: ExchangeTopics = NO_EXCHANGE,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.transactions, self.labels, self.control = transactions, labels, control
        self.payments = np.zeros(len(OUTCOMES), np.int64)
        self.unscored = np.zeros(len(CAUSES), np.int64)
        self.scores = np.zeros(len(SCORE_BOUNDS) + 1, np.int64)
        self.score_sum = np.zeros(1)
        # Zeros too: a rate is known only of what was there before.
        self.others = Counter(
            {(topic, name): 0 for topic in (labels, control) if topic for name in _ARRIVALS}
        )
        self.promotions = Counter(dict.fromkeys(PROMOTIONS, 0))
        self.trips = self.rules_applied = 0
        self.records = 0
        self.scoring = LatencyHistogram()
        self.end_to_end = LatencyHistogram()
        self.label_delay = LatencyHistogram()
        self.shared_delay = LatencyHistogram()
        self.training_delay = LatencyHistogram()
        self.adoption_delay = LatencyHistogram()
        self.sums_us = np.zeros(6)
        self._delays = {
            exchange.shared: (self.shared_delay, SHARED_DELAY),
            exchange.training: (self.training_delay, TRAINING_DELAY),
            exchange.models: (self.adoption_delay, ADOPTION_DELAY),
        }
        self._bounds = np.array(SCORE_BOUNDS)
        self._now_us = now_us
        self._clock = clock
        self.turned_s = clock()

    def warm_up(self) -> None:
        """Compile what is run for every batch, and count nothing."""
        none = np.zeros(0, np.int64)
        few, flags = np.zeros(0, np.int8), np.zeros(0, np.bool_)
        self._count_payments(few, few, flags, flags, np.zeros(0), none)
        count_latencies(self.end_to_end.counts, self.sums_us, END_TO_END, 0, none)
        buckets = WaitingRows(1, 1, 1).buckets
        keys = np.zeros(0, np.uint64)
        count_delays(self.label_delay.counts, self.sums_us, buckets, keys, none, none)

    def decided(self, effects: Effects) -> None:
        """Count a batch of payments by what was decided."""
        self._count_payments(
            effects.outcomes,
            effects.timeliness,
            effects.duplicate,
            effects.cold,
            effects.scores,
            effects.reasons,
        )
        self.trips += len(effects.tripped)
        self.promotions[BY_CANARY] += len(effects.promoted)

    def labelled(self, labels: Transactions, effects: LabelEffects, waiting: WaitingRows) -> None:
        """Count a batch of labels, and how long they took; `waiting` are the payments."""
        count_delays(
            self.label_delay.counts,
            self.sums_us,
            waiting.buckets,
            labels.transaction_key,
            labels.event_time_us,
            waiting.times_us,
        )
        held = count(effects.held)
        refused = count(effects.reasons != _OK)
        self.others[self.labels, "held"] += held
        self.others[self.labels, "refused"] += refused
        self.others[self.labels, "taken"] += len(labels) - held - refused

    def ordered(self, effects: ControlEffects) -> None:
        """Count a batch of orders."""
        refused = count(effects.reasons != _OK)
        self.others[self.control, "refused"] += refused
        self.others[self.control, "taken"] += len(effects.reasons) - refused
        self.rules_applied += len(effects.rules)
        self.promotions.update(reign.cause for reign in effects.promoted)

    def published(
        self, topic: str, taken: int, arrivals_us: NDArray[np.int64], seconds: float
    ) -> None:
        """Count a batch whose records were all handed to the client.

        Parameters
        ----------
        topic : str
        taken : int
            How many of its records were new.
        arrivals_us : ndarray of int64, shape (n,)
            When they came to the brokers, microseconds since the epoch.
        seconds : float
            Since the poll that brought them returned.
        """
        if topic in self._delays:
            delay, place = self._delays[topic]
            count_latencies(delay.counts, self.sums_us, place, self._now_us(), arrivals_us)
            return
        self.records += taken
        # What a rebalance brought a second time was decided long ago.
        if topic == self.transactions and taken == len(arrivals_us):
            us = int(seconds * 1e6)
            self.scoring.add(us, taken)
            self.sums_us[SCORING] += us * taken
            now_us = self._now_us()
            count_latencies(self.end_to_end.counts, self.sums_us, END_TO_END, now_us, arrivals_us)

    def turned(self) -> None:
        """Note that the loop came round: it is not stuck."""
        self.turned_s = self._clock()

    def _count_payments(self, *columns: NDArray[np.generic]) -> None:
        count_payments(
            *columns, self._bounds, self.payments, self.unscored, self.scores, self.score_sum
        )


@uncounted
@kernel
def count_payments(
    outcomes,
    timeliness,
    duplicate,
    cold,
    scores,
    reasons,
    bounds,
    payments,
    unscored,
    histogram,
    score_sum,
):
    """Count rows by what became of them, and the scores of those decided for the first time."""
    for row in range(outcomes.shape[0]):
        if reasons[row] != _OK and reasons[row] != _EVENT_TOO_LATE:
            payments[_REFUSED] += 1
        elif duplicate[row]:
            payments[_DUPLICATE] += 1
        elif timeliness[row] == _TOO_LATE:
            payments[_LATEST] += 1
        else:
            payments[outcomes[row]] += 1
            if np.isnan(scores[row]):
                unscored[_COLD if cold[row] else _NO_SCORE] += 1
            else:
                at = 0
                while at < bounds.shape[0] and scores[row] > bounds[at]:
                    at += 1
                histogram[at] += 1
                score_sum[0] += scores[row]


@kernel
def bucket_of(us):
    """Return the place of a latency in the counts of a `LatencyHistogram`."""
    shift = 0
    while us >> (shift + PARTS_BITS + 1) > 0:
        shift += 1
    return (shift << PARTS_BITS) + (us >> shift)


@uncounted
@kernel
def count_latencies(counts, sums_us, place, now_us, times_us):
    """Count how long ago some times are, as `LatencyHistogram.record` does, and sum it up."""
    for row in range(times_us.shape[0]):
        us = min(max(now_us - times_us[row], 0), _LARGEST_US)
        counts[bucket_of(us)] += 1
        sums_us[place] += us


@uncounted
@kernel
def count_delays(counts, sums_us, buckets, keys, label_times_us, payment_times_us):
    """Count how long labels took, of those whose payment waits for them."""
    for row in range(keys.shape[0]):
        place = find(buckets, 0, keys[row])
        if place != NOWHERE:
            us = label_times_us[row] - payment_times_us[place]
            if us >= 0:
                us = min(us, _LARGEST_US)
                counts[bucket_of(us)] += 1
                sums_us[LABEL_DELAY] += us
