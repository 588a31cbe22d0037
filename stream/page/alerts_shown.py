"""Alerts as the page shows them: taken from the very bytes that subscribers get."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from schemas.records import RecordCodec
from stream.cases.shown_alerts import ShownAlerts
from stream.cases.verdict import case_of
from stream.explanation.reason_text import Units
from stream.page.board import Alert, AlertRule, Reason

_SHOWN = 50
# As rules name what a list told, such as ``card in lists.stolen``.
_ON_A_LIST = " in lists."


class LatestAlerts:
    """The latest alerts.

    Parameters
    ----------
    minor_digits : int
        Decimal digits of an amount.
    words_of : callable
        Says what a feature is, where its alert says nothing.
    units : Units
    judged : ShownAlerts, optional
        Told of each, and asked what was said of it.
    """

    def __init__(
        self,
        minor_digits: int,
        words_of: Callable[[str], str],
        units: Units,
        judged: ShownAlerts | None = None,
    ) -> None:
        self._digits = minor_digits
        self._units = units
        self._words_of = words_of
        self._judged = judged
        self._shown: deque[Alert] = deque(maxlen=_SHOWN)

    def take(self, values: Iterable[bytes], codec: RecordCodec) -> None:
        """Take alerts as they were published, the oldest first."""
        for value in list(values)[-_SHOWN:]:
            alert = codec.decode(value)
            self._shown.appendleft(self._read(alert))
            if self._judged is not None:
                self._judged.note(case_of(alert))

    def shown(self) -> list[Alert]:
        """Return them, the latest first."""
        judged = self._judged
        if judged is None:
            return list(self._shown)
        return [Alert(**{**each, "verdict": judged.said(each["alert_id"])}) for each in self._shown]

    def _read(self, alert: dict[str, Any]) -> Alert:
        units, minor = divmod(alert["amount_minor"], 10**self._digits)
        decimals = f".{minor:0{self._digits}d}" if self._digits else ""
        return Alert(
            alert_id=alert["alert_id"],
            transaction_id=alert["transaction_id"],
            time_ms=alert["event_time"] // 1000,
            outcome=alert["decision"],
            score=alert["score"],
            amount=f"{units:,}{decimals}",
            reasons=[self._reason(each) for each in alert["reasons"]],
            # Those that had a say first.
            rules=sorted(map(self._rule, alert["rules"]), key=lambda each: not each["live"]),
            counterfactual=self._units.change(alert),
            grouped=alert["grouped"],
        )

    def _rule(self, rule: dict[str, Any]) -> AlertRule:
        return AlertRule(
            id=rule["id"],
            code=rule["reason_code"],
            text=rule["text"],
            action=rule["action"],
            live=rule["mode"] == "LIVE",
            said=", ".join(self._looked_at(**each) for each in rule["values"]),
        )

    def _looked_at(self, name: str, value: float | None) -> str:
        """Return what a rule looked at, with its name; ? if it was missing, or is a text."""
        if value is None:
            return f"{name} ?"
        if _ON_A_LIST in name:
            return f"{name} {'yes' if value else 'no'}"
        return f"{name} {self._units.value(name, value)}"

    def _reason(self, reason: dict[str, Any]) -> Reason:
        name, normal = reason["feature"], reason["normal"]
        said = self._units.value(name, reason["value"])
        usual = "" if normal is None else f", usual {self._units.value(name, normal)}"
        return Reason(
            code=reason["code"] or name,
            text=reason["text"] or self._words_of(name),
            feature=name,
            value=reason["value"],
            normal=normal,
            said=said + usual,
            contribution=reason["contribution"],
        )
