"""``fraudstream rules apply``: order that rules be in force, in place of those that are."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

from schemas.errors import ConfigError
from stream.audit_trail.chain import Step
from stream.cases.administration import Administration, Order, asked, own_name, require_control
from stream.cli.console import OK, emit_json, out, say
from stream.commands.confirming import confirm
from stream.commands.orders_given import orders_before
from stream.commands.rules import rule_inputs, texts_of
from stream.config.configuration import Config, load
from stream.engine.control import ControlKind
from stream.plurals import several
from stream.rules.names import RuleInputs
from stream.rules.orders import parse_rules_order, rules_order
from stream.rules.reading import read_rules
from stream.rules.rule import Mode, RuleSet

# What a producer takes by default, less room for the rest of the order.
_BYTES_MAX = 900_000


def apply_rules(
    folder: Path, path: Path | None, by: str, note: str, yes: bool, as_json: bool
) -> int:
    """Publish the order to put rules in force, or the request to; return the exit status."""
    config = load(path)
    require_control(config)
    inputs = rule_inputs(config, at_work=True)
    rules = read_rules(texts_of(folder), inputs)
    text = rules_order(rules, own_name(by), note)
    if len(text.encode()) > _BYTES_MAX:
        raise ConfigError(
            f"{len(rules)} rules are {len(text.encode()):,} bytes, and an order holds "
            f"{_BYTES_MAX:,}: shorten their texts, or apply fewer"
        )
    what = f"{_said(rules)}, will be in force in place of all rules that are."
    confirm(what, "Apply them?", yes)
    request_id = str(uuid.uuid4())
    record = {
        "kind": "RULES",
        "entity": "",
        "key": text,
        "requested_at": time.time_ns() // 1000,
        "request_id": request_id,
    }
    subject = f"rules {rules.digest}"
    before = _ordered_before(config, inputs)
    after = {"digest": rules.digest, "rules": rules.text()}
    with Administration(config, say) as administration:
        ordered = administration.order(
            "rules",
            own_name(by),
            subject,
            [Order("rules", record)],
            before,
            after,
            note,
            request_id,
        )
    if as_json:
        emit_json(
            {
                "digest": rules.digest,
                "rules": len(rules),
                "request_id": ordered.request_id,
                "step": ordered.step.value.lower(),
                "topic": config.topics.control,
                "places": ordered.places,
            }
        )
    elif ordered.step is Step.REQUESTED:
        out.print(asked(subject, ordered.request_id, path), markup=False)
    else:
        out.print(
            f"ordered: {_said(rules)}, set {rules.digest}\n"
            "A worker decides by it from its next batch on. What does not go with the worker's "
            f"own configuration is refused as a whole, on {config.topics.dead_letters}.",
            markup=False,
        )
    return OK


def _ordered_before(config: Config, inputs: RuleInputs) -> dict[str, str] | None:
    """Return which rules were ordered last; None where nobody knows."""
    texts = [
        each.fields["key"]
        for each in orders_before(config) or ()
        if each.fields["kind"] == ControlKind.RULES.name
    ]
    found = parse_rules_order(texts[-1], inputs) if texts else None
    return {"digest": found.digest} if isinstance(found, RuleSet) else None


def _said(rules: RuleSet) -> str:
    live = sum(rule.mode is Mode.LIVE for rule in rules.rules)
    return f"{several(len(rules), 'rule')}, {live} of them live"
