"""How the rules of a worker stand, over all its states; by the worker's own thread.

What rules did is told of those in force alone: an id that is applied no more is told of no more,
so that there are never more of them than there are rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from stream.rules.rule import Mode, RuleSet
from stream.shards.shard import Shard
from stream.telemetry.figures import EXPIRED, LIVE, MODES, SHADOW, TRIPPED, RuleHead, RulesStanding

_EXPIRED, _TRIPPED = MODES.index(EXPIRED), MODES.index(TRIPPED)
_NEVER_US = np.iinfo(np.int64).max
_COLUMNS = 3


class RuleMeter:
    """Looks at the rules of states that come and go, once a second.

    What rules did since the start does not go back when a state goes, nor when other rules come,
    for the ids that are among them too.
    """

    def __init__(self) -> None:
        self._known = _Known(RuleSet())
        self._sums = np.zeros((0, _COLUMNS), np.int64)
        # Of a state that is ahead of the others, or behind them, for a moment.
        self._others: dict[str, NDArray[np.int64]] = {}
        self._last: WeakKeyDictionary[Shard, tuple[RuleSet, NDArray[np.int64]]] = (
            WeakKeyDictionary()
        )

    def note(self, shard: Shard) -> None:
        """Note what a state's rules had done before: it is no part of the sums."""
        self._last[shard] = _counted(shard)

    def count(self, shard: Shard) -> None:
        """Add what a state's rules did since the last time."""
        rules, counts = _counted(shard)
        before, earlier = self._last.get(shard, (None, counts))
        # Rules that came in the place of others have counted from 0.
        more = counts - earlier if before is rules else counts
        self._last[shard] = rules, counts
        if self._known.are(rules):
            self._sums += more
            return
        for at in np.flatnonzero(more.any(axis=1)).tolist():
            name = rules.rules[at].id
            self._others[name] = self._others.get(name, 0) + more[at]

    def standing(self, shards: Sequence[Shard]) -> RulesStanding:
        """Return the rules in force: those of the first state, counted in all that have them.

        States get the same orders; for a moment one may be ahead of another.
        """
        if not shards:
            return RulesStanding()
        rules = shards[0].engine.rules.rules
        if not self._known.are(rules):
            self._know(rules)
        known = self._known
        engines = [shard.engine for shard in shards if known.are(shard.engine.rules.rules)]
        counts = sum((it.rules.counts for it in engines), np.zeros_like(self._sums))
        modes = known.modes.copy()
        modes[[known.places[name] for it in engines for name in it.rules.tripped]] = _TRIPPED
        modes[known.ends_us <= max(it.clock.watermark_us for it in engines)] = _EXPIRED
        return RulesStanding(known.heads, modes, counts, self._sums.copy())

    def _know(self, rules: RuleSet) -> None:
        """Let other rules be those that are counted; what the former did goes with their ids."""
        before, earlier = self._known.places, self._sums
        self._known = _Known(rules)
        self._sums = np.zeros((len(rules), _COLUMNS), np.int64)
        for at, head in enumerate(self._known.heads):
            if head.id in before:
                self._sums[at] += earlier[before[head.id]]
            self._sums[at] += self._others.get(head.id, 0)
        self._others = {}


class _Known:
    """What is the same of rules whenever they are looked at."""

    def __init__(self, rules: RuleSet) -> None:
        each = rules.rules
        self._rules, self._digest = rules, rules.digest
        self.heads = tuple(RuleHead(it.id, it.action.name.lower(), it.share) for it in each)
        self.places = {it.id: at for at, it in enumerate(each)}
        live = np.array([it.mode is Mode.LIVE for it in each], np.bool_)
        self.modes = np.where(live, MODES.index(LIVE), MODES.index(SHADOW)).astype(np.int8)
        ends_us = [_NEVER_US if it.expires_us is None else it.expires_us for it in each]
        self.ends_us = np.array(ends_us, np.int64)

    def are(self, rules: RuleSet) -> bool:
        """Tell whether rules are these."""
        return rules is self._rules or rules.digest == self._digest


def _counted(shard: Shard) -> tuple[RuleSet, NDArray[np.int64]]:
    rules = shard.engine.rules
    return rules.rules, rules.counts.copy()
