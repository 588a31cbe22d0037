"""``fraudstream broker``: a broker to try things on, at the address of the configuration."""

from __future__ import annotations

import threading
from pathlib import Path

from schemas.errors import ConfigError
from stream.addresses import host_of, is_this_machine
from stream.cli.console import INTERRUPTED, OK, emit_json, out
from stream.cli.console import until_signalled as signals
from stream.config.configuration import Config, load
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.tcp_relay import TcpRelay


def run_broker(path: Path | None, as_json: bool) -> int:
    """Run an embedded broker with the configured topics until told to stop."""
    config = load(path)
    host, port = _place(config.kafka.bootstrap)
    stop = threading.Event()
    topics = _partitions(config)
    with (
        signals(stop.set) as came,
        EmbeddedBroker(topics) as broker,
        TcpRelay(host, port, broker.bootstrap),
    ):
        if as_json:
            emit_json({"bootstrap": config.kafka.bootstrap, "topics": topics})
        else:
            out.print(
                f"a broker for trying things, at {config.kafka.bootstrap}, with "
                f"{', '.join(topics)}\nWhat it holds is gone when it ends: Ctrl-C ends it.",
                markup=False,
            )
            # Whoever reads it through a pipe waits for it.
            out.file.flush()
        # In short waits: a signal is taken between them.
        while not stop.wait(0.2):
            pass
    return INTERRUPTED if 2 in came else OK


def _partitions(config: Config) -> dict[str, int]:
    """Return every topic with its partitions, as `fraudstream topics create` makes them."""
    topics = config.topics
    return {name: 1 if name == topics.audit else topics.partitions for name in topics.names()}


def _place(bootstrap: str) -> tuple[str, int]:
    """Return where to listen.

    Raises
    ------
    ConfigError
        If it is not one port of this machine.
    """
    port = bootstrap.rpartition(":")[2]
    host = host_of(bootstrap)
    if "," in bootstrap or not port.isdigit() or not is_this_machine(host):
        raise ConfigError(
            f"kafka.bootstrap: {bootstrap!r} is no place for a broker on this machine: write "
            "127.0.0.1 and a port"
        )
    return host, int(port)
