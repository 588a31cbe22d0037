"""What no single key of the configuration can tell: what does not go together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from schemas.errors import ConfigError
from stream.addresses import is_this_machine
from stream.config.admin import AdminSection
from stream.config.lists import ListsSection
from stream.config.model import ModelSection
from stream.config.monitor import MonitorSection
from stream.config.replay import ReplaySection
from stream.config.sections import (
    DecisionSection,
    FeaturesSection,
    FieldsSection,
    LabelsSection,
    LimitsSection,
    SecuritySection,
    TopicsSection,
    WindowsSection,
    WorkerSection,
)
from stream.explanation.reason_files import reason_table
from stream.features.columns import SQUARED_MAX
from stream.features.declare import (
    Inputs,
    amounts_enter,
    default_names,
    entities_of,
    examine,
)
from stream.features.grammar import SQUARING, SUMMING, Feature, nearest, quoted
from stream.features.scope import spread, unshared
from stream.toml.lines import KeyPath


@dataclass(frozen=True)
class Problem:
    """What is wrong, and the keys and places in lists that lead to it; none: the environment."""

    path: KeyPath
    text: str


class Settings(Protocol):
    """What of the configuration is looked at here; see `stream.config.configuration.Config`."""

    fields: FieldsSection
    limits: LimitsSection
    features: FeaturesSection
    windows: WindowsSection
    labels: LabelsSection
    model: ModelSection
    decision: DecisionSection
    lists: ListsSection
    worker: WorkerSection
    monitor: MonitorSection
    admin: AdminSection
    replay: ReplaySection
    security: SecuritySection
    topics: TopicsSection

    @property
    def per_partition(self) -> bool:
        """Whether each partition has a state of its own."""
        ...

    def inputs(self) -> Inputs:
        """Return what features can be declared over."""
        ...


def problems_of(config: Settings) -> Iterator[Problem]:
    """Find what no single key can tell."""
    yield from (Problem(*each) for each in config.model.problems())
    yield from _check_costs(config)
    yield from _check_card(config.replay.card, config.fields.entities)
    yield from _check_admin(config.admin)
    if config.security.approvals == "two_persons" and not config.topics.audit:
        text = "security.approvals: requests are kept on topics.audit, which is empty: set that"
        yield Problem(("security", "approvals"), text)
    if config.decision.explore and not config.decision.alerts_per_day:
        text = "decision.explore: it is a share of decision.alerts_per_day, which is 0: set that"
        yield Problem(("decision", "explore"), text)
    try:
        reason_table(config.decision.reason_codes)
    except ConfigError as error:
        yield Problem(("decision", "reason_codes"), str(error))
    capped, entities = config.labels.capped_entity, list(config.fields.entities)
    if capped and capped not in entities:
        near = nearest(capped, entities, "the list")
        text = f"labels.capped_entity: no entity of fields.entities is {quoted(capped)}{near}"
        yield Problem(("labels", "capped_entity"), text)
    cooling = config.decision.cooldown_entity
    if cooling and cooling not in entities:
        near = nearest(cooling, entities, "the list")
        text = f"decision.cooldown_entity: no entity of fields.entities is {quoted(cooling)}{near}"
        yield Problem(("decision", "cooldown_entity"), text)
    key = config.fields.key
    if key and key not in entities:
        near = nearest(key, entities, "the list")
        text = f"fields.key: no entity of fields.entities is {quoted(key)}{near}"
        yield Problem(("fields", "key"), text)
    for name, text in config.lists.problems(entities, list(config.fields.categorical)):
        yield Problem(("lists", name, "of"), f"lists.{name}.of: {text}")
    inputs = config.inputs()
    wrong = [Problem(path, f"{'.'.join(path)}: {text}") for path, text in inputs.problems()]
    yield from wrong or _check_features(config, inputs)


def _check_costs(config: Settings) -> Iterator[Problem]:
    """Find bounds of costs that nothing can enforce."""
    for name, challenger in config.model.challengers.items():
        path: KeyPath = ("model", "challengers", name, "cost_max_us")
        where = ".".join(map(str, path))
        if challenger.cost_max_us and not config.topics.control:
            yield Problem(path, f"{where}: a slow one is disabled by an order: set topics.control")
        elif challenger.cost_max_us and config.per_partition:
            text = f"{where}: no order goes to one partition: give model.challengers.{name}.sample"
            yield Problem(path, text)


def _check_features(config: Settings, inputs: Inputs) -> Iterator[Problem]:
    """Find what is wrong with the features, and with what depends on them."""
    features, errors = examine(config.features.names or default_names(inputs), inputs)
    for error in errors:
        yield Problem(("features", "names", error.place), f"features.names: {error}")
    if config.per_partition:
        yield from _check_scope(config, features)
    yield from _check_beside(config)
    for keys, text in () if errors else config.monitor.problems([str(it) for it in features]):
        yield Problem(("monitor", *keys), f"monitor.{keys[0]}: {text}")
    used = entities_of(features)
    for name in config.windows.capacity:
        if not errors and name not in used:
            near = nearest(name, used, "the list")
            yield Problem(
                ("windows", "capacity", name),
                f"windows.capacity: no feature is about {quoted(name)}{near}",
            )
    events_max, amount_max = config.windows.events_max, config.limits.amount_minor_max
    largest = (2**63 - 1) // events_max
    if amount_max > largest and amounts_enter(features, SUMMING):
        own = "amount_minor_max" in config.limits.model_fields_set
        yield Problem(
            ("limits", "amount_minor_max") if own else ("windows", "events_max"),
            f"limits.amount_minor_max: {events_max:,} (windows.events_max) amounts of "
            f"{amount_max:,} do not fit into 64 bits: at most {largest:_}",
        )
    elif amount_max > SQUARED_MAX and amounts_enter(features, SQUARING):
        yield Problem(
            ("limits", "amount_minor_max"),
            f"limits.amount_minor_max: the squares that std and zscore sum are exact for amounts "
            f"of at most {SQUARED_MAX:_}, not of {amount_max:,}",
        )


def _check_beside(config: Settings) -> Iterator[Problem]:
    """Find topics on which partitions cannot tell each other anything."""
    topics = config.topics
    for name in () if config.per_partition else ("shared", "training", "models"):
        if getattr(topics, name):
            text = f"topics.{name}: one state for all has nobody to tell: set worker.state"
            yield Problem(("topics", name), text)
    for name in ("shared", "training", "models"):
        own = getattr(topics, name)
        if own and topics.names().count(own) > 1:
            text = f"topics.{name}: {own} is another topic's name too: give it one of its own"
            yield Problem(("topics", name), text)
    if bool(topics.training) != bool(topics.models):
        given, missing = ("training", "models") if topics.training else ("models", "training")
        text = f"topics.{given}: one model for all needs topics.{missing} too"
        yield Problem(("topics", given), text)


def _check_scope(config: Settings, features: Collection[Feature]) -> Iterator[Problem]:
    """Find features that would count only a part of what their entity did."""
    key, shares = config.fields.message_key(), bool(config.topics.shared)
    partial = unshared(features, key) if shares else spread(features, key)
    if partial and not config.worker.partial_features:
        more = f", and {len(partial) - 1} more" if len(partial) > 1 else ""
        remedy = "" if shares else "give topics.shared, so that partitions tell each other; or "
        text = (
            f"worker.partial_features: with a state per partition {quoted(partial[0])}{more} would "
            f"{'know of frauds' if shares else 'count what the entity did'} in the payment's "
            f"partition alone: {remedy}leave out what `fraudstream features list` shows as "
            "partial, or set it to true"
        )
        yield Problem(("worker", "state"), text)


def _check_admin(admin: AdminSection) -> Iterator[Problem]:
    """Find a port that anybody may ask."""
    if not admin.token and not is_this_machine(admin.host):
        text = (
            f"admin.host: others can reach {admin.host!r}: set FRAUD_ADMIN__TOKEN to what "
            "`openssl rand -hex 32` gives, or bind 127.0.0.1"
        )
        yield Problem(("admin", "host"), text)


def _check_card(card: str, entities: Iterable[str]) -> Iterator[Problem]:
    """Find a card that is no entity."""
    if card and card not in entities:
        text = f"replay.card: fields.entities has no {quoted(card)}{nearest(card, entities)}"
        yield Problem(("replay", "card"), text)
