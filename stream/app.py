"""The composition root: the one place that knows the concrete parts and joins them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.compiler import Program, compile_schema
from schemas.decoder import Decoder, Limits
from schemas.errors import BrokerError, SchemaError, UnsupportedGuaranteeError
from schemas.records import RecordCodec, builtin
from schemas.registry import Registry, UnknownSchemaError, value_subject
from schemas.roles import CONTROL_ROLES, LABEL_ROLES, Roles
from stream.by_partition import ByPartition
from stream.config import Config
from stream.engine import Engine, Keep
from stream.kafka.client import Connection
from stream.kafka.registry import open_registry
from stream.kafka.sink import Sink
from stream.kafka.source import Source
from stream.kafka.topics import existing
from stream.labels.memory import in_memory
from stream.publish import Codecs, Policy, Publisher
from stream.recovery.recovery import Recovery
from stream.recovery.setup import recovery_of
from stream.shard import Shard
from stream.shards import Shards, WholeTopic
from stream.spill import Spill
from stream.store.setup import online_features_of, shows_features
from stream.timed import TimedLearner
from stream.warm_up import WarmedUp, warm_up
from stream.worker import Worker

_DEFAULT_TOPICS = {
    "transaction": "fraud.transactions",
    "label": "fraud.labels",
    "control": "fraud.control",
    "alert": "fraud.alerts",
    "decision": "fraud.decisions",
    "label_review": "fraud.label_reviews",
}

_KEY_BYTES_MAX = 64


def connection_of(config: Config) -> Connection:
    """Return how to reach the configured brokers, refusing to send payments in clear."""
    connection = Connection(config.kafka.bootstrap, config.kafka.client)
    connection.check(config.kafka.allow_insecure)
    connection.check_settings()
    return connection


def registry_of(config: Config) -> Registry:
    """Open the configured registry."""
    place = config.registry.url or (
        Path(config.registry.folder) if config.registry.folder else None
    )
    if place is None:
        return open_registry()
    return open_registry(place, auto_register=config.registry.auto_register)


def engine_of(
    config: Config, hash_key: bytes, keep: Keep = Keep.NOTHING, partitions: int = 1
) -> Engine:
    """Build an engine that has seen nothing yet.

    Parameters
    ----------
    config : Config
    hash_key : bytes
        That of its decoders.
    keep : Keep
    partitions : int
        How many engines there are, one for each partition; 1: it is the only one.
    """
    parameters = config.engine_parameters(hash_key, partitions)
    # River takes a second to import, and not every command asks for a model.
    from stream.learners import challenger_of, learner_of

    names = parameters.features.names
    champion = TimedLearner(learner_of(config.model, names))
    challengers = {
        name: TimedLearner(challenger_of(section, names, name))
        for name, section in config.model.challengers.items()
    }
    folder = config.labels.waiting_folder
    allocate = Spill(Path(folder)) if folder else in_memory
    return Engine(parameters, champion, keep, challengers, allocate)


@dataclass(frozen=True)
class Decoders:
    """The decoders of the inputs.

    Attributes
    ----------
    transactions, labels : Decoder
    control : Decoder or None
        None where no orders are taken.
    left_out : tuple of str
        Why older schema versions are not decoded; their records become dead letters.
    """

    transactions: Decoder
    labels: Decoder
    left_out: tuple[str, ...]
    control: Decoder | None = None


def decoders_of(config: Config, registry: Registry, hash_key: bytes) -> Decoders:
    """Compile every allowed writer schema of the inputs.

    The newest version must serve the configured roles; an older one that does not,
    because a field came later, is left out.

    Raises
    ------
    SchemaError
        If the newest schema of an input cannot be decoded with the configured roles.
    """
    limits = config.limits.limits()
    topics = config.topics
    left_out: list[str] = []

    def build(topic: str, name: str, roles: Roles, limits: Limits) -> Decoder:
        programs = {}
        auto = config.registry.auto_register
        for schema_id, schema in writer_schemas(registry, topic, name, auto):
            try:
                programs[schema_id] = _compile(schema_id, topic, schema, roles)
            except SchemaError as error:
                if not programs:
                    raise
                left_out.append(str(error))
        return Decoder(roles.layout, programs, hash_key, limits)

    # The key of an order is read as an id, whatever bound ids have.
    of_orders = replace(limits, id_bytes_max=_KEY_BYTES_MAX)
    return Decoders(
        build(topics.transactions, "transaction", config.roles(), limits),
        build(topics.labels, "label", LABEL_ROLES, limits),
        tuple(left_out),
        build(topics.control, "control", CONTROL_ROLES, of_orders) if topics.control else None,
    )


def _compile(schema_id: int, topic: str, schema: dict[str, object], roles: Roles) -> Program:
    try:
        return compile_schema(schema, roles)
    except SchemaError as error:
        raise SchemaError(f"schema id {schema_id} of topic {topic}: {error}") from error


def writer_schemas(
    registry: Registry, topic: str, name: str, auto_register: bool
) -> list[tuple[int, dict[str, object]]]:
    """Return the versions of a topic's subject, the newest first.

    A topic that the registry does not know carries the contract of the default
    topic: it is registered where that is allowed, and looked up otherwise.
    """
    subject = value_subject(topic)
    try:
        versions = registry.versions(subject)
    except UnknownSchemaError:
        if auto_register:
            registry.id_of(subject, builtin(name))
            versions = registry.versions(subject)
        else:
            versions = registry.versions(value_subject(_DEFAULT_TOPICS[name]))
    return list(reversed(versions))


def codecs_of(config: Config, registry: Registry) -> Codecs:
    """Build the encoders of the output topics, under ids of the registry."""
    topics = config.topics
    reviews = topics.label_reviews
    return Codecs(
        codec_of(registry, "alert", topics.alerts),
        codec_of(registry, "decision", topics.decisions),
        codec_of(registry, "label_review", reviews) if reviews else None,
    )


def codec_of(registry: Registry, name: str, topic: str) -> RecordCodec:
    """Build the codec of a contract of ours, under its topic's id in the registry."""
    schema, default = builtin(name), _DEFAULT_TOPICS[name]
    try:
        schema_id = registry.id_of(value_subject(topic or default), schema)
    except UnknownSchemaError:
        if topic in ("", default):
            raise
        schema_id = registry.id_of(value_subject(default), schema)
    return RecordCodec(schema, schema_id)


def publisher_of(config: Config, engine: Engine) -> Publisher:
    """Build what names and words the engine's decisions."""
    names = engine.parameters.features.names
    parameters = engine.parameters
    policy = Policy(
        parameters.thresholds,
        names,
        config.fields.model_dump_json(exclude={"key"}),
        parameters.calibrate,
        parameters.alerts_per_day,
        parameters.explore,
    )
    return Publisher(policy, config.topics.transactions, f"/fraudstream/{config.kafka.group}")


def worker_of(
    config: Config,
    connection: Connection,
    hash_key: bytes,
    on_error: Callable[[str], None] | None = None,
    on_ready: Callable[[WarmedUp], None] | None = None,
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

    Raises
    ------
    UnsupportedGuaranteeError
        If the configured guarantee cannot be kept.
    RecoveryError
        If another worker has the recovery folder.
    BrokerError
        If the input topics are not alike, where each partition has a state of its own.
    """
    if config.worker.guarantee == "exactly_once":
        where = "the embedded broker" if connection.embedded else "this version"
        why = (
            "it drops transactional offsets and shows aborted records"
            if connection.embedded
            else "transactions are not wired up yet"
        )
        raise UnsupportedGuaranteeError(
            f"worker.guarantee = 'exactly_once' cannot be kept by {where}: {why}; "
            "use 'at_least_once' and drop repeats by alert_id"
        )
    shows = shows_features(config)
    registry = registry_of(config)
    try:
        decoders = decoders_of(config, registry, hash_key)
        codecs = codecs_of(config, registry)
    finally:
        registry.close()
    for text in decoders.left_out:
        (on_error or (lambda _: None))(text)
    topics = config.topics
    partitions = input_partitions(config, connection) if config.per_partition else 1
    keep = Keep.VALUES if shows else Keep.NOTHING
    engine = engine_of(config, hash_key, keep, partitions)
    warm = warm_up(engine, decoders.transactions, decoders.labels, decoders.control)
    if on_ready is not None:
        on_ready(warm)
    tell = on_error or (lambda _: None)
    sink = Sink(connection, topics.outputs(), on_error)
    source = Source(connection, config.kafka.group, topics.inputs(), on_error)
    control = decoders.control

    online = online_features_of(config, engine.parameters.features, tell)

    def shard_of(engine: Engine, recovery: Recovery | None, partition: int | None) -> Shard:
        inputs, publisher = (decoders.transactions, decoders.labels), publisher_of(config, engine)
        return Shard(
            config, engine, *inputs, publisher, codecs, recovery, partition, control, online
        )

    def recovery_for(partition: int | None) -> Recovery | None:
        inputs = decoders.transactions, decoders.labels
        where = None if partition is None else (partition, partitions)
        return recovery_of(config, connection, inputs, codecs.alert, hash_key, tell, where, control)

    def settle(timeout_s: float) -> bool:
        return sink.flush(timeout_s) == 0

    def make(partition: int) -> Shard:
        engine = engine_of(config, hash_key, keep, partitions)
        return shard_of(engine, recovery_for(partition), partition)

    shards: Shards = (
        ByPartition(make, tuple(topics.inputs()), settle)
        if config.per_partition
        else WholeTopic(shard_of(engine, recovery_for(None), None), settle)
    )
    return Worker(config, shards, source, sink, online)


def input_partitions(config: Config, connection: Connection) -> int:
    """Return how many partitions each input topic has.

    Raises
    ------
    BrokerError
        If they have not the same number, or one is not there.
    """
    topics = config.topics
    found = existing(connection)
    counts = {name: found.get(name, 0) for name in topics.inputs()}
    if len(set(counts.values())) > 1 or not all(counts.values()):
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise BrokerError(
            f"worker.state = 'per_partition' needs as many partitions in each input topic, and "
            f"{told}: what is said of a payment must be where the payment is. Create them alike, "
            "and give labels the key of their payment"
        )
    return counts[topics.transactions]
