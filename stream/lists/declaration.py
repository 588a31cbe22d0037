"""What a list is declared to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ENTRIES_MAX = 100_000


class ListKind(StrEnum):
    """What being on a list means to people; rules say what it does."""

    ALLOW = "allow"
    DENY = "deny"
    WATCH = "watch"


@dataclass(frozen=True)
class ListDeclaration:
    """A declared list.

    Attributes
    ----------
    name : str
    of : str
        The entity or categorical input whose values are on it.
    kind : ListKind
    entries_max : int
        Beyond so many entries that have not expired an order is refused.
    """

    name: str
    of: str
    kind: ListKind = ListKind.WATCH
    entries_max: int = ENTRIES_MAX
