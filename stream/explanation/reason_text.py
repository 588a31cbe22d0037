"""Values of features as a person reads them: with their unit, and beside what is usual."""

from __future__ import annotations

import math
from typing import Any

from stream.features.declare import parse
from stream.features.explain import explain
from stream.features.grammar import DeclarationError, Inputs

NOT_KNOWN = "not known"
_SPANS = (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))


class Units:
    """The units of features that are declared over some inputs.

    Parameters
    ----------
    inputs : Inputs
        Of today's configuration: a feature that it no longer has is a bare number.
    """

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._units: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the unit of a feature; empty where it is not known."""
        if name not in self._units:
            try:
                self._units[name] = explain(parse(name, self._inputs), self._inputs).unit
            except DeclarationError:
                self._units[name] = ""
        return self._units[name]

    def value(self, name: str, value: float) -> str:
        """Write a value of a feature."""
        unit = self.of(name)
        if math.isnan(value):
            return NOT_KNOWN
        if unit == "0 or 1" and value in (0.0, 1.0):
            return "yes" if value else "no"
        if unit in ("share", "0 or 1"):
            return f"{100 * value:.3g} %"
        if unit == "seconds" and math.isfinite(value):
            return _span(value)
        if unit == "money" and abs(value) < 1e15:
            return f"{value:,.{self._inputs.minor_digits}f}"
        return number(value)

    def sentence(self, reason: dict[str, Any]) -> str:
        """Put a reason of an alert in one sentence: what, how much, and what is usual."""
        name = reason["feature"]
        said = f"{reason.get('text') or name}: {self.value(name, reason['value'])}"
        normal = reason.get("normal")
        return said if normal is None else f"{said}, usual {self.value(name, normal)}"

    def change(self, alert: dict[str, Any]) -> str:
        """Say what would have kept an alert from being raised; empty where nothing is known."""
        change = alert.get("counterfactual")
        if change is None:
            return ""
        name, value = change["feature"], change["value"]
        was = [each["value"] for each in alert["reasons"] if each["feature"] == name]
        more = ""
        if change["beyond"] and was:
            more = " or less" if value < was[0] else " or more"
        text = f"would not alert if {name} were {self.value(name, value)}{more}"
        return f"{text} (score {change['score']:.3f})"


def number(value: float) -> str:
    """Write a number: whole ones whole, others with four digits that count."""
    if not math.isfinite(value):
        return str(value)
    if value == round(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def _span(seconds: float) -> str:
    for unit, size in _SPANS:
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
