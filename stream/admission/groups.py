"""The cool-down: of an entity that was just alerted, further reviews are one group with it.

Somebody looks at an entity because of its alert; the next ten say the same. They are counted
for the alert that comes after them. What asks or blocks a customer always goes out: somebody
may act on it.
"""

from __future__ import annotations

import numpy as np

from models.states.restoring import array, count, require, require_kind
from models.states.snapshot import State
from stream.event_time import BEGINNING_US

GROUPS_MAX = 65_536
GROUPED = -1
_KIND = "alert_groups/1"
_COUNT_MAX = 2**62


class Groups:
    """The last alert of each entity that had one lately.

    Parameters
    ----------
    cooldown_us : int
        How long after an alert, event time; 0: nothing is grouped.
    entity : str
        Whose; a name of the configuration.
    groups_max : int
        Entities that are remembered; beyond it the one whose alert went out first is forgotten.
    """

    def __init__(self, cooldown_us: int, entity: str, groups_max: int = GROUPS_MAX) -> None:
        self.cooldown_us = cooldown_us
        self.entity = entity
        self._max = groups_max
        # By key: time of the last alert that went out, and how many were grouped since.
        self._last: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._last)

    def take(self, key: int, time_us: int, may_wait: bool) -> int:
        """Take an alert, and say whether it goes out.

        Parameters
        ----------
        key : int
            Of its entity; 0: nobody's, which is never grouped.
        time_us : int
            Of the payment; late ones are as near to an alert as early ones.
        may_wait : bool
            Whether it may be grouped.

        Returns
        -------
        int
            How many were grouped since the last one that went out; GROUPED: this one is grouped.
        """
        if not self.cooldown_us or not key:
            return 0
        last_us, grouped = self._last.get(key, (BEGINNING_US, 0))
        known = key in self._last
        if may_wait and known and abs(time_us - last_us) < self.cooldown_us:
            self._last[key] = last_us, grouped + 1
            return GROUPED
        self._last.pop(key, None)
        if len(self._last) >= self._max:
            del self._last[next(iter(self._last))]
        # Behind all others, though its payment may be a late one.
        self._last[key] = max(time_us, last_us) if known else time_us, 0
        return grouped

    def erase(self, key: int) -> None:
        """Forget an entity."""
        self._last.pop(key, None)

    def state(self) -> State:
        """Return what is remembered, in the order in which it would be forgotten; a copy."""
        n = len(self._last)
        pairs = np.array(list(self._last.values()), np.int64).reshape(n, 2)
        arrays = {
            "keys": np.fromiter(self._last, np.uint64, n),
            "times_us": pairs[:, 0].copy(),
            "grouped": pairs[:, 1].copy(),
        }
        return State(_KIND, {"entity": self.entity, "n": n}, arrays)

    def restore(self, state: State) -> None:
        """Go on from a state; of another entity it says nothing, and of too many the last stay.

        Raises
        ------
        SnapshotError
            If it is none; nothing has changed then.
        """
        require_kind(state, _KIND)
        n = count(state, "n", 0, _COUNT_MAX)
        keys = array(state, "keys", np.uint64, (n,))
        times_us = array(state, "times_us", np.int64, (n,))
        grouped = array(state, "grouped", np.int64, (n,))
        distinct = len(np.unique(keys)) == n and bool(keys.all())
        require(state, distinct, "keys: an entity stands twice, or is nobody")
        require(state, isinstance(state.header.get("entity"), str), "it is of no entity")
        require(state, n == 0 or int(grouped.min()) >= 0, "grouped: a count is below 0")
        self._last = {}
        if state.header.get("entity") == self.entity and self.cooldown_us:
            rows = zip(keys.tolist(), times_us.tolist(), grouped.tolist(), strict=True)
            self._last = {key: (at, many) for key, at, many in list(rows)[-self._max :]}
