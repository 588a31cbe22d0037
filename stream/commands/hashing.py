"""Values as a person writes them, as the keyed hashes that payments have for them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from schemas.errors import ConfigError
from schemas.ids import ids_of
from schemas.siphash import hash_texts
from stream.app import registry_of, writer_schemas
from stream.config.configuration import Config
from stream.features.grammar import nearest, quoted

# In place of a value that is read from stdin: others can see arguments.
STDIN = "-"


def read_value(given: str) -> str:
    """Return a value, the first line of stdin if it is not given.

    Raises
    ------
    ConfigError
        It is empty.
    """
    text = sys.stdin.readline().rstrip("\r\n") if given == STDIN else given
    if not text:
        raise ConfigError("the id is empty: give one, or '-' and a line on stdin")
    return text


def entity_keys(config: Config, entity: str, text: str) -> list[int]:
    """Return the keyed hashes that an id may have; more than one where its field may hold more.

    Raises
    ------
    ConfigError
        There is no such entity.
    SchemaError
        Its field cannot hold the id.
    """
    field = config.fields.entities.get(entity)
    if field is None:
        near = nearest(entity, list(config.fields.entities), "the list")
        raise ConfigError(f"no entity of fields.entities is {quoted(entity)}{near}")
    return Hashing(config, field).keys_of(text)


class Hashing:
    """The hashes of the values of a field of payments.

    Parameters
    ----------
    config : Config
    field : str
        Its path in the transaction schema.
    """

    def __init__(self, config: Config, field: str) -> None:
        self._field = field
        self._hash_key = config.hash_key()
        registry = registry_of(config)
        try:
            versions = writer_schemas(registry, config.topics.transactions, "transaction", False)
        finally:
            registry.close()
        self._schemas = [schema for _, schema in versions]

    def keys_of(self, text: str) -> list[int]:
        """Return the hashes a value may have; more than one where the field may hold more.

        Raises
        ------
        SchemaError
            The field cannot hold it. The value is not named.
        """
        return self.keys_of_each([self.ids_of(text)])[0]

    def ids_of(self, text: str) -> list[str | int | bytes]:
        """Return what is hashed for a value; `keys_of` says what may be wrong."""
        ids = [each for schema in self._schemas for each in ids_of(text, schema, self._field)]
        return list(dict.fromkeys(ids))

    def keys_of_each(self, ids: Sequence[Sequence[str | int | bytes]]) -> list[list[int]]:
        """Return the hashes of many values, each as `ids_of` returned it, at once."""
        flat = [each for one in ids for each in one]
        keys = iter(hash_texts(flat, self._hash_key).tolist())
        return [[next(keys) for _ in one] for one in ids]
