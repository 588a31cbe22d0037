"""The schema registry behind Confluent's HTTP protocol, and the choice of a registry."""

import copy
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import ConfigError, SchemaError
from schemas.index import MAX_ID
from schemas.records import PACKAGE, Schema, parse_text
from schemas.registry import FileRegistry, Registry, RegistryUnavailableError, UnknownSchemaError
from stream.kafka.registry_client import SCHEMES, BoundedClient
from stream.kafka.schema_cache import SchemaCache

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import RegisteredSchema
    from confluent_kafka.schema_registry import Schema as SchemaText

_FOREIGN_ID = "the record was written with another registry, or its first bytes are damaged"
_NO_SUBJECT = "register a schema under it, or mend the topic's name"


class RemoteRegistry:
    """A schema registry that speaks Confluent's protocol, such as Karapace or Apicurio.

    Threads may share it. Subjects are passed in full (`schemas.registry.value_subject`),
    so the client's own way of naming them is never used.

    Parameters
    ----------
    url : str
        Its address, or several separated by commas; mock://name is an empty registry
        inside this object, for tests.
    client_options : Mapping, optional
        More of `SchemaRegistryClient`'s options, for example basic.auth.user.info.
    auto_register : bool
        Whether `id_of` may register a schema; leave it off in production.
    timeout_s : float
        The longest any call may take.
    unknown_ttl_s : float
        How long an id that the registry does not know is refused without asking again.
    clock : callable
        Seconds for the caches; must never go back.

    Raises
    ------
    ConfigError
        If the address or an option cannot be used.
    """

    def __init__(
        self,
        url: str,
        client_options: Mapping[str, Any] | None = None,
        auto_register: bool = False,
        timeout_s: float = 5.0,
        *,
        unknown_ttl_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = BoundedClient(url, client_options or {}, timeout_s)
        self._auto_register = auto_register
        self._cache = SchemaCache(self._fetch, self._client.place, unknown_ttl_s, clock)

    def schema_of(self, schema_id: int) -> Schema:
        """Return the schema that an id stands for; a known one costs no request.

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
            If the registry does not know the id.
        RegistryUnavailableError
            If it did not answer, or was asked in vain less than a second ago.
        SchemaError
            If what it holds under the id is not an Avro record schema.
        """
        if not 0 < schema_id <= MAX_ID:
            # A server may call such a request malformed rather than the id unknown.
            raise UnknownSchemaError(f"schema id {schema_id} cannot exist; {_FOREIGN_ID}")
        return copy.deepcopy(self._cache.get(schema_id, self._client.deadline()))

    def id_of(self, subject: str, schema: Schema) -> int:
        """Return a schema's id, registering it first where that is allowed.

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
            If it is not registered, and may not be.
        IncompatibleSchemaError
            If the registry refuses it beside the subject's older versions.
        RegistryUnavailableError
            If the registry did not answer.
        """
        from confluent_kafka.schema_registry import Schema as SchemaText

        text = SchemaText(json.dumps(schema), "AVRO")
        what = f"{schema.get('name')!r} under {subject}"
        remedy = "register it when you deploy, or set auto_register on a test system"
        deadline = self._client.deadline()
        try:
            found = self._client.ask(
                f"look up {what}",
                lambda client: client.lookup_schema(subject, text).schema_id,
                remedy,
                deadline,
            )
        except UnknownSchemaError:
            if not self._auto_register:
                raise
            found = self._client.ask(
                f"register {what}",
                lambda client: client.register_schema(subject, text),
                remedy,
                deadline,
            )
        return self._id(found)

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
            If the registry does not know the subject.
        RegistryUnavailableError
            If it did not answer.
        """
        found = self._client.ask(
            f"give the newest version of {subject}",
            lambda client: client.get_latest_version(subject),
            _NO_SUBJECT,
            self._client.deadline(),
        )
        return self._version(found)

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
            If the registry does not know the subject.
        RegistryUnavailableError
            If it did not answer.
        """
        found = self._client.ask(
            f"list the versions of {subject}",
            lambda client: [
                client.get_version(subject, number)
                for number in sorted(client.get_versions(subject))
            ],
            _NO_SUBJECT,
            self._client.deadline(),
        )
        if not found:
            raise UnknownSchemaError(
                f"{self._client.place} has no versions of {subject}; {_NO_SUBJECT}"
            )
        return [self._version(version) for version in found]

    def close(self) -> None:
        """Close the connections; later calls are refused."""
        self._client.close()

    def _fetch(self, schema_id: int, deadline: float) -> Schema:
        found = self._client.ask(
            f"give schema id {schema_id}",
            lambda client: client.get_schema(schema_id),
            _FOREIGN_ID,
            deadline,
        )
        return self._plain(found, f"schema id {schema_id}")

    def _version(self, found: "RegisteredSchema") -> tuple[int, Schema]:
        place = f"version {found.version} of {found.subject}"
        return self._id(found.schema_id), self._plain(found.schema, place)

    def _plain(self, found: "SchemaText", name: str) -> Schema:
        place = f"{name} in {self._client.place}"
        if found.schema_type not in (None, "AVRO") or found.schema_str is None:
            raise SchemaError(
                f"{place} is {found.schema_type}, not Avro; write the topic with Avro"
            )
        if found.references:
            raise SchemaError(f"{place} refers to other schemas; register it with them spelled out")
        return parse_text(found.schema_str, place)

    def _id(self, found: object) -> int:
        if type(found) is not int:
            raise RegistryUnavailableError(
                f"{self._client.place} answered with id {found!r}; check that it is a registry"
            )
        return found


def open_registry(
    place: str | Path = PACKAGE,
    client_options: Mapping[str, Any] | None = None,
    auto_register: bool = False,
    timeout_s: float = 5.0,
) -> Registry:
    """Open the registry that an address or a folder stands for.

    Parameters
    ----------
    place : str or Path
        A folder with a registry.toml, or an http, https or mock URL.
    client_options, auto_register, timeout_s
        See `RemoteRegistry`; a folder has no use for them.

    Returns
    -------
    Registry
        To be closed by the caller.

    Raises
    ------
    ConfigError
        If it is neither a folder nor such a URL.
    SchemaError
        If the folder's index cannot be used.
    """
    if isinstance(place, str) and "://" in place:
        return RemoteRegistry(place, client_options, auto_register, timeout_s)
    if not Path(place).is_dir():
        raise ConfigError(
            f"schema registry {str(place)!r} is not a folder; name one with a registry.toml, or a "
            f"URL that starts with one of {', '.join(SCHEMES)}"
        )
    return FileRegistry(Path(place))
