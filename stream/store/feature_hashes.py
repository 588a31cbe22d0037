"""An entity's features as a hash in Redis: written so that they never go back, and read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import redis

from schemas.errors import StoreError
from stream.store.client import RedisAddress
from stream.store.entity_columns import EntityColumns
from stream.store.keys import EVENT_TIME_FIELD, SOURCE_FIELD, features_key
from stream.store.newest import Newest

# Redis is nobody else's while a script runs.
ENTITIES_AT_ONCE = 32

# KEYS: an entity each. ARGV: time to live in ms (0: for ever), the features' names, and for each
# entity its event time, source and values; all lists are joined by commas, and `nan` is a value
# that is not known. An older payment changes nothing, so that a write may be repeated and may
# come late. A hash that holds more than what is written now (a value that is not known any more,
# a feature that is not declared any more) is made anew; it is not deleted before what can fail,
# because a full Redis refuses to write and not to delete. Names may hold commas, so each ends
# with a line's end. A Lua call takes some thousands of arguments.
_SCRIPT = """
local ttl, names = tonumber(ARGV[1]), {}
local written = 0
for name in string.gmatch(ARGV[2], '[^\\n]+') do names[#names + 1] = name end
local function place(source)
  local partition, offset = string.match(source or '', '/(%d+)/(%d+)$')
  return tonumber(partition) or -1, tonumber(offset) or -1
end
local function newer(old, time, source)
  local old_time = tonumber(old[1] or '')
  if old_time == nil or old_time ~= time then return old_time ~= nil and old_time > time end
  local old_partition, old_offset = place(old[2])
  local partition, offset = place(source)
  if old_partition ~= partition then return old_partition > partition end
  return old_offset > offset
end
local function set(key, row)
  for first = 1, #row, 2000 do
    redis.call('HSET', key, unpack(row, first, math.min(first + 1999, #row)))
  end
end
for at, key in ipairs(KEYS) do
  local time, source, values = string.match(ARGV[2 + at], '^([^,]*),([^,]*),(.*)$')
  local old = redis.pcall('HMGET', key, '_event_time_us', '_source')
  if old.err then
    if not string.find(old.err, 'WRONGTYPE') then return old end
    redis.call('DEL', key)
  end
  if old.err or not newer(old, tonumber(time), source) then
    local row, number = {'_event_time_us', time, '_source', source}, 0
    for value in string.gmatch(values, '[^, ]+') do
      number = number + 1
      if value ~= 'nan' then row[#row + 1], row[#row + 2] = names[number], value end
    end
    set(key, row)
    if redis.call('HLEN', key) * 2 ~= #row then
      redis.call('DEL', key)
      set(key, row)
    end
    if ttl > 0 then redis.call('PEXPIRE', key, ttl) else redis.call('PERSIST', key) end
    written = written + 1
  end
end
return written
"""


class FeatureHashes:
    """The features of a group's entities in Redis.

    Parameters
    ----------
    place : RedisAddress
    group : str
        The workers' consumer group.
    topic : str
        Where payments come from.
    ttl_us : int
        How long a silent entity stays; 0: for ever.
    """

    def __init__(self, place: RedisAddress, group: str, topic: str, ttl_us: int) -> None:
        self._place = place
        self._group = group
        self._topic = topic
        self._ttl_ms = -(-ttl_us // 1000)
        self._client = place.client()
        self._sha = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

    def write(self, of: EntityColumns, newest: Newest) -> int:
        """Write some entities' values; return how many of them were not behind what was there.

        All of it may be repeated: it changes nothing a second time.

        Parameters
        ----------
        of : EntityColumns
        newest : Newest
            At most `ENTITIES_AT_ONCE`.

        Raises
        ------
        StoreError
            It is not known whether they are written.
        """
        keys = [features_key(self._group, of.entity, key) for key in newest.keys.tolist()]
        marks, values = newest.marks.T.tolist(), newest.values.tolist()
        rows = [
            f"{time_us},{self._topic}/{partition}/{offset},{repr(row)[1:-1]}"
            for (time_us, partition, offset), row in zip(marks, values, strict=True)
        ]
        with self._place.asking(self._client):
            return self._run(keys, [str(self._ttl_ms), "\n".join(of.names), *rows])

    def forget(self, entity: str, keys: list[int]) -> None:
        """Delete entities.

        Raises
        ------
        StoreError
            It is not known whether they are gone.
        """
        with self._place.asking(self._client):
            self._client.delete(*(features_key(self._group, entity, key) for key in keys))

    def close(self) -> None:
        """Let go of Redis."""
        self._client.close()

    def _run(self, keys: list[str], arguments: list[str]) -> int:
        try:
            written = self._client.evalsha(self._sha, len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            # Nothing was run. It knows no scripts after a restart or a failover.
            written = self._client.eval(_SCRIPT, len(keys), *keys, *arguments)
        return int(written)


@dataclass(frozen=True)
class StoredFeatures:
    """What Redis knows of an entity.

    Attributes
    ----------
    event_time_us : int
        Of the payment that the values are as of.
    source : str
        Its topic, partition and offset.
    values : dict of str to float
        Those that are known.
    """

    event_time_us: int
    source: str
    values: dict[str, float]


def look_up(place: RedisAddress, keys: list[str]) -> StoredFeatures | None:
    """Return the newest of what is there under some keys; None: nothing is.

    Raises
    ------
    StoreError
        Redis does not answer, or what is there is not ours.
    """
    client = place.client()
    try:
        with place.asking(client):
            pipeline = client.pipeline(transaction=False)
            for key in keys:
                pipeline.hgetall(key)
            found = [_read(key, hash_) for key, hash_ in zip(keys, pipeline.execute(), strict=True)]
    finally:
        client.close()
    known = [each for each in found if each is not None]
    return max(known, key=lambda each: each.event_time_us, default=None)


def _read(key: str, hash_: dict[bytes, bytes]) -> StoredFeatures | None:
    if not hash_:
        return None
    try:
        texts = {name.decode(): text.decode() for name, text in hash_.items()}
        time_us, source = int(texts.pop(EVENT_TIME_FIELD)), texts.pop(SOURCE_FIELD)
        return StoredFeatures(time_us, source, {name: float(text) for name, text in texts.items()})
    except (KeyError, ValueError) as error:
        raise StoreError(
            f"{key}: what is there was not written by fraudstream ({error}): delete the key"
        ) from error
