"""Orders to the engine: read from a batch of the control topic, and what came of them.

Every kind of order has a reader, which makes of an order's text what is meant, and a deed, which
does it. `Orders` is the table of both; the engine fills it with what it can do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from schemas.siphash import hash_texts
from stream.champion.reigns import Reign
from stream.labels.fates import Departed

_KEY = re.compile("[0-9a-fA-F]{16}")


class ControlKind(IntEnum):
    """What is to be done: the symbols of `control.avsc`."""

    UNKNOWN = 0
    ERASE = 1
    PROMOTE = 2
    DISABLE = 3
    ENABLE = 4
    RULES = 5
    LISTS = 6
    SNOOZE = 7


class Erased(NamedTuple):
    """An entity of which nothing is kept any more.

    Attributes
    ----------
    entity : str
        Its name in the configuration, such as ``card``.
    key : int
        The keyed hash of its id.
    """

    entity: str
    key: int


class OrderRefusedError(Exception):
    """An order that is not carried out.

    Parameters
    ----------
    reason : Reason
        What its dead letter says.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True)
class ControlEffects:
    """What came of a batch of orders; the shell publishes it.

    Attributes
    ----------
    reasons : ndarray of int64, shape (n,)
        `Reason` of each order; other than OK is a dead letter.
    erased : list of Erased
        For the shell, which may have kept something of them elsewhere.
    departed : list of Departed
        Labels that were held for a payment that is erased.
    rules : list of str
        Digests of the sets of rules that came into force, the last one for good.
    promoted : list of Reign
        Models that became champion.
    """

    reasons: NDArray[np.int64]
    erased: list[Erased] = field(default_factory=list)
    departed: list[Departed] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    promoted: list[Reign] = field(default_factory=list)


class Way(NamedTuple):
    """How orders of one kind are taken.

    Attributes
    ----------
    read : callable
        Takes the keyed hash of `entity` and the text of `key`, returns what is meant, and raises
        `OrderRefusedError`.
    carry_out : callable
        Takes what is meant and the effects to add to; may refuse it too, before it changes
        anything.
    """

    read: Callable[[int, str], Any]
    carry_out: Callable[[Any, ControlEffects], None]


class Orders:
    """Takes orders, each by the way of its kind.

    Parameters
    ----------
    ways : mapping of ControlKind to Way
        A kind that is not in it is refused.
    hash_key : bytes
        16 bytes, the decoder's.
    """

    def __init__(self, ways: Mapping[ControlKind, Way], hash_key: bytes) -> None:
        hashes = hash_texts([kind.name for kind in ways], hash_key).tolist()
        self._ways = dict(zip(hashes, ways.values(), strict=True))

    def take(self, batch: Transactions) -> ControlEffects:
        """Carry out the orders of a batch in their order, each at once.

        Parameters
        ----------
        batch : Transactions
            Decoded with `schemas.roles.CONTROL_ROLES`.
        """
        effects = ControlEffects(batch.reason.copy())
        for row in np.flatnonzero(batch.reason == Reason.OK).tolist():
            kind, entity = batch.categorical[:, row].tolist()
            try:
                way = self._ways.get(kind)
                if way is None:
                    raise OrderRefusedError(Reason.CONTROL_UNKNOWN_KIND)
                way.carry_out(way.read(entity, batch.transaction_id(row)), effects)
            except OrderRefusedError as refused:
                effects.reasons[row] = refused.reason
        return effects


class ErasureReader:
    """Reads whom to erase.

    Parameters
    ----------
    entities : sequence of str
        Names that may be given.
    hash_key : bytes
    """

    def __init__(self, entities: Sequence[str], hash_key: bytes) -> None:
        hashes = hash_texts(list(entities), hash_key).tolist()
        self._names = dict(zip(hashes, entities, strict=True))

    def __call__(self, entity: int, text: str) -> Erased:
        """Return whom an order names."""
        if entity not in self._names:
            raise OrderRefusedError(Reason.CONTROL_UNKNOWN_ENTITY)
        if not _KEY.fullmatch(text) or int(text, 16) == 0:
            raise OrderRefusedError(Reason.CONTROL_KEY_INVALID)
        return Erased(self._names[entity], int(text, 16))
