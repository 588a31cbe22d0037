"""What a feature sees where each partition has a state of its own.

A producer gives messages a key, and all of one key go to one partition. What an entity does
is seen whole if its id is that key, or if it is a pair with that entity; else a partition
sees only its part.
"""

from __future__ import annotations

from collections.abc import Iterable

from stream.features.declare import Feature, entities_of


def is_spread(feature: Feature, key: str) -> bool:
    """Tell whether an entity of a feature is spread over partitions; `key` is the messages'."""
    return any(key not in entity.split("+") for entity in entities_of([feature]))


def spread(features: Iterable[Feature], key: str) -> list[str]:
    """Return the names of those that see a partition's part alone."""
    return [str(feature) for feature in features if is_spread(feature, key)]
