"""Features, model and labels in plain Python, as contestants without this project have them.

Nothing of it is durable, unless the windows are: what is known of cards and of payments that wait
for their label goes with the process. Features are computed the clever way, by bisection.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import fastavro
from river import linear_model, preprocessing

from benchmarks.baselines_features import BisectWindows
from benchmarks.kafka.job import ENTITIES, WINDOWS, feature_names
from schemas.records import builtin, rewrite, without_logical_type
from schemas.wire import HEADER_SIZE

WINDOWS_US = tuple(seconds * 1_000_000 for seconds in WINDOWS.values())
_THRESHOLD = 0.5


class Windows(Protocol):
    """Count, sum and mean over every window of every entity."""

    def observe(self, rows: Iterable[tuple[int, int, list[Any]]]) -> list[list[float]]:
        """Take payments: time in microseconds, amount, key of each entity; return features."""
        ...


class Detector:
    """Features, a model, and the payments that wait for their labels.

    Parameters
    ----------
    alert : callable
        Takes the transaction id, the card and the score of what is to be looked at.
    windows : Windows, optional
        By default in dictionaries.
    """

    def __init__(
        self, alert: Callable[[str, str, float], None], windows: Windows | None = None
    ) -> None:
        self._alert = alert
        # As windows give them: the longest first.
        self._names = feature_names(tuple(reversed(WINDOWS)))
        self._windows = BisectWindows(WINDOWS_US, len(ENTITIES)) if windows is None else windows
        self._fields = tuple(ENTITIES.values())
        self._model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
        self._waiting: dict[str, dict[str, float]] = {}
        self._last: tuple[str, dict[str, float]] = ("", {})
        self._learned = 0

    def pay(self, payment: dict[str, Any]) -> None:
        """Score a payment."""
        keys = [payment[name] for name in self._fields]
        row = (payment["event_time"], payment["amount_minor"], keys)
        (values,) = self._windows.observe((row,))
        features = dict(zip(self._names, values, strict=True))
        score = self._model.predict_proba_one(features).get(True, 0.0)
        self._waiting[payment["transaction_id"]] = features
        self._last = payment["transaction_id"], features
        if score >= _THRESHOLD:
            self._alert(payment["transaction_id"], payment["card_id"], score)

    def learn(self, label: dict[str, Any]) -> None:
        """Learn from a label."""
        features = self._waiting.pop(label["transaction_id"], None)
        if features is not None:
            self._model.learn_one(features, label["is_fraud"])
            self._learned += 1

    def told(self) -> dict[str, Any]:
        """Return how many labels taught it something, and the last payment with its features."""
        return {"learned": self._learned, "last": self._last}


def reader_of(name: str) -> Callable[[bytes], Any]:
    """Return what reads a record of a contract, times as numbers: as fastavro reads fastest."""
    schema = fastavro.parse_schema(rewrite(builtin(name), without_logical_type))
    return lambda value: fastavro.schemaless_reader(io.BytesIO(value[HEADER_SIZE:]), schema, None)
