"""A fixed address in front of a broker that took whatever port was free.

The embedded broker cannot be told where to listen, and a configuration names one address. Clients
ask there who the brokers are, and go on at the address that they are told; so little more than
that question passes through here, and a thread for each direction does.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from schemas.errors import BrokerError

_CHUNK = 65_536
_WAIT_S = 5.0


class TcpRelay:
    """Listens at an address, and hands bytes on in both directions; a context manager.

    Parameters
    ----------
    host : str
    port : int
    behind : str
        Host and port of the broker.

    Raises
    ------
    BrokerError
        If nobody can listen there.
    """

    def __init__(self, host: str, port: int, behind: str) -> None:
        name, _, number = behind.rpartition(":")
        self._behind = name, int(number)
        try:
            self._listening = socket.create_server((host, port))
        except OSError as error:
            raise BrokerError(
                f"nobody can listen at {host}:{port} ({error.strerror}): end what does, or name "
                "another port in kafka.bootstrap"
            ) from error
        self._lock = threading.Lock()
        self._open: set[socket.socket] | None = set()
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def close(self) -> None:
        """Listen no more, and let go of all who came; a second time does nothing."""
        with self._lock:
            known, self._open = self._open or set(), None
        _end(self._listening, *known)
        self._listening.close()
        for thread in list(self._threads):
            thread.join(_WAIT_S)

    def __enter__(self) -> TcpRelay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, work: Callable[..., None], *given: socket.socket) -> None:
        thread = threading.Thread(target=work, args=given, name="front-door", daemon=True)
        self._threads = [*(each for each in self._threads if each.is_alive()), thread]
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return  # It was closed.
            self._begin(self._answer, client)

    def _answer(self, client: socket.socket) -> None:
        """Hand on what one client says and what it is answered, until either is done."""
        with client:
            try:
                broker = socket.create_connection(self._behind, _WAIT_S)
            except OSError:
                return  # The broker is gone: the client sees that its connection ends.
            with broker:
                broker.settimeout(None)
                if not self._know(client, broker):
                    return
                answers = threading.Thread(target=_hand_on, args=(broker, client), daemon=True)
                answers.start()
                _hand_on(client, broker)
                answers.join()
                with self._lock:
                    if self._open is not None:
                        self._open -= {client, broker}

    def _know(self, *both: socket.socket) -> bool:
        """Remember who is connected; False where all is over."""
        with self._lock:
            if self._open is None:
                return False
            self._open |= set(both)
            return True


def _hand_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while chunk := one.recv(_CHUNK):
            other.sendall(chunk)
    # Whoever waits for the other direction is not to wait for ever.
    _end(one, other)


def _end(*connections: socket.socket) -> None:
    for each in connections:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
