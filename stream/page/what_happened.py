"""What has happened since somebody looked last: marks for the charts, found by comparing.

Nothing is noted where it happens, which would cost every batch something. Once a second it is seen
how things stand, and what is different is marked. What came and went within that second is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from weakref import WeakKeyDictionary

from stream.champion.reigns import Cause, Reign
from stream.page.board import Marker
from stream.page.markers import Markers
from stream.plurals import several
from stream.rules.rule import RuleSet
from stream.shards.shard import Shard
from stream.telemetry.figures import LIVE, TRIPPED, Figures
from stream.telemetry.standing import DISABLED, FAILED

# Some feed may change a list every second.
LISTS_MARKED_EVERY_MS = 60_000
_ASIDES = {
    DISABLED: "is disabled: it is asked nothing",
    FAILED: "failed: it is asked nothing any more",
    "": "is asked again",
}
# A kind of marker, and what it says.
Happened = tuple[str, str]


class WhatHappened:
    """Marks what is different from a second ago.

    Parameters
    ----------
    markers : Markers
    now_ms : callable
        The time of day, milliseconds since the epoch.

    Attributes
    ----------
    ready : frozenset of str
        Names of the models that give scores.
    """

    def __init__(self, markers: Markers, now_ms: Callable[[], int]) -> None:
        self.ready: frozenset[str] = frozenset()
        self._markers = markers
        self._now_ms = now_ms
        self._reigns: WeakKeyDictionary[Shard, Reign] = WeakKeyDictionary()
        self._asides: dict[str, str] = {}
        self._rules: RuleSet | None = None
        self._tripped: frozenset[str] | None = None
        self._versions: dict[str, int] | None = None
        self._lists_ms = 0

    def mark(self, kind: str, text: str, event_ms: int | None = None) -> None:
        """Mark something now."""
        at_ms = self._now_ms()
        self._markers.add(Marker(time_ms=at_ms, event_ms=event_ms, kind=kind, text=text))

    def look(self, shards: Sequence[Shard], figures: Figures) -> None:
        """See how the states of a worker stand, and mark what is different."""
        event_ms = None if figures.watermark_us is None else figures.watermark_us // 1000
        # Each state is told the same orders: once is enough.
        for kind, text in dict.fromkeys(self._different(shards, figures)):
            self.mark(kind, text, event_ms)

    def _different(self, shards: Sequence[Shard], figures: Figures) -> Iterator[Happened]:
        yield from self._models(figures)
        for shard in shards:
            yield from self._crowned(shard)
        policy = figures.policy_version
        if policy and self._markers.last("policy") != _under(policy):
            yield "policy", _under(policy)
        yield from self._schemas(shards)
        if shards:
            yield from self._others(shards[0].engine.rules.rules)
            yield from self._trips(figures)
            yield from self._lists(figures)

    def _models(self, figures: Figures) -> Iterator[Happened]:
        """Yield models that give scores now, and such as are asked nothing any more, or again."""
        ready = frozenset(model.name for model in figures.models if model.ready)
        for name in sorted(ready - self.ready):
            yield "model", f"{name} has seen enough labels and gives scores"
        self.ready = ready
        asides = {each.name: each.aside for each in figures.models}
        for name, aside in asides.items():
            if aside != self._asides.get(name, aside):
                yield "model", f"{name} {_ASIDES[aside]}"
        self._asides = asides or self._asides

    def _crowned(self, shard: Shard) -> Iterator[Happened]:
        """Yield who became champion of a state."""
        reigns = shard.engine.lineup.reigns
        last = self._reigns.get(shard)
        if last is not None:
            # Of very many the first are forgotten; then all that are known are new.
            known = reigns.index(last) + 1 if last in reigns else 0
            yield from map(_of, reigns[known:])
        self._reigns[shard] = reigns[-1]

    def _schemas(self, shards: Sequence[Shard]) -> Iterator[Happened]:
        """Yield contracts under which no payment came before."""
        known = self._markers.texts("schema")
        for shard in shards:
            for number in shard.schemas_seen:
                if (text := f"the first payment written with schema {number} came") not in known:
                    yield "schema", text

    def _others(self, rules: RuleSet) -> Iterator[Happened]:
        """Yield other rules than before; over a restart it is remembered which they were."""
        before, self._rules = self._rules, rules
        if before is not None:
            if rules.digest == before.digest:
                return
            # What was put in shadow is what its author says again, and may trip once more.
            self._tripped = frozenset()
        said = self._markers.last("rules")
        if said is None and not len(rules):
            return
        name = f"rules {rules.digest} are in force: "
        if said is None or not said.startswith(name):
            yield "rules", name + _changes(before, rules)

    def _trips(self, figures: Figures) -> Iterator[Happened]:
        """Yield rules that were put in shadow for matching too much, or that decide again."""
        tripped = figures.rules.named(TRIPPED)
        if self._tripped is None:
            # Those of before the start are marked already, if anything is kept.
            known = self._markers.texts("breaker")
            new = {each for each in tripped if _tripped(each) not in known}
        else:
            new = set(tripped - self._tripped)
            for name in sorted(self._tripped & figures.rules.named(LIVE)):
                yield "breaker", f"{name} decides again: the same rules were applied once more"
        self._tripped = tripped
        for name in sorted(new):
            yield "breaker", _tripped(name)

    def _lists(self, figures: Figures) -> Iterator[Happened]:
        """Yield which lists were changed how often, once a minute at most."""
        now_ms, versions = self._now_ms(), {each.name: each.version for each in figures.lists}
        if self._versions is None:
            self._versions = versions
        if versions == self._versions or now_ms < self._lists_ms + LISTS_MARKED_EVERY_MS:
            return
        changed = [
            f"{each.name} was changed {_times(n)} and has {several(each.entries, 'entry')}"
            for each in figures.lists
            # Where a state came from elsewhere, it may be behind for a moment.
            if (n := each.version - self._versions.get(each.name, 0)) > 0
        ]
        self._versions = versions
        if changed:
            self._lists_ms = now_ms
            yield "lists", "; ".join(changed)


def _of(reign: Reign) -> Happened:
    """Return what is said of a model that became champion."""
    back = reign.cause == Cause.ROLLBACK
    who = f", by {reign.by}" if reign.by else ""
    why = f": {reign.why}" if reign.why else ""
    kind = "rollback" if back else "promotion"
    return kind, f"{reign.model} decides{' again' if back else ''}{who}{why}"


def _changes(before: RuleSet | None, rules: RuleSet) -> str:
    """Return how many rules there are, and how many are other ones than before."""
    live = sum(rule.mode.value == LIVE for rule in rules.rules)
    text = f"{len(rules):,}, {live:,} of them live"
    if before is None:
        return text
    old = {rule.id: rule.version for rule in before.rules}
    new = {rule.id: rule.version for rule in rules.rules}
    both = old.keys() & new.keys()
    counts = {
        "new": len(new) - len(both),
        "changed": sum(old[name] != new[name] for name in both),
        "gone": len(old) - len(both),
    }
    said = [f"{n:,} {word}" for word, n in counts.items() if n]
    return f"{text}; {', '.join(said)}" if said else text


def _tripped(rule: str) -> str:
    return f"{rule} matched too much: it is in shadow until rules are applied again"


def _under(policy: str) -> str:
    return f"decisions are made under policy {policy}"


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n:,} times"
