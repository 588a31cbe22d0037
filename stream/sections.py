"""The sections of the configuration, their keys, units, bounds and defaults.

What a key means is the text under it; `docs/make_configuration.py` makes the page
of the documentation from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.decoder import Limits
from schemas.roles import Roles
from stream.decide import THRESHOLD_OFF

ENV_PREFIX = "FRAUD_"
# A century: sums of a time and a duration stay far inside 64 bits.
_DURATION_MAX_US = 36_525 * 86_400_000_000
_UNITS_US = {
    "us": 1,
    "ms": 1_000,
    "s": 10**6,
    "m": 60 * 10**6,
    "h": 3600 * 10**6,
    "d": 86400 * 10**6,
}


def parse_duration(value: object) -> object:
    """Read ``90s``, ``1h`` or ``7d`` as microseconds.

    Raises
    ------
    ValueError
        For anything else: a bare number has no unit.
    """
    match = (
        re.fullmatch(r"\s*(\d+)\s*(us|ms|s|m|h|d)\s*", value) if isinstance(value, str) else None
    )
    if match is None:
        raise ValueError(
            f"a duration is a number with a unit, such as '90s', '1h' or '7d', not {value!r}"
        )
    duration_us = int(match[1]) * _UNITS_US[match[2]]
    if duration_us > _DURATION_MAX_US:
        raise ValueError("a duration is at most 36525d, a century")
    return duration_us


Duration = Annotated[int, BeforeValidator(parse_duration)]


def flat_settings(value: object) -> object:
    """Bring nested tables to librdkafka's dotted names.

    ``sasl.password`` without quotes is a table in TOML, and in the environment two
    underscores stand for the dot: ``FRAUD_KAFKA__CLIENT__SASL__PASSWORD``.

    Raises
    ------
    ValueError
        For what no setting can be; the text names the setting and never its value.
    """
    if not isinstance(value, dict):
        raise ValueError("must be a table of librdkafka's settings")
    flat = dict(_leaves(value))
    for name, setting in flat.items():
        if not isinstance(setting, (str, int, float)):
            raise ValueError(f"{name} must be a text, a number, true or false")
        if "_" in name and name != "log_level":
            raise ValueError(
                f"librdkafka has no setting {name}: its names have dots, such as sasl.password "
                f"(in the environment two underscores, {ENV_PREFIX}KAFKA__CLIENT__SASL__PASSWORD)"
            )
    return flat


def _leaves(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _no_boolean(value: object) -> object:
    """Refuse `block = true`, which would silently mean a threshold of 1."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSection(_Section):
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


class TopicsSection(_Section):
    """Names of the topics."""

    transactions: str = "fraud.transactions"
    """Payments come from here."""
    labels: str = "fraud.labels"
    """What somebody found out about payments comes from here."""
    alerts: str = "fraud.alerts"
    """Payments at REVIEW or stricter go here, with the evidence."""
    dead_letters: str = "fraud.dead_letters"
    """What could not be taken goes here, unchanged, with the reason in its headers."""
    decisions: str = ""
    """Every decision; empty: only alerts are published."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = 4
    """Partitions of each topic; used by `topics create` and the embedded broker."""
    replication: Annotated[int, Field(ge=1)] = 1
    """Copies of each partition; used by `topics create`."""

    def names(self) -> list[str]:
        """Return every topic that is in use."""
        names = [self.transactions, self.labels, self.alerts, self.dead_letters, self.decisions]
        return [name for name in names if name]


class RegistrySection(_Section):
    """Where writer schemas come from."""

    url: str = Field(default="", repr=False)
    """A Confluent-compatible registry; empty: the schemas that ship with fraudstream."""
    folder: str = ""
    """A folder with a registry.toml of your own."""
    auto_register: bool = False
    """Register our own output schemas where they are missing; for test systems."""


class FieldsSection(_Section):
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
    """Whose behaviour is watched: a name of yours, and the field with its id. Each has
    windows of its own; the first is the key of what is published."""
    numeric: dict[str, str] = Field(default_factory=dict)
    """Further numbers for the model: a name of yours, and the field."""
    categorical: dict[str, str] = Field(default_factory=dict)
    """Categories, decoded to keyed hashes; the logistic model does not read them yet."""

    def roles(self) -> Roles:
        """Return the same as the decoder wants it."""
        return Roles(**self.model_dump())


class LimitsSection(_Section):
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


class WindowsSection(_Section):
    """The sliding windows of every entity, and what they may remember."""

    lengths: tuple[Duration, ...] = Field(
        default=(600_000_000, 3_600_000_000, 86_400_000_000), min_length=1, max_length=16
    )
    """Lengths of the windows, ascending."""
    events_max: Annotated[int, Field(ge=1, lt=2**31)] = 1_000_000
    """Events remembered, of all entities together; the longest window should fit."""
    entities_max: Annotated[int, Field(ge=1, lt=2**31 - 1)] = 200_000
    """Entities remembered of each kind; beyond it the one longest silent is forgotten."""
    allowed_lateness: Duration = 60_000_000
    """An event this far behind its partition still counts, as of its own time."""
    idle_after: Duration = 60_000_000
    """A partition silent for this long, while others are not, no longer holds time back."""


class LabelsSection(_Section):
    """How the truth comes back."""

    maturity: Duration = 7 * 86_400_000_000
    """A payment that nobody labelled counts as genuine after this much event time."""
    waiting_max: Annotated[int, Field(ge=2048, lt=2**31)] = 500_000
    """Payments that wait for their label; beyond it the oldest is given up, and counted."""
    learn_interval: Annotated[Duration, Field(ge=1)] = 1_000_000
    """The model learns each time event time passes a multiple of this."""


class ModelSection(_Section):
    """The champion."""

    kind: Literal["logistic"] = "logistic"
    """Online logistic regression on standardised features."""
    frauds_min: Annotated[int, Field(ge=1)] = 20
    """Frauds it must have learned from before it gives a score."""
    genuine_min: Annotated[int, Field(ge=1)] = 1000
    """Genuine payments it must have learned from before it gives a score."""


Threshold = Annotated[float, BeforeValidator(_no_boolean), Field(gt=0, le=THRESHOLD_OFF)]


class DecisionSection(_Section):
    """The score, 0 to 1, from which an outcome applies; 2 switches it off."""

    review: Threshold = 0.5
    """Somebody should look at it: the mildest alert."""
    challenge: Threshold = THRESHOLD_OFF
    """The customer should be asked."""
    block: Threshold = 0.95
    """It should be refused: the strictest."""


class WorkerSection(_Section):
    """The loop."""

    batch_rows_max: Annotated[int, Field(ge=1, le=1024)] = 500
    """Records taken at once, at most."""
    commit_interval: Duration = 1_000_000
    """Time between commits of what has been acknowledged."""
    shutdown_deadline: Duration = 20_000_000
    """Longest time from SIGTERM to the end of the process."""
    guarantee: Literal["at_least_once", "exactly_once"] = "at_least_once"
    """What a crash may do to the output; at_least_once: alerts may repeat under the same id."""


class SecuritySection(_Section):
    """Secrets; give them by environment or as ``file:/path``, never in the file itself."""

    hash_key: str = Field(default="", repr=False)
    """32 hexadecimal digits, the key of every entity's hash."""


class ReplaySection(_Section):
    """How a file is read by `fraudstream replay`."""

    label: str = ""
    """Column that holds the truth (0/1, true/false); empty: the file has none."""
    label_delay: Duration = 7 * 86_400_000_000
    """A fraud's label comes this much event time after its payment."""
