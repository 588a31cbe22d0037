"""Both simulators as one kind of stream: payments of the default contract, with the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stream.simulate.handbook import HandbookStream
from stream.simulate.traffic import Traffic

_BLOCK = 256
# The contract wants a merchant where a drift has lost the terminal.
_NO_MERCHANT = "terminal-unknown"


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment and what only the simulator knows about it.

    Attributes
    ----------
    record : dict
        A record of `schemas/transaction.avsc`.
    is_fraud : bool
        The truth.
    """

    record: dict[str, Any]
    is_fraud: bool

    @property
    def event_time_us(self) -> int:
        """When it is made, microseconds since the epoch."""
        return int(self.record["event_time"])


def traffic_payments(traffic: Traffic) -> Iterator[Payment]:
    """Yield live traffic for ever."""
    while True:
        block = traffic.take(_BLOCK)
        for record, is_fraud in zip(block.records(), block.is_fraud.tolist(), strict=True):
            yield Payment(record, is_fraud)


def handbook_payments(stream: HandbookStream) -> Iterator[Payment]:
    """Yield the Handbook's stream in the default contract.

    Its customers pay with one card each; its terminals are the merchants.
    """
    columns = zip(
        stream.transaction_id.tolist(),
        stream.event_time_us.tolist(),
        stream.customer_id.tolist(),
        stream.terminal_id.tolist(),
        stream.amount.tolist(),
        stream.is_fraud.tolist(),
        strict=True,
    )
    for number, time_us, customer, terminal, amount, is_fraud in columns:
        known = terminal >= 0
        record = {
            "transaction_id": f"h-{number}",
            "event_time": time_us,
            "amount_minor": round(amount * 100),
            "currency": "EUR",
            "card_id": f"card-{customer}",
            "customer_id": f"customer-{customer}",
            "merchant_id": f"terminal-{terminal}" if known else _NO_MERCHANT,
            "terminal_id": f"terminal-{terminal}" if known else None,
            "device_id": None,
            "channel": "UNKNOWN",
            "category_code": None,
            "country": None,
            "latitude": None,
            "longitude": None,
            "card_present": True,
        }
        yield Payment(record, is_fraud)
