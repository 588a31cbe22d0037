"""Whether a folder still holds a key, wherever it lies in a file."""

from __future__ import annotations

import numpy as np
import pytest

from models.states.snapshot import State
from schemas.errors import StorageError
from stream.snapshots import scan as module
from stream.snapshots.folder import SnapshotFolder
from stream.snapshots.scan import scan

KEY = 0xFEDC_BA98_7654_3210


def state_with(*keys, header=""):
    words = {"rows": np.array([[1, 2], [3, keys[0] if keys else 4]], np.uint64)}
    parts = {"inner": State("b/1", {"text": header}, {"deep": np.array(keys, np.uint64)})}
    return State("a/1", {}, words, parts)


@pytest.fixture
def folder(tmp_path):
    return SnapshotFolder(tmp_path)


def found(folder, **more):
    return {each.path.name: each.found for each in scan(folder.folder, KEY, **more) if each.found}


def test_a_snapshot_is_named_with_its_arrays_and_others_are_not(folder):
    folder.write(state_with(KEY), 1)
    folder.write(state_with(KEY ^ 1), 2)
    first, second = scan(folder.folder, KEY)
    assert (first.found, first.arrays) == (("hash",), ("rows", "inner/deep"))
    assert (second.found, second.arrays) == ((), ())
    assert first.size == first.path.stat().st_size


@pytest.mark.parametrize("text", [f"{KEY:016x}", f"{KEY:016X}"])
def test_it_is_found_as_text(folder, text):
    folder.write(state_with(5, header=text), 1)
    assert found(folder) == {"snapshot-000000000001.state": ("hash as text",)}


def test_an_id_in_clear_is_found_unless_it_is_too_short_to_tell(folder):
    folder.write(state_with(5, header="4111111111111111"), 1)
    name = "snapshot-000000000001.state"
    assert found(folder, clear=b"4111111111111111") == {name: ("id",)}
    assert found(folder, clear=b"4111111") == {}


@pytest.mark.parametrize("at", range(10))
def test_it_is_found_where_it_lies_across_two_pieces_and_in_any_file(folder, monkeypatch, at):
    monkeypatch.setattr(module, "_PIECE", 16)
    data = b"." * (24 + at) + KEY.to_bytes(8, "little") + b"." * 9
    (folder.folder / "snapshot-000000000007.state.part").write_bytes(data)
    (folder.folder / "segment-000000000001.journal").write_bytes(data[1:])
    (folder.folder / "snapshot-000000000003.state").write_bytes(data)  # It is damaged.
    assert set(found(folder).values()) == {("hash",)}
    assert len(found(folder)) == 3


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StorageError, match="cannot be read"):
        scan(tmp_path / "none", KEY)


def test_what_was_before_is_deleted_with_what_nobody_finished(folder):
    for number in (1, 2, 3):
        folder.write(state_with(KEY), number)
    (folder.folder / "snapshot-000000000004.state.part").write_bytes(b"half")
    folder.forget_before(3)
    assert [path.name for path in folder.folder.iterdir()] == ["snapshot-000000000003.state"]


def test_what_cannot_be_deleted_is_told(folder, monkeypatch):
    folder.write(state_with(KEY), 1)

    def refuse(self, missing_ok=False):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(StorageError, match="cannot be deleted: Operation not permitted"):
        folder.forget_before(2)


def test_folders_of_partitions_are_looked_into(folder):
    inner = folder.folder / "partition-00003" / "tenure-000000000001"
    inner.mkdir(parents=True)
    SnapshotFolder(inner, b"k" * 16).write(state_with(KEY), 4)
    (sealed,) = scan(folder.folder, KEY)
    assert (sealed.found, sealed.arrays) == (("hash",), ())
    (opened,) = scan(folder.folder, KEY, snapshot_key=b"k" * 16)
    assert opened.arrays == ("rows", "inner/deep")
