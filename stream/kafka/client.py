"""How every client of ours is made: safe by default, the user's own settings on top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaException, Producer, libversion

from schemas.errors import ConfigError
from stream.addresses import host_of, is_this_machine

Setting = str | int | float | bool

# librdkafka's own names for where the brokers are: given as settings, they win.
_BROKER_SETTINGS = ("bootstrap.servers", "metadata.broker.list")


@dataclass(frozen=True)
class Connection:
    """Where the brokers are and how to speak to them.

    Attributes
    ----------
    bootstrap : str
        Comma-separated host:port.
    settings : mapping
        Settings of librdkafka, passed through untouched.
    embedded : bool
        Whether the broker is librdkafka's mock cluster (`stream.kafka.embedded`),
        which never wakes a waiting fetch: the client must ask often instead.
    """

    bootstrap: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    embedded: bool = False

    def check(self, allow_insecure: bool) -> None:
        """Refuse to send payments in clear over a network.

        Raises
        ------
        ConfigError
            If the protocol is not encrypted and a broker is not this machine.
        """
        protocol = str(self.settings.get("security.protocol", "PLAINTEXT")).upper()
        if allow_insecure or "SSL" in protocol:
            return
        given = [str(self.settings[name]) for name in _BROKER_SETTINGS if name in self.settings]
        for address in ",".join(given or [self.bootstrap]).split(","):
            if not is_this_machine(host_of(address.strip())):
                raise ConfigError(
                    f"kafka.bootstrap: {protocol} to {address.strip()} would send payments in "
                    "clear: set security.protocol under [kafka.client], or "
                    "kafka.allow_insecure = true"
                )

    def check_settings(self) -> None:
        """Let librdkafka judge its own settings, before anything is started with them.

        Raises
        ------
        ConfigError
            If a setting is unknown or its value cannot be.
        """
        strategy = str(self.settings.get("partition.assignment.strategy", ""))
        if "cooperative" in strategy or self.settings.get("group.protocol") == "consumer":
            raise ConfigError(
                "kafka.client: incremental rebalances are not supported yet: leave out "
                "partition.assignment.strategy and group.protocol"
            )
        try:
            Producer(self.common())
        except KafkaException as error:
            raise ConfigError(f"kafka.client: {error.args[0].str()}") from error

    def common(self) -> dict[str, Any]:
        """Return the settings every client shares."""
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": "fraudstream",
            "log.connection.close": False,
            # Trouble is reported through callbacks and exceptions, once; librdkafka's own
            # log would repeat it on stderr at every attempt to connect.
            "log_level": 2,
            **self.settings,
        }

    def consumer(self, group: str) -> dict[str, Any]:
        """Return the settings of a consumer that loses nothing and wastes no millisecond."""
        return {
            **self.common(),
            "group.id": group,
            # After so long a dead worker's partitions are given away; librdkafka's 45 s would be
            # most of a recovery. Its heartbeats come from a thread of its own.
            "session.timeout.ms": 10_000,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # Where to start is said at assignment; records that are gone are an error.
            "auto.offset.reset": "error",
            "queued.min.messages": 20_000,
            # A partition's records come in pieces of so many bytes: the smaller they are, the less
            # one partition runs ahead of the others where a backlog is read.
            "fetch.message.max.bytes": 65_536,
            # Records of a transaction that was aborted never happened, and committed offsets
            # are told only once no open transaction can change them.
            "isolation.level": "read_committed",
            # The default of one second is paid whenever the queue was full.
            "fetch.queue.backoff.ms": 1,
            "fetch.wait.max.ms": 2 if self.embedded else 500,
            **self.settings,
        }

    def producer(self, idempotent: bool = True) -> dict[str, Any]:
        """Return the settings of a producer that waits for nothing but acknowledgements."""
        return {
            **self.common(),
            "enable.idempotence": idempotent,
            "acks": "all",
            "linger.ms": 0,
            "delivery.timeout.ms": 30_000,
            # What a broker takes by default; librdkafka's own limit is a little lower.
            "message.max.bytes": 1_048_588,
            # Equal keys go where a Java producer would send them.
            "partitioner": "murmur2_random",
            **self.settings,
        }

    def transactional_producer(self, transactional_id: str) -> dict[str, Any]:
        """Return the settings of a producer whose records are seen together, or never.

        Parameters
        ----------
        transactional_id : str
            Whoever comes last under one id fences off all before.
        """
        return {
            **self.producer(),
            # For so long a worker that died in a transaction can hold up readers, and so long
            # a call can block that ignores its own bound.
            "transaction.timeout.ms": 15_000,
            "delivery.timeout.ms": 10_000,
            # Brokers put the next transaction off while they mark the end of the last: to ask
            # again is the rule, and 100 ms, the default, would be the transaction's length.
            "retry.backoff.ms": 5,
            **self.settings,
            "enable.idempotence": True,
            "transactional.id": transactional_id,
        }


def library_version() -> str:
    """Return the version of librdkafka."""
    return str(libversion()[0])
