"""Roles: which field of the user's schema plays which part in the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from schemas.columns import Layout

TimeUnit = Literal["s", "ms", "us", "ns"]
AmountUnit = Literal["major", "minor"]


@dataclass(frozen=True)
class Roles:
    """The mapping of a writer schema's fields to the engine's columns.

    Field paths are dotted: ``merchant.id`` is field ``id`` of record ``merchant``.

    Attributes
    ----------
    transaction_id, event_time, amount : str
        Paths of the required fields. Only records that are no payments (labels)
        go without an amount.
    event_time_unit : {"s", "ms", "us", "ns"} or None
        Unit of an event time that carries no logical type of its own.
    amount_unit : {"major", "minor"}
        Whether a plain number is in units (12.34) or minor units (1234).
        A decimal is always in units: its scale says so.
    minor_digits : int
        Decimal digits between the two, 2 for most currencies.
    entities, numeric, categorical : dict of str to str
        Column name to field path, in the order of the columns.
    """

    transaction_id: str = "transaction_id"
    event_time: str = "event_time"
    amount: str | None = "amount_minor"
    event_time_unit: TimeUnit | None = None
    amount_unit: AmountUnit = "minor"
    minor_digits: int = 2
    entities: dict[str, str] = field(default_factory=dict)
    numeric: dict[str, str] = field(default_factory=dict)
    categorical: dict[str, str] = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        """The block layout that these roles ask for."""
        return Layout(tuple(self.entities), tuple(self.numeric), tuple(self.categorical))


DEFAULT_ROLES = Roles(
    entities={"card": "card_id", "merchant": "merchant_id"},
    categorical={"channel": "channel"},
)

# Labels are decoded by the same kernels: the verdict is a number, 1 for fraud.
LABEL_ROLES = Roles(
    event_time="label_time",
    amount=None,
    numeric={"is_fraud": "is_fraud", "confidence": "confidence"},
    categorical={"source": "source"},
)

# Orders too. The key takes the place of an id, because that is read as text.
CONTROL_ROLES = Roles(
    transaction_id="key",
    event_time="requested_at",
    amount=None,
    categorical={"kind": "kind", "entity": "entity"},
)
