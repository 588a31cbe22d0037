"""A worker from its parts: the one place where they all meet."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from schemas.errors import BrokerError, ConfigError, FraudError, UnsupportedGuaranteeError
from stream.app import Decoders, codecs_of, decoders_of, engine_of, publisher_of, registry_of
from stream.config.configuration import Config
from stream.engine.engine import Engine
from stream.engine.parameters import Keep
from stream.kafka.client import Connection
from stream.kafka.merge_by_time import by_time
from stream.kafka.sink import Sink
from stream.kafka.source import Source, raw_batch
from stream.kafka.topic_ids import TopicIds, asking
from stream.kafka.topics import existing
from stream.kafka.transactions import TransactionalSink
from stream.process_memory import touch
from stream.recovery.setup import recovery_of
from stream.recovery.tail import Tail
from stream.shards.partitioned import PartitionedShards
from stream.shards.shard import Shard
from stream.shards.shards import Shards, WholeTopic
from stream.store.setup import online_features_of, shows_features
from stream.telemetry.tally import Tally
from stream.warm_up import WarmedUp, warm_up
from stream.worker import Worker

Tell = Callable[[str], None]


def worker_of(
    config: Config,
    connection: Connection,
    hash_key: bytes,
    on_error: Tell | None = None,
    on_ready: Callable[[WarmedUp], None] | None = None,
    on_stuck: Tell | None = None,
    tally: Tally | None = None,
) -> Worker:
    """Join all parts into a worker that is ready to poll.

    Parameters
    ----------
    config : Config
    connection : Connection
    hash_key : bytes
    on_error : callable, optional
        Told of broker trouble that heals by itself.
    on_ready : callable, optional
        Told what `warm_up` found, before the first poll.
    on_stuck : callable, optional
        Told, in another thread, of a call that does not come back: the process is to be ended.
    tally : Tally, optional
        Counts what the worker does.

    Raises
    ------
    UnsupportedGuaranteeError, ConfigError
        If the configured guarantee cannot be kept.
    BrokerError
        If no broker answers in time, or the input topics are not alike where each partition has
        a state of its own.
    RecoveryError
        If another worker has the recovery folder.
    """
    tell = on_error or (lambda _: None)
    exactly_once = config.worker.guarantee == "exactly_once"
    if exactly_once:
        _require_transactions(config, connection)
    registry = registry_of(config)
    try:
        decoders = decoders_of(config, registry, hash_key)
        codecs = codecs_of(config, registry)
    finally:
        registry.close()
    for text in decoders.left_out:
        tell(text)
    partitions = input_partitions(config, connection) if config.per_partition else 1
    inputs, control = (decoders.transactions, decoders.labels), decoders.control
    warmed, warm = warmed_up(config, decoders, hash_key, partitions, tally)
    if on_ready is not None:
        on_ready(warm)
    online = online_features_of(config, warmed.parameters.features, tell)
    tail = Tail(config.topics.alerts, codecs.alert, tell)
    # It has seen nothing yet, and memory for one more may not be there.
    fresh = [warmed]
    del warmed

    def shard_of(partition: int | None) -> Shard:
        if partition is not None and partition >= partitions:
            raise BrokerError(
                f"the group gave partition {partition} of topics that had {partitions} when this "
                "worker began: partitions were added, and the keys have moved between them. Stop "
                "all workers, and begin with an empty recovery.folder, and an empty state"
            )
        engine = fresh.pop() if fresh else engine_of(config, hash_key, _kept(config), partitions)
        if config.worker.pretouch:
            touch(engine.arrays())
        where = None if partition is None else (partition, partitions)
        recovery = recovery_of(
            config, connection, inputs, codecs.alert, hash_key, tell, where, control, tail
        )
        publisher = publisher_of(config, engine)
        return Shard(
            config, engine, *inputs, publisher, codecs, recovery, partition, control, online, tally
        )

    exchange = config.exchange()
    # First of all the folder is this worker's: making a transactional sink ends who is at work.
    shards: Shards = (
        PartitionedShards(shard_of, tuple(config.topics.inputs()), exchange, partitions)
        if config.per_partition
        else WholeTopic(shard_of(None))
    )
    inputs_read = config.topics.inputs()
    read = [*inputs_read, *exchange.topics]
    # The mock has no ids, and its topics live as long as it.
    ids = None if connection.embedded else TopicIds(asking(connection, read))
    linger_s = config.worker.linger / 1e6
    source = Source(
        connection, config.kafka.group, inputs_read, on_error, ids, linger_s, exchange.topics
    )
    try:
        sink = (
            _transactional_sink(config, connection, source, on_error, on_stuck)
            if exactly_once
            else Sink(connection, config.topics.outputs(), on_error)
        )
    except FraudError:
        source.close()
        shards.close()
        raise
    return Worker(config, shards, source, sink, online, tally)


def warmed_up(
    config: Config,
    decoders: Decoders,
    hash_key: bytes,
    partitions: int = 1,
    tally: Tally | None = None,
) -> tuple[Engine, WarmedUp]:
    """Return an engine that has seen nothing yet, and run every kernel of a worker once.

    Parameters
    ----------
    config : Config
    decoders : Decoders
        Their kernels are run too.
    hash_key : bytes
    partitions : int
        How many engines there are to be, one for each partition; 1: it is the only one.
    tally : Tally, optional
        Counts what the worker does.
    """
    engine = engine_of(config, hash_key, _kept(config), partitions)
    warm = warm_up(engine, decoders.transactions, decoders.labels, decoders.control)
    by_time(raw_batch("", [], 0))
    if tally is not None:
        tally.warm_up()
    return engine, warm


def _kept(config: Config) -> Keep:
    return Keep.VALUES if shows_features(config) else Keep.NOTHING


def input_partitions(config: Config, connection: Connection) -> int:
    """Return how many partitions each input topic has.

    Raises
    ------
    BrokerError
        If they have not the same number, or one is not there.
    """
    topics = config.topics
    found = existing(connection)
    counts = {name: found.get(name, 0) for name in (*topics.inputs(), *config.exchange().topics)}
    if len(set(counts.values())) > 1 or not all(counts.values()):
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise BrokerError(
            f"worker.state = 'per_partition' needs as many partitions in each input topic, and "
            f"{told}: what is said of a payment must be where the payment is. Create them alike, "
            "and give labels the key of their payment"
        )
    return counts[topics.transactions]


def _transactional_sink(
    config: Config,
    connection: Connection,
    source: Source,
    on_error: Tell | None,
    on_stuck: Tell | None,
) -> TransactionalSink:
    """Make a sink under the group's own id; where workers share the group, under a new one.

    Several workers are told apart by their place in the group, which every commit names; an id
    that one of them had before would fence off nobody.
    """
    name = f"fraudstream-{config.kafka.group}"
    return TransactionalSink(
        connection,
        f"{name}-{uuid4().hex}" if config.per_partition else name,
        source.group_metadata,
        config.topics.outputs(),
        config.worker.transaction_interval / 1e6,
        on_error,
        on_stuck,
        group_offsets=None if config.per_partition else source.committed,
    )


def _require_transactions(config: Config, connection: Connection) -> None:
    """Refuse a configuration, or a broker, that cannot keep `exactly_once`."""
    if connection.embedded:
        raise UnsupportedGuaranteeError(
            "worker.guarantee = 'exactly_once' cannot be kept by the embedded broker: it drops "
            "transactional offsets and shows aborted records; use 'at_least_once' and drop "
            "repeats by alert_id"
        )
    if not config.recovery.folder:
        raise ConfigError(
            "recovery.folder: worker.guarantee = 'exactly_once' needs one: without the state of "
            "the worker before it a worker would decide otherwise; name a folder, or use "
            "'at_least_once'"
        )
    isolation = config.kafka.client.get("isolation.level", "read_committed")
    if isolation != "read_committed":
        raise ConfigError(
            f"kafka.client: isolation.level = {isolation!r} reads offsets that an open transaction "
            "may change: leave it out for worker.guarantee = 'exactly_once'"
        )
