"""The composition root: the one place that knows the concrete parts and joins them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from schemas.compiler import Program, compile_schema
from schemas.decoder import Decoder, Limits
from schemas.errors import ConfigError, FraudError, SchemaError, UnsupportedGuaranteeError
from schemas.records import RecordCodec, builtin
from schemas.registry import Registry, UnknownSchemaError, value_subject
from schemas.roles import LABEL_ROLES, Roles
from stream.config import Config
from stream.engine import Engine, Keep
from stream.kafka.client import Connection
from stream.kafka.registry import open_registry
from stream.kafka.sink import Sink
from stream.kafka.source import Source
from stream.kafka.transactions import TransactionalSink
from stream.labels.memory import in_memory
from stream.publish import Codecs, Policy, Publisher
from stream.recovery.setup import recovery_of
from stream.shard import Shard
from stream.shards import WholeTopic
from stream.spill import Spill
from stream.timed import TimedLearner
from stream.warm_up import WarmedUp, warm_up
from stream.worker import Worker

_DEFAULT_TOPICS = {
    "transaction": "fraud.transactions",
    "label": "fraud.labels",
    "alert": "fraud.alerts",
    "decision": "fraud.decisions",
    "label_review": "fraud.label_reviews",
}


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


def engine_of(config: Config, hash_key: bytes, keep: Keep = Keep.NOTHING) -> Engine:
    """Build an engine that has seen nothing yet; the key is that of its decoders."""
    parameters = config.engine_parameters(hash_key)
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
    """The decoders of both inputs.

    Attributes
    ----------
    transactions, labels : Decoder
    left_out : tuple of str
        Why older schema versions are not decoded; their records become dead letters.
    """

    transactions: Decoder
    labels: Decoder
    left_out: tuple[str, ...]


def decoders_of(config: Config, registry: Registry, hash_key: bytes) -> Decoders:
    """Compile every allowed writer schema of both inputs.

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
        for schema_id, schema in _writer_schemas(registry, topic, name, auto):
            try:
                programs[schema_id] = _compile(schema_id, topic, schema, roles)
            except SchemaError as error:
                if not programs:
                    raise
                left_out.append(str(error))
        return Decoder(roles.layout, programs, hash_key, limits)

    return Decoders(
        build(topics.transactions, "transaction", config.roles(), limits),
        build(topics.labels, "label", LABEL_ROLES, limits),
        tuple(left_out),
    )


def _compile(schema_id: int, topic: str, schema: dict[str, object], roles: Roles) -> Program:
    try:
        return compile_schema(schema, roles)
    except SchemaError as error:
        raise SchemaError(f"schema id {schema_id} of topic {topic}: {error}") from error


def _writer_schemas(
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
        config.fields.model_dump_json(),
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
    on_stuck: Callable[[str], None] | None = None,
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

    Raises
    ------
    UnsupportedGuaranteeError, ConfigError
        If the configured guarantee cannot be kept.
    BrokerError
        If no broker answers in time.
    RecoveryError
        If another worker has the recovery folder.
    """
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
        (on_error or (lambda _: None))(text)
    engine = engine_of(config, hash_key)
    warm = warm_up(engine, decoders.transactions, decoders.labels)
    if on_ready is not None:
        on_ready(warm)
    topics, inputs = config.topics, (decoders.transactions, decoders.labels)
    tell = on_error or (lambda _: None)
    # First of all the folder is this worker's: making a transactional sink ends who is at work.
    recovery = recovery_of(config, connection, inputs, codecs.alert, hash_key, tell)
    group, names = config.kafka.group, [topics.transactions, topics.labels]
    source = Source(connection, group, names, on_error)
    try:
        sink = (
            TransactionalSink(
                connection,
                f"fraudstream-{group}",
                source.group_metadata,
                topics.outputs(),
                config.worker.transaction_interval / 1e6,
                on_error,
                on_stuck,
            )
            if exactly_once
            else Sink(connection, topics.outputs(), on_error)
        )
    except FraudError:
        source.close()
        if recovery is not None:
            recovery.close()
        raise
    shard = Shard(config, engine, *inputs, publisher_of(config, engine), codecs, recovery)
    shards = WholeTopic(shard, lambda timeout_s: sink.flush(timeout_s) == 0)
    return Worker(config, shards, source, sink)


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
