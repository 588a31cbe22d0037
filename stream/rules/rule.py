"""Rules as they are at work, and the one text that carries them from place to place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cached_property

import numpy as np

from stream.decide import Outcome
from stream.rules.parser import parse
from stream.rules.syntax import written


class Mode(Enum):
    """What becomes of what a rule says."""

    LIVE = "live"
    """It is done."""
    SHADOW = "shadow"
    """It is noted, and changes nothing."""


@dataclass(frozen=True)
class Rule:
    """A rule that has been checked.

    Attributes
    ----------
    id : str
        Its name for ever: what is counted and said of it goes by this.
    when : str
        The condition, as it was written.
    action : Outcome
        What is to become of a payment that it matches.
    mode : Mode
    share : float
        Of a live rule: the share of payments for which it is live, above 0 and at most 1; for
        the others it is in shadow.
    priority : int
        Only an ALLOW silences others: the model, and rules of lower priority.
    owner : str
        Whom to ask.
    expires_us : int, optional
        From this event time on it matches nothing.
    reason_code : str
        What systems are told; stable.
    text : str
        What an analyst reads.
    """

    id: str
    when: str
    action: Outcome
    mode: Mode
    share: float = 1.0
    priority: int = 0
    owner: str = ""
    expires_us: int | None = None
    reason_code: str = ""
    text: str = ""

    @cached_property
    def version(self) -> str:
        """A short digest of what decides: neither who wrote it nor blanks are part of it."""
        decides = [self.id, written(parse(self.when)), self.action.name, self.mode_text]
        return _digest(json.dumps([*decides, self.priority, self.expires_us]))

    @property
    def mode_text(self) -> str:
        """The mode as files have it: ``live``, ``shadow`` or the share such as ``25%``."""
        if self.mode is Mode.SHADOW or self.share == 1.0:
            return self.mode.value
        percent = (Decimal(repr(self.share)) * 100).normalize()
        return f"{percent:f}%"

    def lines(self) -> Iterator[str]:
        """Yield the lines of its table; what is as it is without being said is left out."""
        yield "[[rule]]"
        yield f"id = {_quoted(self.id)}"
        yield f"when = {_quoted(self.when)}"
        yield f"action = {_quoted(self.action.name.lower())}"
        yield f"mode = {_quoted(self.mode_text)}"
        if self.priority:
            yield f"priority = {self.priority}"
        if self.expires_us is not None:
            yield f"expires = {np.datetime64(self.expires_us, 'us')}Z"
        for key in ("owner", "reason_code", "text"):
            if getattr(self, key):
                yield f"{key} = {_quoted(getattr(self, key))}"


@dataclass(frozen=True)
class RuleSet:
    """All rules at work, in the order of their ids.

    Attributes
    ----------
    rules : tuple of Rule
    """

    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(sorted(self.rules, key=lambda rule: rule.id)))

    def __len__(self) -> int:
        return len(self.rules)

    @cached_property
    def digest(self) -> str:
        """A short digest of all that is said of all rules."""
        return _digest(self.text())

    def text(self) -> str:
        """Return the one text of these rules: TOML that `read_rules` reads to an equal set.

        The tests of rules are not part of it: they were run when the rules were read.
        """
        return "\n".join("\n".join([*rule.lines(), ""]) for rule in self.rules)


def _quoted(text: str) -> str:
    """Write a text as TOML has it: as JSON, which leaves one control character as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
