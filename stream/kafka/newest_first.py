"""A topic's records from its end: what is asked for is mostly young."""

from __future__ import annotations

from collections.abc import Iterator

from confluent_kafka import Message

from stream.kafka.reader import PartitionReader
from stream.partition import Partition

# Records of a partition that are read first; each step back is twice as long.
_FIRST_STEP = 5_000
_STEP_MAX = 200_000


def newest_first(places: PartitionReader, topic: str) -> Iterator[list[Message]]:
    """Yield a topic's records, the last ones of each partition first; in a list the oldest first.

    Lists may be empty: a step back found markers of transactions alone.

    Raises
    ------
    BrokerError
        If the topic cannot be read.
    """
    first, behind = places.ends(topic)
    for since, before in _backwards(first, behind):
        yield [message for some in places.read(since, before) for message in some]


def _backwards(
    first: dict[Partition, int], behind: dict[Partition, int]
) -> Iterator[tuple[dict[Partition, int], dict[Partition, int]]]:
    """Yield ranges that together are all, the last records of each partition first."""
    step, ends = _FIRST_STEP, {place: end for place, end in behind.items() if end > first[place]}
    while ends:
        since = {place: max(first[place], end - step) for place, end in ends.items()}
        yield since, ends
        ends = {place: at for place, at in since.items() if at > first[place]}
        step = min(2 * step, _STEP_MAX)
