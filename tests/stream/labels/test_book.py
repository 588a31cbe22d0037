"""The book of labels against a list of rows and a list of examples, and what single labels do."""

from __future__ import annotations

import numpy as np
import pytest
from inputs.streams import LABEL_LAYOUT, LAYOUT, SECOND, START_US, block, label_row
from naive_labels import NaiveLabels, NaiveWaitingRows, weight_of
from seeds import seeds

from schemas.columns import Reason
from stream.labels.book import LabelBook
from stream.labels.fates import Fate, Source
from stream.labels.label_kinds import LabelKind
from stream.labels.parameters import LabelParameters
from stream.labels.places import Waiting
from stream.labels.waiting import WaitingRows
from stream.short_arrays import marked

HOUR_US = 3600 * SECOND
DAY_US = 24 * HOUR_US
CHARGEBACK, ANALYST = Source.CHARGEBACK, Source.ANALYST_REVIEW


class Desk:
    """A book over a ring of rows, and what it told the features."""

    def __init__(self, rows_max=100, **rules):
        self.waiting = WaitingRows(rows_max, 1, batch_rows_max=100, n_entities=2)
        self.marks = []
        feedback_apart = rules.pop("feedback_apart", True)
        rules = LabelParameters(**rules)
        self.book = LabelBook(rules, self.waiting, bytes(16), feedback_apart=feedback_apart)
        self.number = 0

    def _mark(self, places, is_fraud):
        numbers = self.waiting.numbers[places].tolist()
        self.marks += zip(numbers, is_fraud.tolist(), strict=True)

    def admit(self, *keys, at_us=START_US, entity=5, card=1):
        """Admit rows; each is numbered, and its number is its feature and its score."""
        rows = [{"key": k, "time_us": at_us, "entities": [card, entity]} for k in keys]
        for row in rows:
            row["numeric"] = [0.0, 0.0]
        batch = block(LAYOUT, rows)
        take = np.ones(len(keys), bool)
        places, repeated = self.waiting.admit(batch.transaction_key, batch.event_time_us, take)
        numbers = np.arange(self.number, self.number + len(keys))[~repeated]
        self.number += len(keys)
        fresh = marked(~repeated)
        self.book.admit(batch, fresh, places[fresh])
        mine = numbers[:, None].astype(float)
        self.waiting.store(places[~repeated], mine, mine, numbers * 0, numbers)

    def say(self, *labels, at_us=START_US):
        """Take labels of (key, verdict) or rows of `label_row`."""
        rows = [
            label if isinstance(label, dict) else label_row(label[0], START_US, *label[1:])
            for label in labels
        ]
        return self.book.take(block(LABEL_LAYOUT, rows), at_us, self._mark)

    def learn(self):
        """What is learned: number, verdict, whether it corrects."""
        return [row[:3] for row in rows_of(self.book.examples())]


def rows_of(examples):
    """Examples as rows: number, verdict, whether it corrects, whether it is news, its kinds."""
    columns = (examples.features[:, 0], *examples[2:6])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def kind_bits(kinds):
    return sum(LabelKind[name.upper()] for name in kinds)


@seeds(8)
def test_everything_equals_the_oracle(seed):
    rng = np.random.default_rng(seed)
    rules = LabelParameters(
        maturity_us=40 * SECOND,
        correctable_us=int(rng.choice([0, 50])) * SECOND,
        genuine_share=float(rng.choice([1.0, 0.4])),
        learn_max=int(rng.choice([3, 1000])),
        queue_max=int(rng.choice([5, 1000])),
        early_max=int(rng.choice([0, 6, 1000])),
        early_hold_us=30 * SECOND,
        source_max_per_day=int(rng.choice([0, 30])),
        entity_max_per_day=int(rng.choice([0, 20])),
        capped_entity=1,
    )
    erased_share = float(rng.choice([0.0, 0.02, 0.3]))
    desk = Desk(int(rng.choice([5, 200])))
    desk.book = LabelBook(rules, desk.waiting, bytes(16))
    marks = []
    plain = NaiveWaitingRows(desk.waiting.rows_max)
    naive = NaiveLabels(rules, plain, lambda row, verdict: marks.append((row["number"], verdict)))
    # Days pass quickly, and few keys are spoken of again and again.
    now, reviews, departed = START_US, [], []
    for number in range(300):
        now += int(rng.integers(0, 10)) * SECOND
        now += DAY_US * (rng.random() < 0.005)
        key, entity, card = int(rng.integers(1, 40)), int(rng.integers(0, 3)), number % 7
        at_us = now - int(rng.integers(0, 20)) * SECOND
        row, repeated = plain.admit(key, at_us)
        if not repeated:
            row |= {"number": number, "entity": entity, "entities": [card, entity]}
        desk.admit(key, at_us=at_us, entity=entity, card=card)
        if rng.random() < erased_share:
            erased = int(rng.integers(0, 2)), int(rng.integers(1, 8))
            departed += desk.book.erase(*erased)
            naive.erase(*erased)
        said = []
        for _ in range(int(rng.integers(0, 6))):
            said_us = now - int(rng.integers(-60, 120)) * SECOND
            verdict = float(rng.choice([0, 1, np.nan], p=[0.45, 0.5, 0.05]))
            confidence = float(rng.choice([1.0, 0.5, 0.4, 0.0], p=[0.8, 0.1, 0.08, 0.02]))
            source, key = Source(int(rng.integers(0, 5))), int(rng.integers(1, 60))
            said.append((key, said_us, verdict, source, confidence))
        labels = [label_row(*s[:3], source=s[3], confidence=s[4]) for s in said]
        effects = desk.book.take(block(LABEL_LAYOUT, labels), now, desk._mark)
        reasons = [naive.take(now, *s[:3], s[3].name, s[4]) for s in said]
        assert [Reason(reason).name for reason in effects.reasons] == reasons
        reviews += effects.reviews
        departed += effects.departed
        if rng.random() < 0.5:
            more, gone = desk.book.join(now, desk._mark)
            reviews += more
            departed += gone
            naive.join(now)
            expected = [
                (r["number"], v, t is not None and news, news, kind_bits(kinds))
                for r, v, t, news, kinds in naive.examples()
            ]
            assert rows_of(desk.book.examples()) == expected
            mature = [r["number"] for r in naive.mature(now)]
            ours_mature = desk.book.mature(now)
            assert desk.waiting.scores[ours_mature.unlabelled, 0].tolist() == mature
            untold = [
                (r["number"], r["verdict"], False, r["number"] in mature, LabelKind.DELAYED)
                for r in plain.untold
            ]
            mature_examples = desk.book.mature_examples(ours_mature.untold)
            assert rows_of(mature_examples) == untold
            by_nobody = [r["number"] in mature for r in plain.untold]
            weights = [
                weight_of(r["key"], rules.genuine_share) if alone else 1
                for r, alone in zip(plain.untold, by_nobody, strict=True)
            ]
            ours = mature_examples.weights
            assert (ours is None) == (rules.genuine_share == 1)
            assert (np.ones(len(weights)) if ours is None else ours).tolist() == weights
    assert marks == desk.marks
    said = [(r.why.name, r.is_fraud, r.time_us, r.earlier_is_fraud, r.score) for r in reviews]
    plain_reviews = zip(naive.reviews, naive.reviewed, strict=True)
    assert said == [(r[0], r[1], r[3], r[4], number) for r, number in plain_reviews]
    assert [each.reason.name for each in departed] == [why for _, why in naive.departed]
    counts = desk.book.counts
    assert counts[Fate.REPEATED] == naive.counts["repeated"]
    assert counts[Fate.CORRECTED] == naive.counts["corrected"]
    assert counts[Fate.SUPERSEDED] == naive.counts["superseded"]
    assert counts[Fate.LOW_CONFIDENCE :].sum() == naive.counts["withheld"]


def test_a_label_is_learned_once_with_the_vector_of_decision_time():
    desk = Desk()
    desk.admit(7, 8)
    desk.say((8, 1.0), (7, 0.0))
    assert desk.marks == [(1, True), (0, False)]
    desk.waiting.features[:] = -1
    assert desk.learn() == [(1.0, True, False), (0.0, False, False)]
    assert desk.learn() == []


def test_a_correction_before_the_barrier_replaces_the_verdict():
    desk = Desk()
    desk.admit(7)
    effects = desk.say((7, 1.0), label_row(7, START_US + 1, 0.0, source=ANALYST))
    assert desk.marks == [(0, True), (0, False)]
    assert desk.learn() == [(0.0, False, False)]
    (review,) = effects.reviews
    assert (review.row, review.why, review.source) == (1, Fate.CORRECTED, ANALYST)
    earlier = review.earlier_is_fraud, review.earlier_source, review.earlier_time_us
    assert earlier == (True, CHARGEBACK, START_US)


def test_a_correction_after_the_barrier_is_learned_as_one():
    desk = Desk()
    desk.admit(7)
    desk.say((7, 1.0))
    desk.learn()
    desk.say((7, 0.0))  # The time is the same: the later arrival stands.
    assert desk.learn() == [(0.0, False, True)]


def test_a_correction_that_is_taken_back_before_the_barrier_is_no_example():
    desk = Desk()
    desk.admit(7, 8)
    desk.say((7, 1.0))
    desk.learn()
    desk.say((7, 0.0), (7, 1.0), (8, 1.0))
    assert desk.learn() == [(1.0, True, False)]


def test_an_older_label_that_comes_later_changes_nothing():
    desk = Desk()
    desk.admit(7)
    desk.say(label_row(7, START_US + 9, 1.0))
    effects = desk.say(label_row(7, START_US + 8, 0.0))
    assert (effects.reasons[0], effects.reviews) == (Reason.OK, [])
    assert desk.book.counts[Fate.SUPERSEDED] == 1
    assert desk.learn() == [(0.0, True, False)]


def test_a_repeat_is_remembered_for_who_said_so_last():
    desk = Desk()
    desk.admit(7)
    desk.say((7, 1.0), label_row(7, START_US + 9, 1.0, source=ANALYST))
    (review,) = desk.say(label_row(7, START_US + 10, 0.0)).reviews
    assert (review.earlier_source, review.earlier_time_us) == (ANALYST, START_US + 9)
    assert desk.book.counts[Fate.REPEATED] == 1


def test_a_fraud_found_after_maturity_corrects_it():
    desk = Desk(maturity_us=DAY_US, correctable_us=DAY_US)
    desk.admit(7)
    assert len(desk.book.mature(START_US + DAY_US).unlabelled) == 1
    effects = desk.say((7, 1.0), at_us=START_US + DAY_US)
    assert effects.reviews == []  # Nobody said the other thing.
    assert desk.book.counts[Fate.CORRECTED] == 1
    assert desk.learn() == [(0.0, True, True)]
    desk.book.mature(START_US + 2 * DAY_US)
    assert desk.waiting.kept == 0


@pytest.mark.parametrize("verdict", [0.0, 1.0])
def test_an_unsure_label_is_for_review_and_a_fraud_not_learned_as_genuine(verdict):
    desk = Desk(maturity_us=DAY_US)
    desk.admit(7)
    (review,) = desk.say(label_row(7, START_US, verdict, confidence=0.49)).reviews
    assert (review.why, review.confidence, review.score) == (Fate.LOW_CONFIDENCE, 0.49, 0.0)
    assert (review.earlier_is_fraud, review.earlier_time_us) == (None, None)
    assert desk.marks == desk.learn() == []
    place = desk.waiting.find(np.array([7], np.uint64))[0]
    assert desk.waiting.states[place] == (Waiting.WITHHELD if verdict else Waiting.UNLABELLED)
    assert len(desk.book.mature(START_US + DAY_US).unlabelled) == 1 - verdict


def test_a_withheld_row_is_learned_once_somebody_is_sure():
    desk = Desk()
    desk.admit(7)
    desk.say(label_row(7, START_US, 1.0, confidence=0.1), (7, 1.0))
    assert desk.learn() == [(0.0, True, False)]


@pytest.mark.parametrize("confidence", [0.0, -0.1, 1.1, np.nan])
def test_a_confidence_that_says_nothing_is_refused(confidence):
    desk = Desk()
    desk.admit(7)
    effects = desk.say(label_row(7, START_US, 1.0, confidence=confidence))
    assert effects.reasons.tolist() == [Reason.LABEL_CONFIDENCE_INVALID]
    assert desk.learn() == []


def test_labels_beyond_the_queue_are_withheld_and_none_that_waits_is_lost():
    desk = Desk(queue_max=2, learn_max=1)
    desk.admit(1, 2, 3)
    effects = desk.say((1, 1.0), (2, 1.0), (3, 1.0), (1, 0.0))
    # The example of the last has its place already.
    assert [review.why for review in effects.reviews] == [Fate.BACKLOG, Fate.CORRECTED]
    assert desk.learn() == [(0.0, False, False)]
    assert desk.learn() == [(1.0, True, False)]
    assert desk.learn() == []


def test_an_early_label_is_joined_at_the_barrier_after_its_transaction():
    desk = Desk()
    effects = desk.say((7, 1.0), (9, 1.0))
    assert effects.reasons.tolist() == [Reason.OK] * 2
    assert effects.held.all()
    desk.book.join(START_US, desk._mark)
    desk.admit(7)
    assert desk.learn() == []
    _, departed = desk.book.join(START_US, desk._mark)
    assert departed == [(0, 0, Reason.OK)]
    assert desk.learn() == [(0.0, True, False)]
    assert len(desk.book.early) == 1


def test_an_early_label_older_than_its_transaction_is_refused_then():
    desk = Desk()
    desk.say((7, 1.0))
    desk.admit(7, at_us=START_US + 1)
    _, departed = desk.book.join(START_US, desk._mark)
    assert departed == [(0, 0, Reason.LABEL_TIME_BEFORE_EVENT)]


def test_a_label_of_a_time_that_is_forgotten_is_too_old_and_not_held():
    desk = Desk(maturity_us=HOUR_US, correctable_us=HOUR_US)
    now_us = START_US + 2 * HOUR_US
    effects = desk.say((7, 1.0), label_row(8, START_US - 1, 1.0), at_us=now_us)
    assert effects.reasons.tolist() == [Reason.OK, Reason.LABEL_TOO_OLD]
    assert effects.held.tolist() == [True, False]


def test_without_room_for_early_labels_they_are_refused_at_once():
    desk = Desk(early_max=0)
    effects = desk.say((7, 1.0))
    assert effects.reasons.tolist() == [Reason.LABEL_UNKNOWN_TRANSACTION]
    assert effects.departed == []


def test_a_source_teaches_so_much_a_day_and_another_goes_on():
    desk = Desk(source_max_per_day=2)
    desk.admit(1, 2, 3, 4)
    effects = desk.say((1, 1.0), (2, 1.0), (3, 1.0), label_row(4, START_US, 1.0, source=ANALYST))
    assert [(r.row, r.why) for r in effects.reviews] == [(2, Fate.SOURCE_CAP)]
    assert len(desk.learn()) == 3
    assert desk.say((3, 1.0), at_us=START_US + DAY_US).reviews == []


def test_an_entity_teaches_so_much_a_day_and_nobody_is_no_entity():
    desk = Desk(entity_max_per_day=1, capped_entity=1)
    desk.admit(1, 2, entity=5)
    desk.admit(3, 4, entity=0)
    desk.admit(5, entity=6)
    effects = desk.say(*((key, 1.0) for key in (1, 2, 3, 4, 5)))
    assert [(r.row, r.why) for r in effects.reviews] == [(1, Fate.ENTITY_CAP)]


def test_a_label_of_a_source_of_a_later_contract_is_nobodys():
    desk = Desk()
    desk.admit(7)
    desk.say(label_row(7, START_US, 1.0, source=5))
    (review,) = desk.say((7, 0.0)).reviews
    assert review.earlier_source is Source.UNKNOWN


def test_a_held_label_came_before_those_that_came_after_its_transaction():
    """Of equal times the one that arrived later stands, and the one held did not."""
    desk = Desk()
    desk.say((1, 1.0))
    desk.admit(1)
    effects = desk.say((1, 0.0))
    assert desk.waiting.verdicts[desk.waiting.find(np.array([1], np.uint64))].tolist() == [0]
    assert desk.marks == [(0, True), (0, False)]
    assert [departed.reason for departed in effects.departed] == [Reason.OK]


def test_a_held_label_whose_transaction_has_come_is_not_pushed_out():
    desk = Desk(early_max=1)
    desk.say((1, 1.0))
    desk.admit(1)
    effects = desk.say((77, 1.0))
    assert [departed.reason for departed in effects.departed] == [Reason.OK]
    assert desk.marks == [(0, True)]


def test_every_row_is_ripe_once_with_the_label_that_stands():
    desk = Desk(maturity_us=DAY_US, correctable_us=DAY_US)
    desk.admit(1, 2, 3)
    for verdict in (1.0, 0.0, 1.0):
        desk.say(label_row(2, START_US + SECOND, verdict))
    desk.say(label_row(3, START_US, 1.0, confidence=0.1))  # Withheld: nobody knows.
    ripe = desk.book.mature(START_US + DAY_US).ripe
    assert desk.waiting.numbers[ripe].tolist() == [0, 1]
    assert desk.waiting.verdicts[ripe].tolist() == [0, 1]
    assert len(desk.book.mature(START_US + DAY_US + SECOND).ripe) == 0


@pytest.mark.parametrize("first", [CHARGEBACK, ANALYST])
def test_what_only_repeats_is_an_example_for_the_other_kind_of_learner_if_there_is_one(first):
    second = ANALYST if first == CHARGEBACK else CHARGEBACK
    for feedback_apart, left in ((True, 1), (False, 0)):
        desk = Desk(feedback_apart=feedback_apart, maturity_us=DAY_US)
        desk.admit(7)
        desk.say(label_row(7, START_US, 1.0, source=first))
        assert len(desk.learn()) == 1
        desk.say(label_row(7, START_US, 1.0, source=second))
        # Nobody's example would take the place of somebody's.
        assert len(desk.book.queue) == left
        kind = LabelKind.FEEDBACK if second == ANALYST else LabelKind.DELAYED
        assert rows_of(desk.book.examples()) == [(0.0, True, False, False, kind)] * left
        untold = desk.book.mature(START_US + DAY_US).untold
        assert rows_of(desk.book.mature_examples(untold)) == []


def test_a_label_that_is_held_for_a_payment_that_is_erased_leaves_and_others_stay():
    desk = Desk()
    held = desk.say((7, 1.0), (8, 1.0), (9, 1.0))
    assert held.held.all()
    desk.admit(7, 8, card=3)
    desk.admit(9, card=4)
    departed = desk.book.erase(0, 3)
    assert [(each.offset, each.reason) for each in departed] == [
        (0, Reason.LABEL_UNKNOWN_TRANSACTION),
        (1, Reason.LABEL_UNKNOWN_TRANSACTION),
    ]
    assert len(desk.book.early) == 1
    # The other one's payment has come, and that is not forgotten.
    _, departed = desk.book.join(START_US, desk._mark)
    assert [(each.offset, each.reason) for each in departed] == [(2, Reason.OK)]
    assert desk.marks == [(2, True)]


def test_a_label_finds_nothing_of_a_payment_that_is_erased_and_no_example_is_left():
    desk = Desk(maturity_us=DAY_US)
    desk.admit(7, 8, card=3)
    desk.admit(9, card=4)
    desk.say((7, 1.0), (9, 0.0))
    assert desk.book.erase(0, 3) == []
    assert desk.say((8, 1.0)).held.tolist() == [True]
    assert desk.learn() == [(2.0, False, False)]
    assert desk.waiting.kept == 3
    assert desk.waiting.find(np.array([7, 8, 9], np.uint64)).tolist()[:2] == [-1, -1]
    # The empty rows in front wait for nobody's maturity, and teach nothing.
    assert desk.book.mature(START_US).unlabelled.tolist() == []
    assert desk.waiting.kept == 1
    # One that comes again is another payment.
    desk.admit(7, card=3)
    assert desk.waiting.kept == 2


def test_who_is_erased_may_be_spoken_of_again_as_often_as_anybody():
    desk = Desk(entity_max_per_day=1, capped_entity=1)
    desk.admit(7, 8, entity=5)
    desk.say((7, 1.0))
    assert desk.say((8, 1.0)).reviews[0].why == Fate.ENTITY_CAP
    desk.book.erase(0, 5)  # Another entity of this name.
    assert desk.say((8, 1.0)).reviews[0].why == Fate.ENTITY_CAP
    desk.book.erase(1, 5)
    desk.admit(9, entity=5)
    assert desk.say((9, 1.0)).reviews == []
