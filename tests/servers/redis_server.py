"""A real redis-server (or valkey-server) for the tests, on loopback and in memory only."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from typing import Self

from servers.debian import can_install, install
from servers.kafka_server import ServerProcess, ServerUnavailable

PROGRAMS = ("redis-server", "valkey-server")


def find_redis() -> str:
    """Return the path of redis-server or valkey-server, installing Debian's as root.

    Raises
    ------
    ServerUnavailable
        When there is none and none can be installed.
    """
    if found := on_path():
        return found
    why = "neither `redis-server` nor `valkey-server` is on PATH"
    if can_install():
        problem = install("redis-server")
        if found := on_path():
            return found
        why += f", and apt-get could not install it ({problem or 'still not on PATH'})"
    raise ServerUnavailable(f"{why}; install redis-server, or set REDIS_URL")


def on_path() -> str | None:
    """Return the first of `PROGRAMS` on PATH, or None."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class RedisServer(ServerProcess):
    """One Redis without persistence: `restart` comes back empty.

    Raises
    ------
    ServerUnavailable
        By `start`, when there is no server program and none can be installed.
    """

    name = "Redis"
    ready_seconds = 20.0

    def __init__(self) -> None:
        super().__init__()
        self._program = ""

    @property
    def url(self) -> str:
        """The URL for `redis.Redis.from_url`."""
        return f"redis://127.0.0.1:{self.ports[0]}/0"

    @property
    def version(self) -> str:
        """What the program says of itself, such as `7.0.15`."""
        done = subprocess.run(
            [self._program, "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        found = re.search(r"v=(\S+)", done.stdout)
        return found[1] if found else done.stdout.strip()

    def start(self) -> Self:
        """Start an empty Redis."""
        self._program = find_redis()
        return super().start()

    def command(self) -> list[str]:
        """Return the server's command line: loopback only, nothing written to disk."""
        listen = ["--bind", "127.0.0.1", "--port", str(self.ports[0])]
        memory = ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        return [self._program, *listen, *memory, "--daemonize", "no"]

    def answers(self) -> bool:
        """Whether PING gets PONG. Plain sockets: a client library would retry on its own."""
        try:
            with socket.create_connection(("127.0.0.1", self.ports[0]), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16) == b"+PONG\r\n"
        except OSError:
            return False
