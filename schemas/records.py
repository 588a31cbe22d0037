"""Single Avro records by the general path, and the schemas that ship with the package.

This is the path of the edges: what comes rarely, and looking at one record. It trusts
the schema it is given; records of strangers go through the column decoder, which
checks every byte, and what goes out by the thousand is written by kernels.
"""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import fastavro
from fastavro.validation import validate

from schemas.errors import SchemaError
from schemas.wire import frame, unframe

Schema = dict[str, Any]

PACKAGE = Path(__file__).parent


class RecordCodec:
    """Framed bytes from and to a dict, under one schema.

    Logical types are left out on both ways: a timestamp is the integer that is on
    the wire, so no value overflows a `datetime`.

    Parameters
    ----------
    schema : dict or str
        The Avro schema of a record, or its JSON text.
    schema_id : int
        The id it has in the registry.

    Raises
    ------
    SchemaError
        If the schema is not a valid Avro record schema.
    """

    def __init__(self, schema: Schema | str, schema_id: int) -> None:
        plain = parse_text(schema, "the schema") if isinstance(schema, str) else schema
        _check(plain, "the schema")
        self.schema_id = schema_id
        self._parsed = fastavro.parse_schema(rewrite(plain, without_logical_type))
        self._name = str(plain["name"])

    def encode(self, record: Mapping[str, Any]) -> bytes:
        """Write one record.

        Parameters
        ----------
        record : Mapping
            A value for every field that has no default.

        Returns
        -------
        bytes
            The framed value.

        Raises
        ------
        SchemaError
            If a value does not fit its field, a field is missing, or one is unknown.
        """
        buffer = io.BytesIO()
        try:
            # The writer alone would cut 1.5 to 1 and write an int of 40 bits.
            validate(record, self._parsed)
            fastavro.schemaless_writer(buffer, self._parsed, record, strict_allow_default=True)
        except Exception as error:
            raise SchemaError(
                f"record does not fit schema {self._name} (id {self.schema_id}): {error}; "
                "mend the record or encode it under the schema it was made for"
            ) from error
        return frame(self.schema_id, buffer.getvalue())

    def encode_checked(self, record: Mapping[str, Any]) -> bytes:
        """Write one record whose values are known to fit: `encode` without its checks."""
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, self._parsed, record)
        return frame(self.schema_id, buffer.getvalue())

    def decode(self, value: bytes) -> dict[str, Any]:
        """Read one record.

        Parameters
        ----------
        value : bytes
            A framed value.

        Returns
        -------
        dict
            The record's fields by name.

        Raises
        ------
        SchemaError
            If the value is not framed, carries another schema's id, or cannot be read
            to its last byte.
        """
        schema_id, body = unframe(value)
        if schema_id != self.schema_id:
            raise SchemaError(
                f"value was written under schema id {schema_id}, this codec reads id "
                f"{self.schema_id} ({self._name}); look the id up in the registry"
            )
        buffer = io.BytesIO(body)
        try:
            record = fastavro.schemaless_reader(buffer, self._parsed, None)
        except Exception as error:
            # The library's text can quote the payload, which may name a person.
            raise SchemaError(
                f"{len(body)} bytes cannot be read as {self._name} (id {schema_id}): "
                f"{type(error).__name__}; the writer used another schema or the value is damaged"
            ) from error
        if buffer.tell() != len(body):
            raise SchemaError(
                f"{len(body) - buffer.tell()} of {len(body)} bytes are left after {self._name} "
                f"(id {schema_id}); the writer used another schema or the value is damaged"
            )
        return cast(dict[str, Any], record)


def load_avsc(path: Path) -> Schema:
    """Read one schema file and check that it is a valid Avro record schema.

    Parameters
    ----------
    path : Path
        An .avsc file.

    Returns
    -------
    dict
        The schema as written in the file.

    Raises
    ------
    SchemaError
        If the file is missing, is not JSON, or is not an Avro record schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SchemaError(
            f"schema file {path} cannot be read: {reason}; name an .avsc file"
        ) from error
    return parse_text(text, str(path))


def builtin(name: str) -> Schema:
    """Read a schema that ships with the package.

    Parameters
    ----------
    name : str
        The file's name without its ending, for example transaction.

    Returns
    -------
    dict
        The schema.

    Raises
    ------
    SchemaError
        If the package holds no such schema.
    """
    known = sorted(file.stem for file in PACKAGE.glob("*.avsc"))
    if name not in known:
        raise SchemaError(f"no schema {name!r} ships with fraudstream; use one of {known}")
    return load_avsc(PACKAGE / f"{name}.avsc")


def parse_text(text: str, place: str) -> Schema:
    """Read a schema's JSON text and check that it is a valid Avro record schema.

    Parameters
    ----------
    text : str
        The JSON.
    place : str
        Where it came from, for the error's text.

    Returns
    -------
    dict
        The schema as written.

    Raises
    ------
    SchemaError
        If the text is not JSON, or is not an Avro record schema.
    """
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"{place} is not JSON: {error}; write an Avro record schema") from error
    _check(schema, place)
    return cast(Schema, schema)


def _check(schema: object, place: str) -> None:
    kind = schema.get("type") if isinstance(schema, dict) else type(schema).__name__
    if kind != "record":
        raise SchemaError(f"{place} is of type {kind!r}; a topic's schema must be an Avro record")
    try:
        fastavro.parse_schema(cast(Schema, schema))
    except Exception as error:
        raise SchemaError(
            f"{place} is not a valid Avro schema: {type(error).__name__}: {error}; "
            "mend it by the Avro specification"
        ) from error


def rewrite(node: Any, change: Callable[[Schema], Schema]) -> Any:
    """Copy a schema, changing every type and field on the way; defaults are left alone.

    Parameters
    ----------
    node : object
        A schema, or a part of one.
    change : callable
        Gets a copy of each type's or field's own dict, and returns what to put there.

    Returns
    -------
    object
        The changed copy.
    """
    if isinstance(node, list):
        return [rewrite(branch, change) for branch in node]
    if not isinstance(node, dict):
        return node
    copy = change(dict(node))
    for key in ("type", "items", "values", "fields"):
        if key in copy:
            copy[key] = rewrite(copy[key], change)
    return copy


def without_logical_type(node: Schema) -> Schema:
    """Return a node as what is on the wire; for `rewrite`."""
    node.pop("logicalType", None)
    return node
