"""What helps is done again, what fails says what it means, and nothing takes longer than it may."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from schemas.errors import FencedError, TransactionError
from stream.kafka import transactional_calls as module
from stream.kafka.transactional_calls import TransactionalCalls

RETRIABLE = KafkaException(KafkaError(KafkaError._TIMED_OUT, "slow", False, True))
TO_ABORT = KafkaException(KafkaError(KafkaError.UNKNOWN_MEMBER_ID, "no member", False, False, True))
UNKNOWN = KafkaException(KafkaError(KafkaError._TIMED_OUT, "silent"))
FATAL = KafkaException(KafkaError(KafkaError._FATAL, "fatal", True))
FENCED = KafkaException(KafkaError(KafkaError._FENCED, "fenced", True))


class Producer:
    """Says when a transaction is to be aborted whether its place is another's."""

    def __init__(self, fenced: bool) -> None:
        self._fenced = fenced
        self.aborted = 0

    def abort_transaction(self, timeout_s: float) -> None:
        self.aborted += 1
        if self._fenced:
            # Who does not wait hears nothing.
            raise FENCED if timeout_s > 1 else RETRIABLE


@pytest.fixture
def producer(request: pytest.FixtureRequest) -> Producer:
    return Producer(getattr(request, "param", False))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, producer: Producer):
    now_s = [0.0]
    monkeypatch.setattr(module.time, "sleep", lambda s: now_s.__setitem__(0, now_s[0] + s))
    made = TransactionalCalls(producer, "id", 15.0, print, lambda: now_s[0])
    yield made
    made.close()


def failing(*errors: KafkaException):
    """Return a call that fails so, and then is done; and the times it was given."""
    left, given_s = list(errors), []

    def call(what: str, left_s: float) -> None:
        assert what == "given"
        given_s.append(left_s)
        if left:
            raise left.pop(0)

    return call, given_s


def test_what_helps_is_done_again_with_the_time_that_is_left(calls: TransactionalCalls) -> None:
    call, given_s = failing(RETRIABLE, RETRIABLE)
    calls.make("offsets", call, ("given",), 5.0)
    assert given_s == pytest.approx([5.0, 4.98, 4.96])


def test_it_is_done_again_for_no_longer_than_it_may_take(calls: TransactionalCalls) -> None:
    call, given_s = failing(*[RETRIABLE] * 1000)
    with pytest.raises(TransactionError, match=r"\(offsets: slow\); it was not committed"):
        calls.make("offsets", call, ("given",), 2.0)
    assert len(given_s) == pytest.approx(101, abs=2)
    assert min(given_s) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("doing", "error", "text"),
    [
        ("offsets", TO_ABORT, "it was not committed"),
        ("commit", TO_ABORT, "it was not committed"),
        ("commit", UNKNOWN, "it is not known whether it was committed"),
    ],
)
def test_an_error_says_what_it_means(
    calls: TransactionalCalls, producer: Producer, doing: str, error: KafkaException, text: str
) -> None:
    call, given_s = failing(error)
    with pytest.raises(TransactionError, match=text):
        calls.make(doing, call, ("given",), 5.0)
    assert (len(given_s), producer.aborted, calls.over) == (1, 1, True)


@pytest.mark.parametrize("producer", [True], indirect=True)
@pytest.mark.parametrize("error", [FENCED, FATAL, TO_ABORT, UNKNOWN])
def test_whatever_the_error_was_an_abort_says_that_another_has_the_place(
    calls: TransactionalCalls, error: KafkaException
) -> None:
    call, given_s = failing(error)
    with pytest.raises(FencedError, match=r"same transactional id 'id'.* more than 15 s"):
        calls.make("commit", call, ("given",), 5.0)
    assert (len(given_s), calls.over) == (1, True)


@pytest.mark.parametrize("error", [TO_ABORT, UNKNOWN])
def test_who_is_superseded_does_not_abort(producer: Producer, error: KafkaException) -> None:
    calls = TransactionalCalls(producer, "id", 15.0, print, superseded=lambda: True)
    call, _ = failing(error)
    with pytest.raises(FencedError, match="another worker with the same transactional id"):
        calls.make("offsets", call, ("given",), 5.0)
    assert (producer.aborted, calls.over) == (0, True)
    calls.close()
