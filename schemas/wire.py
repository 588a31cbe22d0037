"""The Confluent wire format: one zero byte, the schema's id in four, then the Avro bytes."""

import struct

from schemas.errors import SchemaError

MAGIC = 0
HEADER_SIZE = 5

_HEADER = struct.Struct(">BI")
_MAX_ID = 2**32 - 1


def frame(schema_id: int, payload: bytes) -> bytes:
    """Put the header before an Avro body.

    Parameters
    ----------
    schema_id : int
        The writer schema's id in the registry.
    payload : bytes
        The Avro body.

    Returns
    -------
    bytes
        What goes on the topic.

    Raises
    ------
    SchemaError
        If the id does not fit the header's four bytes.
    """
    if not 0 <= schema_id <= _MAX_ID:
        raise SchemaError(
            f"schema id {schema_id} does not fit the four bytes of the Confluent header; "
            f"use an id from 0 to {_MAX_ID}"
        )
    return _HEADER.pack(MAGIC, schema_id) + payload


def unframe(value: bytes) -> tuple[int, bytes]:
    """Split a framed value into its schema id and its Avro body.

    Parameters
    ----------
    value : bytes
        The record's value as it came from the topic.

    Returns
    -------
    tuple[int, bytes]
        The writer schema's id, and the Avro body.

    Raises
    ------
    SchemaError
        If the value is too short to hold a header and a body, or is not framed.
    """
    if len(value) <= HEADER_SIZE:
        raise SchemaError(
            f"value of {len(value)} bytes is too short: the Confluent wire format has a header of "
            f"{HEADER_SIZE} bytes and a body; write it with a Confluent Avro serializer"
        )
    magic, schema_id = _HEADER.unpack_from(value)
    if magic != MAGIC:
        raise SchemaError(
            f"value starts with byte 0x{magic:02x}, not 0x{MAGIC:02x}: it is not in the Confluent "
            "wire format; write it with a Confluent Avro serializer"
        )
    return schema_id, value[HEADER_SIZE:]
