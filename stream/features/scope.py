"""What a feature sees where each partition has a state of its own.

A producer gives messages a key, and all of one key go to one partition. What an entity does
is seen whole if its id is that key, or if it is a pair with that entity; else a partition
sees only its part.
"""

from __future__ import annotations

from collections.abc import Iterable

from stream.features.declare import Feature, entities_of, flat
from stream.features.grammar import AtFraud, PerEntity, Windowed


def is_spread(feature: Feature, key: str) -> bool:
    """Tell whether an entity of a feature is spread over partitions; `key` is the messages'."""
    return any(key not in entity.split("+") for entity in entities_of([feature]))


def spread(features: Iterable[Feature], key: str) -> list[str]:
    """Return the names of those that see a partition's part alone."""
    return [str(feature) for feature in features if is_spread(feature, key)]


def shared_entities(features: Iterable[Feature], key: str) -> tuple[str, ...]:
    """Return the entity types that are spread over partitions, such as ``merchant``."""
    found = [entity for entity in entities_of(features) if key not in entity.split("+")]
    return tuple(sorted(found))


def unshared(features: Iterable[Feature], key: str) -> list[str]:
    """Return the names of those that are spread and made of verdicts: of these nobody tells."""
    return [
        str(feature)
        for feature in features
        if is_spread(feature, key) and any(map(_of_verdicts, flat([feature])))
    ]


def _of_verdicts(feature: Feature) -> bool:
    if isinstance(feature, Windowed):
        return feature.aggregate in ("frauds", "fraud_rate")
    if isinstance(feature, PerEntity):
        return feature.of_verdicts or feature.value == "seconds_since_fraud"
    return isinstance(feature, AtFraud)
