"""Which alerts go out, beside a plain account of all that was alerted before."""

import numpy as np
import pytest
from seeds import seeds

from models.states.snapshot import pack, unpack
from stream.admission.admission import Admission, AlertFate
from stream.admission.snoozes import ANY_RULE, SCORE, Snooze
from stream.decide import Outcome

CARD, MERCHANT = 0xAA, 0xBB
HOUR_US = 3_600_000_000
REVIEW, CHALLENGE, BLOCK = (
    int(each) for each in (Outcome.REVIEW, Outcome.CHALLENGE, Outcome.BLOCK)
)
OUT, GROUPED, SNOOZED = AlertFate.OUT, AlertFate.GROUPED, AlertFate.SNOOZED
ENTITIES = ("card", "merchant")


def admission(cooldown_us=HOUR_US, entity="card", **more):
    return Admission(ENTITIES, cooldown_us, entity, **more)


def admit(of, *alerts, causes=None, exempt=None):
    """Admit alerts (outcome, hours, card) of one merchant; return fates and counts."""
    outcomes = np.array([outcome for outcome, *_ in alerts], np.int8)
    times_us = np.array([int(hours * HOUR_US) for _, hours, *_ in alerts], np.int64)
    cards = [alert[2] if len(alert) > 2 else CARD for alert in alerts]
    keys = np.array([cards, [MERCHANT] * len(alerts)], np.uint64)
    given = None if exempt is None else np.array(exempt)
    found = of.admit(outcomes, keys, times_us, causes, given)
    return [AlertFate(each) for each in found.fates], found.grouped.tolist()


def test_further_reviews_of_a_card_are_grouped_and_counted_for_the_next_that_goes_out():
    of = admission()
    fates, grouped = admit(of, *((REVIEW, hours) for hours in (0, 0.5, 0.9, 1.0, 1.5, 9)))
    assert fates == [OUT, GROUPED, GROUPED, OUT, GROUPED, OUT]
    assert grouped == [0, 0, 0, 2, 0, 1]
    assert (of.grouped, of.snoozed) == (3, 0)


def test_what_asks_or_blocks_a_customer_always_goes_out_and_begins_anew():
    of = admission()
    alerts = [
        (REVIEW, 0),
        (BLOCK, 0.1),
        (BLOCK, 0.2),
        (CHALLENGE, 0.3),
        (REVIEW, 1.2),
        (REVIEW, 1.3),
    ]
    assert admit(of, *alerts)[0] == [OUT, OUT, OUT, OUT, GROUPED, OUT]


def test_cards_do_not_hold_each_other_back_and_nobody_is_never_held_back():
    of = admission()
    alerts = [(REVIEW, 0, 1), (REVIEW, 0, 2), (REVIEW, 0.1, 1), (REVIEW, 0.1, 0), (REVIEW, 0.2, 0)]
    assert admit(of, *alerts)[0] == [OUT, OUT, GROUPED, OUT, OUT]


def test_the_entity_is_the_one_that_is_named():
    of = admission(entity="merchant")
    assert admit(of, (REVIEW, 0, 1), (REVIEW, 0.5, 2))[0] == [OUT, GROUPED]


def test_late_payments_are_as_near_as_early_ones():
    of = admission()
    alerts = [(REVIEW, 10), (REVIEW, 9.5), (REVIEW, 8), (REVIEW, 10.5)]
    # One of long before goes out; the time that counts does not go back with it.
    assert admit(of, *alerts)[0] == [OUT, GROUPED, OUT, GROUPED]


def test_what_was_drawn_at_random_goes_out_and_begins_no_group():
    of = admission()
    alerts = [(REVIEW, 0), (REVIEW, 0.1), (REVIEW, 0.2)]
    assert admit(of, *alerts, exempt=[True, False, True])[0] == [OUT, OUT, OUT]
    assert of.grouped == 0


def test_without_a_cooldown_everything_goes_out():
    of = admission(cooldown_us=0)
    assert not of.active
    assert admit(of, (REVIEW, 0), (REVIEW, 0))[0] == [OUT, OUT]


def test_beyond_its_room_the_first_that_was_alerted_is_forgotten():
    of = admission(groups_max=3)
    alerts = [(REVIEW, 0, 1), (REVIEW, 0, 2), (BLOCK, 0.1, 1), (REVIEW, 0.2, 3), (REVIEW, 0.2, 4)]
    assert admit(of, *alerts)[0] == [OUT] * 5
    # 2 went, since 1 was alerted again after it.
    assert admit(of, (REVIEW, 0.3, 1), (REVIEW, 0.3, 3))[0] == [GROUPED, GROUPED]
    assert admit(of, (REVIEW, 0.3, 2))[0] == [OUT]


def test_a_snooze_holds_a_rule_back_for_an_entity_until_its_time():
    of = admission(cooldown_us=0)
    assert of.snooze(Snooze("night", "card", CARD, 2 * HOUR_US, "ann"), 0)
    assert of.active
    alerts = [(REVIEW, 1), (REVIEW, 1.99), (REVIEW, 2), (REVIEW, 1, 5), (BLOCK, 1)]
    causes = [("night",)] * 5
    assert admit(of, *alerts, causes=causes)[0] == [SNOOZED, SNOOZED, OUT, OUT, OUT]
    assert of.snoozed == 2


def test_an_alert_goes_out_while_one_of_its_causes_is_awake():
    of = admission(cooldown_us=0)
    of.snooze(Snooze("night", "card", CARD, HOUR_US, "ann"), 0)
    of.snooze(Snooze("burst", "merchant", MERCHANT, HOUR_US, "ann"), 0)
    alerts = [(REVIEW, 0)] * 4
    causes = [("night", "burst"), ("night", SCORE), (SCORE,), ()]
    assert admit(of, *alerts, causes=causes)[0] == [SNOOZED, OUT, OUT, OUT]


def test_all_rules_and_the_model_can_be_snoozed_at_once():
    of = admission(cooldown_us=0)
    of.snooze(Snooze(ANY_RULE, "card", CARD, HOUR_US, "ann"), 0)
    causes = [("night", SCORE), (SCORE,)]
    assert admit(of, (REVIEW, 0), (REVIEW, 0), causes=causes)[0] == [SNOOZED, SNOOZED]


def test_what_is_snoozed_begins_no_group_and_is_counted_in_none():
    of = admission()
    of.snooze(Snooze(SCORE, "card", CARD, HOUR_US, "ann"), 0)
    assert admit(of, (REVIEW, 0.9), (REVIEW, 1.1)) == ([SNOOZED, OUT], [0, 0])


def test_an_entity_that_is_erased_leaves_nothing():
    of = admission()
    of.snooze(Snooze(SCORE, "card", CARD, HOUR_US, "ann"), 0)
    of.snooze(Snooze(SCORE, "merchant", MERCHANT, 1, "ann"), 0)
    admit(of, (BLOCK, 0), (REVIEW, 5, 7))
    of.erase("merchant", CARD)  # Another entity that has the same key is another entity.
    assert len(of.snoozes) == 2
    of.erase("card", CARD)
    kept = pack(of.state())
    assert CARD.to_bytes(8, "little") not in kept
    assert f"{CARD:016x}".encode() not in kept
    assert admit(of, (REVIEW, 0.1), (REVIEW, 5.1, 7))[0] == [OUT, GROUPED]


class Naive:
    """The same from the whole past, looked through again for each alert."""

    def __init__(self, cooldown_us):
        self.cooldown_us = cooldown_us
        self.past = []
        self.snoozes = []

    def admit(self, outcome, keys, time_us, causes, exempt):
        card = keys[0]
        if exempt:
            return OUT, 0
        silent = [
            any(
                rule in (cause, ANY_RULE)
                and key == keys[ENTITIES.index(entity)] != 0
                and time_us < until_us
                for rule, entity, key, until_us in self.in_force()
            )
            for cause in causes
        ]
        if outcome == REVIEW and silent and all(silent):
            return SNOOZED, 0
        if card == 0:
            return OUT, 0
        own = [each for each in self.past if each[0] == card]
        gone_out = [at for at, each in enumerate(own) if each[2] == OUT]
        latest_us = max((own[at][1] for at in gone_out), default=None)
        fate = OUT
        if outcome == REVIEW and gone_out and abs(time_us - latest_us) < self.cooldown_us:
            fate = GROUPED
        since = own[gone_out[-1] + 1 :] if gone_out else []
        self.past.append((card, time_us, fate))
        return fate, len(since) if fate == OUT else 0

    def in_force(self):
        return {each[:3]: each for each in self.snoozes}.values()


@seeds(60)
def test_it_is_what_the_whole_past_says_however_it_is_cut_and_restarted(seed):
    rng = np.random.default_rng(seed)
    n, cooldown_us = 150, int(rng.integers(1, 40))
    outcomes = rng.choice([REVIEW, REVIEW, REVIEW, BLOCK], n).astype(np.int8)
    keys = rng.integers(0, 5, (2, n)).astype(np.uint64)
    times_us = 1000 + np.sort(rng.integers(0, 300, n)) + rng.integers(-20, 20, n)
    rules = [("a",), ("a", "b"), (SCORE,), ("b", SCORE)]
    causes = [rules[at] for at in rng.integers(0, len(rules), n)]
    exempt = rng.random(n) < 0.05
    of, naive = admission(cooldown_us), Naive(cooldown_us)
    row = 0
    while row < n:
        stop = min(n, row + int(rng.integers(1, 20)))
        part = slice(row, stop)
        found = of.admit(outcomes[part], keys[:, part], times_us[part], causes[part], exempt[part])
        for at in range(row, stop):
            fate, grouped = naive.admit(
                int(outcomes[at]), keys[:, at].tolist(), int(times_us[at]), causes[at], exempt[at]
            )
            got = AlertFate(found.fates[at - row]), int(found.grouped[at - row])
            assert got == (fate, grouped), f"alert {at}"
        row = stop
        if rng.random() < 0.3:
            rule = str(rng.choice(["a", "b", SCORE, ANY_RULE]))
            entity, key = str(rng.choice(ENTITIES)), int(rng.integers(1, 5))
            until_us = int(times_us[row - 1]) + int(rng.integers(1, 60))
            assert of.snooze(Snooze(rule, entity, key, until_us, "ann"), 0)
            naive.snoozes.append((rule, entity, key, until_us))
        if rng.random() < 0.3:
            kept = pack(of.state())
            of = admission(cooldown_us)
            of.restore(unpack(kept, copy=False))
            assert pack(of.state()) == kept


def test_a_state_of_another_entity_says_nothing_of_this_one():
    of = admission()
    admit(of, (REVIEW, 0))
    other = admission(entity="merchant")
    other.restore(of.state())
    assert admit(other, (REVIEW, 0.1))[0] == [OUT]
    shorter = admission(cooldown_us=HOUR_US // 10)
    shorter.restore(of.state())
    assert admit(shorter, (REVIEW, 0.05), (REVIEW, 0.2))[0] == [GROUPED, OUT]


def test_with_less_room_the_last_are_kept():
    of = admission()
    admit(of, (REVIEW, 0, 1), (REVIEW, 0, 2), (REVIEW, 0, 3))
    small = admission(groups_max=2)
    small.restore(of.state())
    assert admit(small, (REVIEW, 0.1, 3), (REVIEW, 0.1, 2), (REVIEW, 0.1, 1))[0] == [
        GROUPED,
        GROUPED,
        OUT,
    ]


def test_an_entity_that_there_is_not_is_no_cooldowns():
    with pytest.raises(ValueError, match="not in tuple"):
        admission(entity="device")
