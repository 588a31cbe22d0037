r"""Orders to put rules in force: JSON in the `key` of a record of the control topic.

::

    {"rules": "[[rule]]\nid = ...", "by": "anna", "why": "card testing since Monday"}

`rules` is the text of a whole set, as `RuleSet.text` gives it; it takes the place of the set
before it. No rules at all is an empty text.
"""

from __future__ import annotations

import msgspec

from schemas.columns import Reason
from schemas.errors import RuleError
from stream.rules.names import RuleInputs
from stream.rules.reading import read_rules
from stream.rules.rule import RuleSet

# What a set is called where its text is read again.
_ORIGIN = "rules"


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON."""

    rules: str
    by: str
    why: str = ""


_decoder = msgspec.json.Decoder(_Order)


def rules_order(rules: RuleSet, by: str, why: str) -> str:
    """Return the order to put a set in force, as `parse_rules_order` reads it."""
    return msgspec.json.encode(_Order(rules.text(), by, why)).decode()


def parse_rules_order(text: str, inputs: RuleInputs) -> RuleSet | Reason:
    """Read an order; return what is wrong with it if it is none.

    Parameters
    ----------
    text : str
    inputs : RuleInputs
        What rules may name where they are to work.
    """
    try:
        read = _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return Reason.CONTROL_TEXT_INVALID
    if not read.by.strip():
        return Reason.CONTROL_TEXT_INVALID
    try:
        return read_rules({_ORIGIN: read.rules}, inputs)
    except RuleError:
        return Reason.CONTROL_RULES_INVALID
