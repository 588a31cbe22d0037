"""A real redis-server (or valkey-server) for the tests, on loopback and in memory only."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

from kafka_server import ServerProcess, ServerUnavailable

PROGRAMS = ("redis-server", "valkey-server")
UPDATE_SECONDS = 60
INSTALL_SECONDS = 90
POLICY = Path("/usr/sbin/policy-rc.d")


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
        problem = install()
        if found := on_path():
            return found
        why += f", and apt-get could not install it ({problem or 'still not on PATH'})"
    raise ServerUnavailable(f"{why}; install redis-server, or set REDIS_URL")


def on_path() -> str | None:
    """Return the first of `PROGRAMS` on PATH, or None."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def can_install() -> bool:
    """Whether this is root on a Debian; FRAUDSTREAM_APT=0 says not to install anything."""
    return (
        os.environ.get("FRAUDSTREAM_APT") != "0"
        and Path("/etc/debian_version").exists()
        and os.geteuid() == 0
        and shutil.which("apt-get") is not None
    )


def install() -> str:
    """Install Debian's redis-server without starting its service; return the problem, or ''."""
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "redis-server"]
    # Debian's own way to say that a package may not start its service; we start our own server.
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        # A fresh image has no package lists, and old lists name files that are gone.
        if not apt(command, INSTALL_SECONDS):
            return ""
        return apt(["apt-get", "update", "-q"], UPDATE_SECONDS) or apt(command, INSTALL_SECONDS)
    except OSError as error:
        return str(error)
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)


def apt(command: list[str], seconds: float) -> str:
    """Run apt-get; return its first error, or '' when it went well."""
    options = ["-o", "DPkg::Lock::Timeout=30"]
    try:
        done = subprocess.run(
            [command[0], *options, *command[1:]],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"`{' '.join(command)}` did not end within {seconds:.0f} s"
    if done.returncode == 0:
        return ""
    errors = [line for line in done.stdout.splitlines() if line.startswith("E: ")]
    return errors[0] if errors else f"`{' '.join(command)}` ended with {done.returncode}"


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
