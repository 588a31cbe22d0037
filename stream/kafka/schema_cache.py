"""Schemas by id, fetched once; ids that cannot be fetched cost little.

A broken or hostile producer can put any four bytes into a header. So an id that
the registry refused is remembered for a while, and after a fetch in vain no other id
is fetched for a second.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from schemas.errors import SchemaError
from schemas.records import Schema
from schemas.registry import RegistryUnavailableError

CACHE_SIZE = 1024
FETCH_PAUSE_S = 1.0

_Value = TypeVar("_Value")


class SchemaCache:
    """A bounded cache in front of a registry, for threads to share.

    Parameters
    ----------
    fetch : callable
        Asks the registry for an id, with a deadline in `time.monotonic()` seconds.
    place : str
        The registry's name, for an error's text.
    refused_ttl_s : float
        How long an id that the registry refused is refused without asking again.
    clock : callable
        Seconds for the two waits; must never go back.
    """

    def __init__(
        self,
        fetch: Callable[[int, float], Schema],
        place: str,
        refused_ttl_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._place = place
        self._refused_ttl_s = refused_ttl_s
        self._clock = clock
        self._schemas: dict[int, Schema] = {}
        self._refused: dict[int, tuple[float, type[SchemaError], str]] = {}
        self._next_fetch = clock()
        self._fetching = Lock()

    def get(self, schema_id: int, deadline: float) -> Schema:
        """Return the schema that an id stands for.

        Parameters
        ----------
        schema_id : int
            The id.
        deadline : float
            When to give up, in `time.monotonic()` seconds.

        Returns
        -------
        dict
            The schema; not to be changed.

        Raises
        ------
        SchemaError
            What `fetch` raised, now or within the time to live.
        RegistryUnavailableError
            If the id may not be asked for yet.
        """
        schema = self._schemas.get(schema_id)
        if schema is None:
            with self._turn(deadline):
                schema = self._schemas.get(schema_id) or self._ask(schema_id, deadline)
        return schema

    @contextmanager
    def _turn(self, deadline: float) -> Iterator[None]:
        """Let one thread fetch at a time, and none wait for its turn past its deadline."""
        if not self._fetching.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise RegistryUnavailableError(
                f"{self._place} is still busy with another id; ask again later"
            )
        try:
            yield
        finally:
            self._fetching.release()

    def _ask(self, schema_id: int, deadline: float) -> Schema:
        now = self._clock()
        if schema_id in self._refused:
            until, kind, text = self._refused[schema_id]
            if now < until:
                raise kind(text)
        if now < self._next_fetch:
            raise RegistryUnavailableError(
                f"{self._place} was not asked for schema id {schema_id}, because it was asked in "
                f"vain less than {FETCH_PAUSE_S:g} s ago; ask again later"
            )
        try:
            schema = self._fetch(schema_id, deadline)
        except SchemaError as error:
            self._next_fetch = self._clock() + FETCH_PAUSE_S
            if not isinstance(error, RegistryUnavailableError):
                until = self._clock() + self._refused_ttl_s
                _remember(self._refused, schema_id, (until, type(error), str(error)))
            raise
        _remember(self._schemas, schema_id, schema)
        return schema


def _remember(cache: dict[int, _Value], schema_id: int, value: _Value) -> None:
    cache.pop(schema_id, None)
    while len(cache) >= CACHE_SIZE:
        del cache[next(iter(cache))]
    cache[schema_id] = value
