"""Metrics of what people steer decisions by: rules, lists, snoozes, and which model decides.

A rule's label is its id, of rules in force alone; there are as many series as there are rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from stream.admin.described import Described, Moment, Samples, counts_of, one
from stream.telemetry.figures import LIVE, MODES, SHADOW, TRIPPED, ListStanding
from stream.telemetry.standing import COUNTS, DISABLED, FAILED

# Places in `RulesStanding.since_start`.
_LIVE, _SHADOW, _FAILED = range(3)


def _of_rules(columns: dict[int, tuple[str, ...]]) -> Callable[[Moment], Samples]:
    """Return what reads some counts by rule; of each, the values of its other labels."""

    def read(moment: Moment) -> Samples:
        rules = moment.figures.rules
        for head, counts in zip(rules.heads, rules.since_start.tolist(), strict=True):
            for column, labels in columns.items():
                yield (head.id, *labels), counts[column]

    return read


def _modes(moment: Moment) -> Samples:
    found = Counter(moment.figures.rules.modes.tolist())
    return [((mode,), found[at]) for at, mode in enumerate(MODES)]


def _tripped(moment: Moment) -> Samples:
    tripped = moment.figures.rules.named(TRIPPED)
    return [((head.id,), head.id in tripped) for head in moment.figures.rules.heads]


def _of_lists(read: Callable[[ListStanding], int]) -> Callable[[Moment], Samples]:
    """Return what reads a value of each list."""
    return lambda moment: [((each.name,), read(each)) for each in moment.figures.lists]


def _asides(moment: Moment) -> Samples:
    return [
        ((each.name, cause), each.aside == cause)
        for each in moment.figures.models
        for cause in (DISABLED, FAILED)
    ]


COUNTERS = (
    Described(
        "alerts_held",
        "counter",
        COUNTS["alerts_held"],
        "Payments that would have been alerted, held back by a cool-down or by a snooze.",
        counts_of("alerts_held"),
    ),
    Described(
        "rule_matches",
        "counter",
        ("rule", "mode"),
        "Payments that a rule in force matched: live, it had a say; in shadow it had none.",
        _of_rules({_LIVE: (LIVE,), _SHADOW: (SHADOW,)}),
    ),
    Described(
        "rule_errors",
        "counter",
        ("rule",),
        "Payments on which a rule in force had no result: a value was missing, or could not be "
        "reckoned with.",
        _of_rules({_FAILED: ()}),
    ),
    Described(
        "rule_trips",
        "counter",
        COUNTS["rule_trips"],
        "Times that a rule was put in shadow because it matched too much.",
        counts_of("rule_trips"),
    ),
    Described(
        "rules_applied",
        "counter",
        COUNTS["rules_applied"],
        "Times that other rules came into force by an order.",
        counts_of("rules_applied"),
    ),
    Described(
        "promotions",
        "counter",
        COUNTS["promotions"],
        "Models that became champion: by an order, back again by an order (rollback), or back "
        "again because the canary said so.",
        counts_of("promotions"),
    ),
)
GAUGES = (
    Described(
        "rules",
        "gauge",
        ("mode",),
        "Rules in force: live, in shadow, tripped (in shadow because they matched too much), or "
        "expired.",
        _modes,
    ),
    Described(
        "rule_tripped",
        "gauge",
        ("rule",),
        "1 for a rule that is in shadow because it matched too much, until rules are applied "
        "again.",
        _tripped,
    ),
    Described(
        "list_entries",
        "gauge",
        ("list",),
        "Entries of a list that have not ended.",
        _of_lists(lambda each: each.entries),
    ),
    Described(
        "list_capacity",
        "gauge",
        ("list",),
        "How many entries a list may have; beyond it orders are refused.",
        _of_lists(lambda each: each.capacity),
    ),
    Described(
        "list_version",
        "gauge",
        ("list",),
        "How often a list was changed in all its life, by orders and by erasures.",
        _of_lists(lambda each: each.version),
    ),
    Described(
        "snoozes",
        "gauge",
        (),
        "Snoozes that are not over.",
        one(lambda moment: moment.figures.snoozes),
    ),
    Described(
        "model_champion",
        "gauge",
        ("model",),
        "1 for the model that decides, by its name in the configuration; 0 for the others.",
        lambda moment: [((each.name,), each.decides) for each in moment.figures.models],
    ),
    Described(
        "model_aside",
        "gauge",
        ("model", "cause"),
        "1 for a model that is asked nothing: disabled, by an order or for its cost, or failed.",
        _asides,
    ),
)
