"""What follows from answers: once more, given up, or nothing more at all."""

import pytest

from stream.webhook.courier import Courier, Parcel, Rules, WebhookError
from stream.webhook.policy import Follows, follows, wait_s
from stream.webhook.post import Answer

PARCEL = Parcel("a-1", b"{}", 1_000_000)
NONE = Answer(0, "nobody")


class Site:
    """A courier whose receiver gives these answers, the last one for ever."""

    def __init__(self, *answers, stop_after=1000, **rules):
        self.answers = [a if isinstance(a, Answer) else Answer(a, "words") for a in answers]
        self.sent, self.parked, self.waits, self.told = [], [], [], []
        self.stop_after = stop_after
        self.courier = Courier(
            self._send,
            lambda parcel, answer: self.parked.append((parcel.name, answer.status)),
            self._wait,
            Rules(**rules),
            self.told.append,
            draw=lambda: 1.0,
            now_us=lambda: 1_250_000,
        )

    def _send(self, name, body):
        self.sent.append((name, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def _wait(self, seconds):
        self.waits.append(seconds)
        return len(self.waits) < self.stop_after


@pytest.mark.parametrize(
    ("status", "what"),
    [
        *((each, Follows.DELIVERED) for each in (200, 201, 202, 204, 299)),
        *((each, Follows.LATER) for each in (0, 408, 425, 429, 502, 503, 504)),
        *((each, Follows.REFUSED) for each in (100, 301, 302, 307, 400, 401, 404, 422, 500, 501)),
        (410, Follows.GONE),
    ],
)
def test_each_answer_has_its_consequence(status, what):
    assert follows(Answer(status, "")) is what


def test_what_is_taken_is_sent_once_and_timed():
    site = Site(204)
    assert site.courier.deliver(PARCEL)
    assert (site.sent, site.waits, site.told) == ([("a-1", b"{}")], [], [])
    report = site.courier.tally.report()
    assert (report["delivered"], report["attempts"], report["parked"]) == (1, 1, 0)
    assert report["latency_ms"]["p50"] == pytest.approx(250, rel=0.02)


def test_while_nobody_answers_it_is_sent_again_however_often():
    site = Site(*[NONE] * 50, Answer(503, ""), 200, retries=2)
    assert site.courier.deliver(PARCEL)
    assert len(site.sent) == 52
    assert set(site.sent) == {("a-1", b"{}")}
    assert site.parked == []
    # Trouble is told once, and its end.
    assert len(site.told) == 2
    assert site.told[1] == "the receiver takes alerts again"


def test_what_is_refused_is_parked_in_the_end_with_the_last_answer():
    site = Site(500, NONE, 404, retries=2)
    assert site.courier.deliver(PARCEL)
    assert site.parked == [("a-1", 404)]
    tally = site.courier.tally
    assert (tally.refused, tally.unanswered, tally.attempts, tally.parked) == (3, 1, 4, 1)
    assert "is parked: the receiver answered 404 words" in site.told[-1]


def test_where_everything_is_refused_it_is_not_the_alerts():
    site = Site(401, retries=0, parked_max=3)
    for _ in range(3):
        assert site.courier.deliver(PARCEL)
    with pytest.raises(WebhookError, match="refused 4 alerts in a row, the last with 401"):
        site.courier.deliver(PARCEL)
    assert len(site.parked) == 3


def test_one_that_is_taken_begins_the_count_anew():
    site = Site(400, 400, 200, 400, 400, 200, retries=0, parked_max=2)
    for _ in range(6):
        assert site.courier.deliver(PARCEL)
    assert len(site.parked) == 4


def test_a_receiver_that_is_gone_is_asked_once():
    site = Site(410)
    with pytest.raises(WebhookError, match="gone for good"):
        site.courier.deliver(PARCEL)
    assert (len(site.sent), site.parked, site.waits) == (1, [], [])


def test_what_is_broken_off_is_neither_delivered_nor_parked():
    site = Site(NONE, stop_after=3)
    assert not site.courier.deliver(PARCEL)
    assert (len(site.sent), site.parked) == (3, [])
    assert site.courier.tally.delivered == 0


def test_waits_double_to_the_longest_and_never_come_together():
    full = [wait_s(n, NONE, 60.0, 1.0) for n in range(1, 10)]
    assert full == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert [wait_s(n, NONE, 60.0, 0.0) for n in (1, 5, 9)] == [0.5, 8, 30]
    assert wait_s(10**6, NONE, 60.0, 1.0) == 60


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("30", 30), ("5000", 60), ("-1", 1), ("soon", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 1)],
)
def test_a_receiver_may_ask_for_patience_and_not_for_ever(asked, expected):
    assert wait_s(1, Answer(429, "", asked), 60.0, 1.0) == expected
