"""Features, model and labels in plain Python, as contestants without this project have them.

Nothing of it is durable: what is known of cards and of payments that wait for their label goes with
the process. Features are computed the clever way, by bisection (`BisectWindows`).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import fastavro
from river import linear_model, preprocessing

from benchmarks.baselines_features import BisectWindows
from benchmarks.kafka.job import ENTITIES, WINDOWS, feature_names
from schemas.records import builtin, rewrite, without_logical_type
from schemas.wire import HEADER_SIZE

_THRESHOLD = 0.5


class Detector:
    """Features, a model, and the payments that wait for their labels.

    Parameters
    ----------
    alert : callable
        Takes the transaction id, the card and the score of what is to be looked at.
    """

    def __init__(self, alert: Callable[[str, str, float], None]) -> None:
        self._alert = alert
        self._names = feature_names()
        windows_us = [seconds * 1_000_000 for seconds in WINDOWS.values()]
        self._windows = BisectWindows(windows_us, len(ENTITIES))
        self._fields = tuple(ENTITIES.values())
        self._model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
        self._waiting: dict[str, dict[str, float]] = {}

    def pay(self, payment: dict[str, Any]) -> None:
        """Score a payment."""
        keys = [payment[name] for name in self._fields]
        row = (payment["event_time"], payment["amount_minor"], keys)
        (values,) = self._windows.observe((row,))
        features = dict(zip(self._names, values, strict=True))
        score = self._model.predict_proba_one(features).get(True, 0.0)
        self._waiting[payment["transaction_id"]] = features
        if score >= _THRESHOLD:
            self._alert(payment["transaction_id"], payment["card_id"], score)

    def learn(self, label: dict[str, Any]) -> None:
        """Learn from a label."""
        features = self._waiting.pop(label["transaction_id"], None)
        if features is not None:
            self._model.learn_one(features, label["is_fraud"])


def reader_of(name: str) -> Callable[[bytes], Any]:
    """Return what reads a record of a contract, times as numbers: as fastavro reads fastest."""
    schema = fastavro.parse_schema(rewrite(builtin(name), without_logical_type))
    return lambda value: fastavro.schemaless_reader(io.BytesIO(value[HEADER_SIZE:]), schema, None)
