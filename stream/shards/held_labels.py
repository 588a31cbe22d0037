"""The records of labels that the engine holds, until it says what became of them.

The engine keeps what it needs of a label, not its bytes; here they wait, so that a
label whose payment never comes can leave as the dead letter that it is. There are as
many as the engine holds, and each is of bounded size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from models.states.restoring import array, require, require_kind
from models.states.snapshot import State
from schemas.errors import SnapshotError

_KIND = "held_labels/1"

# Of a record that is larger, with its key and headers, only the value is kept: the
# decoder has refused a value beyond limits.record_bytes_max.
RECORD_BYTES_MAX = 8192


class HeldLabel(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A label as it came."""

    transaction_id: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(HeldLabel)


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

    def state(self) -> State:
        """Return all of them: where each came from, and its record as MessagePack."""
        packed = [_encoder.encode(held) for held in self._by_place.values()]
        return State(
            _KIND,
            {},
            {
                "places": np.array([*self._by_place], np.int64).reshape(-1, 2),
                "lengths": np.array([len(each) for each in packed], np.int64),
                "records": np.frombuffer(b"".join(packed), np.uint8),
            },
        )

    def restore(self, state: State) -> None:
        """Hold what a state holds, in its order.

        Raises
        ------
        SnapshotError
            The state is damaged, or none of held labels; nothing was changed.
        """
        require_kind(state, _KIND)
        n = len(state.arrays.get("places", ()))
        places = array(state, "places", np.int64, (n, 2))
        lengths = array(state, "lengths", np.int64, (n,))
        total = state.arrays["records"].shape[0] if "records" in state.arrays else 0
        records = array(state, "records", np.uint8, (total,)).tobytes()
        require(state, bool((lengths > 0).all()), "a record has no bytes")
        ends = np.cumsum(lengths)
        require(state, (int(ends[-1]) if n else 0) == total, "lengths do not add up to the bytes")
        found: dict[tuple[int, int], HeldLabel] = {}
        starts = (ends - lengths).tolist()
        for place, start, end in zip(places.tolist(), starts, ends.tolist(), strict=True):
            try:
                found[place[0], place[1]] = _decoder.decode(records[start:end])
            except msgspec.MsgspecError as why:
                raise SnapshotError(f"{_KIND}: the record of {place}: {why}") from why
        require(state, len(found) == n, "a place is there twice")
        self._by_place = found
