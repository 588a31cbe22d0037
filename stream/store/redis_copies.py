"""Snapshot copies in Redis: in pieces that stall nobody, and a list of which are whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from schemas.errors import StoreError
from stream.store.client import RedisAddress
from stream.store.copies import PIECE_BYTES, Mark, mark_of, require_newest
from stream.store.keys import copies_key, piece_key
from stream.store.pieces import pieces_of, write_pieces

# A piece takes longer than a hash of features, and nobody waits for it.
TIMEOUT_S = 5.0
_DELETED_AT_ONCE = 16

# KEYS: the list. ARGV: our field, what it is to hold, our number and step. In one go, so that
# no newer copy can come between the question and the answer.
_FINISH = """
local number, step = tonumber(ARGV[3]), tonumber(ARGV[4])
for _, text in ipairs(redis.call('HVALS', KEYS[1])) do
  local there = cjson.decode(text)
  if there.whole and (there.number > number or there.number == number and there.step > step) then
    return 0
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""


class _Entry(Mark, frozen=True, forbid_unknown_fields=True):
    """A copy in the list; `whole` once all its pieces are there."""

    pieces: int
    whole: bool

    @property
    def copy(self) -> str:
        """The name of its field and in its pieces' keys; other contents have another."""
        return f"{self.number:012d}-{self.digest[:16]}"

    @property
    def mark(self) -> Mark:
        return Mark(self.number, self.step, self.bytes, self.digest)


class RedisCopies:
    """The copies of one worker.

    A copy is first listed as begun, then its pieces are written, then it is listed as whole: so
    what was left half done is known, taken by nobody, and deleted by the next.

    Parameters
    ----------
    place : RedisAddress
    group : str
        The consumer group.
    worker : str
        Which worker of the group.
    keep : int
        How many stay.
    """

    def __init__(self, place: RedisAddress, group: str, worker: str, keep: int) -> None:
        self.name = place.name
        self._place = place
        self._client = place.client(TIMEOUT_S)
        self._group, self._worker = group, worker
        self._list = copies_key(group, worker)
        self._keep = keep

    def put(self, path: Path, number: int, going_on: Callable[[], bool]) -> None:
        """Copy a snapshot; see `stream.store.copies.Copies`."""
        mark = mark_of(path, number)
        ours = _Entry(
            **msgspec.structs.asdict(mark), pieces=-(-mark.bytes // PIECE_BYTES), whole=False
        )
        there = self._entries()
        require_newest(mark, [each.mark for each in there if each.whole], self.name)
        if any(each.whole and each.mark == mark for each in there):
            return
        for left in there:
            if not left.whole and left.number <= number:
                self._delete(left)
        self._hold(ours)
        try:
            self._put_pieces(path, ours, going_on)
            self._finish(ours)
        except StoreError:
            # It may be full of us. If it does not answer, the next copy sees to it.
            with suppress(StoreError):
                self._delete(ours)
            raise
        whole = [each for each in self._entries() if each.whole]
        for old in sorted(whole, reverse=True)[self._keep :]:
            self._delete(old)

    def forget_before(self, number: int) -> None:
        """Delete all copies before one; see `stream.store.copies.Copies`."""
        for each in self._entries():
            if each.number < number:
                self._delete(each)

    def numbers(self) -> list[int]:
        """Return the numbers of all that are whole, the newest first."""
        return sorted((each.number for each in self._entries() if each.whole), reverse=True)

    def fetch(self, number: int, into: Path) -> None:
        """Bring a copy back as a file; see `stream.store.copies.Copies`."""
        found = [each for each in self._entries() if each.whole and each.number == number]
        if not found:
            raise StoreError(f"Redis at {self.name} has no whole copy of snapshot {number}")
        wanted = max(found)
        write_pieces(into, self._pieces(wanted))
        if mark_of(into, number) != wanted.mark:
            into.unlink()
            raise StoreError(
                f"Redis at {self.name}: what is there as snapshot {number} is another than its "
                "list says"
            )

    def close(self) -> None:
        """Let go of Redis."""
        self._client.close()

    def _pieces(self, entry: _Entry) -> Iterator[bytes]:
        length = 0
        for number in range(entry.pieces):
            key = piece_key(self._group, self._worker, entry.copy, number)
            with self._place.asking(self._client):
                piece = self._client.get(key)
            if not isinstance(piece, bytes):
                raise StoreError(
                    f"Redis at {self.name}: piece {number + 1} of {entry.pieces} of snapshot "
                    f"{entry.number} is gone"
                )
            length += len(piece)
            yield piece
        if length != entry.bytes:
            raise StoreError(
                f"Redis at {self.name}: snapshot {entry.number} has {length} bytes of {entry.bytes}"
            )

    def _put_pieces(self, path: Path, entry: _Entry, going_on: Callable[[], bool]) -> None:
        count = 0
        for number, piece in enumerate(pieces_of(path, PIECE_BYTES)):
            if not going_on():
                raise StoreError(f"the copy of snapshot {entry.number} was given up before its end")
            began_s = time.monotonic()
            with self._place.asking(self._client):
                self._client.set(piece_key(self._group, self._worker, entry.copy, number), piece)
            # Redis is others' for as long as it was ours.
            time.sleep(time.monotonic() - began_s)
            count += 1
        if count != entry.pieces:
            raise StoreError(f"{path}: it has {count} pieces, and says {entry.pieces}")

    def _finish(self, entry: _Entry) -> None:
        whole = msgspec.structs.replace(entry, whole=True)
        text = msgspec.json.encode(whole)
        arguments = (self._list, entry.copy, text, entry.number, entry.step)
        with self._place.asking(self._client):
            # Twice is as once.
            listed = self._client.eval(_FINISH, 1, *arguments)
        if not listed:
            raise StoreError(
                f"Redis at {self.name}: a newer copy than snapshot {entry.number} came meanwhile"
            )

    def _hold(self, entry: _Entry) -> None:
        with self._place.asking(self._client):
            self._client.hset(self._list, entry.copy, msgspec.json.encode(entry))

    def _entries(self) -> list[_Entry]:
        """Return what is listed; what is no entry of ours is deleted by nobody, and passed over."""
        with self._place.asking(self._client):
            texts = self._client.hvals(self._list)
        found = []
        for text in texts:
            with suppress(msgspec.MsgspecError):
                found.append(msgspec.json.decode(text, type=_Entry))
        return found

    def _delete(self, entry: _Entry) -> None:
        """Delete a copy: first from the list, so that nobody takes what is half gone."""
        # Pieces without an entry would stay for ever: it goes to begun, then the pieces, then it.
        self._hold(msgspec.structs.replace(entry, whole=False))
        keys = [
            piece_key(self._group, self._worker, entry.copy, number)
            for number in range(entry.pieces)
        ]
        with self._place.asking(self._client):
            for start in range(0, len(keys), _DELETED_AT_ONCE):
                self._client.unlink(*keys[start : start + _DELETED_AT_ONCE])
            self._client.hdel(self._list, entry.copy)
