"""Orders to the engine: read from a batch of the control topic, and what came of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from schemas.siphash import hash_texts
from stream.labels.fates import Departed

_KEY = re.compile("[0-9a-fA-F]{16}")


class ControlKind(IntEnum):
    """What is to be done: the symbols of `control.avsc`."""

    UNKNOWN = 0
    ERASE = 1


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
    """

    reasons: NDArray[np.int64]
    erased: list[Erased]
    departed: list[Departed]


class Orders:
    """Reads orders.

    Parameters
    ----------
    entities : sequence of str
        Names that may be given.
    hash_key : bytes
        16 bytes, the decoder's.
    """

    def __init__(self, entities: Sequence[str], hash_key: bytes) -> None:
        self._entities = dict(
            zip(hash_texts(list(entities), hash_key).tolist(), entities, strict=True)
        )
        (self._erase,) = hash_texts([ControlKind.ERASE.name], hash_key).tolist()

    def read(self, batch: Transactions) -> tuple[NDArray[np.int64], list[Erased]]:
        """Return the `Reason` of each row, shape (n,), and who is to be erased, in order.

        Parameters
        ----------
        batch : Transactions
            Decoded with `schemas.roles.CONTROL_ROLES`.
        """
        reasons, found = batch.reason.copy(), []
        for row in np.flatnonzero(reasons == Reason.OK).tolist():
            kind, name = batch.categorical[:, row].tolist()
            text = batch.transaction_id(row)
            if kind != self._erase:
                reasons[row] = Reason.CONTROL_UNKNOWN_KIND
            elif name not in self._entities:
                reasons[row] = Reason.CONTROL_UNKNOWN_ENTITY
            elif not _KEY.fullmatch(text) or int(text, 16) == 0:
                reasons[row] = Reason.CONTROL_KEY_INVALID
            else:
                found.append(Erased(self._entities[name], int(text, 16)))
        return reasons, found
