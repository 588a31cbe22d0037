"""Confluent's registry client with a bound on every wait, and its errors in our words."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from schemas.errors import ConfigError, IncompatibleSchemaError, SchemaError
from schemas.registry import RegistryUnavailableError, UnknownSchemaError

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

SCHEMES = ("http", "https", "mock")

# Short, so that a second attempt still fits into the bound.
_OPTIONS = {"max.retries": 1, "retries.wait.ms": 100, "cache.latest.ttl.sec": 1}
# The registry's own codes for "not found"; a bare 404 is a wrong address.
_NOT_FOUND = range(40400, 40500)
_REFUSED_LOGIN = (401, 403)
_CONFLICT = 409
_BUSY = (408, 429)
_SERVER_FAULT = 500

_Answer = TypeVar("_Answer")


class BoundedClient:
    """A `SchemaRegistryClient` of which no call takes longer than it may.

    The client's own timeout restarts with every byte, so each call runs in a thread of
    its own; one that overruns is left behind and its connections are closed.

    Parameters
    ----------
    url : str
        The registry's address, or several separated by commas.
    options : Mapping
        More of the client's options.
    timeout_s : float
        The longest a call may take.

    Raises
    ------
    ConfigError
        If the address or an option cannot be used.
    """

    def __init__(self, url: str, options: Mapping[str, Any], timeout_s: float) -> None:
        self.place = "schema registry " + ",".join(_checked(part) for part in url.split(","))
        self._options = {"timeout": timeout_s, **_OPTIONS, **options, "url": url}
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._closed = False
        self._client: SchemaRegistryClient | None = self._connect()

    def deadline(self) -> float:
        """Return the `time.monotonic()` by which a call that starts now must be over."""
        return time.monotonic() + self._timeout_s

    def ask(
        self,
        action: str,
        call: Callable[["SchemaRegistryClient"], _Answer],
        remedy: str,
        deadline: float,
    ) -> _Answer:
        """Ask the registry something.

        Parameters
        ----------
        action : str
            What is asked, for an error's text: "look up ...".
        call : callable
            Does it with the client.
        remedy : str
            What to do if the registry has no such thing.
        deadline : float
            When to give up, in `time.monotonic()` seconds.

        Returns
        -------
        object
            What `call` returned.

        Raises
        ------
        UnknownSchemaError
            If the registry has no such thing.
        IncompatibleSchemaError
            If it refuses a schema beside older ones.
        RegistryUnavailableError
            If it cannot be reached or does not answer in time.
        SchemaError
            If it refuses for another reason.
        """
        client = self._current()
        answers: list[_Answer] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                answers.append(call(client))
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=run, name="schema-registry", daemon=True)
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))
        if answers:
            return answers[0]
        if errors:
            raise self._translated(action, errors[0], remedy) from errors[0]
        self._abandon(client)
        raise RegistryUnavailableError(
            f"{self.place} did not {action} within {self._timeout_s:g} s; check that it runs and "
            "can be reached, or allow it more time"
        )

    def close(self) -> None:
        """Close the connections; later calls are refused."""
        with self._lock:
            self._closed = True
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connect(self) -> "SchemaRegistryClient":
        from confluent_kafka.schema_registry import SchemaRegistryClient

        try:
            return SchemaRegistryClient.new_client(dict(self._options))
        except (ValueError, TypeError, OSError) as error:
            raise ConfigError(
                f"{self.place} cannot be set up: {error}; mend the registry's options"
            ) from error

    def _current(self) -> "SchemaRegistryClient":
        with self._lock:
            if self._closed:
                raise RegistryUnavailableError(f"{self.place} was closed; open it again")
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _abandon(self, client: "SchemaRegistryClient") -> None:
        with self._lock:
            if self._client is client:
                self._client = None
        client.close()

    def _translated(self, action: str, error: Exception, remedy: str) -> SchemaError:
        from confluent_kafka.schema_registry import SchemaRegistryError

        text = f"{self.place} did not {action}: {error}"
        if not isinstance(error, SchemaRegistryError):
            kind = type(error).__name__
            return RegistryUnavailableError(f"{text} ({kind}); check that it runs at this address")
        status, code = error.http_status_code, error.error_code
        if code in _NOT_FOUND:
            return UnknownSchemaError(f"{text}; {remedy}")
        if status == _CONFLICT:
            return IncompatibleSchemaError(
                f"{text}; add only fields with defaults, or write to a new topic"
            )
        if status in _REFUSED_LOGIN:
            return SchemaError(f"{text}; check the credentials in the registry's options")
        if status in _BUSY or status >= _SERVER_FAULT:
            return RegistryUnavailableError(f"{text}; ask again later")
        if status == 404:
            return RegistryUnavailableError(f"{text}; check the path in its address")
        return SchemaError(f"{text}; the registry's log says more")


def _checked(url: str) -> str:
    """Refuse an address that cannot be one; return it without its user and password."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in SCHEMES or not host:
        raise ConfigError(
            "the schema registry's address is not a URL with a host; "
            f"write for example http://localhost:8081 (one of {', '.join(SCHEMES)})"
        )
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"
