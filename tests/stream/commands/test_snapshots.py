"""``fraudstream snapshots``: what there is, whether it is whole, and nothing of the key."""

import json

import numpy as np
import pytest

from models.states.snapshot import State
from stream.recovery.tenure import Tenure
from stream.snapshots.folder import SnapshotFolder

COMMAND = ("snapshots",)
VARIABLE = "FRAUD_SECURITY__SNAPSHOT_KEY"
KEY = "00112233445566778899aabbccddeeff"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def write(folder, *numbers, key=None):
    for number in numbers:
        header = {"code_version": "0.1.0", "offsets": [["payments", 0, number], ["labels", 2, 7]]}
        state = State("worker/1", header, {"a": np.arange(100)})
        SnapshotFolder(folder, key).write(state, number)


@pytest.mark.parametrize("command", ["list", "verify"])
def test_whole_snapshots_are_shown_with_what_they_say(run, folder, command):
    write(folder, 3, 12)
    status, said, _ = run(command, folder, "--json")
    assert status == 0
    newest, older = json.loads(said)["snapshots"]
    path = SnapshotFolder(folder).path(12)
    assert newest == {
        "number": 12,
        "path": str(path),
        "bytes": path.stat().st_size,
        "code_version": "0.1.0",
        "offsets": [["payments", 0, 12], ["labels", 2, 7]],
        "whole": True,
        "why": None,
    }
    assert older["number"] == 3
    status, said, _ = run(command, folder)
    assert status == 0
    assert "payments/0: 12, labels/2: 7" in said
    assert "yes" in said


def test_a_damaged_one_is_named_and_only_verify_fails(run, folder):
    write(folder, 1, 2)
    path = SnapshotFolder(folder).path(2)
    path.write_bytes(path.read_bytes()[:-1])
    for command, expected in (("list", 0), ("verify", 1)):
        status, said, _ = run(command, folder, "--json")
        assert status == expected
        damaged, whole = json.loads(said)["snapshots"]
        assert (damaged["whole"], whole["whole"]) == (False, True)
        assert "cut short" in damaged["why"]
        assert (damaged["code_version"], damaged["offsets"]) == (None, [])


def test_an_empty_folder_has_none(run, folder):
    assert run("list", folder)[:2] == (0, f"no snapshots in {folder}\n")
    assert run("verify", folder)[0] == 1


def test_a_folder_that_is_not_there_is_a_line(run, folder):
    status, _, told = run("list", folder / "gone")
    assert status == 1
    assert told.startswith("error: ")
    assert "Traceback" not in told


def test_the_key_comes_from_the_environment_or_its_file(run, folder, monkeypatch, tmp_path):
    write(folder, 1, key=bytes.fromhex(KEY))
    assert "give the key" in run("list", folder)[1].replace("\n", " ")
    held = tmp_path / "key.txt"
    held.write_text(KEY + "\n")
    for value in (KEY, f"file:{held}"):
        monkeypatch.setenv(VARIABLE, value)
        assert run("verify", folder)[0] == 0


@pytest.mark.parametrize("value", ["0123", KEY + "0", KEY[:-1] + "x", "file:/nowhere/at/all"])
def test_a_wrong_key_is_refused_and_not_shown(run, folder, monkeypatch, value):
    monkeypatch.setenv(VARIABLE, value)
    status, said, told = run("verify", folder)
    assert status == 2
    assert VARIABLE in told
    if not value.startswith("file:"):
        assert value not in said + told


def test_those_of_each_partition_are_shown_with_its_name(run, folder):
    for partition in (0, 3):
        tenure = Tenure(folder / f"partition-{partition:05d}")
        write(tenure.folder, partition + 1)
    status, said, _ = run("verify", folder, "--json")
    assert status == 0
    found = json.loads(said)["snapshots"]
    assert [(each["of"], each["number"]) for each in found] == [
        ("partition-00000", 1),
        ("partition-00003", 4),
    ]
    assert "partition-00003" in run("list", folder)[1]
    # One that has none yet is not whole.
    Tenure(folder / "partition-00004")
    assert run("verify", folder)[0] == 1
