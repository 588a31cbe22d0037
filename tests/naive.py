"""The oracle: plain loops, obviously right, compared with every kernel.

No Numba and nothing imported from the kernels that are checked here.
"""

from __future__ import annotations

from collections import OrderedDict


def siphash24(key: bytes, data: bytes) -> int:
    """SipHash-2-4 in big integers, straight from the paper."""
    mask = 2**64 - 1

    def rotate(x, b):
        return ((x << b) | (x >> (64 - b))) & mask

    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v = [
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    ]

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & mask
            v[1] = rotate(v[1], 13) ^ v[0]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[3]) & mask
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & mask
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & mask
            v[1] = rotate(v[1], 17) ^ v[2]
            v[2] = rotate(v[2], 32)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xFF])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i : i + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


class NaiveWindows:
    """Sliding windows by looking at every remembered event of the entity, every time."""

    def __init__(self, n_entities, windows_us, events_max, entities_max):
        self.windows_us = windows_us
        self.events_max = events_max
        self.entities_max = entities_max
        self.ring = []  # (time, amount, keys) of the last events_max events
        # Of each entity type: key -> list of [time, amount], in arrival order; the
        # least recently seen entity first.
        self.entities = [OrderedDict() for _ in range(n_entities)]

    def observe(self, time_us, amount, keys):
        """Return, per entity, a list of (count, total) per window and the gap, or None."""
        if len(self.ring) == self.events_max:
            self._forget(self.ring.pop(0))
        event = (time_us, amount, list(keys))
        self.ring.append(event)
        return [self._observe_entity(kind, key, event) for kind, key in enumerate(keys)]

    def _forget(self, event):
        for kind, key in enumerate(event[2]):
            known = self.entities[kind].get(key)
            if known is None:
                continue
            known[:] = [e for e in known if e is not event]
            if not known:
                del self.entities[kind][key]

    def _observe_entity(self, kind, key, event):
        if key == 0:
            return None
        table = self.entities[kind]
        if key not in table and len(table) == self.entities_max:
            table.popitem(last=False)
        known = table.setdefault(key, [])
        table.move_to_end(key)
        earlier = [e[0] for e in known if e[0] <= event[0]]
        known.append(event)
        readings = []
        for length in self.windows_us:
            inside = [e for e in known if event[0] - length < e[0] <= event[0]]
            readings.append((len(inside), sum(e[1] for e in inside)))
        return readings, (event[0] - max(earlier) if earlier else -1)
