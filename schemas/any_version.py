"""Records of a topic whose writers use several versions of its contract."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.errors import SchemaError
from schemas.records import RecordCodec, Schema
from schemas.wire import unframe


class AnyVersion:
    """Framed bytes to a dict, under whichever of some schemas they were written.

    A field that an older version lacks is missing in its records.

    Parameters
    ----------
    versions : iterable of (int, dict)
        Ids in the registry and schemas.
    """

    def __init__(self, versions: Iterable[tuple[int, Schema]]) -> None:
        self._codecs = {at: RecordCodec(schema, at) for at, schema in versions}

    def decode(self, value: bytes) -> dict[str, Any]:
        """Read one record.

        Raises
        ------
        SchemaError
            If it is not framed, is of another schema, or cannot be read to its last byte.
        """
        schema_id, _ = unframe(value)
        if schema_id not in self._codecs:
            known = ", ".join(map(str, sorted(self._codecs)))
            raise SchemaError(
                f"value was written under schema id {schema_id}, and the topic's contract has the "
                f"ids {known}; look the id up in the registry"
            )
        return self._codecs[schema_id].decode(value)
