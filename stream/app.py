"""The composition root: the one place that knows the concrete parts and joins them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from schemas.any_version import AnyVersion
from schemas.compiler import Program, compile_schema
from schemas.decoder import Decoder, Limits
from schemas.errors import SchemaError
from schemas.records import RecordCodec, builtin
from schemas.registry import Registry, UnknownSchemaError, value_subject
from schemas.roles import CONTROL_ROLES, LABEL_ROLES, Roles
from stream.config.configuration import Config
from stream.engine.engine import Engine
from stream.engine.parameters import Keep
from stream.kafka.client import Connection
from stream.kafka.registry import open_registry
from stream.labels.memory import in_memory
from stream.model_registry.starting import start_models
from stream.records.publish import Codecs, Policy, Publisher
from stream.records.wording import BuiltModel, digest_of, wording_of
from stream.spill import Spill
from stream.timed_learner import TimedLearner

_DEFAULT_TOPICS = {
    "transaction": "fraud.transactions",
    "label": "fraud.labels",
    "control": "fraud.control",
    "alert": "fraud.alerts",
    "decision": "fraud.decisions",
    "label_review": "fraud.label_reviews",
    "drift": "fraud.drift",
    "audit": "fraud.audit",
    "shared": "fraud.shared",
    "training_example": "fraud.training",
    "model": "fraud.models",
}

# What Kafka takes as one message unless it is told otherwise. A payment has a right to far less,
# but an order may carry a table of rules or a list of thousands, and only operators send orders.
_ORDER_BYTES_MAX = 2**20


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
    from stream.model_factory import challenger_of, learner_of

    names = parameters.features.names
    champion = TimedLearner(learner_of(config.model, names))
    challengers = {
        name: TimedLearner(challenger_of(section, names, name))
        for name, section in config.model.challengers.items()
    }
    folder = config.labels.waiting_folder
    allocate = Spill(Path(folder)) if folder else in_memory
    engine = Engine(parameters, champion, keep, challengers, allocate)
    start_models(config, engine.lineup, names)
    return engine


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

    # What is ordered stands in the key, which is read as an id.
    of_orders = replace(limits, record_bytes_max=_ORDER_BYTES_MAX, id_bytes_max=_ORDER_BYTES_MAX)
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
        codec_of(registry, "drift", topics.drift) if topics.drift else None,
        codec_of(registry, "control", topics.control) if topics.control else None,
        *(
            codec_of(registry, name, topic) if topic else None
            for name, topic in (
                ("shared", topics.shared),
                ("training_example", topics.training),
                ("model", topics.models),
            )
        ),
    )


def reader_of(registry: Registry, name: str, topic: str) -> AnyVersion:
    """Build what reads a topic's records, whichever version of the contract they are of."""
    return AnyVersion(writer_schemas(registry, topic, name, False))


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
    wording = wording_of(config.reason_table(), parameters.features, _built(config, engine))
    source = f"/fraudstream/{config.kafka.group}"
    return Publisher(policy, config.topics.transactions, source, wording)


def _built(config: Config, engine: Engine) -> tuple[BuiltModel, ...]:
    """Return name and digest of every model, by slot."""
    sections = [config.model, *config.model.challengers.values()]
    texts = [each.model_dump_json(exclude={"challengers"}) for each in sections]
    pairs = zip(engine.lineup.names, texts, strict=True)
    return tuple(BuiltModel(name, digest_of(text)) for name, text in pairs)
