"""Whether topics are still those that were read at the start: a name is not enough.

A topic that is deleted and made anew under a consumer has the same name and new records at the
old offsets; the consumer goes on behind its position, and what lies before is never read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from schemas.errors import BrokerError
from stream.kafka.client import Connection

INTERVAL_S = 10.0
_TIMEOUT_S = 5.0
# What brokers say that have no ids.
_NOBODY = "AAAAAAAAAAAAAAAAAAAAAA"


class TopicIds:
    """Ask the brokers now and then, in a thread, for the ids of topics.

    Parameters
    ----------
    ask : callable
        Returns the id of each topic, as far as it can be had.
    interval_s : float
    """

    def __init__(
        self, ask: Callable[[], Mapping[str, str]], interval_s: float = INTERVAL_S
    ) -> None:
        self._ask = ask
        self._interval_s = interval_s
        self._known: dict[str, str] = {}
        self._other: str | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="topic-ids", daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Make sure that no topic was found to be another.

        Raises
        ------
        BrokerError
            If one was.
        """
        if self._other is not None:
            raise BrokerError(
                f"topic {self._other} was deleted and made anew under this worker: its first "
                "records may not have been read. Reset the group's offsets, and begin with an "
                "empty recovery.folder if there is one"
            )

    def look(self) -> None:
        """Ask once."""
        for topic, found in self._ask().items():
            if self._known.setdefault(topic, found) != found:
                self._other = topic

    def close(self) -> None:
        """Ask no more."""
        self._ended.set()
        self._thread.join(2 * _TIMEOUT_S)

    def _run(self) -> None:
        while self._other is None:
            self.look()
            if self._ended.wait(self._interval_s):
                return


def asking(connection: Connection, topics: Iterable[str]) -> Callable[[], Mapping[str, str]]:
    """Return what asks the brokers for the ids of these topics."""
    admin = AdminClient(connection.common())
    names = list(topics)

    def ask() -> dict[str, str]:
        found: dict[str, str] = {}
        futures: Mapping[str, Any] = admin.describe_topics(
            TopicCollection(names), request_timeout=_TIMEOUT_S
        )
        for name, future in futures.items():
            try:
                text = str(future.result(_TIMEOUT_S).topic_id)
            except (KafkaException, TimeoutError):
                # Not there, or nobody answers: the consumer says so itself.
                continue
            if text != _NOBODY:
                found[name] = text
        return found

    return ask
