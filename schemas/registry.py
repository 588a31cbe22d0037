"""Which schema an id stands for: the registry's contract, and the registry that is a folder.

The folder registry is the default. It needs no server: the schemas in version
control, listed with their ids in an index file.
"""

import copy
from pathlib import Path
from typing import Protocol

from schemas.compatibility import Mode
from schemas.errors import SchemaError
from schemas.index import INDEX, Index, Version, contract
from schemas.records import PACKAGE, Schema


class UnknownSchemaError(SchemaError):
    """The registry answers, and does not hold what was asked for."""


class RegistryUnavailableError(SchemaError):
    """The registry could not be asked, or did not answer in time; ask again later."""


class Registry(Protocol):
    """What the rest of the project may ask of a registry."""

    def schema_of(self, schema_id: int) -> Schema:
        """Return the schema that an id stands for."""

    def id_of(self, subject: str, schema: Schema) -> int:
        """Return the id under which records of this schema are written."""

    def latest(self, subject: str) -> tuple[int, Schema]:
        """Return the id and the schema of a subject's newest version."""

    def versions(self, subject: str) -> list[tuple[int, Schema]]:
        """Return the ids and schemas of all of a subject's versions, oldest first."""

    def close(self) -> None:
        """Let go of connections."""


class FileRegistry:
    """The schemas of a folder, as its index file lists them.

    Parameters
    ----------
    folder : Path
        Where the .avsc files and the index are; the package's own by default.
    index : str
        The index file's name.

    Raises
    ------
    SchemaError
        If the index or a file cannot be used, or a published file was edited; the text
        lists every problem.
    """

    def __init__(self, folder: Path = PACKAGE, index: str = INDEX) -> None:
        self._index = Index(folder / index)
        self._index.refuse(
            [
                f"{name}: {version.file} (id {version.schema_id}) has no fingerprint or no "
                "contract; publish it with `fraudstream schemas check --write`"
                for name, version in self._index.versions()
                if not version.is_pinned()
            ]
        )
        self._schemas = {v.schema_id: v.schema for _, v in self._index.versions()}

    @property
    def subjects(self) -> dict[str, Mode]:
        """Every subject with its compatibility mode."""
        return {name: subject.mode for name, subject in self._index.subjects.items()}

    def schema_of(self, schema_id: int) -> Schema:
        """Return the schema that an id stands for.

        Parameters
        ----------
        schema_id : int
            The id in a record's header.

        Returns
        -------
        dict
            The writer's schema.

        Raises
        ------
        UnknownSchemaError
            If the index does not list the id.
        """
        if schema_id not in self._schemas:
            raise UnknownSchemaError(
                f"schema id {schema_id} is not in {self._index.path}, which lists "
                f"{sorted(self._schemas)}; add its file there under this id, or set the schema "
                "registry that the records were written with"
            )
        return copy.deepcopy(self._schemas[schema_id])

    def id_of(self, subject: str, schema: Schema) -> int:
        """Return the id of a listed schema; its docs do not count.

        Parameters
        ----------
        subject : str
            The subject, for example fraud.alerts-value.
        schema : dict
            What records will be written under.

        Returns
        -------
        int
            The id to put into their headers.

        Raises
        ------
        UnknownSchemaError
            If the subject, or this schema under it, is not listed.
        """
        wanted = contract(schema)
        for version in reversed(self._versions(subject)):
            if contract(version.schema) == wanted:
                return version.schema_id
        raise UnknownSchemaError(
            f"this schema {schema.get('name')!r} is not a version of {subject} in "
            f"{self._index.path}; add its file and an id there, then run "
            "`fraudstream schemas check --write`"
        )

    def latest(self, subject: str) -> tuple[int, Schema]:
        """Return a subject's newest version.

        Parameters
        ----------
        subject : str
            The subject.

        Returns
        -------
        tuple[int, dict]
            Its id and its schema.

        Raises
        ------
        UnknownSchemaError
            If the subject is not listed.
        """
        return self.versions(subject)[-1]

    def versions(self, subject: str) -> list[tuple[int, Schema]]:
        """Return all of a subject's versions, oldest first.

        Parameters
        ----------
        subject : str
            The subject.

        Returns
        -------
        list[tuple[int, dict]]
            Their ids and schemas.

        Raises
        ------
        UnknownSchemaError
            If the subject is not listed.
        """
        return [(v.schema_id, copy.deepcopy(v.schema)) for v in self._versions(subject)]

    def conflicts(self) -> list[str]:
        """Say which versions break their subject's compatibility mode."""
        return self._index.conflicts()

    def close(self) -> None:
        """Do nothing: a folder holds no connection."""

    def _versions(self, subject: str) -> list[Version]:
        if subject not in self._index.subjects:
            raise UnknownSchemaError(
                f"subject {subject!r} is not in {self._index.path}, which lists "
                f"{sorted(self._index.subjects)}; add it there, or mend the topic's name"
            )
        return self._index.subjects[subject].versions


def value_subject(topic: str) -> str:
    """Name the subject of a topic's values, by Confluent's TopicNameStrategy."""
    return f"{topic}-value"
