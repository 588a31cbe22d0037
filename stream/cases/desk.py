"""Where verdicts are handed in: each becomes a label on the labels topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from schemas.records import RecordCodec
from stream.cases.verdict import Case, Verdict, headers_of_label, label_of
from stream.kafka.client import Connection
from stream.kafka.send import Letter, send_all


class Handed(NamedTuple):
    """A verdict that the brokers have.

    Attributes
    ----------
    verdict : Verdict
    case : Case
    partition, offset : int
        Of the label.
    """

    verdict: Verdict
    case: Case
    partition: int
    offset: int


class Desk:
    """Sends verdicts.

    Parameters
    ----------
    connection : Connection
    topic : str
        That of labels.
    codec : RecordCodec
        Of `label.avsc`.
    now_us : callable
        Microseconds since the epoch.
    """

    def __init__(
        self,
        connection: Connection,
        topic: str,
        codec: RecordCodec,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.topic = topic
        self._connection = connection
        self._codec = codec
        self._now_us = now_us

    def hand_in(self, said: Sequence[tuple[Case, Verdict]]) -> list[Handed]:
        """Send verdicts, in their order; return what the brokers have acknowledged.

        Raises
        ------
        BrokerError, DeliveryError
            If the brokers did not take them all; to hand the same in again does no harm.
        """
        letters = [
            Letter(
                self.topic,
                case.transaction_id.encode(),
                self._codec.encode(label_of(case, verdict, self._now_us())),
                # Where a state of that partition alone looks for it; others do not mind.
                case.partition,
                headers_of_label(verdict),
            )
            for case, verdict in said
        ]
        places = send_all(self._connection, letters)
        return [
            Handed(verdict, case, partition, offset)
            for (case, verdict), (partition, offset) in zip(said, places, strict=True)
        ]
