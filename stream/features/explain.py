"""Features in plain words: what a value is, of which events, and when it is not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stream.features import verdict_words
from stream.features.grammar import (
    Amount,
    AtFraud,
    Condition,
    Cyclic,
    Derived,
    Feature,
    Input,
    Inputs,
    Is,
    PerEntity,
    Windowed,
    duration_name,
)
from stream.features.verdict_words import OF_VERDICTS

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS = {"d": "day", "h": "hour", "m": "minute", "s": "second", "us": "microsecond"}

_LATE_WINDOW = (
    "A late event that is still allowed is put in its place by event time, and its value is as of "
    "its own time. Values given before are not changed; later values count it."
)
_LATE_RUNNING = (
    "A late event that is still allowed is put in its place by event time, and what came after it "
    "is computed again from there; values given before are not changed."
)
_LATE_NONE = "Lateness makes no difference: the value stands on its own transaction alone."
_STATES_OWN = "fresh, or unknown if it is NaN."
_STATES_WINDOW = (
    "unknown if it is NaN; else saturated if events of the window may have been forgotten "
    "(windows.events_max) or the {entity} was forgotten in between (its capacity); else "
    "late_corrected if an event came late into the window, or this one is late; else fresh."
)
_STATES_RUNNING = (
    "unknown if it is NaN; else saturated if the {entity} came after another one was forgotten "
    "(its capacity) and may itself have been known before; else late_corrected if this event is "
    "late; else fresh."
)
_STATES_SECONDS = (
    "unknown if it is NaN; else late_corrected if this event is late; else fresh. Never saturated."
)


@dataclass(frozen=True)
class Explanation:
    """A feature in words.

    Attributes
    ----------
    what : str
        One line.
    unit : str
    entity, window : str
        As they are written in names; empty where there is none.
    events : str
        Exactly which events count, for an event at time t.
    late, nulls, states : str
        What late events do, when the value is NaN, and its value states.
    sources : tuple of str
        Keys of the configuration that name the fields it is made of.
    """

    what: str
    unit: str
    entity: str = ""
    window: str = ""
    events: str = "this transaction alone"
    late: str = _LATE_NONE
    nulls: str = "Never NaN."
    states: str = _STATES_OWN
    sources: tuple[str, ...] = ()


def explain(feature: Feature, inputs: Inputs) -> Explanation:
    """Explain a feature that was declared over `inputs`."""
    if isinstance(feature, Windowed):
        return _windowed(feature, inputs)
    if isinstance(feature, PerEntity) and feature.of_verdicts:
        return _known(feature, inputs)
    if isinstance(feature, PerEntity):
        return _per_entity(feature, inputs)
    if isinstance(feature, AtFraud):
        return _at_fraud(feature, inputs)
    if isinstance(feature, Derived):
        return _derived(feature, inputs)
    return _of_transaction(feature, inputs)


def span_words(us: int, one: str = "") -> str:
    """Write a duration out: ``7 days``, and ``hour`` where it is one of a unit."""
    text = duration_name(us)
    unit = text.lstrip("0123456789")
    count = text.removesuffix(unit)
    return f"{one}{_UNITS[unit]}" if count == "1" else f"{count} {_UNITS[unit]}s"


def condition_words(condition: Condition) -> str:
    """Say when a condition is true."""
    if condition.hours:
        first, last = condition.hours
        return f"the hour of the day in UTC is {first} to {last}, both inclusive"
    if condition.weekdays:
        return f"the day in UTC is {_either([DAYS[day] for day in condition.weekdays])}"
    if condition.values:
        return f"{condition.field} is {_either([str(value) for value in condition.values])}"
    bounds = {"above": condition.above, "below": condition.below}
    words = [f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
    return f"{condition.field} is {' and '.join(words)}"


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _of_transaction(feature: Amount | Cyclic | Input | Is, inputs: Inputs) -> Explanation:
    time = ("fields.event_time",)
    match feature:
        case Amount():
            return Explanation(
                "the amount of the payment",
                "money",
                nulls="NaN for payments that are too late or refused.",
                sources=("fields.amount",),
            )
        case Cyclic(period, function):
            name = {"sin": "sine", "cos": "cosine"}[function]
            circle = {
                "hour": "the time of day (UTC)",
                "week": "the time of the week (from Monday 00:00 UTC)",
            }[period]
            return Explanation(
                f"{name} of {circle} as an angle",
                "angle",
                nulls="Never NaN.",
                sources=time,
            )
        case Input(field):
            return Explanation(
                f"the number {field} as it came",
                f"that of {field}",
                nulls=f"NaN if {field} is null.",
                sources=(f"fields.numeric.{field}",),
            )
        case Is(name):
            condition = inputs.conditions[name]
            null = f"NaN if {condition.field} is null, and" if condition.field else "NaN"
            return Explanation(
                f"1 if {condition_words(condition)}, else 0",
                "0 or 1",
                nulls=f"{null} for payments that are too late or refused.",
                sources=_condition_sources(condition, inputs),
            )


def _windowed(feature: Windowed, inputs: Inputs) -> Explanation:
    entity = "+".join(feature.entity)
    one = _the(feature.entity)
    length, delay = duration_name(feature.length_us), duration_name(feature.delay_us)
    if feature.delay_us:
        ago = span_words(feature.delay_us, "1 ")
        when = f"in the {span_words(feature.length_us)} that ended {ago} ago"
        events = f"of the same {one}, with t - {delay} - {length} < time <= t - {delay}"
        window = f"{length} delay {delay}"
    else:
        when = f"in the last {span_words(feature.length_us)}"
        events = f"of the same {one}, with t - {length} < time <= t, this one included"
        window = length
    of, aggregate = feature.of, feature.aggregate
    if aggregate == "zscore":
        step = f"{10.0**-inputs.minor_digits:g}" if of == "amount" else "0.0001"
        events += f"; the others are these without it; a deviation below {step} counts as {step}"
    number = "the amount" if of == "amount" else of
    payments = f"payments of the {one} {when}"
    what, unit = {
        "count": (f"number of {payments}", "count"),
        "sum": (f"sum of {number} over {payments}", _unit_of(of)),
        "mean": (f"mean of {number} over {payments}", _unit_of(of)),
        "std": (
            f"standard deviation (of the population) of {number} over {payments}",
            _unit_of(of),
        ),
        "min": (f"least {of} of {payments}", _unit_of(of)),
        "max": (f"greatest {of} of {payments}", _unit_of(of)),
        "zscore": (
            f"how many standard deviations {number} is above the mean of the other {payments}",
            "standard deviations",
        ),
        "distinct": (f"number of different values of {of} among {payments}", "count"),
        "share": (f"share of {payments} for which {_meaning(of, inputs)}", "share"),
        "frauds": (f"number of {payments} that are known to be fraud now", "count"),
        "fraud_rate": (f"share of {payments} that are known to be fraud now", "share"),
    }[aggregate]
    return Explanation(
        what,
        unit,
        entity,
        window,
        events,
        _LATE_WINDOW,
        f"{_null(feature.entity)} {_null_window(feature)}".strip(),
        _STATES_WINDOW.format(entity=one),
        _sources(feature, inputs),
    )


def _meaning(of: str, inputs: Inputs) -> str:
    return condition_words(inputs.conditions[of]) if of in inputs.conditions else of


def _null_window(feature: Windowed) -> str:
    """Say what becomes of nulls inside a window."""
    of = feature.of
    absent = "" if of == "amount" else f"Events whose {of} is null take no part. "
    match feature.aggregate:
        case "sum":
            return f"{absent}0 if nothing takes part."
        case "mean" | "std" | "min" | "max":
            return f"{absent}NaN if nothing takes part."
        case "zscore":
            own = "" if of == "amount" else f"its own {of} is null or "
            return f"{absent}NaN if {own}no other event takes part."
        case "distinct":
            return f"Events whose {of} is null take no part."
        case "share":
            return (
                f"Events of which {of} is neither true nor false take no part; NaN if none is left."
            )
        case "fraud_rate":
            return "0 if the window is empty."
        case _:
            return "0 if the window is empty." if feature.delay_us else ""


def _per_entity(feature: PerEntity, inputs: Inputs) -> Explanation:
    one = _the(feature.entity)
    half_life = span_words(feature.half_life_us) if feature.half_life_us else ""
    before = f"events of the same {one} that come before this one in order of event time"
    order = f"{before} (of equal times, in order of arrival)"
    number = "the amount" if feature.of == "amount" else feature.of
    decays = f"each weighing half as much after every {half_life}"
    no_value = f"NaN as long as no event had a {feature.of}."
    what, unit, events, nulls, late, states = {
        "seconds_since_last": (
            f"time since the previous payment of the {one}",
            "seconds",
            f"the last among the {order}",
            "NaN for the first event.",
            _LATE_WINDOW,
            _STATES_SECONDS,
        ),
        "seconds_since_first": (
            f"time since the first payment of the {one}",
            "seconds",
            f"the earliest event of the {one} since it became known; at least this one",
            "",
            _LATE_WINDOW,
            _STATES_RUNNING,
        ),
        "seconds_since_fraud": (
            f"time since the latest payment of the {one} that is known to be fraud now",
            "seconds",
            f"the last that is marked as fraud among the {before}",
            "NaN if there is none.",
            _LATE_WINDOW,
            _STATES_SECONDS,
        ),
        "rate": (
            f"payments of the {one} an hour, {decays}",
            "events an hour",
            f"this one and all {order}",
            "",
            _LATE_RUNNING,
            _STATES_RUNNING,
        ),
        "decayed_mean": (
            f"mean of {number} over the payments of the {one}, {decays}",
            _unit_of(feature.of),
            f"this one and all {order}",
            "" if feature.of == "amount" else no_value,
            _LATE_RUNNING,
            _STATES_RUNNING,
        ),
        "decayed_std": (
            f"standard deviation of {number} over the payments of the {one}, {decays}",
            _unit_of(feature.of),
            f"this one and all {order}",
            "" if feature.of == "amount" else no_value,
            _LATE_RUNNING,
            _STATES_RUNNING,
        ),
        "new": (
            f"1 if {one} meet for the first time, else 0",
            "0 or 1",
            f"all events of the same {one}",
            "",
            _LATE_WINDOW,
            _STATES_RUNNING,
        ),
        "speed_kmh": (
            f"speed from the last known place of the {one} to this one, on a great circle",
            "km an hour",
            f"this one, and the last that has a place among the {order}",
            "NaN if either place is unknown. Less than a second counts as a second.",
            _LATE_RUNNING,
            _STATES_RUNNING,
        ),
    }[feature.value]
    return Explanation(
        what,
        unit,
        "+".join(feature.entity),
        f"half-life {duration_name(feature.half_life_us)}" if feature.half_life_us else "",
        events,
        late,
        f"{_null(feature.entity)} {nulls}".strip(),
        states.format(entity=one),
        _sources(feature, inputs),
    )


def _known(feature: PerEntity, inputs: Inputs) -> Explanation:
    one, decays = _the(feature.entity), ""
    if feature.half_life_us:
        decays = f", each weighing half as much after every {span_words(feature.half_life_us)}"
    what, unit, nulls = OF_VERDICTS[feature.value]
    return Explanation(
        what.format(one=one, decays=decays),
        unit,
        "+".join(feature.entity),
        f"half-life {duration_name(feature.half_life_us)}" if feature.half_life_us else "",
        verdict_words.EVENTS.format(one=one),
        verdict_words.LATE,
        f"{_null(feature.entity)} {nulls.format(one=one)}".strip(),
        _STATES_RUNNING.format(entity=one),
        _sources(feature, inputs),
    )


def _at_fraud(feature: AtFraud, inputs: Inputs) -> Explanation:
    one, inner = _the(feature.entity), explain(feature.argument, inputs)
    return Explanation(
        verdict_words.AT_FRAUD.format(of=feature.argument, one=one),
        inner.unit,
        "+".join(feature.entity),
        "",
        verdict_words.EVENTS.format(one=one),
        verdict_words.LATE,
        f"{_null(feature.entity)} {verdict_words.NULL_AT_FRAUD}",
        _STATES_RUNNING.format(entity=one),
        tuple(dict.fromkeys((*inner.sources, "topics.labels"))),
    )


def _derived(feature: Derived, inputs: Inputs) -> Explanation:
    parts = [explain(argument, inputs) for argument in feature.arguments]
    names = [str(argument) for argument in feature.arguments]
    nulls = "NaN if an argument is NaN"
    if feature.function == "ratio":
        what, unit = f"{names[0]} divided by {names[1]}", "ratio"
        nulls += f", and if {names[1]} is 0"
    elif feature.function == "difference":
        what = f"{names[0]} less {names[1]}"
        unit = parts[0].unit if parts[0].unit == parts[1].unit else "difference"
    else:
        what, unit = f"logarithm of 1 + {names[0]}, with its sign", "logarithm"
    return Explanation(
        what,
        unit,
        _joined(part.entity for part in parts),
        _joined(part.window for part in parts),
        "; ".join(f"{name}: {part.events}" for name, part in zip(names, parts, strict=True)),
        "As its arguments.",
        f"{nulls}.",
        "the worst of its arguments: unknown, then saturated, late_corrected, fresh; unknown if "
        "it is NaN.",
        tuple(dict.fromkeys(source for part in parts for source in part.sources)),
    )


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(text for text in texts if text))


def _the(entity: tuple[str, ...]) -> str:
    if entity[1:] == ("amount",):
        return f"{entity[0]} with this amount"
    return " and ".join(entity)


def _null(entity: tuple[str, ...]) -> str:
    keys = " or ".join(name for name in entity if name != "amount")
    return f"NaN if {keys} is null, and for payments that are too late or refused."


def _unit_of(number: str) -> str:
    return "money" if number == "amount" else f"that of {number}"


def _sources(feature: Windowed | PerEntity, inputs: Inputs) -> tuple[str, ...]:
    keys = (*(_key_source(name, inputs) for name in feature.entity), "fields.event_time")
    return tuple(dict.fromkeys((*keys, *_of_sources(feature, inputs))))


def _key_source(name: str, inputs: Inputs) -> str:
    if name == "amount":
        return "fields.amount"
    kind = "entities" if name in inputs.entities else "categorical"
    return f"fields.{kind}.{name}"


def _number_source(name: str) -> str:
    return "fields.amount" if name == "amount" else f"fields.numeric.{name}"


def _condition_sources(condition: Condition, inputs: Inputs) -> tuple[str, ...]:
    if not condition.field:
        return ("fields.event_time",)
    is_key = condition.values
    return (_key_source(condition.field, inputs) if is_key else _number_source(condition.field),)


def _of_sources(feature: Windowed | PerEntity, inputs: Inputs) -> tuple[str, ...]:
    if isinstance(feature, PerEntity):
        if feature.value == "seconds_since_fraud":
            return ("topics.labels",)
        if feature.of_verdicts:
            amount = (_number_source(feature.of),) if feature.of else ()
            return (*amount, "topics.labels")
        if feature.value == "speed_kmh":
            return tuple(map(_number_source, inputs.location or ()))
    elif feature.aggregate in ("frauds", "fraud_rate"):
        return ("topics.labels",)
    elif feature.aggregate == "distinct":
        return (_key_source(feature.of, inputs),)
    elif feature.aggregate == "share":
        return _condition_sources(inputs.conditions[feature.of], inputs)
    return (_number_source(feature.of),) if feature.of else ()
