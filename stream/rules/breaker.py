"""A rule that suddenly matches everything is put in shadow.

Payments are counted in blocks of so many. A live rule that has matched more of a block than is
allowed decides nothing from the next payment on, until rules are applied again. That follows from
the order of the payments alone, so it is the same however they are cut into batches, and in a
replay.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import array, count, require_kind, require_within
from models.states.snapshot import State

_KIND = "rule breaker/1"
_SEEN_MAX = 2**62


class Tripped(NamedTuple):
    """A rule that was put in shadow.

    Attributes
    ----------
    rule : int
        Its number in the set.
    row : int
        The row whose match was one too many; it is the last that the rule decided.
    matches, payments : int
        How many it had matched of how many in the block.
    """

    rule: int
    row: int
    matches: int
    payments: int


class Breaker:
    """Counts matches of rules, and remembers which were too many.

    Parameters
    ----------
    n_rules : int
    block : int
        Payments counted together.
    matches_max : int
        Matches of a rule in a block that are allowed.

    Attributes
    ----------
    tripped : ndarray of bool, shape (n_rules,)
    """

    def __init__(self, n_rules: int, block: int, matches_max: int) -> None:
        self.tripped = np.zeros(n_rules, np.bool_)
        self._block = block
        self._matches_max = matches_max
        self._seen = 0
        self._matches = np.zeros(n_rules, np.int64)

    def count(
        self,
        rows: NDArray[np.int64],
        rules: NDArray[np.int64],
        live: NDArray[np.bool_],
        n: int,
    ) -> tuple[NDArray[np.bool_], list[Tripped]]:
        """Count what matched n payments.

        Parameters
        ----------
        rows, rules : ndarray of int64, shape (m,)
            Which payment was matched by which rule, in the order of the payments.
        live : ndarray of bool, shape (m,)
            Whether the rule would decide.
        n : int

        Returns
        -------
        live : ndarray of bool, shape (m,)
            Whether it still decides.
        tripped : list of Tripped
            In the order of the payments; of one payment, in that of the rules.
        """
        live = live & ~self.tripped[rules]
        found: list[Tripped] = []
        for start, stop in self._blocks(n):
            first, behind = np.searchsorted(rows, [start, stop]).tolist()
            counted = first + np.flatnonzero(live[first:behind])
            for rule in np.unique(rules[counted]).tolist():
                at = counted[rules[counted] == rule]
                room = self._matches_max - int(self._matches[rule])
                # Behind the one that trips it the rule does not decide, wherever the batch ends.
                self._matches[rule] += min(len(at), room + 1)
                if len(at) > room:
                    self.tripped[rule] = True
                    row = int(rows[at[room]])
                    live[(rules == rule) & (rows > row)] = False
                    seen = self._seen % self._block + row - start + 1
                    found.append(Tripped(rule, row, self._matches_max + 1, seen))
            self._seen += stop - start
            if self._seen % self._block == 0:
                self._matches[:] = 0
        # The order of the payments is the only one that is the same however they are cut.
        return live, sorted(found, key=lambda each: (each.row, each.rule))

    def _blocks(self, n: int) -> list[tuple[int, int]]:
        """Cut n payments where a block ends."""
        first = self._block - self._seen % self._block
        cuts = [0, *range(first, n, self._block), n]
        return [(start, stop) for start, stop in pairwise(cuts) if stop > start]

    def state(self) -> State:
        """Return all that `restore` needs; a copy."""
        header = {"block": self._block, "matches_max": self._matches_max, "seen": self._seen}
        arrays = {"matches": self._matches.copy(), "tripped": self.tripped.copy()}
        return State(_KIND, header, arrays)

    def restore(self, state: State) -> None:
        """Go on from the state of as many rules; SnapshotError, and no change, else.

        With another block or limit than before a block begins anew.
        """
        require_kind(state, _KIND)
        shape = self.tripped.shape
        tripped = array(state, "tripped", np.bool_, shape)
        matches = array(state, "matches", np.int64, shape)
        require_within(state, "matches", matches, 0, _SEEN_MAX)
        seen = count(state, "seen", 0, _SEEN_MAX)
        limits = [count(state, name, 0, _SEEN_MAX) for name in ("block", "matches_max")]
        same = limits == [self._block, self._matches_max]
        self.tripped[:] = tripped
        self._matches[:] = matches if same else 0
        self._seen = seen if same else 0
