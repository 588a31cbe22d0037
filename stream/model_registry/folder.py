"""The folder of models: a folder for each version, and names that stand for one of them.

    models/
      forest/1/manifest.json  model.state  card.md  *.svg  SHA256SUMS
      forest/2/...
      aliases/champion        the text "forest/2"

A version is written beside the others and gets its name once all of it is on the disk; it never
changes from then on. `SHA256SUMS` is what `sha256sum --check` reads. An alias is a file that is
replaced as a whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from models.states.snapshot import State, pack, unpack
from schemas.errors import FraudError, SnapshotError
from stream.durable_file import sync_folder, write_durably

MANIFEST, STATE, CARD, SUMS = "manifest.json", "model.state", "card.md", "SHA256SUMS"
ALIASES = "aliases"
FORMAT = "fraudstream.model/1"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VERSION = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63})/([1-9][0-9]{0,8})")
_SUM = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9_.-]*)")
_FILE_MAX = 2**34


class ModelRegistryError(FraudError):
    """A folder of models, or a version in it, cannot be used; the text says what to do."""


@dataclass(frozen=True, order=True)
class Version:
    """A version of a model, such as ``forest/3``."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}/{self.number}"


@dataclass(frozen=True)
class KeptModel:
    """A version as it was read, and found to be whole.

    Attributes
    ----------
    version : Version
    path : Path
    manifest : mapping
    """

    version: Version
    path: Path
    manifest: Mapping[str, Any]


class ModelFolder:
    """The models that are kept.

    Parameters
    ----------
    root : Path
        Made when something is kept.
    key : bytes, optional
        Seals states, as it seals snapshots.
    """

    def __init__(self, root: Path, key: bytes | None = None) -> None:
        self.root = root
        self._key = key

    def versions(self) -> list[Version]:
        """Return all versions, by name and number."""
        found = []
        try:
            for path in self.root.glob("*/*"):
                match = _VERSION.fullmatch(f"{path.parent.name}/{path.name}")
                if match and match[1] != ALIASES and path.is_dir():
                    found.append(Version(match[1], int(match[2])))
        except OSError as error:
            raise _unreadable(self.root, error) from error
        return sorted(found)

    def aliases(self) -> dict[str, Version]:
        """Return the names that stand for a version."""
        found = {}
        with suppress(FileNotFoundError):
            for path in sorted((self.root / ALIASES).iterdir()):
                if _NAME.fullmatch(path.name) and not path.name.endswith(".part"):
                    found[path.name] = self._version(path.read_text("utf-8").strip())
        return found

    def find(self, text: str) -> Version:
        """Return the version of ``forest/3``, of an alias, or the newest of ``forest``.

        Raises
        ------
        ModelRegistryError
            There is none.
        """
        versions, aliases = self.versions(), self.aliases()
        newest = {version.name: version for version in versions}
        by_text = {str(version): version for version in versions}
        found = by_text.get(text) or aliases.get(text) or newest.get(text)
        if found is None or str(found) not in by_text:
            there = ", ".join([*by_text, *aliases]) or "nothing"
            raise ModelRegistryError(f"{self.root} keeps no model {text!r}: there is {there}")
        return found

    def read(self, version: Version) -> KeptModel:
        """Read a version, and verify every file of it.

        Raises
        ------
        ModelRegistryError
            A file is missing, is another than it was, or is one too many.
        """
        path = self.root / version.name / str(version.number)
        sums = _read_sums(path)
        there = {each.name for each in path.iterdir()}
        if there != {*sums, SUMS} or not {MANIFEST, STATE, CARD} <= there:
            raise ModelRegistryError(
                f"{path}: its files are {', '.join(sorted(there))}, and {SUMS} names "
                f"{', '.join(sorted(sums))}: take it from where it was exported again"
            )
        for name, expected in sums.items():
            if _sum_of(path / name) != expected:
                raise ModelRegistryError(
                    f"{path / name} is not what was written: take the version from where it was "
                    "exported again"
                )
        try:
            manifest = msgspec.json.decode((path / MANIFEST).read_bytes(), type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise ModelRegistryError(f"{path / MANIFEST} cannot be read: {error}") from error
        if manifest.get("format") != FORMAT:
            raise ModelRegistryError(
                f"{path}: its format is {manifest.get('format')!r}, and this release reads {FORMAT}"
            )
        return KeptModel(version, path, manifest)

    def state(self, kept: KeptModel) -> State:
        """Return the state of a version that was read.

        Raises
        ------
        ModelRegistryError
            It is damaged, or sealed with another key.
        """
        try:
            return unpack((kept.path / STATE).read_bytes(), self._key)
        except SnapshotError as error:
            raise ModelRegistryError(f"{kept.path / STATE}: {error}") from error

    def next_version(self, name: str) -> Version:
        """Return the version that is written next under a name.

        Raises
        ------
        ModelRegistryError
            The name cannot be that of a folder.
        """
        if not _NAME.fullmatch(name) or name == ALIASES:
            raise ModelRegistryError(
                f"{name!r} cannot be the name of a kept model: letters, digits, '_', '.' and '-', "
                "at most 64, and a letter or digit first; rename it in the configuration"
            )
        numbers = [each.number for each in self.versions() if each.name == name]
        return Version(name, max(numbers, default=0) + 1)

    def write(
        self, version: Version, manifest: Mapping[str, Any], state: State, texts: Mapping[str, str]
    ) -> Path:
        """Keep a version: all of it or nothing.

        Parameters
        ----------
        version : Version
            Of `next_version`.
        manifest : mapping
            Plain values; the hashes of the other files are added.
        state : State
        texts : mapping of str to str
            Other files by their names, the card among them.
        """
        files = {STATE: pack(state, self._key)}
        files |= {name: text.encode() for name, text in texts.items()}
        sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        whole = {"format": FORMAT, **manifest, "files": sums}
        files[MANIFEST] = msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"
        sums[MANIFEST] = hashlib.sha256(files[MANIFEST]).hexdigest()
        listed = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
        files[SUMS] = listed.encode()
        return self._put(version, files)

    def take_in(self, path: Path, name: str = "") -> Version:
        """Copy a version from another folder of models, verified before and after.

        Parameters
        ----------
        path : Path
            Its folder, such as ``elsewhere/forest/3``.
        name : str
            What it is to be called here; empty: as there.

        Raises
        ------
        ModelRegistryError
            It is not whole.
        """
        source = path.resolve()
        theirs = _VERSION.fullmatch(f"{source.parent.name}/{source.name}")
        if theirs is None:
            raise ModelRegistryError(f"{path} is no version: give a folder such as models/forest/3")
        other = ModelFolder(source.parent.parent, self._key)
        kept = other.read(Version(theirs[1], int(theirs[2])))
        other.state(kept)
        version = self.next_version(name or theirs[1])
        self._put(version, {each.name: each.read_bytes() for each in kept.path.iterdir()})
        self.read(version)
        return version

    def name(self, alias: str, version: Version) -> None:
        """Let an alias stand for a version from now on."""
        folder = self.root / ALIASES
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(folder / alias, lambda file: _write(file, f"{version}\n".encode()))
        except OSError as error:
            raise _unwritable(folder / alias, error) from error

    def _put(self, version: Version, files: Mapping[str, bytes]) -> Path:
        path = self.root / version.name / str(version.number)
        part = path.with_name(f".{version.number}.{os.getpid()}.part")
        try:
            part.mkdir(mode=0o700, parents=True)
            for name, data in files.items():
                write_durably(part / name, lambda file, data=data: _write(file, data))  # type: ignore[misc]
            # To a folder that is there a folder cannot be renamed, unless that is empty.
            part.rename(path)
            sync_folder(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return path

    def _version(self, text: str) -> Version:
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ModelRegistryError(f"{self.root / ALIASES} names {text!r}, which is no version")
        return Version(match[1], int(match[2]))


def _read_sums(path: Path) -> dict[str, str]:
    try:
        lines = (path / SUMS).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelRegistryError(f"{path / SUMS} cannot be read: {error}") from error
    matches = [_SUM.fullmatch(line) for line in lines]
    found = {match[2]: match[1] for match in matches if match}
    if len(found) != len(lines):
        raise ModelRegistryError(f"{path / SUMS} holds what is no sum of a file")
    return found


def _sum_of(path: Path) -> str:
    try:
        if path.is_symlink() or path.stat().st_size > _FILE_MAX:
            raise ModelRegistryError(f"{path} is a link, or larger than any model")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _write(file: Any, data: bytes) -> None:
    file.write(data)


def _unreadable(path: Path, error: OSError) -> ModelRegistryError:
    return ModelRegistryError(f"{path} cannot be read: {error.strerror or error}")


def _unwritable(path: Path, error: OSError) -> ModelRegistryError:
    return ModelRegistryError(f"{path} cannot be written: {error.strerror or error}")
