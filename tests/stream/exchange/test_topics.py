"""Who listens to whom."""

import numpy as np

from stream.exchange.topics import NO_EXCHANGE, ExchangeTopics

EVERY = ExchangeTopics("shared", "training", "models")


def test_payments_are_told_to_all_examples_to_the_first_and_versions_to_the_others():
    assert EVERY.topics == ["shared", "training", "models"]
    assert EVERY.places(0, 3) == {("shared", 1), ("shared", 2), ("training", 1), ("training", 2)}
    assert EVERY.places(2, 3) == {("shared", 0), ("shared", 1), ("models", 0)}


def test_what_has_no_topic_is_told_to_nobody():
    assert ExchangeTopics("shared").places(2, 3) == {("shared", 0), ("shared", 1)}
    assert ExchangeTopics("", "training", "models").places(1, 3) == {("models", 0)}
    assert ExchangeTopics("", "training", "models").topics == ["training", "models"]
    assert NO_EXCHANGE.places(1, 3) == set()
    assert NO_EXCHANGE.topics == []


def test_the_records_that_are_heard_are_those_of_these_places():
    told = np.arange(4)
    for partition in range(4):
        heard = {
            (topic, at)
            for topic in EVERY.topics
            for at in np.flatnonzero(EVERY.heard(topic, told, partition)).tolist()
        }
        assert heard == EVERY.places(partition, 4)


def test_one_partition_has_nobody_to_listen_to():
    assert EVERY.places(0, 1) == set()
