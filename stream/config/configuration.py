"""The configuration: one frozen object, read once, checked whole.

A TOML file, over it ``FRAUD_*`` environment variables (``FRAUD_KAFKA__BOOTSTRAP``
sets ``kafka.bootstrap``). Every wrong key is reported at once, each with its line
and the nearest right name; so are ``FRAUD_*`` names that set nothing.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from schemas.errors import ConfigError
from schemas.roles import Roles
from stream.config.admin import AdminSection
from stream.config.checks import Problem, problems_of
from stream.config.environment import environment_name, not_json, unknown_environment
from stream.config.lists import ListsSection
from stream.config.model import ModelSection
from stream.config.monitor import MonitorSection
from stream.config.promotion import PromotionSection
from stream.config.replay import ReplaySection
from stream.config.rules import RulesSection
from stream.config.secret_keys import admin_token_of, hash_key_of, redis_url_of, snapshot_key_of
from stream.config.sections import (
    DecisionSection,
    FeaturesSection,
    FieldsSection,
    KafkaSection,
    LabelsSection,
    LimitsSection,
    RecoverySection,
    RedisSection,
    RegistrySection,
    SecuritySection,
    TopicsSection,
    WindowsSection,
    WorkerSection,
)
from stream.config.values import ENV_PREFIX
from stream.config.webhook import WebhookSection
from stream.engine.parameters import EngineParameters
from stream.evidence.explainer import Explained
from stream.evidence.reason_codes import ReasonTable
from stream.exchange.topics import ExchangeTopics
from stream.explanation.reason_files import reason_table
from stream.features.declare import (
    Feature,
    Inputs,
    declare,
    default_names,
)
from stream.features.feature_set import FeatureSet
from stream.features.scope import shared_entities
from stream.records.wording import protected_names
from stream.toml.lines import KeyPath, TomlLines

# What stood there once, and where it went.
_MOVED: dict[tuple[str, ...], str] = {
    ("windows", "lengths"): "windows are declared in features.names: 'card.count_{1h,7d}'"
}


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
    features: FeaturesSection = FeaturesSection()
    windows: WindowsSection = WindowsSection()
    labels: LabelsSection = LabelsSection()
    model: ModelSection = ModelSection()
    promotion: PromotionSection = PromotionSection()
    decision: DecisionSection = DecisionSection()
    lists: ListsSection = ListsSection()
    rules: RulesSection = RulesSection()
    worker: WorkerSection = WorkerSection()
    recovery: RecoverySection = RecoverySection()
    redis: RedisSection = RedisSection()
    monitor: MonitorSection = MonitorSection()
    admin: AdminSection = AdminSection()
    webhook: WebhookSection = WebhookSection()
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

    def inputs(self) -> Inputs:
        """Return what features can be declared over."""
        return self.features.inputs(self.fields)

    def declared(self) -> tuple[Feature, ...]:
        """Return the features."""
        inputs = self.inputs()
        return declare(self.features.names or default_names(inputs), inputs)

    def reason_table(self) -> ReasonTable:
        """Return the table of reason codes in force."""
        return reason_table(self.decision.reason_codes)

    def engine_parameters(
        self, hash_key: bytes = bytes(16), partitions: int = 1
    ) -> EngineParameters:
        """Return what the engine needs of all this.

        Parameters
        ----------
        hash_key : bytes
            What categories are hashed with.
        partitions : int
            Among how many engines what holds for the whole stream is shared out.
        """
        labels = self.labels.parameters(tuple(self.fields.entities))
        # Rounded up: a cap of one must not become none.
        each = -(-labels.source_max_per_day // partitions)
        features = self.declared()
        feature_set = FeatureSet(features, self.roles().layout, self.inputs())
        protected = protected_names(self.reason_table(), feature_set)
        return EngineParameters(
            features=feature_set,
            explained=Explained(protected, self.decision.counterfactuals),
            capacities=self.windows.capacity,
            hash_key=hash_key,
            thresholds=self.decision.thresholds(),
            calibrate=self.decision.calibrate,
            alerts_per_day=self.decision.alerts_per_day / partitions,
            explore=self.decision.explore,
            events_max=self.windows.events_max,
            entities_max=self.windows.entities_max,
            feature_threads=self.windows.threads,
            shared=self.shared_entities(),
            version_interval_us=self.model.version_interval if self.one_model else 0,
            waiting_max=self.labels.waiting_max,
            allowed_lateness_us=self.windows.allowed_lateness,
            idle_after_us=self.windows.idle_after,
            labels=replace(labels, source_max_per_day=each),
            learn_interval_us=self.labels.learn_interval,
            batch_rows_max=self.worker.batch_rows_max,
            lists=self.lists.declared(),
            breaker=self.rules.breaker(),
            cooldown_us=self.decision.cooldown,
            cooldown_entity=self.decision.cooldown_entity,
            monitor=self.monitor.parameters(features, labels.maturity_us, labels.correctable_us),
            model=self.model.name,
            promotion=self.promotion.parameters(),
        )

    @property
    def per_partition(self) -> bool:
        """Whether each partition has a state of its own."""
        return self.worker.state == "per_partition"

    def shared_entities(self) -> tuple[str, ...]:
        """Return the entity types of which partitions tell each other."""
        if not self.per_partition or not self.topics.shared:
            return ()
        return shared_entities(self.declared(), self.fields.message_key())

    @property
    def one_model(self) -> bool:
        """Whether the states of all partitions have one model, which one of them learns."""
        return self.per_partition and bool(self.topics.training)

    def exchange(self) -> ExchangeTopics:
        """Return where partitions tell each other."""
        shared = self.topics.shared if self.shared_entities() else ""
        of_models = (self.topics.training, self.topics.models) if self.one_model else ()
        return ExchangeTopics(shared, *of_models)

    def hash_key(self) -> bytes:
        """Return the 16 bytes of the key; see `secret_keys.hash_key_of`."""
        return hash_key_of(self.security.hash_key)

    def snapshot_key(self) -> bytes | None:
        """Return the key that seals snapshots; see `secret_keys.snapshot_key_of`."""
        return snapshot_key_of(self.security.snapshot_key)

    def redis_url(self) -> str:
        """Return where Redis is, empty for nowhere; see `secret_keys.redis_url_of`."""
        return redis_url_of(self.redis.url)

    def admin_token(self) -> str:
        """Return what the admin port asks for; see `secret_keys.admin_token_of`."""
        return admin_token_of(self.admin.token)


@dataclass(frozen=True)
class _File:
    """A configuration file, and how to find in it what is wrong."""

    path: Path | None
    text: str
    values: dict[str, Any]

    def told(self, problems: list[Problem], laid_over: list[dict[str, Any]]) -> Iterator[str]:
        """Put each problem in a line; what comes from the file has its place there, in order."""
        lines = TomlLines(self.text)
        found = []
        for problem in problems:
            path = _written(self.values, problem.path)
            elsewhere = any(_decides(values, problem.path) for values in laid_over)
            line = None if elsewhere else lines.line(path)
            found.append((line or 2**63, f"{self.path}:{line}: " if line else "", problem.text))
        for _, place, text in sorted(found, key=lambda item: item[0]):
            yield place + text


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
        Every problem at once; those of the file with their lines.
    """
    file = _read(path)
    values = dict(file.values)
    for section, override in overrides.items():
        values[section] = {**values.get(section, {}), **override}
    unknown = unknown_environment(_sections())
    problems: list[Problem] = []
    laid_over = [overrides]
    config = None
    try:
        laid_over.append(EnvSettingsSource(Config)())
        config = Config(**values)
        problems += problems_of(config)
    except ValidationError as error:
        problems += [
            Problem(detail["loc"], _describe(detail))
            for detail in error.errors()
            if environment_name(detail["loc"]) not in unknown
        ]
    except SettingsError as error:
        problems += [
            Problem((), text) for text in not_json(_sections()) or [f"the environment: {error}"]
        ]
    problems += [Problem((), f"{name}: {text}") for name, text in unknown.items()]
    if problems or config is None:
        where = f" in {path}" if path else ""
        told = "".join(f"\n  - {text}" for text in file.told(problems, laid_over))
        raise ConfigError(f"the configuration{where} cannot be used:{told}")
    return config


def _read(path: Path | None) -> _File:
    if path is None:
        return _File(None, "", {})
    try:
        text = path.read_text(encoding="utf-8")
        return _File(path, text, tomllib.loads(text))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is not TOML that we read: nested too deep") from error


def _written(values: dict[str, Any], path: KeyPath) -> KeyPath:
    """Return the part of a path that is written in the file: a finding may lead beyond it."""
    inner: Any = values
    for at, key in enumerate(path):
        if isinstance(inner, dict):
            if key not in inner:
                return ()
        elif not (isinstance(inner, list) and isinstance(key, int) and key < len(inner)):
            return path[:at]
        inner = inner[key]
    return path


def _decides(values: dict[str, Any], path: KeyPath) -> bool:
    """Tell whether values that are laid over the file replace what stands at a path."""
    inner: Any = values
    for key in path:
        if not isinstance(inner, dict):
            return True
        if key not in inner:
            return False
        inner = inner[key]
    return not isinstance(inner, dict)


def _sections() -> dict[str, type[BaseModel]]:
    return {
        name: info.annotation
        for name, info in Config.model_fields.items()
        if isinstance(info.annotation, type)
    }


def _describe(detail: Any) -> str:
    """Put one of pydantic's findings in words, with the nearest right name."""
    location = [str(part) for part in detail["loc"]]
    place = ".".join(location)
    if detail["type"] == "extra_forbidden" and tuple(location) in _MOVED:
        return f"{place}: no such key; {_MOVED[tuple(location)]}"
    if detail["type"] == "extra_forbidden":
        return f"{place}: no such key; the nearest is '{_nearest(location)}'"
    text = detail["msg"].removeprefix("Value error, ")
    value = detail["input"]
    secret = location[0] == "security" or {"client", "token", "secret", "url"} & {*location}
    # A table may hold anything, and what was raised here names its value itself.
    if secret or detail["type"] == "value_error" or not isinstance(value, (str, int, float)):
        return f"{place}: {text}"
    return f"{place}: {text} (it is {value!r})"


def _nearest(location: list[str]) -> str:
    """Name the key that was meant: the nearest of its section, or its namesake in another."""
    sections = _sections()
    elsewhere = [
        f"{section}.{name}"
        for section, model in sections.items()
        for name in model.model_fields
        if name == location[-1]
    ]
    model = sections.get(location[0]) if len(location) > 1 else None
    names = _keys_of(model, location) if model else list(sections)
    near = difflib.get_close_matches(location[-1], names, n=1, cutoff=0.6)
    if near or elsewhere:
        return [*near, *elsewhere][0]
    return difflib.get_close_matches(location[-1], names, n=1, cutoff=0.0)[0]


def _keys_of(section: type[BaseModel], location: list[str]) -> list[str]:
    """Return the keys of a section, or of the tables in it that a location leads into."""
    if issubclass(section, ListsSection):
        return list(section.table.model_fields)
    if len(location) > 3 and location[1] in section.model_fields:
        for inner in get_args(section.model_fields[location[1]].annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                return list(inner.model_fields)
    return list(section.model_fields)
