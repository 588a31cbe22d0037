"""The sections of the configuration, their keys, units, bounds and defaults.

What a key means is the text under it; `docs/make_configuration.py` makes the page
of the documentation from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.decoder import Limits
from schemas.roles import Roles
from stream.config.values import (
    Duration,
    Number,
    flat_settings,
    no_boolean,
    read_category,
    read_hours,
    read_location,
    read_weekdays,
)
from stream.decide import THRESHOLD_OFF, Thresholds
from stream.features.grammar import Condition, Inputs
from stream.labels.parameters import LabelParameters


class Section(BaseModel):
    """A table of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSection(Section):
    """Where the brokers are and how to speak to them."""

    bootstrap: str = "127.0.0.1:9092"
    """Brokers, host:port, separated by commas."""
    group: str = "fraudstream"
    """Consumer group: workers of one group share the partitions."""
    allow_insecure: bool = False
    """Allow PLAINTEXT to a host that is not this machine."""
    client: Annotated[dict[str, str | int | float | bool], BeforeValidator(flat_settings)] = Field(
        default_factory=dict, repr=False
    )
    """Settings of librdkafka, passed through untouched: security.protocol, sasl.*, ssl.*, ..."""


class TopicsSection(Section):
    """Names of the topics."""

    transactions: str = "fraud.transactions"
    """Payments come from here."""
    labels: str = "fraud.labels"
    """What somebody found out about payments comes from here."""
    control: str = ""
    """Orders come from here, such as `fraud.control`: to erase somebody, to change a list, rules or
    the champion. Empty: none are taken."""
    alerts: str = "fraud.alerts"
    """Payments at REVIEW or stricter go here, with the evidence."""
    dead_letters: str = "fraud.dead_letters"
    """What could not be taken goes here, unchanged, with the reason in its headers."""
    decisions: str = ""
    """Every decision; empty: only alerts are published."""
    label_reviews: str = "fraud.label_reviews"
    """Labels that contradict an earlier one or were withheld go here; empty: nowhere."""
    drift: str = "fraud.drift"
    """What the monitor notices goes here: features and scores that drift; empty: nowhere."""
    shared: str = ""
    """Of `worker.state = "per_partition"`: partitions tell each other here, for example on
    `fraud.shared`, of payments whose entities are spread over them, so that features count all of
    what a merchant did though messages have the card's key. Empty: they do not."""
    training: str = ""
    """Of `worker.state = "per_partition"`: partitions tell the first of them here, for example on
    `fraud.training`, what their labels teach, and it learns one model for all; goes with
    `topics.models`. Empty: each partition learns alone."""
    models: str = ""
    """The first partition publishes here, for example on `fraud.models`, what it has learned from
    `topics.training`, and the others go on from it."""
    audit: str = "fraud.audit"
    """Who ordered what goes here, each entry with the hash of the one before; empty: nowhere."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = 4
    """Partitions of each topic; used by `topics create` and the embedded broker."""
    replication: Annotated[int, Field(ge=1)] = 1
    """Copies of each partition; used by `topics create`."""

    def names(self) -> list[str]:
        """Return every topic that is in use."""
        return [*self.inputs(), *self.outputs(), *([self.audit] if self.audit else [])]

    def inputs(self) -> list[str]:
        """Return those that a worker reads."""
        return [name for name in (self.transactions, self.labels, self.control) if name]

    def outputs(self) -> list[str]:
        """Return those that a worker writes."""
        names = [self.alerts, self.dead_letters, self.decisions, self.label_reviews, self.drift]
        return [name for name in (*names, self.shared, self.training, self.models) if name]


class RegistrySection(Section):
    """Where writer schemas come from."""

    url: str = Field(default="", repr=False)
    """A Confluent-compatible registry; empty: the schemas that ship with fraudstream."""
    folder: str = ""
    """A folder with a registry.toml of your own."""
    auto_register: bool = False
    """Register our own output schemas where they are missing; for test systems."""


class FieldsSection(Section):
    """Which field of the transaction schema plays which role; paths are dotted."""

    transaction_id: str = "transaction_id"
    """The payment's unique id; labels refer to it."""
    event_time: str = "event_time"
    """When the payment was made."""
    event_time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """Unit of an event time that is a bare number; unset: the schema's logical type says
    it, and in a table file it is microseconds."""
    amount: str = "amount_minor"
    """How much was paid."""
    amount_unit: Literal["major", "minor"] = "minor"
    """Whether a plain number is in units (12.34) or minor units (1234)."""
    minor_digits: Annotated[int, Field(ge=0, le=8)] = 2
    """Decimal digits between the two; 2 for most currencies."""
    entities: dict[str, str] = Field(
        default_factory=lambda: {"card": "card_id", "merchant": "merchant_id"},
        min_length=1,
        max_length=16,
    )
    """Whose behaviour is watched: a name of yours, and the field with its id. The first is
    the key of what is published."""
    key: str = ""
    """The entity whose id is the key of the messages, so that all its payments are in one
    partition: a name of `entities`; empty: the first."""
    numeric: dict[str, str] = Field(default_factory=dict)
    """Further numbers that features may use: a name of yours, and the field."""
    categorical: dict[str, str] = Field(default_factory=dict)
    """Categories that features may use, decoded to keyed hashes: a name of yours, and the
    field."""

    def roles(self) -> Roles:
        """Return the same as the decoder wants it."""
        return Roles(**self.model_dump(exclude={"key"}))

    def message_key(self) -> str:
        """Return the entity whose id is the key of the messages."""
        return self.key or next(iter(self.entities))


class ConditionTable(Section):
    """A condition of your own: true or false of one transaction, null if its field is null.

    It is one of `hours`, `weekdays`, `field` with `values`, and `field` with `above`, `below`
    or both. `night` (`{ hours = "0-6" }`) and `weekend` (`{ weekdays = ["sat", "sun"] }`) are
    there without being written, and may be written anew.
    """

    field: str = ""
    """A name of `fields.categorical`, or `amount` or a name of `fields.numeric`."""
    values: tuple[Annotated[int | str, BeforeValidator(read_category)], ...] = ()
    """True if the category is one of these: texts, or integers, as the schema has it."""
    above: Number | None = None
    """True if the number is greater; an amount is in units of money."""
    below: Number | None = None
    """True if the number is less."""
    hours: Annotated[tuple[int, int] | None, BeforeValidator(read_hours)] = None
    """First and last hour of the day in UTC, both inclusive; `"22-5"` goes over midnight."""
    weekdays: Annotated[tuple[int, ...], BeforeValidator(read_weekdays)] = ()
    """Days of the week in UTC: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`."""

    def condition(self) -> Condition:
        """Return the same as the features want it."""
        return Condition(**dict(self))


class FeaturesSection(Section):
    """What is computed of every transaction; docs/features.md explains each kind."""

    names: tuple[str, ...] = ()
    """The features, in the order of the model's inputs; braces stand for several:
    `"card.count_{1h,1d}"`. Empty: `amount`, `hour_sin`, `hour_cos`, `input.*` of every number,
    and of every entity `{count,amount_sum,amount_mean}_{10m,1h,1d}` and
    `seconds_since_last`."""
    location: Annotated[tuple[str, str] | None, BeforeValidator(read_location)] = None
    """Two names of `fields.numeric`: latitude and longitude in degrees, for `speed_kmh`."""
    conditions: dict[str, ConditionTable] = Field(default_factory=dict)
    """Conditions for `is_*` and `share_*`: a name of yours, and a table as below."""

    def inputs(self, fields: FieldsSection) -> Inputs:
        """Return what features can be declared over."""
        return Inputs(
            entities=tuple(fields.entities),
            numeric=tuple(fields.numeric),
            categorical=tuple(fields.categorical),
            conditions={name: table.condition() for name, table in self.conditions.items()},
            location=self.location,
            minor_digits=fields.minor_digits,
        )


class LimitsSection(Section):
    """What a single record may be; beyond it is a dead letter."""

    record_bytes_max: Annotated[int, Field(ge=16, le=2**20)] = 4096
    """Length of a record with its header, bytes."""
    id_bytes_max: Annotated[int, Field(ge=1, le=1024)] = 64
    """Length of a transaction id, bytes of UTF-8."""
    amount_minor_max: Annotated[int, Field(ge=1, le=10**15)] = 10**12
    """Largest amount, minor units."""
    event_time_min_us: Annotated[int, Field(ge=-(2**53), le=2**53)] = 946_684_800_000_000
    """Earliest event time, microseconds since 1970-01-01 UTC; the default is 2000-01-01."""
    future_skew_max: Duration = 300_000_000
    """How far the event time may lie ahead of the record's arrival."""

    def limits(self) -> Limits:
        """Return the same as the decoder wants it."""
        return Limits(
            record_bytes_max=self.record_bytes_max,
            id_bytes_max=self.id_bytes_max,
            amount_minor_max=self.amount_minor_max,
            event_time_min_us=self.event_time_min_us,
            future_skew_max_us=self.future_skew_max,
        )


Capacity = Annotated[int, Field(ge=1, lt=2**31 - 1)]


class WindowsSection(Section):
    """What the features of entities may remember, and how late an event may come."""

    events_max: Annotated[int, Field(ge=1, lt=2**31 - 2**20)] = 1_000_000
    """Events remembered, of all entities together; the longest window with its delay should
    fit."""
    entities_max: Capacity = 200_000
    """Entities remembered of each type; beyond it the one longest silent is forgotten."""
    capacity: dict[str, Capacity] = Field(default_factory=dict)
    """The same for single types: an entity or a pair as features name it, and how many:
    `{ card = 1_000_000, "card+merchant" = 500_000 }`."""
    allowed_lateness: Duration = 60_000_000
    """An event this far behind its partition still counts, as of its own time."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Entity types worked on at the same time, in batches of 128 and more; the values are the
    same. For replays and tables on a machine with cores to spare; a worker of several is
    better served by more workers."""
    idle_after: Duration = 60_000_000
    """A partition silent for this long, while others are not, no longer holds time back."""


class LabelsSection(Section):
    """How the truth comes back."""

    maturity: Duration = 7 * 86_400_000_000
    """A payment that nobody labelled counts as genuine after this much event time."""
    waiting_max: Annotated[int, Field(ge=2048, lt=2**31)] = 500_000
    """Payments that wait for their label; beyond it the oldest is given up, and counted."""
    waiting_folder: str = ""
    """A folder on a disk for the features of payments that wait, so that weeks of them need no
    memory; empty: they are kept in memory."""
    learn_interval: Annotated[Duration, Field(ge=1)] = 1_000_000
    """The model learns each time event time passes a multiple of this."""
    correctable: Duration = 0
    """How much longer than `maturity` a payment is kept, so that a label that comes later still
    corrects what was learned; `waiting_max` must have room for it."""
    genuine_share: Annotated[Number, Field(ge=1e-6, le=1)] = 1
    """Share of the payments that count as genuine because nobody labelled them that the model
    learns, drawn at random, each with the weight 1 / share: less work, and more noise. Labelled
    payments are all learned."""
    confidence_min: Annotated[Number, Field(ge=0, le=1)] = 0.5
    """A label that is less sure is withheld: neither learned nor counted by features."""
    learn_max: Annotated[int, Field(ge=1)] = 10_000
    """Labelled payments learned at once; the rest wait for the next time."""
    queue_max: Annotated[int, Field(ge=1, lt=2**31)] = 100_000
    """Labelled payments that may wait to be learned; beyond it labels are withheld."""
    early_max: Annotated[int, Field(ge=0, le=10_000_000)] = 10_000
    """Labels held whose payment has not come yet; beyond it the oldest becomes a dead letter."""
    early_hold: Duration = 86_400_000_000
    """Event time after which a held label becomes a dead letter."""
    source_max_per_day: Annotated[int, Field(ge=0)] = 0
    """Labels of one source that are learned in a day of event time; beyond it they are withheld.
    0: no cap."""
    entity_max_per_day: Annotated[int, Field(ge=0)] = 0
    """Labels of one entity that are learned in a day of event time; beyond it they are withheld.
    0: no cap."""
    capped_entity: str = ""
    """Which entity that is, a name of `fields.entities`; empty: the second, or the only one."""

    def parameters(self, entities: Sequence[str]) -> LabelParameters:
        """Return the same as the engine wants it; `entities` are the names of the fields'."""
        capped = self.capped_entity or entities[:2][-1]
        return LabelParameters(
            maturity_us=self.maturity,
            correctable_us=self.correctable,
            genuine_share=self.genuine_share,
            confidence_min=self.confidence_min,
            learn_max=self.learn_max,
            queue_max=self.queue_max,
            early_max=self.early_max,
            early_hold_us=self.early_hold,
            source_max_per_day=self.source_max_per_day,
            entity_max_per_day=self.entity_max_per_day,
            capped_entity=list(entities).index(capped),
        )


Threshold = Annotated[float, BeforeValidator(no_boolean), Field(gt=0, le=THRESHOLD_OFF)]


class DecisionSection(Section):
    """The score, 0 to 1, from which an outcome applies (2 switches it off), or how many alerts."""

    review: Threshold = 0.5
    """Somebody should look at it: the mildest alert."""
    challenge: Threshold = THRESHOLD_OFF
    """The customer should be asked."""
    block: Threshold = 0.95
    """It should be refused: the strictest."""
    alerts_per_day: Annotated[Number, Field(ge=0, le=1e9)] = 0
    """How many alerts there should be in a day of event time, in the mean: the review threshold
    moves so that there are, once a day of scores has been seen, and `review` holds until then.
    Challenges and blocks count too, their thresholds stay. 0: `review` holds always."""
    explore: Annotated[Number, Field(ge=0, lt=1)] = 0
    """Share of `alerts_per_day` for payments below the threshold, drawn at random with a
    probability in proportion to their scores, so that what no threshold would pick is looked at
    too; their alerts say so. 0: none."""
    cooldown: Duration = 0
    """After an alert, for how long of event time further reviews of the same entity are counted for
    its next alert and raise none themselves; decisions stay. Challenges and blocks always do, and
    payments drawn by `explore`. 0: each review raises one."""
    cooldown_entity: str = ""
    """Which entity that is, a name of `fields.entities`; empty: the first."""
    calibrate: bool = True
    """Whether the model's scores are made probabilities by the labels of earlier payments; else
    the thresholds apply to what the model says itself."""
    reason_codes: str = ""
    """A TOML file of reason codes of your own, laid over those that ship; docs/reason-codes.md says
    how. Empty: those that ship."""
    counterfactuals: bool = True
    """Whether alerts say what one change would have kept them from being raised, which asks the
    model for some hundred predictions for each alert."""

    def thresholds(self) -> Thresholds:
        """Return the fixed thresholds."""
        return Thresholds(self.review, self.challenge, self.block)


class WorkerSection(Section):
    """The loop."""

    batch_rows_max: Annotated[int, Field(ge=1, le=1024)] = 1024
    """Payments worked on at once, at most; a poll takes four times as many records where so many
    are there."""
    linger: Annotated[Duration, Field(le=1_000_000)] = 5_000
    """Where polls bring more than 4 records, how long the first ones wait for others: so many are
    cheaper together. Fewer never wait; 0: nobody does."""
    pretouch: bool = False
    """Whether all memory that the state may take is taken before the first record, so that no
    payment waits for a page of it."""
    commit_interval: Duration = 1_000_000
    """Time between commits of what has been acknowledged."""
    shutdown_deadline: Duration = 20_000_000
    """Longest time from SIGTERM to the end of the process."""
    state: Literal["whole", "per_partition"] = "whole"
    """`whole`: one state for all partitions, and one worker at a time. `per_partition`: a state
    for each partition, which moves with it between any number of workers; docs/workers.md says
    what it asks of topics, and what a feature then counts."""
    partial_features: bool = False
    """Of `state = "per_partition"`: whether there may be features of entities that are spread over
    partitions, which then count what the entity did in the payment's own partition."""
    guarantee: Literal["at_least_once", "exactly_once"] = "at_least_once"
    """What a crash may do to the output. `at_least_once`: nothing is missing, and alerts repeat
    under the same id, or not at all where `recovery.folder` is set. `exactly_once`: who reads
    committed records sees each alert, decision, dead letter and review once; needs
    `recovery.folder`."""
    transaction_interval: Annotated[Duration, Field(le=5_000_000)] = 50_000
    """Of `exactly_once`: output and the offsets of its input are committed together this often,
    and readers of committed records wait for it."""


class RecoverySection(Section):
    """What outlives a worker; docs/recovery.md says what is promised."""

    folder: str = ""
    """Where snapshots and the journal lie, on a disk that stays; each worker needs its own.
    Empty: nothing outlives the worker, and the next one begins with empty windows and model."""
    snapshot_interval: Annotated[Duration, Field(ge=1)] = 60_000_000
    """Time between snapshots; what came since the last is worked on again at a start."""
    replay_max: Annotated[Duration, Field(ge=1)] = 3_000_000
    """Work since the last snapshot after which the next comes sooner. A start after a kill does it
    again, which takes about one and a half times as long: 5 s with the default."""
    keep: Annotated[int, Field(ge=1, le=1000)] = 3
    """How many snapshots are kept, so that a damaged one is not the end."""
    history_days: Annotated[int, Field(ge=0, le=366)] = 0
    """Of so many days, UTC, the first snapshot is kept too, and the journal since the oldest:
    `fraudstream backtest` and `reproduce` reach as far back. An order to erase somebody ends it."""
    copy_folder: str = ""
    """A folder elsewhere, on a network disk or a mounted object store, that gets a copy of each
    snapshot; a worker whose `folder` is empty begins with the newest. Each worker needs its own.
    Empty: no copies there."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = ""
    """Which worker of the group this is, in the keys of its snapshot copies in Redis
    (`redis.snapshots`). Each worker needs its own, and keeps it when it moves to another host."""


class RedisSection(Section):
    """A cache for other services, which scoring never waits for and never needs; docs/redis.md."""

    url: str = Field(default="", repr=False)
    """`redis://HOST:6379/0`, or `rediss://` for TLS, with user and password where there are any;
    it may be `file:/path` of a file that holds it. Empty: no Redis."""
    allow_insecure: bool = False
    """Allow `redis://`, which is not encrypted, to a host that is not this machine."""
    timeout: Annotated[Duration, Field(ge=1_000, le=10_000_000)] = 100_000
    """Longest wait for a connection and for an answer."""
    features: bool = True
    """Whether the last values of each entity's features are written, where there is a `url`."""
    features_ttl: Duration = 30 * 86_400_000_000
    """An entity that is silent for this long is forgotten there; 0: never."""
    snapshots: bool = False
    """Whether each snapshot is copied there, under `recovery.name`; a worker whose
    `recovery.folder` is empty begins with the newest. Redis needs memory for `recovery.keep` of
    them and one more."""


class SecuritySection(Section):
    """Secrets; give them by environment or as ``file:/path``, never in the file itself."""

    hash_key: str = Field(default="", repr=False)
    """32 hexadecimal digits, the key of every entity's hash."""
    snapshot_key: str = Field(default="", repr=False)
    """At least 32 hexadecimal digits that seal snapshots, so that nobody without them can make
    one that is taken; empty: snapshots are only checked for damage."""
    approvals: Literal["one_person", "two_persons"] = "one_person"
    """Of `two_persons`: what is ordered on `topics.control` is sent once somebody else has approved
    it with `fraudstream approve`."""
