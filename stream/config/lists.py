"""The section of the configuration that declares lists."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stream.config.sections import Section
from stream.features.grammar import nearest, quoted
from stream.lists.declaration import ENTRIES_MAX, ListDeclaration, ListKind

_NAME = re.compile("[a-z][a-z0-9_]{0,63}")
_LISTS_MAX = 64


class ListSection(Section):
    """A list."""

    of: str
    """Whose values are on it: a name of `fields.entities` or `fields.categorical`."""
    kind: Literal["allow", "deny", "watch"] = "watch"
    """What being on it means, for people: `allow`, `deny` or `watch`. By itself it does nothing."""
    entries_max: Annotated[int, Field(ge=1, le=10_000_000)] = ENTRIES_MAX
    """So many entries at a time, each of 64 to 96 bytes; an order that would exceed it is refused
    whole, as a dead letter. What has expired makes room."""


class ListsSection(Section):
    """Lists of entities and categories: `[lists.blocked_cards]`, under a name of yours.

    Who is on them comes by the control topic, `topics.control`: docs/lists.md.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    __pydantic_extra__: dict[str, ListSection] = Field(init=False)

    # What each of the names is.
    table: ClassVar[type[BaseModel]] = ListSection

    @model_validator(mode="after")
    def _names_are_words(self) -> ListsSection:
        for name in self.tables:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} is no name of a list: begin with a small letter, and write small "
                    "letters, digits and underscores, at most 64"
                )
        if len(self.tables) > _LISTS_MAX:
            raise ValueError(f"there are {len(self.tables)} lists: declare at most {_LISTS_MAX}")
        return self

    @property
    def tables(self) -> dict[str, ListSection]:
        """The declared lists by name, in their order."""
        return self.__pydantic_extra__ or {}

    def declared(self) -> tuple[ListDeclaration, ...]:
        """Return the same as the engine wants it."""
        return tuple(
            ListDeclaration(name, each.of, ListKind(each.kind), each.entries_max)
            for name, each in self.tables.items()
        )

    def problems(
        self, entities: Collection[str], categorical: Collection[str]
    ) -> Iterator[tuple[str, str]]:
        """Yield the name of each list of nothing that is there, and what is wrong with it."""
        for name, each in self.tables.items():
            if each.of not in {*entities, *categorical}:
                near = nearest(each.of, [*entities, *categorical], "fields")
                text = f"no name of fields.entities or fields.categorical is {quoted(each.of)}"
                yield name, text + near
