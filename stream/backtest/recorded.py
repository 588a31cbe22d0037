"""Whether what is decided once more is what was published, byte for byte."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from schemas.columns import Reason, Transactions
from stream.engine.effects import Effects
from stream.records.decisions import DecisionWriter
from stream.records.publish import Codecs, Publisher

# Records that came out otherwise and are named.
_NAMED_MAX = 20


class Compared:
    """Records of one topic: how many came out as they were, and which did not.

    Parameters
    ----------
    published : iterable of bytes
        Values on the topic.
    """

    def __init__(self, published: Iterable[bytes]) -> None:
        # Sixty-four bits of each: a false match of a million records has odds of one in ten
        # millions.
        self._published = frozenset(map(hash, published))
        self.same = 0
        self.other = 0
        self.named: list[str] = []

    def compare(self, names: Collection[str], values: Iterable[bytes]) -> None:
        """Count records, of which each has a name."""
        for name, value in zip(names, values, strict=True):
            if hash(value) in self._published:
                self.same += 1
                continue
            self.other += 1
            if len(self.named) < _NAMED_MAX:
                self.named.append(name)

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers, and the names of the first that came out otherwise."""
        return {"replayed": self.same + self.other, "same": self.same, "other": self.named}


class Recorded:
    """Compares decisions and alerts with what was published.

    Parameters
    ----------
    alerts : iterable of bytes
        Values on the topic of alerts.
    decisions : iterable of bytes or None
        Values on that of decisions; None: they were not published.
    codecs : Codecs
    """

    def __init__(
        self, alerts: Iterable[bytes], decisions: Iterable[bytes] | None, codecs: Codecs
    ) -> None:
        self._alerts = Compared(alerts)
        self._decisions = None if decisions is None else Compared(decisions)
        self._codecs = codecs

    def compare(self, publisher: Publisher, batch: Transactions, effects: Effects) -> None:
        """Compare what comes of a batch."""
        alerts = list(publisher.alerts(batch, effects))
        encode = self._codecs.alert.encode
        self._alerts.compare([each["alert_id"] for each in alerts], map(encode, alerts))
        if self._decisions is None:
            return
        rows = np.flatnonzero(batch.reason == Reason.OK)
        # Where rules change, their pieces do, and a writer has those of one set.
        writer = DecisionWriter(self._codecs.decision.schema_id, publisher.policy_version)
        written = writer.write(batch, effects.decided, rows, effects.matched, effects.rules)
        names = [batch.transaction_id(row) for row in rows.tolist()]
        self._decisions.compare(names, (value for _, value in written))

    @property
    def differs(self) -> bool:
        """Whether anything came out otherwise."""
        return any(each is not None and each.other for each in (self._alerts, self._decisions))

    def as_dict(self) -> dict[str, Any]:
        """Return what came out, by topic."""
        decisions = None if self._decisions is None else self._decisions.as_dict()
        return {"alerts": self._alerts.as_dict(), "decisions": decisions}
