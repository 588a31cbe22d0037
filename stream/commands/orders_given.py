"""All orders that were ever given, for commands that tell of the past or note what was before."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.errors import BrokerError
from schemas.records import RecordCodec
from stream.app import connection_of, registry_of, writer_schemas
from stream.cli.console import say
from stream.config.configuration import Config
from stream.kafka.control_topic import AllOrders, Order, once_each, read_orders
from stream.plurals import are, several


def orders_given(config: Config) -> list[Order]:
    """Return the orders of the control topic in their order, each once.

    What is missing, unreadable, or did not reach every state is told on stderr.

    Raises
    ------
    BrokerError
        If the topic cannot be read.
    """
    topic = config.topics.control
    told = read_orders(connection_of(config), config.kafka.group, topic, _codecs(config, topic))
    _warn(topic, told)
    return list(_merged(config, told))


def orders_before(config: Config) -> list[Order] | None:
    """Return the same; None, which is told on stderr, where the topic cannot be read.

    Whoever may only ask for something need not be allowed to read what was ordered.
    """
    try:
        return orders_given(config)
    except BrokerError as error:
        say(f"note: what was before is not known, and not noted: {error}")
        return None


def _merged(config: Config, told: AllOrders) -> Iterator[Order]:
    """Yield each order once; say which did not reach every state that should have it."""
    if not config.per_partition:
        yield from told.orders
        return
    for order, places in once_each(told):
        if places < told.partitions:
            request_id = order.fields["request_id"]
            say(
                f"note: the order {request_id} is in {places} of {told.partitions} partitions, so "
                "that payments of the others know nothing of it: give it again"
            )
        yield order


def _codecs(config: Config, topic: str) -> dict[int, RecordCodec]:
    registry = registry_of(config)
    try:
        versions = writer_schemas(registry, topic, "control", False)
    finally:
        registry.close()
    return {schema_id: RecordCodec(schema, schema_id) for schema_id, schema in versions}


def _warn(topic: str, told: AllOrders) -> None:
    if told.gone:
        say(
            f"note: {several(told.gone, 'record')} at the beginning of {topic} {are(told.gone)} "
            "there no more; what was ordered there is not known here, and version numbers are "
            "lower than the worker's: give the topic a retention without end"
        )
    if told.unreadable:
        records = several(told.unreadable, "record")
        say(f"note: this release cannot read {records} of {topic} as orders")
