"""The feature list: which numbers the model sees, in which order, under which names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from schemas.columns import Layout
from stream.features.grammar import Feature, Inputs


@dataclass(frozen=True)
class FeatureSet:
    """What is computed of each transaction.

    Attributes
    ----------
    features : tuple of Feature
        As `stream.features.declare.declare` reads them; their order is that of the columns.
    layout : Layout
        Of the transactions.
    inputs : Inputs
        What the features were declared over.
    """

    features: tuple[Feature, ...]
    layout: Layout
    inputs: Inputs

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Feature names in column order, such as ``card.amount_sum_1h``."""
        return tuple(str(feature) for feature in self.features)

    @property
    def minor_per_unit(self) -> int:
        """Minor units in one unit of money; amounts reach the model in units."""
        return int(10**self.inputs.minor_digits)
