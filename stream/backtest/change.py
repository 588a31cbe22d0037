"""What is tried on the past: other rules, another champion, or both.

It is put in force by the very orders that would do it at work, so a backtest cannot do what a
worker would refuse.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np

from schemas.columns import REASON, REASON_TEXT, Reason, Transactions
from schemas.compiler import compile_schema
from schemas.decoder import Decoder, Limits
from schemas.errors import ConfigError
from schemas.records import RecordCodec, builtin
from schemas.roles import CONTROL_ROLES
from schemas.siphash import hash_texts
from stream.engine.control import ControlKind
from stream.engine.engine import Engine
from stream.rules.orders import rules_order
from stream.rules.rule import RuleSet

# Who orders it.
BACKTEST = "backtest"

_SCHEMA_ID = 1
# The text of an order stands in its key, which is read as an id.
_LIMITS = Limits(record_bytes_max=2**24, id_bytes_max=2**24)


@dataclass(frozen=True)
class Change:
    """What is other than it was.

    Attributes
    ----------
    rules : RuleSet or None
        In place of those that were in force; None: rules stay as they were.
    model : str or None
        The name of the model that decides; None: those that did.
    """

    rules: RuleSet | None = None
    model: str | None = None

    def __bool__(self) -> bool:
        return self.rules is not None or self.model is not None

    @property
    def replaces(self) -> tuple[ControlKind, ...]:
        """Kinds of orders that are not carried out again: the change stands in their place."""
        rules = (ControlKind.RULES,) if self.rules is not None else ()
        return (*rules, ControlKind.PROMOTE) if self.model is not None else rules

    def begin(self, engine: Engine) -> None:
        """Put the change in force.

        Raises
        ------
        ConfigError
            If the engine refuses it.
        """
        if self.rules is not None:
            _order(engine, ControlKind.RULES, rules_order(self.rules, BACKTEST, ""), "the rules")
        if self.model is not None:
            text = json.dumps({"model": self.model, "by": BACKTEST})
            names = ", ".join(engine.lineup.names)
            what = f"--model {self.model} (there are {names})"
            _order(engine, ControlKind.PROMOTE, text, what)

    def adapted(self, orders: Transactions, hash_key: bytes) -> Transactions:
        """Return orders as they are to be carried out: those that are replaced, refused."""
        kinds = hash_texts([kind.name for kind in self.replaces], hash_key)
        longs = orders.longs.copy()
        longs[REASON, np.isin(orders.categorical[0], kinds)] = Reason.CONTROL_UNKNOWN_KIND
        return Transactions(orders.layout, longs, orders.data)


def _order(engine: Engine, kind: ControlKind, text: str, what: str) -> None:
    record = {
        "kind": kind.name,
        "entity": "",
        "key": text,
        "requested_at": _LIMITS.event_time_min_us,
        "request_id": BACKTEST,
    }
    value = _codec().encode_checked(record)
    batch = _decoder(engine.parameters.hash_key).decode([value], 2**62)
    reason = Reason(int(engine.control(batch).reasons[0]))
    if reason is not Reason.OK:
        raise ConfigError(f"{what} cannot be put in force: {REASON_TEXT[reason]}")


@cache
def _codec() -> RecordCodec:
    return RecordCodec(builtin("control"), _SCHEMA_ID)


def _decoder(hash_key: bytes) -> Decoder:
    programs = {_SCHEMA_ID: compile_schema(builtin("control"), CONTROL_ROLES)}
    return Decoder(CONTROL_ROLES.layout, programs, hash_key, _LIMITS)
