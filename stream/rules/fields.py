"""The keys of a rule in a file, and what each of them may be."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from stream.decide import Outcome
from stream.features.grammar import nearest, quoted
from stream.rules.places import File, Problem
from stream.rules.rule import Mode, Rule
from stream.rules.times import microseconds_of
from stream.toml.lines import KeyPath

KEYS = (
    "id",
    "when",
    "action",
    "mode",
    "priority",
    "owner",
    "expires",
    "reason_code",
    "text",
    "tests",
)
PRIORITY_MAX = 1_000_000
TEXT_MAX = 500
_ACTIONS = {outcome.name.lower(): outcome for outcome in Outcome}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_CODE = re.compile(r"[A-Z0-9][A-Z0-9_]{0,63}")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")


class Fields:
    """Reads the keys of one rule, and notes what is wrong with them.

    Parameters
    ----------
    file : File
    path : tuple of str or int
        To the rule's table.
    table : dict

    Attributes
    ----------
    problems : list of Problem
        What is wrong so far.
    id : str, optional
        The rule's, once it was read; None where it is wrong.
    """

    def __init__(self, file: File, path: KeyPath, table: dict[str, Any]) -> None:
        self.problems: list[Problem] = []
        self.id: str | None = None
        self._file, self._path, self._table = file, path, table

    def rule(self) -> Rule | None:
        """Return the rule; None where a key is missing or what it says cannot be."""
        for key in self._table:
            if key not in KEYS:
                problem = f"no such key '{key}'{nearest(key, KEYS)}"
                self.problems.append(self._file.problem((*self._path, key), problem))
        self.id, when = self._id(), self._required("when", "such as 'amount > 500'")
        action, mode = self._action(), self._mode()
        priority, expires_us = self._priority(), self._expires_us()
        owner, text, code = self._text("owner"), self._text("text"), self._reason_code()
        if action is Outcome.ALLOW and priority <= 0:
            self.wrong(
                "priority" if "priority" in self._table else "action",
                "'allow' silences the model, which speaks at priority 0, and rules of lower "
                "priority: give it a priority above 0, such as priority = 10",
            )
        if self.id is None or when is None or action is None or mode is None:
            return None
        return Rule(
            self.id, when, action, mode[0], mode[1], priority, owner, expires_us, code, text
        )

    def wrong(self, key: str, text: str) -> None:
        """Note what is wrong with the value of a key, or with the rule if it has none."""
        path = (*self._path, key)
        self.problems.append(self._file.problem_of_value(path, f"{key}: {text}"))

    def wrong_in(self, key: str, at: int, text: str) -> None:
        """Note what is wrong with a character of the text of a key."""
        self.problems.append(self._file.problem_in((*self._path, key), at, text))

    def _required(self, key: str, remedy: str) -> str | None:
        value = self._table.get(key)
        if isinstance(value, str):
            return value
        if key in self._table:
            self.wrong(key, f"a text is wanted, {remedy}, not {value!r}")
        else:
            self.problems.append(
                self._file.problem(self._path, f"the rule has no '{key}': write one, {remedy}")
            )
        return None

    def _id(self) -> str | None:
        value = self._required("id", "such as 'card-testing'")
        if value is not None and not _ID.fullmatch(value):
            self.wrong("id", f"{quoted(value)} is not made of 1 to 64 letters, digits, '_.-'")
            return None
        return value

    def _action(self) -> Outcome | None:
        remedy = f"one of {', '.join(_ACTIONS)}"
        value = self._required("action", remedy)
        if value is not None and value not in _ACTIONS:
            self.wrong("action", f"no action {quoted(value)}: {remedy}{nearest(value, _ACTIONS)}")
        return _ACTIONS.get(value or "")

    def _mode(self) -> tuple[Mode, float] | None:
        remedy = "'shadow' to watch it first, 'live', or a share of payments such as '25%'"
        value = self._required("mode", remedy)
        if value is None:
            return None
        if value in ("live", "shadow"):
            return Mode(value), 1.0
        match = _SHARE.fullmatch(value)
        share = float(Decimal(match[1]) / 100) if match else 0.0
        if not 0.0 < share <= 1.0:
            self.wrong("mode", f"{quoted(value)} is no mode: {remedy}, above 0% and at most 100%")
            return None
        return Mode.LIVE, share

    def _priority(self) -> int:
        value = self._table.get("priority", 0)
        if type(value) is int and abs(value) <= PRIORITY_MAX:
            return value
        self.wrong("priority", f"a whole number up to {PRIORITY_MAX:,} is wanted, not {value!r}")
        return 1  # Nothing more is said of it.

    def _expires_us(self) -> int | None:
        value = self._table.get("expires")
        if value is None:
            return None
        found = microseconds_of(value)
        if found is None:
            remedy = (
                "a date without quotes, such as 2027-01-31, or with a time: 2027-01-31T12:00:00Z"
            )
            self.wrong("expires", f"{remedy}, not {value!s}")
        return found

    def _reason_code(self) -> str:
        value = self._table.get("reason_code")
        if value is None:
            return re.sub("[^A-Z0-9]", "_", (self.id or "").upper())
        if not isinstance(value, str) or not _CODE.fullmatch(value):
            self.wrong("reason_code", f"1 to 64 of A-Z, 0-9 and '_' are wanted, not {value!r}")
        return str(value)

    def _text(self, key: str) -> str:
        value = self._table.get(key, "")
        if not isinstance(value, str):
            self.wrong(key, f"a text is wanted, not {value!r}")
        elif len(value) > TEXT_MAX:
            self.wrong(key, f"at most {TEXT_MAX} characters, not {len(value)}")
        return str(value)
