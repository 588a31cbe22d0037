"""Made-up payments, some of them frauds, and labels that say which."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.records import RecordCodec, builtin

if TYPE_CHECKING:
    from collections.abc import Sequence

TRANSACTIONS = RecordCodec(builtin("transaction"), 1)
LABELS = RecordCodec(builtin("label"), 2)
CARDS = [f"card-{number}" for number in range(50)]
FRAUD_SHARE = 0.2


class Payments:
    """Payments one after the other: a fifth are frauds, of amounts that a model can tell by.

    Parameters
    ----------
    seed : int
    cards : sequence of str
        Who pays, in turn.
    """

    def __init__(self, seed: int, cards: Sequence[str] = CARDS) -> None:
        self.frauds: list[bool] = []
        self._rng = np.random.default_rng(seed)
        self._cards = cards

    def __len__(self) -> int:
        return len(self.frauds)

    def name(self, number: int) -> str:
        return f"t-{number}"

    def card(self, number: int) -> str:
        return self._cards[number % len(self._cards)]

    def pay(self, **said: Any) -> dict[str, Any]:
        """Return the next payment, of now; `said` are fields that it has instead."""
        number, fraud = len(self), bool(self._rng.random() < FRAUD_SHARE)
        self.frauds.append(fraud)
        return {
            "transaction_id": self.name(number),
            "event_time": time.time_ns() // 1000,
            "amount_minor": int(self._rng.lognormal(10 if fraud else 7, 1)),
            "card_id": self.card(number),
            "merchant_id": f"shop-{number % 7}",
            **said,
        }

    def label(self, number: int, **said: Any) -> dict[str, Any]:
        """Return a label, of now, of an earlier payment: the truth, unless `said` differs."""
        return {
            "transaction_id": self.name(number),
            "is_fraud": self.frauds[number],
            "label_time": time.time_ns() // 1000,
            "source": "CUSTOMER",
            "confidence": 1.0,
            **said,
        }
