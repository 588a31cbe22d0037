"""An id or a category as a person writes it, as the values that a schema's field may hold."""

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
        Bytes are written as hexadecimal digits, a boolean as ``true`` or ``false``.
    schema : dict
        Of the record.
    path : str
        Of the field, dotted.

    Raises
    ------
    SchemaError
        The field is not there, or holds nothing that could be this id. The id is not named.
    """
    leaves = list(_leaves(schema, path.split("."), dict(_named(schema))))
    kinds = {leaf["type"] for leaf in leaves}
    symbols = {symbol for leaf in leaves for symbol in leaf.get("symbols", ())}
    found: list[str | int | bytes] = []
    if "string" in kinds or text in symbols:
        found.append(text)
    if kinds & {"int", "long"} and _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        found.append(int(text))
    if kinds & {"bytes", "fixed"}:
        with suppress(ValueError):
            found.append(bytes.fromhex(text))
    if "boolean" in kinds and text in ("true", "false"):
        found.append(int(text == "true"))
    if not found:
        raise SchemaError(
            f"field '{path}' holds {', '.join(sorted(kinds)) or 'nothing'}, and this id is not "
            "one of it: write an integer as digits, bytes as hexadecimal digits"
            + (f"; its symbols are {', '.join(sorted(symbols))}" if symbols else "")
        )
    return found


def _leaves(schema: Any, path: list[str], named: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the types of the values that lie at a path, each as a schema of its own."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _leaves(branch, path, named)
        return
    if isinstance(schema, str):
        if schema in named:
            yield from _leaves(named[schema], path, named)
        elif not path and schema != "null":
            yield {"type": schema}
        return
    kind = schema["type"]
    if kind == "record":
        for field in schema["fields"]:
            if path and field["name"] == path[0]:
                yield from _leaves(field["type"], path[1:], named)
    elif isinstance(kind, (dict, list)):
        yield from _leaves(kind, path, named)
    elif not path:
        yield schema


def _named(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the types of a schema that others may name."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _named(branch)
    elif isinstance(schema, dict):
        if schema["type"] in ("record", "enum", "fixed"):
            yield schema["name"], schema
        for field in schema.get("fields", ()):
            yield from _named(field["type"])
        yield from _named(schema["type"])
