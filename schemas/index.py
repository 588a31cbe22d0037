"""The file registry's index: which schema files are published, under which ids.

Every published file is pinned by two digests, so that an edit of it is noticed
before a record is read by it.
"""

import hashlib
import json
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastavro.schema import fingerprint as _digest
from fastavro.schema import to_parsing_canonical_form

from schemas.compatibility import Mode, check_history
from schemas.errors import IncompatibleSchemaError, SchemaError
from schemas.records import PACKAGE, Schema, load_avsc, rewrite

INDEX = "registry.toml"
# Confluent's registries give out signed 32-bit ids from 1.
MAX_ID = 2**31 - 1

_HEAD = """\
# The file registry: the published schema versions of each subject, oldest first, and
# their ids on the wire. A published file is never edited: add a new file and a version
# with a new id, then run `fraudstream schemas check --write`, which fills in the digests.
# fingerprint: SHA-256 of Avro's parsing canonical form; contract: of all but the docs.
"""


@dataclass(frozen=True, slots=True)
class Version:
    """One schema version as the index lists it.

    Attributes
    ----------
    schema_id : int
        Its id on the wire.
    file : str
        Its file's name.
    schema : dict
        What the file holds.
    pins : tuple
        The two digests at its publication; None where the index has none yet.
    """

    schema_id: int
    file: str
    schema: Schema
    pins: tuple[str | None, str | None]

    def is_pinned(self) -> bool:
        """Say whether the version is published."""
        return None not in self.pins

    def is_edited(self) -> bool:
        """Say whether the file is not what was published."""
        now = fingerprint(self.schema), contract(self.schema)
        return any(pin not in (None, digest) for pin, digest in zip(self.pins, now, strict=True))


@dataclass(frozen=True, slots=True)
class Subject:
    """What is published for the values of one topic.

    Attributes
    ----------
    mode : Mode
        Which of its versions must understand which.
    versions : list[Version]
        Oldest first.
    """

    mode: Mode
    versions: list[Version]


class Index:
    """An index file with the schemas it lists.

    Parameters
    ----------
    path : Path
        The index file; the schema files are beside it.

    Raises
    ------
    SchemaError
        If the index or a file cannot be used, or a published file was edited; the text
        lists every problem.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._problems: list[str] = []
        self._taken: dict[int, str] = {}
        self.subjects: dict[str, Subject] = {}
        for name, table in self._tables().items():
            if subject := self._subject(name, table):
                self.subjects[name] = subject
        self.refuse(self._problems)

    def versions(self) -> Iterator[tuple[str, Version]]:
        """Walk over every version with its subject's name."""
        for name, subject in self.subjects.items():
            for version in subject.versions:
                yield name, version

    def conflicts(self) -> list[str]:
        """Say which versions break their subject's compatibility mode."""
        return [
            f"{name} ({subject.mode}): {conflict}"
            for name, subject in self.subjects.items()
            for conflict in check_history([v.schema for v in subject.versions], subject.mode)
        ]

    def refuse(self, problems: list[str]) -> None:
        """Raise all problems at once, if there are any."""
        if problems:
            raise SchemaError(f"{self.path} cannot be used:\n" + "\n".join(problems))

    def _tables(self) -> dict[str, Any]:
        try:
            raw = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SchemaError(
                f"schema index {self.path} cannot be read: {error}; "
                f"name a folder that holds {INDEX} and the .avsc files it lists"
            ) from error
        tables = raw.get("subjects")
        if not isinstance(tables, dict) or not tables:
            self.refuse(['it lists no subject; add [subjects."TOPIC-value"]'])
        return dict(tables or {})

    def _subject(self, name: str, table: Any) -> Subject | None:
        modes = [mode.value for mode in Mode]
        if not isinstance(table, dict) or table.get("compatibility") not in modes:
            self._problems.append(f"{name}: no known compatibility; set one of {modes}")
            return None
        entries = table.get("versions")
        if not isinstance(entries, list) or not entries:
            self._problems.append(f'{name}: no version; add [[subjects."{name}".versions]]')
            return None
        versions = [version for entry in entries if (version := self._version(name, entry))]
        return Subject(Mode(table["compatibility"]), versions)

    def _version(self, name: str, entry: Any) -> Version | None:
        fields = entry if isinstance(entry, dict) else {}
        number, file = fields.get("id"), fields.get("file")
        if type(number) is not int or not 0 < number <= MAX_ID:
            self._problems.append(f"{name}: id {number!r}; give an integer from 1 to {MAX_ID}")
            return None
        place = f"{name}: id {number}"
        if number in self._taken:
            self._problems.append(f"{place} is taken by {self._taken[number]}; give a new id")
        self._taken.setdefault(number, f"{name}, {file}")
        if not isinstance(file, str) or Path(file).name != file:
            self._problems.append(f"{place}: file {file!r}; name a file beside the index")
            return None
        try:
            schema = load_avsc(self.path.parent / file)
        except SchemaError as error:
            self._problems.append(f"{place}: {error}")
            return None
        version = Version(number, file, schema, (fields.get("fingerprint"), fields.get("contract")))
        if version.is_edited():
            self._problems.append(
                f"{place}: {file} is not what its digests say: a published schema was edited; "
                "put it back and add a new version file instead (if it was never used, delete "
                "its two digests and run `fraudstream schemas check --write`)"
            )
        return version


def write_index(folder: Path = PACKAGE, index: str = INDEX) -> list[str]:
    """Publish the versions that have no digests yet: check them, and pin them.

    Parameters
    ----------
    folder : Path
        Where the schema files and the index are.
    index : str
        The index file's name.

    Returns
    -------
    list[str]
        The files that were pinned now.

    Raises
    ------
    SchemaError
        If a published file was edited, or the index cannot be used.
    IncompatibleSchemaError
        If a version breaks its subject's compatibility mode.
    """
    listed = Index(folder / index)
    if conflicts := listed.conflicts():
        raise IncompatibleSchemaError(
            f"{listed.path} was not written; these versions break their subject's mode:\n"
            + "\n".join(conflicts)
        )
    fresh = [version.file for _, version in listed.versions() if not version.is_pinned()]
    tables = (_table(name, subject) for name, subject in listed.subjects.items())
    # A reader finds the old index or the new one, never half of it.
    draft = listed.path.with_name(f".{index}.{os.getpid()}")
    draft.write_text("\n".join([_HEAD, *tables]), encoding="utf-8")
    draft.replace(listed.path)
    return fresh


def fingerprint(schema: Schema) -> str:
    """Digest what decides the bytes: SHA-256 of Avro's parsing canonical form, in hex."""
    return _digest(to_parsing_canonical_form(schema), "SHA-256")


def contract(schema: Schema) -> str:
    """Digest what readers depend on: SHA-256 of everything but the docs, in hex.

    Avro's canonical form leaves out defaults, aliases and logical types.
    """
    bare = rewrite(schema, lambda node: {k: v for k, v in node.items() if k != "doc"})
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()


def _table(name: str, subject: Subject) -> str:
    # A JSON string without control characters is a TOML string.
    key = json.dumps(name, ensure_ascii=False)
    lines = [f"[subjects.{key}]", f'compatibility = "{subject.mode}"', ""]
    for version in subject.versions:
        lines += [
            f"[[subjects.{key}.versions]]",
            f"id = {version.schema_id}",
            f"file = {json.dumps(version.file, ensure_ascii=False)}",
            f'fingerprint = "{fingerprint(version.schema)}"',
            f'contract = "{contract(version.schema)}"',
            "",
        ]
    return "\n".join(lines)
