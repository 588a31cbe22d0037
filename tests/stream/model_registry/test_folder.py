"""Versions of models in a folder: whole, verified, and never changed."""

import hashlib
import subprocess

import numpy as np
import pytest

from models.states.snapshot import State, pack
from stream.model_registry.folder import ModelFolder, ModelRegistryError, Version

KEY = bytes(range(16))
STATE = State("contender/1", {"x": 1}, {"w": np.arange(3.0)})


def write(folder, name="forest", **manifest):
    version = folder.next_version(name)
    texts = {"card.md": f"# {version}\n", "reliability.svg": "<svg/>"}
    folder.write(version, {"name": name, **manifest}, STATE, texts)
    return version


@pytest.fixture
def folder(tmp_path):
    return ModelFolder(tmp_path / "models", KEY)


def test_versions_count_up_by_name_and_are_found_by_version_name_and_alias(folder):
    assert folder.versions() == []
    assert [str(write(folder)) for _ in range(2)] == ["forest/1", "forest/2"]
    write(folder, "b")
    assert list(map(str, folder.versions())) == ["b/1", "forest/1", "forest/2"]
    folder.name("champion", Version("forest", 1))
    assert folder.find("champion") == folder.find("forest/1") == Version("forest", 1)
    assert folder.find("forest") == Version("forest", 2)
    folder.name("champion", Version("b", 1))
    assert folder.aliases() == {"champion": Version("b", 1)}
    with pytest.raises(ModelRegistryError, match=r"no model 'forest/9'.*b/1, forest/1, forest/2"):
        folder.find("forest/9")


def test_what_is_read_is_what_was_written_and_sha256sum_says_so_too(folder):
    version = write(folder, kind="forest")
    kept = folder.read(version)
    assert kept.manifest["kind"] == "forest"
    state = (kept.path / "model.state").read_bytes()
    assert kept.manifest["files"]["model.state"] == hashlib.sha256(state).hexdigest()
    assert pack(folder.state(kept)) == pack(STATE)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=kept.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (kept.path.stat().st_mode & 0o077, (kept.path / "card.md").stat().st_mode & 0o077) == (
        0,
        0,
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path / "model.state").write_bytes(b"x"),
        lambda path: (path / "card.md").write_text("better"),
        lambda path: (path / "manifest.json").write_text("{}"),
        lambda path: (path / "reliability.svg").unlink(),
        lambda path: (path / "more.txt").write_text("?"),
        lambda path: (path / "SHA256SUMS").write_text(""),
        lambda path: (path / "SHA256SUMS").write_text("../../etc/passwd\n"),
        lambda path: (path / "SHA256SUMS").unlink(),
    ],
)
def test_a_version_that_was_changed_is_refused(folder, damage):
    version = write(folder)
    damage(folder.root / "forest" / "1")
    with pytest.raises(ModelRegistryError):
        folder.read(version)


def test_a_link_is_not_followed(folder, tmp_path):
    version = write(folder)
    card = folder.root / "forest" / "1" / "card.md"
    (tmp_path / "elsewhere").write_bytes(card.read_bytes())
    card.unlink()
    card.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelRegistryError, match="a link"):
        folder.read(version)


def test_a_state_of_another_key_is_refused(folder):
    kept = folder.read(write(folder))
    with pytest.raises(ModelRegistryError, match=r"model\.state"):
        ModelFolder(folder.root, bytes(16)).state(kept)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".x", "x" * 65, "two words", "aliases", "a\n"])
def test_a_name_that_is_no_folders_is_refused(folder, name):
    with pytest.raises(ModelRegistryError, match="cannot be the name"):
        folder.next_version(name)


def test_a_version_comes_from_another_folder_whole_or_not_at_all(folder, tmp_path):
    other = ModelFolder(tmp_path / "other", KEY)
    write(other)
    write(folder)
    assert folder.take_in(tmp_path / "other" / "forest" / "1") == Version("forest", 2)
    assert folder.take_in(tmp_path / "other" / "forest" / "1", "theirs") == Version("theirs", 1)
    (tmp_path / "other" / "forest" / "1" / "card.md").write_text("?")
    with pytest.raises(ModelRegistryError, match="not what was written"):
        folder.take_in(tmp_path / "other" / "forest" / "1")
    with pytest.raises(ModelRegistryError, match="no version"):
        folder.take_in(tmp_path / "other")
    assert len(folder.versions()) == 3
    assert not list(folder.root.rglob("*.part"))


def test_what_cannot_be_written_leaves_nothing(folder, monkeypatch):
    def fails(path, write, buffer=0):
        if path.name == "SHA256SUMS":
            raise OSError(28, "No space left on device")
        path.write_bytes(b"")

    monkeypatch.setattr("stream.model_registry.folder.write_durably", fails)
    with pytest.raises(ModelRegistryError, match="No space left"):
        write(folder)
    assert folder.versions() == []
    assert not [path for path in folder.root.rglob("*") if path.is_file()]
