"""``fraudstream snooze``: order that what a rule says of an entity raises no alert for a while."""

from __future__ import annotations

import json
import tomllib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError
from stream.admission.snoozes import ANY_RULE, NAME_MAX, SCORE, Snooze
from stream.audit_trail.chain import Step
from stream.cases.administration import Administration, asked, own_name, require_control
from stream.cases.administration import Order as Record
from stream.cli.console import OK, emit_json, out, say
from stream.commands.hashing import entity_keys, read_value
from stream.commands.moments import end_of, moment_or_ago_us, now_us, shown
from stream.commands.orders_given import orders_before, orders_given
from stream.commands.snooze_history import SnoozeInForce, snoozes_of
from stream.config.configuration import Config, load
from stream.engine.control import ControlKind
from stream.features.grammar import nearest, quoted
from stream.kafka.control_topic import Order
from stream.lists.orders import KEY

# Of no time: it ends a snooze that is in force.
_OVER_US = 0


@dataclass(frozen=True)
class Wanted:
    """What a person says of a snooze.

    Attributes
    ----------
    rule : str
        The id of a rule, `SCORE` or `ANY_RULE`.
    entity, value : str
        As `stream.cli.cases` explains them.
    hashed : bool
        Whether the value is a keyed hash already, as alerts have it.
    reason, by : str
    until, lasts : str
        When it ends, or after how long; one of them.
    end : bool
        Whether it ends now.
    """

    rule: str
    entity: str
    value: str
    hashed: bool
    reason: str
    by: str
    until: str = ""
    lasts: str = ""
    end: bool = False

    @property
    def what(self) -> str:
        """The act, as the audit trail names it."""
        return "snooze end" if self.end else "snooze"

    def until_us(self, now: int) -> int:
        """Return when it is over; ConfigError if that is not said, or is past."""
        if self.end:
            return _OVER_US
        if not (self.until or self.lasts):
            raise ConfigError("a snooze has an end: give --for 7d, or --until 2026-12-31")
        return end_of(self.until, self.lasts, now)


def snooze(wanted: Wanted, path: Path | None, as_json: bool) -> int:
    """Publish the order to snooze a rule for an entity, or to end that; return the exit status."""
    config = load(path)
    require_control(config)
    now = now_us()
    until_us = wanted.until_us(now)
    if not wanted.reason.strip() or len(wanted.reason) > NAME_MAX:
        raise ConfigError(f"--reason says something in at most {NAME_MAX} characters")
    keys = _keys(config, wanted)
    before = _before(config, wanted, keys, now)
    by, request_id = own_name(wanted.by), str(uuid.uuid4())
    snoozes = [Snooze(wanted.rule, wanted.entity, key, until_us, by, wanted.reason) for key in keys]
    subject = f"{wanted.rule} for {wanted.entity} {', '.join(f'{key:016x}' for key in keys)}"
    after = {"snoozes": [] if wanted.end else [_told(each) for each in snoozes]}
    orders = [_record(each, now, request_id) for each in snoozes]
    with Administration(config, say) as administration:
        ordered = administration.order(
            wanted.what, by, subject, orders, before, after, wanted.reason, request_id
        )
    places = [place for each in ordered.places for place in each]
    topic = config.topics.control
    if as_json:
        emit_json(
            {
                "what": wanted.what,
                "snoozes": [_told(each) for each in snoozes],
                "request_id": request_id,
                "step": ordered.step.value.lower(),
                "topic": topic,
                "orders": [{"partition": partition, "offset": at} for partition, at in places],
            }
        )
    elif ordered.step is Step.REQUESTED:
        out.print(asked(f"{wanted.what} of {subject}", request_id, path), markup=False)
    else:
        where = ", ".join(f"{topic}[{partition}] at {at}" for partition, at in places)
        said = "raises alerts again" if wanted.end else f"is snoozed until {shown(until_us)}"
        out.print(f"ordered: {subject} {said} ({where})", markup=False)
        if not wanted.end:
            out.print(
                "Reviews alone are silenced: challenges and blocks go out, and decisions stay what "
                "they are.",
                markup=False,
            )
    return OK


def show_snoozes(at: str, path: Path | None, as_json: bool) -> int:
    """Show the snoozes in force at a time; return the exit status."""
    config = load(path)
    require_control(config)
    now = now_us()
    try:
        asked_us = moment_or_ago_us(at, now) if at else None
    except ValueError as error:
        raise ConfigError(f"--at: {error}") from error
    orders = orders_given(config)
    # Without a time all that was ordered: the brokers' clock may be ahead of this one.
    at_us = max([now, *(order.arrived_us for order in orders)]) if asked_us is None else asked_us
    known = [order for order in orders if order.arrived_us <= at_us]
    found = [_standing(each) for each in snoozes_of(config, known, at_us)]
    if as_json:
        emit_json({"at": shown(at_us), "snoozes": found})
        return OK
    out.print(f"{len(found):,} in force at {shown(at_us)}", markup=False)
    for each in found:
        why = f": {each['reason']}" if each["reason"] else ""
        out.print(
            f"  {each['rule']} for {each['entity']} {each['key']} until {each['until']}, ordered "
            f"{each['arrived']} by {each['by']}{why}",
            markup=False,
        )
    return OK


def _keys(config: Config, wanted: Wanted) -> list[int]:
    """Return the keyed hashes of whom it is for."""
    text = read_value(wanted.value)
    if not wanted.hashed:
        return entity_keys(config, wanted.entity, text)
    if wanted.entity not in config.fields.entities:
        near = nearest(wanted.entity, list(config.fields.entities), "the list")
        raise ConfigError(f"no entity of fields.entities is {quoted(wanted.entity)}{near}")
    if not KEY.fullmatch(text) or int(text, 16) == 0:
        raise ConfigError(
            "--hashed: a keyed hash is 16 hexadecimal digits, as `entities` of an alert has it"
        )
    return [int(text, 16)]


def _before(
    config: Config, wanted: Wanted, keys: Sequence[int], now: int
) -> dict[str, list[dict[str, Any]]] | None:
    """Return the snoozes that the order takes the place of; None where nobody knows.

    Raises
    ------
    ConfigError
        There is nothing to end, or no rule of this name.
    """
    orders = orders_before(config)
    if orders is None:
        return None
    at_us = max([now, *(order.arrived_us for order in orders)])
    places = {(wanted.rule, wanted.entity, key) for key in keys}
    found = [each for each in snoozes_of(config, orders, at_us) if each.snooze[:3] in places]
    if wanted.end and not found:
        raise ConfigError(
            f"{wanted.rule} is not snoozed for this {wanted.entity}: `fraudstream snooze show` "
            "lists what is"
        )
    if not wanted.end:
        _require_rule(wanted.rule, orders)
    return {"snoozes": [_standing(each) for each in found]}


def _require_rule(rule: str, orders: Sequence[Order]) -> None:
    """Refuse a name that no rule ever had; ConfigError."""
    names = {SCORE, ANY_RULE}
    for order in orders:
        if order.fields["kind"] == ControlKind.RULES.name:
            names.update(_rules_of(order.fields["key"]))
    if rule not in names:
        near = nearest(rule, sorted(names), "what can be snoozed")
        raise ConfigError(
            f"no rule that was ever applied is {quoted(rule)}{near}: give the id of a rule as "
            f"alerts have it, {SCORE} for the model, or '{ANY_RULE}' for all of them"
        )


def _rules_of(text: str) -> list[str]:
    """Return the ids of the rules of an order; none of one that cannot be read."""
    try:
        return [each["id"] for each in tomllib.loads(json.loads(text)["rules"]).get("rule", [])]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _record(each: Snooze, now: int, request_id: str) -> Record:
    """Return an order; those of one entity lie in one partition, in their order."""
    record = {
        "kind": ControlKind.SNOOZE.name,
        "entity": each.entity,
        "key": each.text(),
        "requested_at": now,
        "request_id": request_id,
    }
    return Record(f"snooze:{each.entity}:{each.key:016x}", record)


def _told(each: Snooze) -> dict[str, Any]:
    """Return a snooze in values that JSON has."""
    key, until = f"{each.key:016x}", None if each.until_us == _OVER_US else shown(each.until_us)
    return {
        "rule": each.rule,
        "entity": each.entity,
        "key": key,
        "until": until,
        "by": each.by,
        "reason": each.reason,
    }


def _standing(each: SnoozeInForce) -> dict[str, Any]:
    return {
        **_told(each.snooze),
        "arrived": shown(each.arrived_us),
        "request_id": each.request_id,
    }
