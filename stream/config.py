"""The configuration: one frozen object, read once, checked whole.

A TOML file, over it ``FRAUD_*`` environment variables (``FRAUD_KAFKA__BOOTSTRAP``
sets ``kafka.bootstrap``). Every wrong key is reported at once, each with the
nearest right name; so are ``FRAUD_*`` names that set nothing.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.decoder import Limits
from schemas.errors import ConfigError
from schemas.roles import Roles
from stream.decide import THRESHOLD_OFF, Thresholds
from stream.engine import EngineParameters
from stream.features import FeatureSet

ENV_PREFIX = "FRAUD_"
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
    return int(match[1]) * _UNITS_US[match[2]]


Duration = Annotated[int, BeforeValidator(parse_duration)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSection(_Section):
    """Where the brokers are and how to speak to them."""

    bootstrap: str = "127.0.0.1:9092"
    group: str = "fraudstream"
    allow_insecure: bool = False
    """Allow PLAINTEXT to a host that is not this machine."""
    client: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Settings of librdkafka, passed through untouched: security.protocol, sasl.*, ssl.*, ..."""


class TopicsSection(_Section):
    """Names of the topics."""

    transactions: str = "fraud.transactions"
    labels: str = "fraud.labels"
    alerts: str = "fraud.alerts"
    dead_letters: str = "fraud.dead_letters"
    decisions: str = ""
    """Every decision; empty: only alerts are published."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = 4
    """Used by `topics create` and the embedded broker."""
    replication: Annotated[int, Field(ge=1)] = 1

    def names(self) -> list[str]:
        """Return every topic that is in use."""
        names = [self.transactions, self.labels, self.alerts, self.dead_letters, self.decisions]
        return [name for name in names if name]


class RegistrySection(_Section):
    """Where writer schemas come from."""

    url: str = ""
    """A Confluent-compatible registry; empty: the schemas that ship with fraudstream."""
    folder: str = ""
    """A folder with a registry.toml of your own."""
    auto_register: bool = False


class FieldsSection(_Section):
    """Which field of the transaction schema plays which role; paths are dotted."""

    transaction_id: str = "transaction_id"
    event_time: str = "event_time"
    event_time_unit: Literal["s", "ms", "us", "ns"] | None = None
    amount: str = "amount_minor"
    amount_unit: Literal["major", "minor"] = "minor"
    minor_digits: Annotated[int, Field(ge=0, le=8)] = 2
    entities: dict[str, str] = Field(
        default_factory=lambda: {"card": "card_id", "merchant": "merchant_id"},
        min_length=1,
        max_length=16,
    )
    numeric: dict[str, str] = Field(default_factory=dict)
    categorical: dict[str, str] = Field(default_factory=dict)

    def roles(self) -> Roles:
        """Return the same as the decoder wants it."""
        return Roles(**self.model_dump())


class LimitsSection(_Section):
    """What a single record may be; beyond it is a dead letter."""

    record_bytes_max: Annotated[int, Field(ge=16, le=2**20)] = 4096
    id_bytes_max: Annotated[int, Field(ge=1, le=1024)] = 64
    amount_minor_max: Annotated[int, Field(ge=1, le=10**15)] = 10**12
    event_time_min_us: int = 946_684_800_000_000
    future_skew_max: Duration = 300_000_000

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
    events_max: Annotated[int, Field(ge=1, lt=2**31)] = 1_000_000
    entities_max: Annotated[int, Field(ge=1, lt=2**31 - 1)] = 200_000
    allowed_lateness: Duration = 60_000_000
    idle_after: Duration = 60_000_000


class LabelsSection(_Section):
    """How the truth comes back."""

    maturity: Duration = 7 * 86_400_000_000
    waiting_max: Annotated[int, Field(ge=2048, lt=2**31)] = 500_000
    learn_interval: Annotated[Duration, Field(ge=1)] = 1_000_000


class ModelSection(_Section):
    """The champion."""

    kind: Literal["logistic"] = "logistic"
    frauds_min: Annotated[int, Field(ge=1)] = 20
    genuine_min: Annotated[int, Field(ge=1)] = 1000


Threshold = Annotated[float, Field(gt=0, le=THRESHOLD_OFF)]


class DecisionSection(_Section):
    """The score from which an outcome applies; 2 switches it off."""

    review: Threshold = 0.5
    challenge: Threshold = THRESHOLD_OFF
    block: Threshold = 0.95


class WorkerSection(_Section):
    """The loop."""

    batch_rows_max: Annotated[int, Field(ge=1, le=1024)] = 500
    commit_interval: Duration = 1_000_000
    shutdown_deadline: Duration = 20_000_000
    guarantee: Literal["at_least_once", "exactly_once"] = "at_least_once"


class SecuritySection(_Section):
    """Secrets; give them by environment or as ``file:/path``, never in the file itself."""

    hash_key: str = Field(default="", repr=False)
    """32 hexadecimal digits, the key of every entity's hash."""


class ReplaySection(_Section):
    """How a file is read by `fraudstream replay`."""

    label: str = ""
    """Column that holds the truth (0/1, true/false); empty: the file has none."""
    label_delay: Duration = 7 * 86_400_000_000


class Config(BaseSettings):
    """All of it."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )

    kafka: KafkaSection = KafkaSection()
    topics: TopicsSection = TopicsSection()
    registry: RegistrySection = RegistrySection()
    fields: FieldsSection = FieldsSection()
    limits: LimitsSection = LimitsSection()
    windows: WindowsSection = WindowsSection()
    labels: LabelsSection = LabelsSection()
    model: ModelSection = ModelSection()
    decision: DecisionSection = DecisionSection()
    worker: WorkerSection = WorkerSection()
    security: SecuritySection = SecuritySection()
    replay: ReplaySection = ReplaySection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Lay the environment over the file, which arrives as initial values."""
        return env_settings, init_settings

    def roles(self) -> Roles:
        """Return the roles of the transaction schema's fields."""
        return self.fields.roles()

    def engine_parameters(self) -> EngineParameters:
        """Return what the engine needs of all this."""
        features = FeatureSet(
            self.roles().layout, self.windows.lengths, 10**self.fields.minor_digits
        )
        return EngineParameters(
            features=features,
            thresholds=Thresholds(**self.decision.model_dump()),
            events_max=self.windows.events_max,
            entities_max=self.windows.entities_max,
            waiting_max=self.labels.waiting_max,
            allowed_lateness_us=self.windows.allowed_lateness,
            idle_after_us=self.windows.idle_after,
            maturity_us=self.labels.maturity,
            learn_interval_us=self.labels.learn_interval,
            batch_rows_max=self.worker.batch_rows_max,
        )

    def hash_key(self) -> bytes:
        """Return the 16 bytes of the key.

        Raises
        ------
        ConfigError
            If there is none, or it is not 32 hexadecimal digits.
        """
        text = self.security.hash_key
        if text.startswith("file:"):
            try:
                text = Path(text.removeprefix("file:")).read_text().strip()
            except OSError as error:
                raise ConfigError(f"security.hash_key: cannot read the file: {error}") from error
        if not re.fullmatch(r"[0-9a-fA-F]{32}", text):
            raise ConfigError(
                "security.hash_key must be 32 hexadecimal digits: make one with "
                f"`openssl rand -hex 16` and set {ENV_PREFIX}SECURITY__HASH_KEY to it, "
                "or to 'file:/path' of a file that holds it"
            )
        return bytes.fromhex(text)


def load(path: Path | None = None, **overrides: Any) -> Config:
    """Read the configuration.

    Parameters
    ----------
    path : Path, optional
        A TOML file; without it the defaults and the environment.
    **overrides
        Sections as dicts, laid over the file and under the environment.

    Raises
    ------
    ConfigError
        Every problem at once.
    """
    values = _read(path) if path else {}
    for section, override in overrides.items():
        values[section] = {**values.get(section, {}), **override}
    problems = [f"{name}: {text}" for name, text in unknown_environment().items()]
    config = None
    try:
        config = Config(**values)
        _check_windows(config, problems)
    except ValidationError as error:
        problems = [_describe(detail) for detail in error.errors()] + problems
    if problems or config is None:
        where = f" in {path}" if path else ""
        raise ConfigError(
            f"the configuration{where} cannot be used:" + "".join(f"\n  - {p}" for p in problems)
        )
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _check_windows(config: Config, problems: list[str]) -> None:
    lengths = config.windows.lengths
    if list(lengths) != sorted(set(lengths)) or lengths[0] == 0:
        problems.append("windows.lengths: must be ascending, without 0 and without repeats")


def _sections() -> dict[str, type[BaseModel]]:
    return {
        name: info.annotation
        for name, info in Config.model_fields.items()
        if isinstance(info.annotation, type)
    }


def unknown_environment() -> dict[str, str]:
    """Find ``FRAUD_*`` names that set nothing, with the nearest name that would."""
    known = []
    free = []  # Sections whose keys are the user's own, such as kafka.client.
    for section, model in _sections().items():
        for name, info in model.model_fields.items():
            known.append(f"{ENV_PREFIX}{section}__{name}".upper())
            if "dict" in str(info.annotation):
                free.append(known[-1] + "__")
        known.append(f"{ENV_PREFIX}{section}".upper())
    unknown = {}
    for name in sorted(os.environ):
        if not name.startswith(ENV_PREFIX) or name in known or name.startswith(tuple(free)):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        unknown[name] = f"this environment variable sets nothing; the nearest is {near[0]}"
    return unknown


def _describe(detail: Any) -> str:
    """Put one of pydantic's findings in words, with the nearest right name."""
    location = [str(part) for part in detail["loc"]]
    place = ".".join(location)
    if detail["type"] == "extra_forbidden":
        model = _sections().get(location[0])
        names = list(model.model_fields) if model and len(location) > 1 else list(_sections())
        near = difflib.get_close_matches(location[-1], names, n=1, cutoff=0.0)
        return (
            f"{place}: no such key; the nearest is '{near[0]}'" if near else f"{place}: no such key"
        )
    text = detail["msg"].removeprefix("Value error, ")
    secret = "security" in location
    return f"{place}: {text}" + (
        "" if secret or detail["type"] == "value_error" else f" (it is {detail['input']!r})"
    )
