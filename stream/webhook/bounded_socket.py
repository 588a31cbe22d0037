"""A socket whose every call shares one deadline: who answers byte by byte gains no time."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from typing import Any


class BoundedSocket:
    """What `http.client` needs of a socket, until a time.

    Parameters
    ----------
    inner : socket
        Connected; TLS or not.
    deadline_s : float
        By `clock`.
    clock : callable
        Seconds, never going back.
    """

    def __init__(
        self,
        inner: socket.socket,
        deadline_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._deadline_s = deadline_s
        self._clock = clock

    def sendall(self, data: Any) -> None:
        """Send all of it, or raise TimeoutError."""
        self._arm()
        # Its own bound is for all of the data.
        self._inner.sendall(data)

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """Return a reader of what comes back."""
        return io.BufferedReader(_Reader(self._receive))

    def close(self) -> None:
        """Do nothing: `http.client` closes it while the answer's body is still to be read."""

    def end(self) -> None:
        """Close it for good."""
        self._inner.close()

    def _receive(self, buffer: Any) -> int:
        self._arm()
        return self._inner.recv_into(buffer)

    def _arm(self) -> None:
        left_s = self._deadline_s - self._clock()
        if left_s <= 0:
            raise TimeoutError("no time is left")
        self._inner.settimeout(left_s)


class _Reader(io.RawIOBase):
    """Reads by a function."""

    def __init__(self, receive: Callable[[Any], int]) -> None:
        self._receive = receive

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return how much of it."""
        return self._receive(buffer)
