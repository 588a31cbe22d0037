"""The admin port: a web server in a thread of its own, which ends in bounded time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from types import TracebackType

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from schemas.errors import AdminError
from stream.admin.security import Access, Guard

# For answers that are being given; a stream of events to a browser never ends by itself.
GRACE_S = 1
_START_S = 10.0
_END_S = GRACE_S + 2.0
_BACKLOG = 64
_CONNECTIONS_MAX = 128
_REQUEST_BYTES_MAX = 16_384
_IDLE_S = 15


class AdminServer:
    """A server that answers from its own thread; a context manager.

    Parameters
    ----------
    routes : sequence of BaseRoute
    access : Access
        Its host is what the port is bound to.
    port : int
        0: any that is free.
    on_error : callable
        Told in words, by the server's thread, what could not be answered.

    Attributes
    ----------
    port : int
        The one that is bound.

    Raises
    ------
    AdminError
        If the port cannot be bound.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute],
        access: Access,
        port: int = 0,
        on_error: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._access = access
        self._socket = bound(access.host, port)
        self.port: int = self._socket.getsockname()[1]
        # Errors are told by the guard; without debug a traceback is shown to nobody.
        app = Guard(Starlette(routes=list(routes)), access, on_error)
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS_MAX,
            timeout_keep_alive=_IDLE_S,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=_REQUEST_BYTES_MAX,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="admin port", daemon=True)

    @property
    def address(self) -> str:
        """Where a browser on this machine finds it."""
        host = self._access.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def start(self) -> None:
        """Begin to answer; connections that come before wait."""
        self._thread.start()

    def close(self) -> None:
        """End, in bounded time, whoever is connected."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_END_S)
            # A daemon: should it still be there, it ends with the process.
            self._server.force_exit = True
        self._socket.close()

    def __enter__(self) -> AdminServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> None:
        # Not in the main thread it installs no signal handlers.
        self._server.run(sockets=[self._socket])


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    AdminError
        If the address is none of this machine's, or another process has the port.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise AdminError(f"admin.host: {host!r} is no address of this machine: {error}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise AdminError(
            f"admin.port: {host}:{port} cannot be bound ({error.strerror}): another process may "
            "have it. Give each worker of a machine a port of its own, or 0 for no admin port"
        ) from error
    return listening
