"""The records of labels that the engine holds, until it says what became of them.

The engine keeps what it needs of a label, not its bytes; here they wait, so that a
label whose payment never comes can leave as the dead letter that it is. There are as
many as the engine holds, and each is of bounded size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Of a record that is larger, with its key and headers, only the value is kept: the
# decoder has refused a value beyond limits.record_bytes_max.
RECORD_BYTES_MAX = 8192


@dataclass(frozen=True)
class HeldLabel:
    """A label as it came."""

    transaction_id: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class HeldLabels:
    """Held labels by partition and offset."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[int, int], HeldLabel] = {}

    def __len__(self) -> int:
        return len(self._by_place)

    def hold(
        self,
        place: tuple[int, int],
        transaction_id: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, Any]],
    ) -> None:
        """Keep a record."""
        size = sum(len(name) + len(content or b"") for name, content in headers)
        if len(key or b"") + len(value or b"") + size > RECORD_BYTES_MAX:
            key, headers = None, []
        self._by_place[place] = HeldLabel(transaction_id, key, value, tuple(headers))

    def release(self, place: tuple[int, int]) -> HeldLabel | None:
        """Give a record back and forget it; None for one that was never held."""
        return self._by_place.pop(place, None)

    def look(self, place: tuple[int, int]) -> HeldLabel | None:
        """Return a record, which goes on being held."""
        return self._by_place.get(place)

    def release_all(self) -> Iterator[tuple[tuple[int, int], HeldLabel]]:
        """Give all back, the first that came first."""
        while self._by_place:
            place = next(iter(self._by_place))
            yield place, self._by_place.pop(place)
