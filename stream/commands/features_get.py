"""``fraudstream features get``: what Redis has of one entity."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.table import Table

from schemas.errors import ConfigError
from schemas.siphash import hash_texts
from stream.cli.console import FAILED, OK, emit_json, out, say
from stream.config.configuration import Config, load
from stream.features.feature_set import FeatureSet
from stream.features.grammar import nearest, quoted
from stream.store.entity_columns import EntityColumns, entity_columns
from stream.store.feature_hashes import StoredFeatures, look_up
from stream.store.keys import features_key
from stream.store.setup import redis_address_of

# A person waits for it, so longer than scoring's thread does, and not long.
_TIMEOUT_S = 0.4


def get_features(entity: str, entity_id: str, path: Path | None, as_json: bool) -> int:
    """Show an entity's features as of its newest payment; 1 if nothing is known of it.

    Raises
    ------
    ConfigError
        There is no Redis, or no such entity.
    StoreError
        Redis does not answer within a second or so.
    """
    config = load(path)
    place = redis_address_of(config)
    if place is None:
        raise ConfigError("redis.url is empty: no features are written that could be read")
    of = _columns_of(config, entity)
    if entity_id == "-":
        entity_id = sys.stdin.readline().rstrip("\r\n")
    keys = [
        features_key(config.kafka.group, entity, key)
        for key in _hashes(entity_id, config.hash_key())
    ]
    found = look_up(replace(place, timeout_s=min(_TIMEOUT_S, place.timeout_s * 4)), keys)
    now_us = time.time_ns() // 1000
    if as_json:
        emit_json(_as_json(entity, keys, of, found, now_us))
    elif found is None:
        say(_unknown(config, entity, now_us))
    else:
        out.print(_table(entity, of, found, now_us))
    return FAILED if found is None else OK


def _columns_of(config: Config, entity: str) -> EntityColumns:
    known = tuple(config.fields.entities)
    if entity not in known:
        raise ConfigError(f"no entity {quoted(entity)}{nearest(entity, known)}")
    features = FeatureSet(config.declared(), config.roles().layout, config.inputs())
    for of in entity_columns(features):
        if of.entity == entity:
            return of
    raise ConfigError(f"features.names: no feature is of {quoted(entity)} alone")


def _hashes(entity_id: str, key: bytes) -> list[int]:
    """Return the hashes that an id may have: of a text, and where it is one of a number.

    Which of the two the schema has needs a registry to tell, and both can be asked for.
    """
    texts: list[str | int] = [entity_id]
    with suppress(ValueError):
        number = int(entity_id)
        if -(2**63) <= number < 2**63 and str(number) == entity_id:
            texts.append(number)
    return [int(each) for each in hash_texts(texts, key)]


def _as_json(
    entity: str, keys: list[str], of: EntityColumns, found: StoredFeatures | None, now_us: int
) -> dict[str, object]:
    said: dict[str, object] = {"entity": entity, "found": found is not None}
    if found is not None:
        said |= {
            "event_time_us": found.event_time_us,
            "age_seconds": round((now_us - found.event_time_us) / 1e6, 3),
            "source": found.source,
            "features": {name: found.values.get(name) for name in of.names},
        }
    return {**said, "keys": keys}


def _table(entity: str, of: EntityColumns, found: StoredFeatures, now_us: int) -> Table:
    title = (
        f"{entity}, as of {_time(found.event_time_us)}, {_age(now_us - found.event_time_us)} "
        f"({found.source})"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("name", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    for name in of.names:
        value = found.values.get(name)
        table.add_row(name, "not known" if value is None else f"{value:,.6g}")
    return table


def _unknown(config: Config, entity: str, now_us: int) -> str:
    ttl_us = config.redis.features_ttl
    since = f" since {_time(now_us - ttl_us)}" if ttl_us else ""
    return (
        f"Redis knows nothing of this {entity}: it had no payment{since}, or what was written is "
        "lost or not written yet; or security.hash_key is not the worker's"
    )


def _time(time_us: int) -> str:
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    except OverflowError:
        return f"{time_us} us"
    return at.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")


def _age(age_us: int) -> str:
    return f"{age_us / 1e6:,.1f} s ago" if age_us >= 0 else f"{-age_us / 1e6:,.1f} s ahead"
