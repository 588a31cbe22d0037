"""Alerts by their ids, looked for on their topic."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from confluent_kafka import Message

from stream.kafka.newest_first import newest_first
from stream.kafka.reader import PartitionReader
from stream.kafka.source import headers_of


@dataclass
class Search:
    """What a search has come to.

    Attributes
    ----------
    found : dict of str to Message
        By id. Of several records of one id, which a crash can leave, one of the newest.
    looked_at : int
        Records.
    since_ms : int or None
        When the oldest of them was written, milliseconds since the epoch.
    """

    found: dict[str, Message] = field(default_factory=dict)
    looked_at: int = 0
    since_ms: int | None = None


def find_alerts(
    places: PartitionReader,
    topic: str,
    ids: Collection[str],
    tell: Callable[[int], None] = lambda _: None,
) -> Search:
    """Look for alerts from the end of their topic until all are found or none is left to look at.

    Parameters
    ----------
    places : PartitionReader
    topic : str
    ids : collection of str
    tell : callable
        Told again and again how many records were looked at.

    Raises
    ------
    BrokerError
        If the topic cannot be read.
    """
    missing = {each.encode() for each in ids}
    search = Search()
    for messages in newest_first(places, topic):
        here: dict[str, Message] = {}
        for message in messages:
            name = next((v for n, v in headers_of(message) if n == "ce_id"), None)
            if name in missing:
                here[name.decode()] = message
        search.found |= here
        missing -= {name.encode() for name in here}
        search.looked_at += len(messages)
        times = [int(each.timestamp()[1]) for each in messages]
        if times:
            search.since_ms = min(times)
        tell(search.looked_at)
        if not missing:
            break
    return search
