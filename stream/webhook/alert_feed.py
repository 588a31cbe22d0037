"""The alerts topic for one courier: an alert at a time, and how far the group is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from stream.kafka.reader import PartitionReader
from stream.kafka.source import Source
from stream.partition import Partition

_POLL_S = 0.2
_COMMIT_S = 5.0


class AlertFeed:
    """Hands out alerts, and commits those that are done.

    Parameters
    ----------
    source : Source
    places : PartitionReader
        Tells where the topic begins and ends.
    topic : str
    stop : Event
        Set: nothing more is wanted.
    from_beginning : bool
        Where a group that has committed nothing begins; else at the end.
    tell : callable
        Told in words of alerts that were deleted before they were read.
    """

    def __init__(
        self,
        source: Source,
        places: PartitionReader,
        topic: str,
        stop: threading.Event,
        from_beginning: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._places = places
        self._topic = topic
        self._stop = stop
        self._from_beginning = from_beginning
        self._tell = tell
        self._starts: dict[Partition, int] = {}
        # Counts up whenever partitions come or go: what is in hand may be another's then.
        self._turn = 0
        source.follow(self)

    def next(self) -> Any | None:
        """Return the next alert's record; None if there was none for a moment."""
        batches = self._source.poll(1, _POLL_S)
        if self._starts:
            # A group that ends before its first alert must not begin at another end.
            self._source.commit(self._starts)
            self._starts = {}
        return batches[0].messages[0] if batches else None

    def done(self, message: Any) -> None:
        """Commit an alert."""
        self._source.commit({(message.topic(), message.partition()): message.offset() + 1})

    def wait(self, seconds: float) -> bool:
        """Wait, and stay a member; False if the alert in hand is not this member's any more."""
        until_s, turn = time.monotonic() + seconds, self._turn
        self._source.pause()
        try:
            while (left_s := until_s - time.monotonic()) > 0:
                if self._stop.is_set():
                    return False
                self._source.poll(1, min(_POLL_S, left_s))
                if self._turn != turn:
                    return False
            return not self._stop.is_set()
        finally:
            self._source.resume()

    def close(self) -> None:
        """Wait a little for what was committed, and leave the group."""
        until_s = time.monotonic() + _COMMIT_S
        self._source.pause()
        while self._source.commits_pending and time.monotonic() < until_s:
            self._source.poll(1, _POLL_S)
        self._source.close()
        self._places.close()

    def assigned(self, committed: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return where to begin; see `stream.kafka.source.Positions`."""
        self._turn += 1
        first, behind = self._places.ends(self._topic)
        found = {}
        for place, at in committed.items():
            begin = first.get(place, 0)
            found[place] = max(at, begin)
            if at < 0 and not self._from_beginning:
                found[place] = behind.get(place, 0)
            if at < 0:
                self._starts[place] = found[place]
            elif at < begin:
                self._tell(
                    f"{begin - at} records of {place[0]}[{place[1]}] were deleted before they were "
                    "sent: raise the topic's retention"
                )
        return found

    def revoked(self) -> None:
        """Note that what is in hand may be another's; see `Positions`."""
        self._turn += 1
        self._starts = {}

    def lost(self) -> None:
        """As `revoked`."""
        self.revoked()
