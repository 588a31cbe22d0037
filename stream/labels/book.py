"""The book of labels: from their arrival to what is learned at a barrier."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from schemas.siphash import hash_texts
from stream.event_time import BEGINNING_US, END_US
from stream.keytable import NOWHERE
from stream.labels.caps import Caps
from stream.labels.early import EarlyLabels
from stream.labels.examples import TAIL, ExampleQueue, Examples
from stream.labels.fates import Departed, Fate, LabelEffects, Review, Source
from stream.labels.label_kinds import DELAYED, kinds_by_source
from stream.labels.memory import Allocate, in_memory
from stream.labels.parameters import LabelParameters
from stream.labels.share import weights_of
from stream.labels.verdicts import Stood, nothing_stood, take_verdicts
from stream.labels.waiting import Mature, WaitingRows
from stream.rings import index_of
from stream.short_arrays import count, marked

# As numbers: CPython 3.11 looks a member up by a function of its metaclass each time.
_OK = int(Reason.OK)
_WITHOUT_VERDICT = int(Reason.LABEL_WITHOUT_VERDICT)
_CONFIDENCE_INVALID = int(Reason.LABEL_CONFIDENCE_INVALID)
_TIME_BEFORE_EVENT = int(Reason.LABEL_TIME_BEFORE_EVENT)
_UNKNOWN_TRANSACTION = int(Reason.LABEL_UNKNOWN_TRANSACTION)
_TOO_OLD = int(Reason.LABEL_TOO_OLD)
_NO_ROW, _BEFORE_EVENT = int(Fate.NO_ROW), int(Fate.BEFORE_EVENT)
_TAKEN, _CORRECTED, _REPEATED = int(Fate.TAKEN), int(Fate.CORRECTED), int(Fate.REPEATED)
_LOW_CONFIDENCE = int(Fate.LOW_CONFIDENCE)
# Tells the features that waiting rows are fraud, or are not, by their places.
Mark = Callable[[NDArray[np.int64], NDArray[np.bool_]], None]


class LabelBook:
    """Labels are joined to the waiting rows here, and become examples.

    Parameters
    ----------
    parameters : LabelParameters
    waiting : WaitingRows
        Whose rows are labelled.
    hash_key : bytes
        16 bytes, the decoder's.
    allocate : Allocate
        Makes the wide arrays.
    feedback_apart : bool
        Whether any learner learns feedback apart; else nobody need hear what is said again.

    Attributes
    ----------
    counts : ndarray of int64
        Labels by `Fate`.
    """

    def __init__(
        self,
        parameters: LabelParameters,
        waiting: WaitingRows,
        hash_key: bytes,
        allocate: Allocate = in_memory,
        feedback_apart: bool = True,
    ) -> None:
        self.parameters = parameters
        self.waiting = waiting
        examples_max = min(parameters.queue_max, waiting.rows_max)
        self.queue = ExampleQueue(
            examples_max, waiting.features.shape[1], waiting.scores.shape[1], allocate
        )
        self.early = EarlyLabels(parameters.early_max, parameters.early_hold_us)
        self.caps = Caps(parameters.source_max_per_day, parameters.entity_max_per_day)
        self.counts = np.zeros(len(Fate), np.int64)
        self._kind_of = kinds_by_source(feedback_apart)
        self._source_keys = hash_texts([source.name for source in Source], hash_key)

    def take(self, labels: Transactions, watermark_us: int, mark: Mark) -> LabelEffects:
        """Take labels in the order of arrival.

        Parameters
        ----------
        labels : Transactions
            Decoded with `schemas.roles.LABEL_ROLES`.
        watermark_us : int
        mark : callable
            Told the places of rows and whether each is fraud, as soon as it is known.
        """
        reasons = labels.reason.copy()
        verdicts, confidence = labels.numeric
        silent = (verdicts != 0.0) & (verdicts != 1.0)
        unsure = ~((confidence > 0) & (confidence <= 1))
        reasons[(reasons == _OK) & silent] = _WITHOUT_VERDICT
        reasons[(reasons == _OK) & unsure] = _CONFIDENCE_INVALID
        # A label that was held came before these; but a batch of none is nothing at all.
        reviews, departed = self._join_claimed(watermark_us, mark) if len(labels) else ([], [])
        given = self._apply(labels, reasons == _OK, watermark_us, mark)
        reasons[given.fates == _BEFORE_EVENT] = _TIME_BEFORE_EVENT
        absent = given.fates == _NO_ROW
        old = absent & (labels.event_time_us < watermark_us - self.parameters.horizon_us)
        held = absent & ~old & (labels.transaction_key != 0) & (self.parameters.early_max > 0)
        reasons[absent & ~held] = _UNKNOWN_TRANSACTION
        reasons[old] = _TOO_OLD
        if count(held):
            chosen = Transactions(labels.layout, labels.longs[:, held], labels.data)
            gone = self.early.hold(chosen, watermark_us)
            departed += _departed(gone, Reason.LABEL_UNKNOWN_TRANSACTION)
        reviews += self._reviews(labels, given, np.arange(len(labels)))
        return LabelEffects(reasons, held, reviews, departed)

    def admit(
        self, batch: Transactions, rows: NDArray[np.intp] | slice, places: NDArray[np.int64]
    ) -> None:
        """Note the transactions that have just got a place among the waiting rows.

        Parameters
        ----------
        batch : Transactions
        rows : ndarray of intp, shape (k,), or slice
            Which of it.
        places : ndarray of int64, shape (k,)
        """
        taken, entities = index_of(places), batch.entities
        self.waiting.entities[taken] = entities[self.parameters.capped_entity][rows]
        self.waiting.amounts[taken] = batch.amount_minor[rows]
        # Column by column: as a matrix it takes several times as long.
        for at, keys in enumerate(entities):
            self.waiting.subjects[taken, at] = keys[rows]
        self.early.expect(batch.transaction_key[rows])

    def due_us(self, batch: Transactions) -> int:
        """Return the least time of a barrier at which there is anything to do.

        Nothing is, at an earlier one, if no label comes until then, and no transactions but those
        of `batch`, wherever in it the barrier lies.
        """
        if len(self.queue) or self.early.waits_for_any(batch.transaction_key):
            return BEGINNING_US
        maturity_us, taken = self.parameters.maturity_us, batch.reason == _OK
        eldest_us = int(batch.event_time_us.min(initial=END_US, where=taken))
        waiting_us = self.waiting.due_us(len(batch), maturity_us, self.parameters.correctable_us)
        return min(self.early.due_us, waiting_us, eldest_us + maturity_us)

    def join(self, now_us: int, mark: Mark) -> tuple[list[Review], list[Departed]]:
        """Join held labels to their transactions at a barrier; let the others go in time."""
        reviews, departed = self._join_claimed(now_us, mark)
        gone = self.early.expire(now_us)
        return reviews, departed + _departed(gone, Reason.LABEL_UNKNOWN_TRANSACTION)

    def erase(self, entity: int, key: int) -> list[Departed]:
        """Forget the payments of an entity: no label finds them, and no example of theirs is left.

        Parameters
        ----------
        entity : int
            Its place among the entities of a transaction.
        key : int

        Returns
        -------
        list of Departed
            Labels that were held for them; of others it is not known whose they are.
        """
        is_capped = entity == self.parameters.capped_entity
        keys, examples = self.waiting.erase(entity, key, is_capped)
        self.queue.erase(examples)
        if is_capped:
            self.caps.erase(key)
        return _departed(self.early.give_up(keys), Reason.LABEL_UNKNOWN_TRANSACTION)

    def _join_claimed(self, now_us: int, mark: Mark) -> tuple[list[Review], list[Departed]]:
        """Join the held labels whose transactions have come."""
        if not self.early.claimed:
            return [], []
        found = self.waiting.find(self.early.held().transaction_key) != NOWHERE
        labels = self.early.take(found)
        given = self._apply(labels, np.ones(len(labels), np.bool_), now_us, mark)
        reasons = np.full(len(labels), _OK)
        reasons[given.fates == Fate.BEFORE_EVENT] = Reason.LABEL_TIME_BEFORE_EVENT
        reviews = self._reviews(labels, given, np.full(len(labels), -1))
        return reviews, _departed(labels, *map(Reason, reasons.tolist()))

    def examples(self) -> Examples:
        """Take what is to be learned at a barrier."""
        return self.queue.take(self.parameters.learn_max)

    def mature(self, now_us: int) -> Mature:
        """Let rows mature; those that nobody labelled count as genuine from now on."""
        before_us = now_us - self.parameters.maturity_us
        return self.waiting.mature(before_us, before_us - self.parameters.correctable_us)

    def mature_examples(self, untold: NDArray[np.int64]) -> Examples:
        """Return what the rows teach that matured just now, in order of arrival.

        Those that nobody labelled are news, and a share of them is learned; of others only the
        delayed learner may not have learned.

        Parameters
        ----------
        untold : ndarray of int64
            Of `Mature`.
        """
        waiting, places = self.waiting, untold
        by_nobody, weights = waiting.label_times_us[places] == BEGINNING_US, None
        if self.parameters.genuine_share < 1.0:
            drawn = weights_of(waiting.keys[places], self.parameters.genuine_share)
            weights = np.where(by_nobody, drawn, 1.0)
        return Examples(
            waiting.features[places],
            waiting.scores[places],
            waiting.verdicts[places] == 1,
            np.zeros(len(places), np.bool_),
            by_nobody,
            np.full(len(places), DELAYED, np.uint8),
            weights,
            waiting.champions[places],
        )

    def _apply(
        self, labels: Transactions, take: NDArray[np.bool_], now_us: int, mark: Mark
    ) -> _Given:
        """Give labels to their rows; put new examples on the queue and tell the features."""
        n, waiting, queue = len(labels), self.waiting, self.queue
        given = _Given(
            np.zeros(n, np.int8), np.zeros(n, np.int64), nothing_stood(n), self._sources(labels)
        )
        first_example = int(queue.cursors[TAIL])
        take_verdicts(
            waiting.narrow,
            queue.narrow,
            self.caps.today(now_us),
            self._kind_of,
            labels.transaction_key,
            labels.event_time_us,
            (labels.numeric[0] == 1.0).astype(np.int8),
            given.sources,
            labels.numeric[1] >= self.parameters.confidence_min,
            take,
            given.fates,
            given.places,
            given.stood,
        )
        changed = (given.fates == _TAKEN) | (given.fates == _CORRECTED)
        told = given.places[changed | (given.fates == _REPEATED)]
        new = told[waiting.examples[told] >= first_example]
        queue.fill(
            waiting.examples[new],
            waiting.features[new],
            waiting.scores[new],
            waiting.champions[new],
        )
        mark(given.places[changed], labels.numeric[0][changed] == 1.0)
        self.counts += np.bincount(given.fates, minlength=len(self.counts))
        return given

    def _sources(self, labels: Transactions) -> NDArray[np.int8]:
        said = labels.categorical[0]
        sources = np.zeros(len(said), np.int8)
        for source, key in enumerate(self._source_keys):
            sources[said == key] = source
        return sources

    def _reviews(
        self, labels: Transactions, given: _Given, rows: NDArray[np.int64]
    ) -> list[Review]:
        """Name the labels that somebody should look at; `rows` is what each is called."""
        stood, there = given.stood, given.stood.times_us != BEGINNING_US
        withheld = given.fates >= _LOW_CONFIDENCE
        reviews = []
        for at in marked(withheld | ((given.fates == _CORRECTED) & there)).tolist():
            earlier = bool(there[at])
            reviews.append(
                Review(
                    int(rows[at]),
                    int(labels.partition[at]),
                    int(labels.offset[at]),
                    bool(labels.numeric[0, at]),
                    Source(int(given.sources[at])),
                    int(labels.event_time_us[at]),
                    float(labels.numeric[1, at]),
                    Fate(int(given.fates[at])),
                    float(self.waiting.scores[given.places[at], 0]),
                    bool(stood.verdicts[at]) if earlier else None,
                    Source(int(stood.sources[at])) if earlier else None,
                    int(stood.times_us[at]) if earlier else None,
                )
            )
        return reviews


class _Given(NamedTuple):
    """What became of each label of a batch, where its row is, and what stood there."""

    fates: NDArray[np.int8]
    places: NDArray[np.int64]
    stood: Stood
    sources: NDArray[np.int8]


def _departed(labels: Transactions, *reasons: Reason) -> list[Departed]:
    """Name labels that are held no longer, for one reason or one each."""
    places = zip(labels.partition.tolist(), labels.offset.tolist(), strict=True)
    each = reasons * len(labels) if len(reasons) == 1 else reasons
    return [Departed(*place, reason) for place, reason in zip(places, each, strict=True)]
