"""What was said of payments before, read from the labels topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from schemas.any_version import AnyVersion
from schemas.errors import SchemaError
from stream.cases.verdict import BY_HEADER
from stream.kafka.newest_first import newest_first
from stream.kafka.reader import PartitionReader
from stream.kafka.source import headers_of

LIMIT_S = 30.0


class Earlier(NamedTuple):
    """A label that somebody gave.

    Attributes
    ----------
    is_fraud : bool
    source : str
        A symbol of `label.avsc`.
    time_us : int
        When it was given.
    by : str
        Whose verdict it is, where it says so.
    """

    is_fraud: bool
    source: str
    time_us: int
    by: str

    @property
    def who(self) -> str:
        """Return who said so, in words."""
        return self.by or self.source


class LatestLabels(NamedTuple):
    """The labels that stand, by payment.

    Attributes
    ----------
    of_all, of_analysts : dict of str to Earlier
        By transaction id: the label of the latest time, of any source, and of analysts alone.
    whole : bool
        Whether all labels could be read in time.
    """

    of_all: dict[str, Earlier]
    of_analysts: dict[str, Earlier]
    whole: bool


def earlier_labels(
    places: PartitionReader,
    topic: str,
    reader: AnyVersion,
    transactions: Collection[str],
    since_ms: int,
    analysts: str,
    tell: Callable[[int], None] = lambda _: None,
    limit_s: float = LIMIT_S,
) -> LatestLabels:
    """Read the labels of some payments, from the end of the topic to when the first was made.

    Parameters
    ----------
    places : PartitionReader
    topic : str
    reader : AnyVersion
        Of labels.
    transactions : collection of str
    since_ms : int
        When the first of them was made, milliseconds since the epoch.
    analysts : str
        Which source analysts are.
    tell : callable
        Told again and again how many records were looked at.
    limit_s : float
        After it nothing more is begun.

    Raises
    ------
    BrokerError
        If the topic cannot be read.
    """
    began_s, looked_at = time.monotonic(), 0
    standing = LatestLabels({}, {}, True)
    for messages in newest_first(places, topic):
        for message in messages:
            _take(message, reader, set(transactions), analysts, standing)
        looked_at += len(messages)
        tell(looked_at)
        # What lies before was written before the first of the payments was made.
        if messages and max(int(each.timestamp()[1]) for each in messages) < since_ms:
            break
        if time.monotonic() - began_s > limit_s:
            return standing._replace(whole=False)
    return standing


def _take(
    message: Any, reader: AnyVersion, wanted: set[str], analysts: str, standing: LatestLabels
) -> None:
    """Keep a label that is of one of the payments, and younger than what is kept."""
    try:
        label = reader.decode(message.value() or b"")
    except SchemaError:
        return  # A worker refuses it as well.
    payment = label["transaction_id"]
    if payment not in wanted:
        return
    by = next((v or b"" for n, v in headers_of(message) if n == BY_HEADER), b"")
    found = Earlier(
        label["is_fraud"], label["source"], label["label_time"], by.decode(errors="replace")
    )
    of_analyst = found.source == analysts
    for known in (standing.of_all, standing.of_analysts) if of_analyst else (standing.of_all,):
        if payment not in known or found.time_us >= known[payment].time_us:
            known[payment] = found
