"""A group's committed offsets, from brokers that may have begun a moment ago."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas.errors import BrokerError

# Brokers tell committed offsets once no transaction can change them: one that somebody left open
# when they died ends after its 15 s, and up to 10 s later brokers see to it.
COMMITTED_TIMEOUT_S = 40.0
_AGAIN_S = 0.1
# A broker that has just begun does not know its groups yet, and says so; it heals by itself.
_NOT_YET = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


def committed_offsets(
    consumer: Any,
    places: Iterable[TopicPartition],
    timeout_s: float = COMMITTED_TIMEOUT_S,
    clock: Callable[[], float] = time.monotonic,
) -> list[TopicPartition]:
    """Return the partitions with the group's next offsets; negative where there is none.

    Parameters
    ----------
    consumer : Consumer
    places : iterable of TopicPartition
    timeout_s : float
    clock : callable
        Seconds, never going back.

    Raises
    ------
    BrokerError
        If one cannot be read. That is not the same as having none: the beginning would repeat
        everything.
    """
    deadline_s = clock() + timeout_s
    asked = list(places)
    while True:
        left_s = max(0.1, deadline_s - clock())
        try:
            found: list[TopicPartition] = consumer.committed(asked, timeout=left_s)
        except KafkaException as error:
            failed, what = error.args[0], "the committed offsets"
        else:
            wrong = [each for each in found if each.error is not None]
            if not wrong:
                return found
            failed = wrong[0].error
            what = f"the committed offset of {wrong[0].topic}[{wrong[0].partition}]"
        if failed.code() not in _NOT_YET or clock() >= deadline_s:
            raise BrokerError(f"cannot read {what}: {failed.str()}")
        time.sleep(_AGAIN_S)
