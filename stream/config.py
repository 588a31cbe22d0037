"""The configuration: one frozen object, read once, checked whole.

A TOML file, over it ``FRAUD_*`` environment variables (``FRAUD_KAFKA__BOOTSTRAP``
sets ``kafka.bootstrap``). Every wrong key is reported at once, each with its line
and the nearest right name; so are ``FRAUD_*`` names that set nothing.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
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
from stream.engine import EngineParameters
from stream.features.columns import SQUARED_MAX
from stream.features.declare import (
    Feature,
    Inputs,
    amounts_enter,
    declare,
    default_names,
    entities_of,
    examine,
)
from stream.features.feature_set import FeatureSet
from stream.features.grammar import SQUARING, SUMMING, nearest, quoted
from stream.features.scope import spread
from stream.secret_keys import hash_key_of, redis_url_of, snapshot_key_of
from stream.sections import (
    DecisionSection,
    FeaturesSection,
    FieldsSection,
    KafkaSection,
    LabelsSection,
    LearnerSection,
    LimitsSection,
    ModelSection,
    RecoverySection,
    RedisSection,
    RegistrySection,
    ReplaySection,
    SecuritySection,
    TopicsSection,
    WindowsSection,
    WorkerSection,
)
from stream.toml_lines import KeyPath, TomlLines
from stream.values import ENV_PREFIX

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
    decision: DecisionSection = DecisionSection()
    worker: WorkerSection = WorkerSection()
    recovery: RecoverySection = RecoverySection()
    redis: RedisSection = RedisSection()
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
        labels = self.labels.rules(tuple(self.fields.entities))
        # Rounded up: a cap of one must not become none.
        each = -(-labels.source_max_per_day // partitions)
        return EngineParameters(
            features=FeatureSet(self.declared(), self.roles().layout, self.inputs()),
            capacities=self.windows.capacity,
            hash_key=hash_key,
            thresholds=self.decision.thresholds(),
            calibrate=self.decision.calibrate,
            alerts_per_day=self.decision.alerts_per_day / partitions,
            explore=self.decision.explore,
            events_max=self.windows.events_max,
            entities_max=self.windows.entities_max,
            feature_threads=self.windows.threads,
            waiting_max=self.labels.waiting_max,
            allowed_lateness_us=self.windows.allowed_lateness,
            idle_after_us=self.windows.idle_after,
            labels=replace(labels, source_max_per_day=each),
            learn_interval_us=self.labels.learn_interval,
            batch_rows_max=self.worker.batch_rows_max,
        )

    @property
    def per_partition(self) -> bool:
        """Whether each partition has a state of its own."""
        return self.worker.state == "per_partition"

    def hash_key(self) -> bytes:
        """Return the 16 bytes of the key; see `stream.secret_keys.hash_key_of`."""
        return hash_key_of(self.security.hash_key)

    def snapshot_key(self) -> bytes | None:
        """Return the key that seals snapshots; see `stream.secret_keys.snapshot_key_of`."""
        return snapshot_key_of(self.security.snapshot_key)

    def redis_url(self) -> str:
        """Return where Redis is, empty for nowhere; see `stream.secret_keys.redis_url_of`."""
        return redis_url_of(self.redis.url)


@dataclass(frozen=True)
class _Problem:
    """What is wrong, and the keys and places in lists that lead to it; none: the environment."""

    path: KeyPath
    text: str


@dataclass(frozen=True)
class _File:
    """A configuration file, and how to find in it what is wrong."""

    path: Path | None
    text: str
    values: dict[str, Any]

    def told(self, problems: list[_Problem], laid_over: list[dict[str, Any]]) -> Iterator[str]:
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
    unknown = unknown_environment()
    problems: list[_Problem] = []
    laid_over = [overrides]
    config = None
    try:
        laid_over.append(EnvSettingsSource(Config)())
        config = Config(**values)
        problems += _check_together(config)
    except ValidationError as error:
        problems += [
            _Problem(detail["loc"], _describe(detail))
            for detail in error.errors()
            if _environment_name(detail["loc"]) not in unknown
        ]
    except SettingsError as error:
        problems += [_Problem((), text) for text in _not_json() or [f"the environment: {error}"]]
    problems += [_Problem((), f"{name}: {text}") for name, text in unknown.items()]
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


def _check_together(config: Config) -> Iterator[_Problem]:
    """Find what no single key can tell."""
    yield from _check_model(config.model, ("model",))
    for name, challenger in config.model.challengers.items():
        yield from _check_model(challenger, ("model", "challengers", name))
    yield from _check_card(config.replay.card, config.fields.entities)
    if config.decision.explore and not config.decision.alerts_per_day:
        text = "decision.explore: it is a share of decision.alerts_per_day, which is 0: set that"
        yield _Problem(("decision", "explore"), text)
    capped, entities = config.labels.capped_entity, list(config.fields.entities)
    if capped and capped not in entities:
        near = nearest(capped, entities, "the list")
        text = f"labels.capped_entity: no entity of fields.entities is {quoted(capped)}{near}"
        yield _Problem(("labels", "capped_entity"), text)
    key = config.fields.key
    if key and key not in entities:
        near = nearest(key, entities, "the list")
        text = f"fields.key: no entity of fields.entities is {quoted(key)}{near}"
        yield _Problem(("fields", "key"), text)
    inputs = config.inputs()
    wrong = [_Problem(path, f"{'.'.join(path)}: {text}") for path, text in inputs.problems()]
    if wrong:
        yield from wrong
        return
    features, errors = examine(config.features.names or default_names(inputs), inputs)
    for error in errors:
        yield _Problem(("features", "names", error.place), f"features.names: {error}")
    if config.per_partition and not config.worker.partial_features:
        yield from _check_scope(spread(features, config.fields.message_key()))
    used = entities_of(features)
    for name in config.windows.capacity:
        if not errors and name not in used:
            near = nearest(name, used, "the list")
            yield _Problem(
                ("windows", "capacity", name),
                f"windows.capacity: no feature is about {quoted(name)}{near}",
            )
    events_max, amount_max = config.windows.events_max, config.limits.amount_minor_max
    largest = (2**63 - 1) // events_max
    if amount_max > largest and amounts_enter(features, SUMMING):
        own = "amount_minor_max" in config.limits.model_fields_set
        yield _Problem(
            ("limits", "amount_minor_max") if own else ("windows", "events_max"),
            f"limits.amount_minor_max: {events_max:,} (windows.events_max) amounts of "
            f"{amount_max:,} do not fit into 64 bits: at most {largest:_}",
        )
    elif amount_max > SQUARED_MAX and amounts_enter(features, SQUARING):
        yield _Problem(
            ("limits", "amount_minor_max"),
            f"limits.amount_minor_max: the squares that std and zscore sum are exact for amounts "
            f"of at most {SQUARED_MAX:_}, not of {amount_max:,}",
        )


def _check_scope(partial: list[str]) -> Iterator[_Problem]:
    """Find features that would count only a part of what their entity did."""
    if partial:
        more = f", and {len(partial) - 1} more" if len(partial) > 1 else ""
        text = (
            f"worker.partial_features: with a state per partition {quoted(partial[0])}{more} would "
            "count what the entity did in the payment's partition alone: leave out what "
            "`fraudstream features list` shows as partial, or set it to true"
        )
        yield _Problem(("worker", "state"), text)


def _check_model(model: LearnerSection, place: KeyPath) -> Iterator[_Problem]:
    """Find what does not go together in a model."""
    where = ".".join(map(str, place))
    for at, member in enumerate(model.members):
        if model.kind == "blend" and member in model.members[:at]:
            text = f"{where}.members: {member!r} is there twice"
            yield _Problem((*place, "members", at), text)
    if model.clocks == "two" and model.kinds() == {"onnx"}:
        text = f"{where}.clocks: a model of kind 'onnx' learns nothing here: leave clocks 'one'"
        yield _Problem((*place, "clocks"), text)
    elsewhere = model.kinds() & {"river", "onnx"}
    at_source = (*place, "source" if model.source else "kind")
    if len(elsewhere) > 1:
        text = f"{where}.members: there is one source, so only one of 'river' and 'onnx'"
        yield _Problem((*place, "members"), text)
    elif "river" in elsewhere and not all(model.source.rpartition(":")):
        text = (
            f"{where}.source: {model.source!r} does not name a River model; write 'file.py:name' "
            "or 'package.module:name'"
        )
        yield _Problem(at_source, text)
    elif "onnx" in elsewhere and not model.source:
        yield _Problem(at_source, f"{where}.source: 'onnx' needs the file of the model")


def _check_card(card: str, entities: Iterable[str]) -> Iterator[_Problem]:
    """Find a card that is no entity."""
    if card and card not in entities:
        text = f"replay.card: fields.entities has no {quoted(card)}{nearest(card, entities)}"
        yield _Problem(("replay", "card"), text)


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
        plain = name.upper()  # As pydantic reads them.
        if not plain.startswith(ENV_PREFIX) or plain in known or plain.startswith(tuple(free)):
            continue
        near = difflib.get_close_matches(plain, known, n=1, cutoff=0.0)
        unknown[name] = f"this environment variable sets nothing; the nearest is {near[0]}"
    return unknown


def _environment_name(location: tuple[int | str, ...]) -> str:
    return ENV_PREFIX + "__".join(map(str, location)).upper()


def _not_json() -> list[str]:
    """Find the variables of lists and tables that are not JSON; their values are not shown."""
    names = [_environment_name((section,)) for section in _sections()]
    for section, model in _sections().items():
        for name, info in model.model_fields.items():
            if re.search("dict|tuple", str(info.annotation)):
                names.append(_environment_name((section, name)))
    problems = []
    for name in sorted(os.environ):
        if name.upper() in names:
            try:
                json.loads(os.environ[name])
            except ValueError:
                problems.append(
                    f'{name}: a list or a table is written as JSON: \'["amount", "card.count_1h"]\''
                )
    return problems


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
    secret = location[0] == "security" or "client" in location
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
    if len(location) > 3 and location[1] in section.model_fields:
        for inner in get_args(section.model_fields[location[1]].annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                return list(inner.model_fields)
    return list(section.model_fields)
