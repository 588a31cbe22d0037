"""A file as the engine's input: framed records in order, with the truth where it is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.compiler import compile_schema
from schemas.containers import records, writer_schema
from schemas.decoder import Decoder
from schemas.errors import ConfigError, InputFileError
from schemas.records import RecordCodec, Schema
from stream.config import Config
from stream.files.rows import Row, RowReader, blocks, count_rows, read_rows, row_roles, row_schema

_SCHEMA_ID = 1


@dataclass(frozen=True)
class FileBlock:
    """Some rows of a file.

    Attributes
    ----------
    values : list of bytes
        Framed records.
    is_fraud : list of bool
        The truth; False where the file does not say.
    readable : list of bool
        False for a row with a cell that cannot be read as its role's type.
    """

    values: list[bytes]
    is_fraud: list[bool]
    readable: list[bool]


@dataclass(frozen=True)
class FileInput:
    """A file that can be replayed.

    Attributes
    ----------
    decoder : Decoder
        For its records.
    blocks : iterator of FileBlock
    rows : int or None
        How many rows there are, where that is known at once.
    """

    decoder: Decoder
    blocks: Iterator[FileBlock]
    rows: int | None


def open_file(path: Path, config: Config, hash_key: bytes, block_rows: int) -> FileInput:
    """Open a file for replay.

    Parameters
    ----------
    path : Path
        An Avro container, Parquet, CSV or JSON Lines file.
    config : Config
        ``[fields]`` names its columns, ``[replay]`` the one that holds the truth.
    hash_key : bytes
    block_rows : int
        Rows in a block.

    Raises
    ------
    InputFileError, SchemaError, ConfigError
        If the file cannot be read with this configuration.
    """
    if not path.is_file():
        raise InputFileError(f"{path}: no such file")
    limits = config.limits.limits()
    roles = config.roles()
    if path.suffix.lower() == ".avro":
        if config.replay.label:
            raise ConfigError("replay.label: an Avro file's truth comes as labels, not as a field")
        program = compile_schema(writer_schema(path), roles)
        decoder = Decoder(roles.layout, {_SCHEMA_ID: program}, hash_key, limits)
        return FileInput(decoder, _avro_blocks(path, block_rows), None)
    reader = RowReader(roles, config.replay.label)
    rows = read_rows(path, reader.columns())
    schema = row_schema(roles)
    program = compile_schema(schema, row_roles(roles))
    decoder = Decoder(roles.layout, {_SCHEMA_ID: program}, hash_key, limits)
    return FileInput(decoder, _row_blocks(rows, reader, schema, block_rows), count_rows(path))


def _avro_blocks(path: Path, size: int) -> Iterator[FileBlock]:
    for values in blocks(records(path, _SCHEMA_ID), size):
        yield FileBlock(values, [False] * len(values), [True] * len(values))


def _row_blocks(
    rows: Iterator[Row], reader: RowReader, schema: Schema, size: int
) -> Iterator[FileBlock]:
    codec = RecordCodec(schema, _SCHEMA_ID)
    for block in blocks(rows, size):
        read = [reader.record(row) for row in block]
        yield FileBlock(
            [codec.encode_checked(record) for record, _ in read],
            [reader.is_fraud(row) for row in block],
            [readable for _, readable in read],
        )
