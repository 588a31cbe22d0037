"""Boards on their way from the worker's thread to open pages; the worker never waits for one.

A board is encoded once, in the worker's thread, however many pages are open. The server's event
loop is woken once for it, and hands the same bytes to every stream. A stream keeps a few boards
for a browser that is slow, and gives up the oldest: a page wants the newest, and memory is bounded.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from typing import NamedTuple

from schemas.errors import FraudError
from stream.page.board import Board, Point
from stream.page.encoding import encoded
from stream.page.history import History

STREAMS_MAX = 64
# What a slow browser may still be given of the past, in boards.
WAITING_MAX = 3

STOPPING = "the worker is stopping: load the page again once it has started"


class FeedError(FraudError):
    """No stream can be opened; the message says why, and what to do."""


class Frame(NamedTuple):
    """A board as it is sent.

    Attributes
    ----------
    number : int
        Greater than that of every board before it, also over a restart of the process.
    json : bytes
        In one line.
    """

    number: int
    json: bytes


class Stream:
    """What one open page has still to get; used in its event loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.dropped = 0
        self._waiting: asyncio.Queue[Frame | None] = asyncio.Queue(WAITING_MAX)

    def put(self, frame: Frame) -> None:
        """Let a board wait, in place of the oldest where there are too many."""
        if self._waiting.full():
            self._waiting.get_nowait()
            self.dropped += 1
        self._waiting.put_nowait(frame)

    def end(self) -> None:
        """Give up what waits: the next thing is the end."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def next(self) -> Frame | None:
        """Wait for the next board; None is the end, after which nobody may ask again."""
        return await self._waiting.get()


class Feed:
    """Where the worker puts boards, and pages get them; safe from any thread.

    Parameters
    ----------
    history : History
        Asked when a page is opened.
    streams_max : int
        How many pages may be open at a time.
    """

    def __init__(self, history: History, streams_max: int = STREAMS_MAX) -> None:
        self._history = history
        self._streams_max = streams_max
        self._latest: Frame | None = None
        self._streams: dict[asyncio.AbstractEventLoop, set[Stream]] = {}
        self._closed = False
        # Held for moments only, never while something is encoded.
        self._lock = threading.Lock()

    @property
    def latest(self) -> Frame | None:
        """The last board that was published."""
        return self._latest

    @property
    def streams(self) -> int:
        """How many pages are open."""
        with self._lock:
            return self._count()

    @property
    def closed(self) -> bool:
        """Whether the worker is stopping."""
        return self._closed

    def history(self) -> list[Point]:
        """Return the points of the past, oldest first."""
        return self._history.points()

    def publish(self, board: Board) -> None:
        """Send a board to all pages, and keep it for those to come; from the worker's thread.

        It is read at once, and may be changed afterwards.
        """
        json = encoded(board)
        with self._lock:
            if self._closed:
                return
            last = -1 if self._latest is None else self._latest.number
            # The time, as numbers must go on over a restart; two in a millisecond are told apart.
            frame = Frame(max(board["now_ms"], last + 1), json)
            self._latest = frame
            for loop, streams in list(self._streams.items()):
                self._call(loop, _put, tuple(streams), frame)

    def subscribe(self) -> Stream:
        """Return a stream that begins with the latest board; to be called in an event loop.

        Raises
        ------
        FeedError
            If too many pages are open, or the worker is stopping.
        """
        stream = Stream(asyncio.get_running_loop())
        with self._lock:
            if self._closed:
                raise FeedError(STOPPING)
            if self._count() >= self._streams_max:
                raise FeedError(
                    f"{self._streams_max} live pages are open, and no more may be: close one, "
                    "or ask api/board from time to time"
                )
            self._streams.setdefault(stream.loop, set()).add(stream)
            if self._latest is not None:
                stream.put(self._latest)
        return stream

    def unsubscribe(self, stream: Stream) -> None:
        """Let go of a stream; one that is gone already is left alone."""
        with self._lock:
            streams = self._streams.get(stream.loop, set())
            streams.discard(stream)
            if not streams:
                self._streams.pop(stream.loop, None)

    def close(self) -> None:
        """End all streams at once, for good: a server waits for its open responses."""
        with self._lock:
            self._closed = True
            for loop, streams in list(self._streams.items()):
                self._call(loop, _end, tuple(streams))

    def _count(self) -> int:
        return sum(map(len, self._streams.values()))

    def _call(self, loop: asyncio.AbstractEventLoop, *call: object) -> None:
        """Have something done in a loop; what belongs to one that has ended is let go."""
        function, *arguments = call
        try:
            loop.call_soon_threadsafe(function, *arguments)  # type: ignore[arg-type]
        except RuntimeError:
            self._streams.pop(loop, None)


def _put(streams: Iterable[Stream], frame: Frame) -> None:
    for stream in streams:
        stream.put(frame)


def _end(streams: Iterable[Stream]) -> None:
    for stream in streams:
        stream.end()
