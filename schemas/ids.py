"""An id as a person writes it, as the values that a schema's field may hold for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from schemas.errors import SchemaError

_INTEGER = re.compile("-?[0-9]{1,19}")


def ids_of(text: str, schema: dict[str, Any], path: str) -> list[str | int | bytes]:
    """Return all that an id may be in a field: text, an integer or bytes.

    Parameters
    ----------
    text : str
        Bytes are written as hexadecimal digits.
    schema : dict
        Of the record.
    path : str
        Of the field, dotted.

    Raises
    ------
    SchemaError
        The field is not there, or holds nothing that could be this id. The id is not named.
    """
    kinds = set(_kinds(schema, path.split("."), {}))
    found: list[str | int | bytes] = []
    if "string" in kinds:
        found.append(text)
    if kinds & {"int", "long"} and _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        found.append(int(text))
    if kinds & {"bytes", "fixed"}:
        with suppress(ValueError):
            found.append(bytes.fromhex(text))
    if not found:
        raise SchemaError(
            f"field '{path}' holds {', '.join(sorted(kinds)) or 'nothing'}, and this id is not "
            "one of it: write an integer as digits, bytes as hexadecimal digits"
        )
    return found


def _kinds(schema: Any, path: list[str], named: dict[str, Any]) -> Iterator[str]:
    """Yield the types of the values that lie at a path."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _kinds(branch, path, named)
        return
    if isinstance(schema, str):
        if schema in named:
            yield from _kinds(named[schema], path, named)
        elif not path and schema != "null":
            yield schema
        return
    if "name" in schema:
        named = named if schema["name"] in named else {**named, schema["name"]: schema}
    kind = schema["type"]
    if kind == "record":
        for field in schema["fields"]:
            if path and field["name"] == path[0]:
                yield from _kinds(field["type"], path[1:], named)
    elif isinstance(kind, (dict, list)):
        yield from _kinds(kind, path, named)
    elif not path:
        yield kind
