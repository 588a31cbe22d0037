"""Avro container files: what was written comes back as a producer would have sent it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import fastavro
import pytest

from schemas import containers
from schemas.errors import InputFileError
from schemas.records import RecordCodec, builtin

SCHEMA = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "more", "type": ["null", {"type": "array", "items": "double"}], "default": None},
    ],
}
ROWS = [
    {
        "id": f"row-{i}",
        "at": 1_750_000_000_000_000 + i,
        "more": None if i % 3 else [i / 7] * (i % 5),
    }
    for i in range(500)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    containers.write(tmp_path / "rows.avro", SCHEMA, ROWS)
    return tmp_path / "rows.avro"


def foreign(path: Path, codec: str, **options: object) -> Path:
    """Write a container as another program would."""
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(SCHEMA), ROWS, codec=codec, **options)
    return path


def test_records_come_back_in_the_wire_format(path: Path) -> None:
    codec = RecordCodec(SCHEMA, 7)
    values = list(containers.records(path, 7))
    assert values == [codec.encode(row) for row in ROWS]
    assert [codec.decode(value) for value in values] == ROWS


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz"])
@pytest.mark.parametrize("interval", [1, 16_000])
def test_files_of_other_programs_are_read(tmp_path: Path, codec: str, interval: int) -> None:
    path = foreign(tmp_path / "foreign.avro", codec, sync_interval=interval)
    assert containers.writer_schema(path)["fields"][1]["type"]["logicalType"] == "timestamp-micros"
    expected = [RecordCodec(SCHEMA, 1).encode(row) for row in ROWS]
    assert list(containers.records(path, 1)) == expected


def test_any_avro_reader_can_read_what_was_written(path: Path) -> None:
    with path.open("rb") as file:
        found = list(fastavro.reader(file))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    times = [round((row["at"] - epoch) / timedelta(microseconds=1)) for row in found]
    assert times == [row["at"] for row in ROWS]
    assert [row["more"] for row in found] == [row["more"] for row in ROWS]


def test_the_units_of_times_are_kept_in_the_file(path: Path) -> None:
    assert containers.writer_schema(path) == SCHEMA


def test_the_same_records_make_the_same_bytes(path: Path, tmp_path: Path) -> None:
    containers.write(tmp_path / "again.avro", SCHEMA, iter(ROWS))
    assert (tmp_path / "again.avro").read_bytes() == path.read_bytes()


def test_other_schemas_have_other_marks_between_blocks(tmp_path: Path) -> None:
    marks = set()
    for name in ("dead_letter", "alert", "label"):
        containers.write(tmp_path / "x.avro", builtin(name), [])
        marks.add((tmp_path / "x.avro").read_bytes()[-16:])
    assert len(marks) == 3


def test_a_file_without_records_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "none.avro"
    containers.write(path, SCHEMA, [])
    assert containers.writer_schema(path)["name"] == "Row"
    assert list(containers.records(path, 1)) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"O",
        b"Obj\x01",
        b"Obj\x01\x00",
        b"a,b\n1,2\n",
        b"PAR1" + bytes(100),
        b"Obj\x01\x02\x16avro.schema\x02x\x00" + bytes(16),
        b"Obj\x01\x02\x16avro.schema\x08null\x00" + bytes(16),
        bytes(range(256)),
    ],
)
def test_what_is_no_container_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.avro"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=r"x\.avro"):
        containers.writer_schema(path)
    with pytest.raises(InputFileError, match=r"x\.avro"):
        list(containers.records(path, 1))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"none\.avro"):
        containers.writer_schema(tmp_path / "none.avro")


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_a_file_cut_anywhere_is_damaged_or_ends_with_a_whole_block(
    tmp_path: Path, codec: str
) -> None:
    whole = foreign(tmp_path / "whole.avro", codec, sync_interval=4_000).read_bytes()
    path = tmp_path / "cut.avro"
    first = whole.index(whole[-16:]) + 16
    ends = {i + 16 for i in range(len(whole)) if whole[i : i + 16] == whole[-16:]}
    lengths = {*range(0, len(whole), 97), first - 1, first + 1, len(whole) - 1}
    assert len(lengths - ends) > 10
    for length in lengths - ends:
        path.write_bytes(whole[:length])
        with pytest.raises(InputFileError, match=r"cut\.avro"):
            list(containers.records(path, 1))
    for length in ends:
        path.write_bytes(whole[:length])
        assert len(list(containers.records(path, 1))) <= len(ROWS)


@pytest.mark.parametrize("codec", ["deflate", "bzip2", "xz"])
def test_a_damaged_block_is_an_error_of_the_file_whatever_the_library_raises(
    tmp_path: Path, codec: str
) -> None:
    path = foreign(tmp_path / "x.avro", codec)
    whole = path.read_bytes()
    first = whole.index(whole[-16:]) + 16
    refused = 0
    for at in range(first, len(whole) - 16, (len(whole) - first) // 40):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            list(containers.records(path, 1))
        except InputFileError:
            refused += 1
    assert refused > 35


def test_an_error_of_who_reads_is_not_taken_for_the_files(path: Path) -> None:
    def stumble() -> None:
        for _ in containers.records(path, 1):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumble()


def test_a_failing_source_of_rows_is_not_hidden(tmp_path: Path) -> None:
    def rows():
        yield ROWS[0]
        raise InputFileError("the input broke")

    with pytest.raises(InputFileError, match="the input broke"):
        containers.write(tmp_path / "x.avro", SCHEMA, rows())
