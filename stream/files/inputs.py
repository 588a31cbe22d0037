"""A file as the engine's input: framed records in order, with the truth where it is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.compiler import compile_schema
from schemas.containers import records, writer_schema
from schemas.decoder import Decoder, Limits
from schemas.errors import ConfigError, InputFileError
from schemas.records import RecordCodec
from schemas.roles import Roles
from stream.config.configuration import Config
from stream.files.rows import Row, RowReader, blocks, count_rows, read_rows, row_roles, row_schema

_SCHEMA_ID = 1


@dataclass(frozen=True)
class FileBlock:
    """Some rows of a file.

    Attributes
    ----------
    values : list of bytes
        Framed records.
    is_fraud : list of bool or None
        The truth; None where the file does not say.
    readable : list of bool
        False for a row with a cell that cannot be read as its role's type.
    """

    values: list[bytes]
    is_fraud: list[bool | None]
    readable: list[bool]


def joined(parts: Iterable[FileBlock]) -> FileBlock:
    """Lay blocks of the same kind one behind the other."""
    whole = FileBlock([], [], [])
    for part in parts:
        whole.values.extend(part.values)
        whole.is_fraud.extend(part.is_fraud)
        whole.readable.extend(part.readable)
    return whole


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


@dataclass(frozen=True)
class RowKind:
    """What the columns of a table are.

    Attributes
    ----------
    roles : Roles
    label : str
        Column with the truth, or empty.
    integers : frozenset of str
        Categories that are integers.
    """

    roles: Roles
    label: str = ""
    integers: frozenset[str] = frozenset()

    def decoder(self, hash_key: bytes, limits: Limits) -> Decoder:
        """Build the decoder of what a `RowEncoder` of this kind makes."""
        schema = row_schema(self.roles, self.integers)
        program = compile_schema(schema, row_roles(self.roles))
        return Decoder(self.roles.layout, {_SCHEMA_ID: program}, hash_key, limits)


def row_kind(config: Config) -> RowKind:
    """Return what the configuration says about the columns of a table.

    A category that conditions compare with integers is an integer; a text in a CSV file
    would not tell.
    """
    compared: dict[str, set[type]] = defaultdict(set)
    for condition in config.features.conditions.values():
        compared[condition.field] |= {type(value) for value in condition.values}
    integers = frozenset(field for field, kinds in compared.items() if kinds == {int})
    return RowKind(config.roles(), config.replay.label, integers)


class RowEncoder:
    """Rows of a table as the bytes a producer would have sent.

    Parameters
    ----------
    kind : RowKind
    """

    def __init__(self, kind: RowKind) -> None:
        self._reader = RowReader(kind.roles, kind.label, kind.integers)
        self._codec = RecordCodec(row_schema(kind.roles, kind.integers), _SCHEMA_ID)
        self.columns = self._reader.columns()

    def block(self, rows: list[Row]) -> FileBlock:
        """Encode some rows, those that cannot be read included."""
        read = [self._reader.record(row) for row in rows]
        return FileBlock(
            [self._codec.encode_checked(record) for record, _ in read],
            [self._reader.is_fraud(row) for row in rows],
            [readable for _, readable in read],
        )


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
    if path.suffix.lower() == ".avro":
        if config.replay.label:
            raise ConfigError("replay.label: an Avro file's truth comes as labels, not as a field")
        roles = config.roles()
        program = compile_schema(writer_schema(path), roles)
        decoder = Decoder(roles.layout, {_SCHEMA_ID: program}, hash_key, limits)
        return FileInput(decoder, _avro_blocks(path, block_rows), None)
    kind = row_kind(config)
    encoder = RowEncoder(kind)
    rows = blocks(read_rows(path, encoder.columns), block_rows)
    return FileInput(kind.decoder(hash_key, limits), map(encoder.block, rows), count_rows(path))


def _avro_blocks(path: Path, size: int) -> Iterator[FileBlock]:
    for values in blocks(records(path, _SCHEMA_ID), size):
        yield FileBlock(values, [None] * len(values), [True] * len(values))
