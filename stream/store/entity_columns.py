"""Which features are an entity's own: those that can be said of it without a payment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.features.declare import flat
from stream.features.feature_set import FeatureSet
from stream.features.grammar import AtFraud, Derived, Feature, PerEntity, Windowed


@dataclass(frozen=True)
class EntityColumns:
    """The features of one entity.

    Attributes
    ----------
    entity : str
    place : int
        Its place among the entities of a batch.
    columns : ndarray of int64, shape (m,)
        Of the matrix of all features.
    names : tuple of str
        In the same order.
    """

    entity: str
    place: int
    columns: NDArray[np.int64]
    names: tuple[str, ...]


def entity_columns(features: FeatureSet) -> tuple[EntityColumns, ...]:
    """Return the features of each entity that has any, in the order of the configuration.

    A pair's features are of the payment in which the two meet, and so are those that are made
    of the payment's own amount, time or fields: they are nobody's.
    """
    owners = [_owner(feature) for feature in features.features]
    found = []
    for place, entity in enumerate(features.layout.entities):
        columns = [at for at, owner in enumerate(owners) if owner == entity]
        if columns:
            names = tuple(features.names[at] for at in columns)
            found.append(EntityColumns(entity, place, np.array(columns, np.int64), names))
    return tuple(found)


def _owner(feature: Feature) -> str | None:
    """Return the one entity that all parts of a feature are about; None: there is none."""
    owners = set(_owners(feature))
    return owners.pop() if len(owners) == 1 else None


def _owners(feature: Feature) -> Iterator[str | None]:
    for part in flat([feature]):
        if isinstance(part, Windowed | PerEntity | AtFraud):
            yield part.entity[0] if len(part.entity) == 1 else None
        elif not isinstance(part, Derived):
            yield None
