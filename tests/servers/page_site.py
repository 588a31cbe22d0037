"""The page on a loopback port, in a thread, as the admin port will serve it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Self

import uvicorn
from inputs.page_boards import Boards
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from stream.page.board import Board
from stream.page.event_stream import HEARTBEAT_S
from stream.page.feed import STREAMS_MAX, Feed
from stream.page.history import MemoryHistory
from stream.page.routes import CSP, page_routes

START_SECONDS = 10.0
STOP_SECONDS = 10.0


class _Server(uvicorn.Server):
    """A server that in the end leaves no connection behind."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, and cut off who did not take what was sent last."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # type: ignore[union-attr]
        await asyncio.sleep(0)


class Site:
    """A server of the page, and boards that are published by hand or every second.

    Parameters
    ----------
    boards : Boards
    port : int
        0 for one that is free.
    streams_max : int
    heartbeat_s : float
    patience_s : int
        For how long it waits for open responses when it is stopped.
    """

    def __init__(
        self,
        boards: Boards | None = None,
        port: int = 0,
        streams_max: int = STREAMS_MAX,
        heartbeat_s: float = HEARTBEAT_S,
        patience_s: int = 8,
    ) -> None:
        self.boards = boards or Boards()
        self.history = MemoryHistory()
        self.feed = Feed(self.history, streams_max)
        self._routes = page_routes(self.feed, heartbeat_s)
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        self._server = _Server(
            uvicorn.Config(
                _with_policy(Starlette(routes=self._routes)),
                lifespan="off",
                ws="none",
                http="h11",
                log_config=None,
                access_log=False,
                # For a browser that takes nothing: what it was sent last never leaves.
                timeout_graceful_shutdown=patience_s,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="page"
        )
        self._ending = threading.Event()
        self._publisher: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def publish_every(
        self,
        seconds: float = 1.0,
        change: Callable[[Board], Board] = lambda board: board,
        first: int = 0,
    ) -> None:
        """Publish a board again and again from a thread, as a worker does, the first at once."""

        def publish() -> None:
            second = first
            while True:
                self.history.add(self.boards.point(second))
                self.feed.publish(change(self.boards.board(second)))
                second += 1
                if self._ending.wait(seconds):
                    return

        self._publisher = threading.Thread(target=publish, name="worker")
        self._publisher.start()

    def stop(self) -> float:
        """Stop as a worker does, streams first; return how long it took, in seconds."""
        began = time.monotonic()
        self._ending.set()
        if self._publisher is not None:
            self._publisher.join(STOP_SECONDS)
        self.feed.close()
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        assert not self._thread.is_alive(), "the server does not end"
        self._socket.close()
        return time.monotonic() - began


def _with_policy(app: Starlette) -> Callable[[Scope, Receive, Send], object]:
    """Send the page's policy with everything, as the admin port does."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", CSP.encode("ascii"))
                message["headers"] = [*message.get("headers", []), policy]
            await send(message)

        await app(scope, receive, sending)

    return wrapped
