"""The configuration: one frozen object, read once, checked whole.

A TOML file, over it ``FRAUD_*`` environment variables (``FRAUD_KAFKA__BOOTSTRAP``
sets ``kafka.bootstrap``). Every wrong key is reported at once, each with the
nearest right name; so are ``FRAUD_*`` names that set nothing.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from schemas.errors import ConfigError
from schemas.roles import Roles
from stream.decide import Thresholds
from stream.engine import EngineParameters
from stream.features import FeatureSet
from stream.sections import (
    ENV_PREFIX,
    DecisionSection,
    FieldsSection,
    KafkaSection,
    LabelsSection,
    LimitsSection,
    ModelSection,
    RegistrySection,
    ReplaySection,
    SecuritySection,
    TopicsSection,
    WindowsSection,
    WorkerSection,
)


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
                text = Path(text.removeprefix("file:")).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ConfigError(f"security.hash_key: cannot read the file: {error}") from error
            except ValueError:  # Not text; the error of a codec would quote the bytes.
                text = ""
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
    unknown = unknown_environment()
    problems = [f"{name}: {text}" for name, text in unknown.items()]
    config = None
    try:
        config = Config(**values)
        _check_together(config, problems)
    except ValidationError as error:
        found = [d for d in error.errors() if _environment_name(d["loc"]) not in unknown]
        problems = [_describe(detail) for detail in found] + problems
    except SettingsError as error:
        problems = (_not_json() or [f"the environment: {error}"]) + problems
    if problems or config is None:
        where = f" in {path}" if path else ""
        raise ConfigError(
            f"the configuration{where} cannot be used:" + "".join(f"\n  - {p}" for p in problems)
        )
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _check_together(config: Config, problems: list[str]) -> None:
    """Check what no single key can tell."""
    lengths = config.windows.lengths
    if list(lengths) != sorted(set(lengths)) or lengths[0] == 0:
        problems.append("windows.lengths: must be ascending, without 0 and without repeats")
        return
    names = config.engine_parameters().features.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problems.append(
            f"fields: an entity and an input make the same feature name {', '.join(twice)}: "
            "rename one of them"
        )


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
                problems.append(f'{name}: a list or a table is written as JSON: \'["1h", "7d"]\'')
    return problems


def _describe(detail: Any) -> str:
    """Put one of pydantic's findings in words, with the nearest right name."""
    location = [str(part) for part in detail["loc"]]
    place = ".".join(location)
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
    names = list(model.model_fields) if model else list(sections)
    near = difflib.get_close_matches(location[-1], names, n=1, cutoff=0.6)
    if near or elsewhere:
        return [*near, *elsewhere][0]
    return difflib.get_close_matches(location[-1], names, n=1, cutoff=0.0)[0]
