"""A web server of strangers: it answers as it is told to, and remembers what it was asked."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

Answering = Callable[["Handler"], None]


class Asked(NamedTuple):
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """Hands requests to the receiver's next behaviour."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.take(Asked(self.path, headers, body))(self)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def reply(self, status: int, text: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def status(code: int, text: bytes = b"", **headers: str) -> Answering:
    return lambda handler: handler.reply(code, text, **headers)


def hang(seconds: float) -> Answering:
    """Answer nothing for so long, then close."""

    def answer(handler: Handler) -> None:
        handler.server.ending.wait(seconds)  # type: ignore[attr-defined]
        handler.close_connection = True

    return answer


def drip(seconds: float) -> Answering:
    """Answer a byte at a time, quicker than any wait for one byte is."""

    def answer(handler: Handler) -> None:
        until_s = time.monotonic() + seconds
        handler.close_connection = True
        with suppress(OSError):  # Who asked may have gone.
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while time.monotonic() < until_s:
                handler.wfile.write(b"x")
                time.sleep(0.02)

    return answer


def raw(data: bytes) -> Answering:
    def answer(handler: Handler) -> None:
        handler.close_connection = True
        with suppress(OSError):  # As above.
            handler.wfile.write(data)

    return answer


class Receiver:
    """Serves on a loopback port.

    Parameters
    ----------
    answers : Answering
        One for each request; the last for all further ones. `status(204)` if there is none.
    """

    def __init__(self, *answers: Answering) -> None:
        self.asked: list[Asked] = []
        self._answers = list(answers) or [status(204)]
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.take = self._take  # type: ignore[attr-defined]
        self._server.ending = threading.Event()  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/alerts?of=us"

    def answer(self, *answers: Answering) -> None:
        """Answer so from now on."""
        with self._lock:
            self._answers = list(answers)

    def wait_for(self, n: int, seconds: float = 20.0) -> list[Asked]:
        """Return the requests once there are n."""
        until_s = time.monotonic() + seconds
        while len(self.asked) < n:
            assert time.monotonic() < until_s, f"{len(self.asked)} of {n} requests"
            time.sleep(0.01)
        return list(self.asked)

    def _take(self, asked: Asked) -> Answering:
        with self._lock:
            self.asked.append(asked)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.ending.set()  # type: ignore[attr-defined]
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
