"""An alert as whoever looks at it wants it told: plain values, with sentences beside them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from models.odds import log_odds
from stream.explanation.reason_text import Units
from stream.features.grammar import Inputs
from stream.features.value_states import ValueState
from stream.plurals import several

_STATES = tuple(state.name for state in ValueState)
_FRESH = ValueState.FRESH.name


def explanation(
    alert: dict[str, Any], inputs: Inputs, features: Sequence[str] = (), feature_set: str = ""
) -> dict[str, Any]:
    """Return what an alert says, as values that JSON has.

    Parameters
    ----------
    alert : dict
        A record of `alert.avsc`, of whichever version: what it lacks is null or empty. Or a line
        that ``fraudstream replay --alerts`` has written.
    inputs : Inputs
        What features are declared over, for the units of their values.
    features : sequence of str
        Those of today, in order.
    feature_set : str
        Their digest. If the alert was made over others, they cannot be told apart.
    """
    units = Units(inputs)
    known = features if alert.get("feature_set", "") == feature_set else ()
    states = alert["value_states"]
    score, base = alert["score"], alert["base"]
    reasons = [_reason(each, units) for each in alert["reasons"]]
    told = sum(each["contribution"] for each in reasons)
    others = None if score is None else _finite(log_odds(score) - base - told)
    return {
        "alert_id": alert["alert_id"],
        "transaction_id": alert["transaction_id"],
        "event_time": moment(alert["event_time"]),
        "amount": _amount(alert["amount_minor"], inputs.minor_digits),
        "decision": alert["decision"],
        "score": score,
        "score_scaled": alert["score_scaled"],
        "threshold": _finite(alert["threshold"]),
        "selection_probability": _finite(alert.get("selection_probability", 1.0)),
        "grouped": alert.get("grouped", 0),
        "reasons": reasons,
        "base": _finite(base),
        "other_contributions": others,
        "rules": [_rule(each) for each in alert.get("rules", [])],
        "counterfactual": _change(alert, units),
        "entities": dict(alert["entities"]),
        "model": {
            **alert.get("model", {"name": "", "digest": ""}),
            "labels_learned": alert["model_version"],
        },
        "labels_known_until": moment(alert.get("labels_known_until")),
        "feature_set": alert.get("feature_set", ""),
        "policy_version": alert["policy_version"],
        "reason_codes_version": alert.get("reason_codes_version", ""),
        "timeliness": alert["timeliness"],
        "degraded": list(alert["degraded"]),
        # A replay has put them in words: JSON has no bytes.
        "value_states": states if isinstance(states, Mapping) else value_states(states, known),
        "source": {
            "topic": alert["source_topic"],
            "partition": alert["source_partition"],
            "offset": alert["source_offset"],
        },
    }


def value_states(packed: bytes, features: Sequence[str]) -> dict[str, Any]:
    """Return how many values have which state, and the names of those that are not fresh.

    Parameters
    ----------
    packed : bytes
        Four in a byte, as `stream.features.value_states.packed` makes them.
    features : sequence of str
        Whose they are; empty: not known, and nothing is told of a state that is fresh.
    """
    states = [_STATES[byte >> shift & 3] for byte in packed for shift in (0, 2, 4, 6)]
    if not features or not 0 <= len(states) - len(features) < 4:
        # The last byte may be filled up with what reads as fresh.
        found = Counter(state for state in states if state != _FRESH)
        return {"counts": dict(found), "not_fresh": None}
    pairs = list(zip(features, states, strict=False))
    not_fresh = {name: state for name, state in pairs if state != _FRESH}
    return {"counts": dict(Counter(state for _, state in pairs)), "not_fresh": not_fresh}


def moment(time_us: int | None) -> str | None:
    """Write a time, microseconds since 1970, as ISO 8601."""
    if time_us is None:
        return None
    try:
        at = datetime.fromtimestamp(time_us / 1e6, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return f"{time_us} us"


def held_back(n: int) -> str:
    """Say how many reviews of an entity its cool-down has held back."""
    return f"{several(n, 'review')} of the same entity held back since its alert before this one"


def _reason(reason: dict[str, Any], units: Units) -> dict[str, Any]:
    return {
        "code": reason.get("code", ""),
        "text": units.sentence(reason),
        "feature": reason["feature"],
        "value": _finite(reason["value"]),
        "normal": _finite(reason.get("normal")),
        "contribution": _finite(reason["contribution"]) or 0.0,
        "state": reason["state"],
    }


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    values = [{**each, "value": _finite(each["value"])} for each in rule["values"]]
    return {**rule, "values": values}


def _change(alert: dict[str, Any], units: Units) -> dict[str, Any] | None:
    change = alert.get("counterfactual")
    return None if change is None else {**change, "text": units.change(alert)}


def _amount(minor: int, digits: int) -> str:
    sign, rest = "-" if minor < 0 else "", abs(minor)
    units, part = divmod(rest, 10**digits)
    return f"{sign}{units:,}" + (f".{part:0{digits}d}" if digits else "")


def _finite(value: float | None) -> float | None:
    """Return a number that JSON has, or None."""
    return value if value is not None and math.isfinite(value) else None
