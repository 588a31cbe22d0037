"""Committed offsets of brokers that are not ready yet, and of some that never will be."""

from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

from schemas.errors import BrokerError
from stream.kafka.committed import committed_offsets


class Consumer:
    def __init__(self, *answers):
        self.answers = list(answers)
        self.bounds = []

    def committed(self, places, timeout):
        self.bounds.append(timeout)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, int):
            raise KafkaException(KafkaError(answer))
        return answer


def place(error=None, offset=7):
    error = None if error is None else KafkaError(error)
    return SimpleNamespace(topic="a", partition=1, offset=offset, error=error)


def test_brokers_that_are_not_ready_are_asked_again():
    consumer = Consumer(
        KafkaError.NOT_COORDINATOR,
        [place(KafkaError.COORDINATOR_LOAD_IN_PROGRESS), place()],
        [place(), place(offset=-1001)],
    )
    assert [each.offset for each in committed_offsets(consumer, [], 30)] == [7, -1001]
    assert len(consumer.bounds) == 3
    assert max(consumer.bounds) <= 30


@pytest.mark.parametrize(
    ("answer", "what"),
    [(KafkaError._TIMED_OUT, "offsets"), ([place(KafkaError._TIMED_OUT)], r"offset of a\[1\]")],
)
def test_other_errors_are_told_at_once(answer, what):
    consumer = Consumer(answer)
    with pytest.raises(BrokerError, match=f"cannot read the committed {what}: "):
        committed_offsets(consumer, [], 30)
    assert len(consumer.bounds) == 1


def test_there_is_a_bound():
    seconds = iter([0.0, 0.0, 1.0, 29.0, 31.0, 32.0])
    consumer = Consumer(KafkaError.NOT_COORDINATOR)
    with pytest.raises(BrokerError, match="cannot read the committed offsets"):
        committed_offsets(consumer, [], 30, lambda: next(seconds))
    assert len(consumer.bounds) == 2
