"""``fraudstream features list`` and ``explain``: what is computed, and what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from stream.cli.console import OK, emit_json, print_table
from stream.config.configuration import Config, load
from stream.features.declare import Feature, parse
from stream.features.explain import Explanation, explain
from stream.features.feature_set import FeatureSet
from stream.features.memory import memory_of
from stream.features.scope import is_spread, unshared
from stream.plurals import several

_COLUMNS = ("number", "name", "meaning", "unit", "entity", "window", "scope")
_EXPLAINED_WIDTH = 100


def list_features(path: Path | None, as_json: bool) -> int:
    """Show every feature in the order of the model's inputs, and the memory of them all."""
    config = load(path)
    inputs, features = config.inputs(), config.declared()
    rows = [
        (*_said(number, feature, explain(feature, inputs)), _scope(config, feature))
        for number, feature in enumerate(features, 1)
    ]
    memory = _memory(config, features)
    if as_json:
        named = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        emit_json({"features": named, "memory": memory})
        return OK
    table = Table(title=several(len(rows), "feature"), title_justify="left")
    for column in _COLUMNS:
        short = column in ("number", "name")
        table.add_column(column, no_wrap=short, justify="right" if column == "number" else "left")
    for row in rows:
        table.add_row(*map(str, row))
    print_table(table)
    print_table(_memory_table(memory))
    return OK


def _said(number: int, feature: Feature, said: Explanation) -> tuple[Any, ...]:
    return number, str(feature), said.what, said.unit, said.entity, said.window


def _scope(config: Config, feature: Feature) -> str:
    """Say what of an entity a feature sees."""
    key = config.fields.message_key()
    if not config.per_partition or not is_spread(feature, key):
        return "whole"
    if not config.topics.shared or unshared([feature], key):
        return "partial: of the payment's partition"
    return "shared: of all partitions, a moment late"


def explain_feature(name: str, path: Path | None, as_json: bool) -> int:
    """Show what a feature is, exactly; it need not be in the list."""
    config = load(path)
    inputs, features = config.inputs(), config.declared()
    feature = parse(name, inputs)
    listed = feature in features
    said = explain(feature, inputs)
    scope = _scope(config, feature)
    sources = {key: _source(config, key) for key in said.sources}
    others = [other for other in features if other != feature]
    with_it = _memory(config, [*others, feature])
    own_bytes = with_it["total_bytes"] - _memory(config, others)["total_bytes"]
    if as_json:
        value = {
            "name": str(feature),
            "listed": listed,
            **{key: getattr(said, key) for key in _EXPLAINED},
            "scope": scope,
            "sources": sources,
            "memory": {"own_bytes": own_bytes, "total_bytes": with_it["total_bytes"]},
        }
        emit_json(value)
        return OK
    table = Table(title=str(feature), title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    place = f"number {features.index(feature) + 1}" if listed else "no: features.names has it not"
    table.add_row("in the list", place)
    for key, title in _EXPLAINED.items():
        if getattr(said, key):
            table.add_row(title, getattr(said, key))
    table.add_row("scope", scope)
    fields = ", ".join(f"{value} ({key})" for key, value in sources.items())
    table.add_row("made of", fields or "nothing")
    table.add_row("memory", _cost(said, listed, own_bytes, with_it))
    print_table(table, _EXPLAINED_WIDTH)
    return OK


_EXPLAINED = {
    "what": "what it is",
    "unit": "unit",
    "entity": "entity",
    "window": "window",
    "events": "events",
    "late": "late events",
    "nulls": "not a number",
    "states": "value state",
}


def _memory(config: Config, features: Sequence[Feature]) -> dict[str, Any]:
    return memory_of(
        FeatureSet(tuple(features), config.roles().layout, config.inputs()),
        config.windows.events_max,
        config.windows.entities_max,
        config.windows.capacity,
        config.worker.batch_rows_max,
    )


def _memory_table(memory: dict[str, Any]) -> Table:
    table = Table(title="memory", title_justify="left", show_footer=True)
    table.add_column("what", footer="all")
    for name, footer in (("entities", ""), ("bytes each", ""), ("events", ""), ("bytes each", "")):
        table.add_column(name, footer, justify="right")
    table.add_column("MiB", _mib(memory["total_bytes"]), justify="right")
    events = memory["events"]
    count = f"{events['count']:,}"
    table.add_row("events", "", "", count, f"{events['bytes_each']:,}", _mib(events["bytes"]))
    for name, entity in memory["entities"].items():
        table.add_row(
            name,
            f"{entity['capacity']:,}",
            f"{entity['bytes_each']:,}",
            count,
            f"{entity['events_bytes_each']:,}",
            _mib(entity["bytes"]),
        )
    return table


def _cost(said: Explanation, listed: bool, own_bytes: int, memory: dict[str, Any]) -> str:
    """Say what a feature takes for itself, and what it shares."""
    total = f"{_mib(memory['total_bytes'])} MiB of the whole list"
    if not listed:
        text = f"it would add {_mib(own_bytes)} MiB, which makes {total}"
    elif own_bytes:
        text = f"{_mib(own_bytes)} of the {total} are for it alone"
    else:
        text = f"none of its own: it reads what other features keep ({total})"
    for name in filter(None, said.entity.split(", ")):
        entity = memory["entities"][name]
        text += (
            f"; {name} takes {entity['bytes_each']:,} bytes for each of {entity['capacity']:,} "
            f"and {entity['events_bytes_each']:,} bytes an event"
        )
    return text


def _mib(count: int) -> str:
    return f"{count / 2**20:,.1f}"


def _source(config: Config, key: str) -> str:
    """Return what the configuration has at a dotted key."""
    value: Any = config
    for part in key.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    return str(value)
