"""A small TCP proxy on loopback that can be slow, cut connections, lose answers and go silent."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self


class TcpProxy:
    """Passes connections on to a port of this machine; a context manager.

    What it does wrong can be changed at any time and holds from the next bytes on.

    Parameters
    ----------
    target : int
        A port on 127.0.0.1; may be changed, for new connections.

    Attributes
    ----------
    port : int
        Where it listens.
    latency_s : float
        Waits before answers are passed on.
    drop_replies : bool
        Answers go nowhere, and their connection is closed: what was asked was done, and nobody
        hears of it.
    drop_next : int
        So many answers more are lost like that.
    blackhole : bool
        Nothing is passed on either way; connections stay open.
    refuse : bool
        New connections are closed at once.
    connections, dropped : int
        How many came; how many lost an answer.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.latency_s = 0.0
        self.drop_replies = False
        self.drop_next = 0
        self.blackhole = False
        self.refuse = False
        self.connections = 0
        self.dropped = 0
        self._cut_after: int | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._ended = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        with contextlib.suppress(OSError):
            # Closing alone does not wake who waits in accept.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Close every connection now."""
        with self._lock:
            for each in list(self._open):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def cut_after(self, n: int | None) -> None:
        """Pass n more bytes of questions on, then close the connection; None: never."""
        with self._lock:
            self._cut_after = n

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                if self.refuse:
                    raise OSError
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            for pair in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, to: socket.socket, answers: bool) -> None:
        try:
            while data := source.recv(65536):
                if answers and self.latency_s:
                    time.sleep(self.latency_s)
                while self.blackhole and not self._ended:
                    time.sleep(0.005)
                if answers and (self.drop_replies or self.drop_next):
                    self.drop_next = max(0, self.drop_next - 1)
                    self.dropped += 1
                    break
                last = False
                if not answers:
                    data, last = self._allowed(data)
                to.sendall(data)
                if last:
                    break
        except OSError:
            pass
        finally:
            with self._lock:
                self._open -= {source, to}
            for each in (source, to):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            source.close()

    def _allowed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what of a question may pass, and whether the connection ends behind it."""
        with self._lock:
            if self._cut_after is None:
                return data, False
            data = data[: self._cut_after]
            self._cut_after -= len(data)
            return data, self._cut_after == 0
