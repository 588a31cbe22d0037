"""Avro container files, read block by block and written whole."""

from __future__ import annotations

import copy
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import fastavro

from schemas.errors import InputFileError
from schemas.records import Schema, rewrite
from schemas.wire import frame


def writer_schema(path: Path) -> Schema:
    """Read the schema a container file was written with.

    Raises
    ------
    InputFileError
        If the file is not an Avro container.
    """
    try:
        with path.open("rb") as file:
            text = fastavro.block_reader(file).metadata["avro.schema"]
        return json.loads(text)
    except Exception as error:  # fastavro raises whatever the bytes made it stumble over.
        raise InputFileError(f"{path} is not an Avro container file: {error}") from error


def records(path: Path, schema_id: int) -> Iterator[bytes]:
    """Yield each record of a container in the wire format, as a producer would send it.

    Raises
    ------
    InputFileError
        If a block cannot be read.
    """
    # Read only to find where each record ends: logical types need not be understood.
    plain = fastavro.parse_schema(rewrite(writer_schema(path), _without_logical_type))
    try:
        with path.open("rb") as file:
            for block in fastavro.block_reader(file):
                body: io.BytesIO = block.bytes_  # type: ignore[attr-defined]
                data = body.getvalue()
                for _ in range(block.num_records):
                    start = body.tell()
                    fastavro.schemaless_reader(body, plain, None)
                    yield frame(schema_id, data[start : body.tell()])
    except Exception as error:  # As above; zlib has errors of its own, too.
        raise InputFileError(f"{path} is damaged: {error}") from error


def write(path: Path, schema: Schema, rows: Iterable[dict[str, Any]]) -> None:
    """Write records as a container file; times are given as integers, of the schema's unit.

    The mark between blocks, which others draw at random, comes from the schema: the
    same records make the same bytes.
    """
    mark = hashlib.blake2b(json.dumps(schema).encode(), digest_size=16).digest()
    parsed = fastavro.parse_schema(copy.deepcopy(schema))
    with path.open("wb") as file:
        fastavro.writer(file, parsed, rows, codec="deflate", sync_marker=mark)


def _without_logical_type(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "logicalType"}
