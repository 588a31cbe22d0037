"""Boards as server-sent events: one response that goes on for as long as the page is open."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stream.page.feed import Feed, Frame, Stream

# How long a browser waits before it asks again.
RETRY_MS = 1000
# Something is sent at least this often: proxies and browsers give up silent connections.
HEARTBEAT_S = 10.0
# A browser that has taken nothing for so long is gone, without having said so.
SEND_MAX_S = 30.0
# The last piece of a stream that was ended; a server waits for it.
_FAREWELL_S = 0.5

_OPENING = f"retry: {RETRY_MS}\n\n".encode("ascii")
_HEARTBEAT = b": nothing new\n\n"


class EventStream(Response):
    """All boards from now on, the latest at once.

    Parameters
    ----------
    feed : Feed
        Let go of the stream at the end, however it comes.
    stream : Stream
    heartbeat_s, send_max_s : float
        Seconds.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        feed: Feed,
        stream: Stream,
        heartbeat_s: float = HEARTBEAT_S,
        send_max_s: float = SEND_MAX_S,
    ) -> None:
        # Neither kept nor gathered: some proxies would wait for a response's end.
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._feed = feed
        self._stream = stream
        self._heartbeat_s = heartbeat_s
        self._send_max_s = send_max_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the feed is closed, or the browser gone."""
        gone = asyncio.create_task(self._watch(receive))
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            await self._send(send, _OPENING)
            while True:
                try:
                    frame = await asyncio.wait_for(self._stream.next(), self._heartbeat_s)
                except TimeoutError:
                    await self._send(send, _HEARTBEAT)
                    continue
                if frame is None:
                    break
                await self._send(send, event(frame))
            last = {"type": "http.response.body", "body": b"", "more_body": False}
            await asyncio.wait_for(send(last), _FAREWELL_S)
        except TimeoutError:
            # The server closes the connection of a response that was not brought to its end.
            return
        finally:
            gone.cancel()
            self._feed.unsubscribe(self._stream)

    async def _watch(self, receive: Receive) -> None:
        """End the stream when the browser leaves."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._stream.end()

    async def _send(self, send: Send, body: bytes) -> None:
        piece = {"type": "http.response.body", "body": body, "more_body": True}
        await asyncio.wait_for(send(piece), self._send_max_s)


def event(frame: Frame) -> bytes:
    """Return a board as an event."""
    return b"id: %d\nevent: board\ndata: %b\n\n" % (frame.number, frame.json)
