"""A topic with another id is another topic, whatever its name."""

import threading

import pytest

from schemas.errors import BrokerError
from stream.kafka.topic_ids import TopicIds


def test_a_topic_that_was_made_anew_is_named():
    answers = [{"a": "1"}, {"a": "1", "b": "2"}, {}, {"a": "1", "b": "3"}]
    asked = threading.Event()

    def ask():
        if len(answers) == 1:
            asked.set()
        return answers.pop(0) if answers else {}

    ids = TopicIds(ask, interval_s=0.01)
    try:
        ids.require()
        assert asked.wait(10)
        ids._thread.join(10)
        with pytest.raises(BrokerError, match="topic b was deleted and made anew"):
            ids.require()
    finally:
        ids.close()
    assert not ids._thread.is_alive()


def test_topics_that_are_not_there_and_silent_brokers_change_nothing():
    answers = [{"a": "1"}, {}, {"a": "1"}]
    done = threading.Event()

    def ask():
        if not answers:
            done.set()
            return {}
        return answers.pop(0)

    ids = TopicIds(ask, interval_s=0.01)
    assert done.wait(10)
    ids.close()
    ids.require()
