"""Snoozes: until a time, what one rule says of one entity raises no alert by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import require, require_kind
from models.states.snapshot import State

ANY_RULE = "*"
SCORE = "score"
"""What a score that reaches the threshold is called among the rules."""
SNOOZES_MAX = 10_000
NAME_MAX = 200

_KIND = "snoozes/1"
_KEY = re.compile("[0-9a-f]{16}")
_FIELDS = {"rule": str, "entity": str, "key": str, "until": int, "by": str, "reason": str}
_UNTIL_MAX = 2**62


class SnoozeError(ValueError):
    """A text is no snooze; its words name what is wrong."""


class Snooze(NamedTuple):
    """What somebody wants to hear nothing of.

    Attributes
    ----------
    rule : str
        A rule's name, SCORE for the model, or ANY_RULE.
    entity : str
        A name of the configuration, such as ``card``.
    key : int
        The keyed hash of its id, 64 bits, not 0.
    until_us : int
        Event time at which it is over; one that is over already ends an earlier one.
    by, reason : str
        Who wants so, and why.
    """

    rule: str
    entity: str
    key: int
    until_us: int
    by: str
    reason: str = ""

    def text(self) -> str:
        """Return it as the text of an order."""
        values = self._replace(key=f"{self.key:016x}")  # type: ignore[arg-type]
        return json.dumps(dict(zip(_FIELDS, values, strict=True)))


def read_snooze(text: str, entities: Sequence[str]) -> Snooze:
    """Read the text of an order.

    Parameters
    ----------
    text : str
        JSON with rule, entity, key (16 hexadecimal digits), until (microseconds), by, and
        reason, which may be left out.
    entities : sequence of str
        Names that there are.

    Raises
    ------
    SnoozeError
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SnoozeError(f"a snooze is JSON: {error}") from None
    return _checked(found, entities)


def _checked(found: Any, entities: Sequence[str]) -> Snooze:
    if isinstance(found, dict):
        found = {"reason": "", **found}
    if not isinstance(found, dict) or found.keys() != _FIELDS.keys():
        raise SnoozeError(f"a snooze has {', '.join(_FIELDS)}, and nothing else")
    for name, kind in _FIELDS.items():
        if type(found[name]) is not kind:
            raise SnoozeError(f"{name} of a snooze must be of type {kind.__name__}")
    texts = [found[name] for name in ("rule", "by", "reason")]
    if not texts[0] or max(map(len, texts)) > NAME_MAX:
        said = f"rule, by and reason of a snooze are texts of at most {NAME_MAX} characters"
        raise SnoozeError(f"{said}, and the rule is named")
    if found["entity"] not in entities:
        raise SnoozeError(f"no entity is {found['entity'][:40]!r}: one of {', '.join(entities)}")
    if not _KEY.fullmatch(found["key"]) or int(found["key"], 16) == 0:
        raise SnoozeError("key of a snooze is a keyed hash, 16 hexadecimal digits")
    if not 0 <= found["until"] <= _UNTIL_MAX:
        raise SnoozeError("until of a snooze is a time in microseconds since 1970")
    values = {**found, "key": int(found["key"], 16), "until_us": found["until"]}
    return Snooze(**{name: values[name] for name in Snooze._fields})


class Snoozes:
    """Those in force.

    Parameters
    ----------
    entities : sequence of str
        In the order of the keys of a row.
    snoozes_max : int
        Beyond it no more are taken, unless others are over.
    """

    def __init__(self, entities: Sequence[str], snoozes_max: int = SNOOZES_MAX) -> None:
        self._entities = tuple(entities)
        self._max = snoozes_max
        self._known: dict[tuple[str, str, int], Snooze] = {}

    def __len__(self) -> int:
        return len(self._known)

    def take(self, snooze: Snooze, now_us: int) -> bool:
        """Take a snooze in place of an earlier one; False if there is no room for it.

        Parameters
        ----------
        snooze : Snooze
        now_us : int
            Event time, which never goes back: the watermark.
        """
        place = snooze[:3]
        self._known.pop(place, None)
        if snooze.until_us <= now_us:
            return True
        if len(self._known) >= self._max:
            self._known = {at: each for at, each in self._known.items() if each.until_us > now_us}
        if len(self._known) >= self._max:
            return False
        self._known[place] = snooze
        return True

    def silence(self, causes: Iterable[str], keys: NDArray[np.uint64], time_us: int) -> bool:
        """Tell whether every cause of an alert is snoozed for one of its entities.

        Parameters
        ----------
        causes : iterable of str
            Rules that say so, and SCORE.
        keys : ndarray of uint64, shape (n_entities,)
        time_us : int
            Of the payment.
        """
        if not self._known:
            return False
        pairs = [
            (name, key) for name, key in zip(self._entities, keys.tolist(), strict=True) if key
        ]
        found = False
        for cause in causes:
            if not any(
                (each := self._known.get((rule, *pair))) is not None and time_us < each.until_us
                for rule in (cause, ANY_RULE)
                for pair in pairs
            ):
                return False
            found = True
        return found

    def erase(self, entity: str, key: int) -> None:
        """Forget an entity's."""
        self._known = {
            at: each for at, each in self._known.items() if (at[1], at[2]) != (entity, key)
        }

    def in_force(self, now_us: int) -> list[Snooze]:
        """Return those that are not over, in the order in which they were taken."""
        return [each for each in self._known.values() if each.until_us > now_us]

    def state(self) -> State:
        """Return them."""
        return State(_KIND, {"snoozes": [each.text() for each in self._known.values()]}, {})

    def restore(self, state: State) -> None:
        """Go on from a state; those of entities that are no more are left out.

        Raises
        ------
        SnapshotError
            If it is none; nothing has changed then.
        """
        require_kind(state, _KIND)
        texts = state.header.get("snoozes")
        is_list = isinstance(texts, list) and all(isinstance(each, str) for each in texts)
        require(state, is_list, "snoozes is no list of texts")
        found = {}
        for text in texts or []:
            try:
                named = json.loads(text)
                snooze = _checked(named, [str(named["entity"])])
            except (SnoozeError, ValueError, TypeError, KeyError) as error:
                require(state, False, f"snoozes: {error}")
            else:
                if snooze.entity in self._entities:
                    found[snooze[:3]] = snooze
        require(state, len(found) <= self._max, "snoozes: there are more than there may be")
        self._known = found
