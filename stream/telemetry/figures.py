"""How a worker stands, as plain values that nobody changes: what other threads may read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.telemetry.latency_histogram import LatencyHistogram


class Phase(StrEnum):
    """What a worker is about."""

    STARTING = "starting"
    RECOVERING = "recovering"
    RUNNING = "running"
    STOPPING = "stopping"


class Latency(NamedTuple):
    """Latencies until now, microseconds: how many of each, and all together."""

    histogram: LatencyHistogram
    sum_us: float


class ModelStanding(NamedTuple):
    """A model at work, by its name in the configuration: whether it decides, how much it learned.

    `aside` says why it is asked nothing, if so: disabled, by an order or for its cost; failed; or
    empty.
    """

    name: str
    kind: str
    decides: bool
    aside: str
    ready: bool
    learned: int


class FeatureDrift(NamedTuple):
    """How far a feature has moved from its reference, and whether that is more than chance."""

    psi: float
    drifted: bool


class Fill(NamedTuple):
    """How much of a bounded store is taken; `type` is the entities' where it has one."""

    kind: str
    type: str
    entries: int
    capacity: int


LIVE, SHADOW, TRIPPED, EXPIRED = MODES = ("live", "shadow", "tripped", "expired")


class RuleStanding(NamedTuple):
    """A rule in force, and what it came to since it came in force.

    Attributes
    ----------
    id, action : str
    mode : str
        One of `MODES`: live; shadow; tripped, in shadow because it matched too much; or expired.
    share : float
        Of payments for which a live one decides.
    live, shadow, failed : int
        Payments that it matched live and in shadow, and on which it had no result.
    """

    id: str
    action: str
    mode: str
    share: float
    live: int
    shadow: int
    failed: int


class RuleHead(NamedTuple):
    """What of a rule stays as it is while it is in force."""

    id: str
    action: str
    share: float


@dataclass(frozen=True, eq=False)
class RulesStanding:
    """All rules in force, over all states; rows are made of it by those who ask.

    Attributes
    ----------
    heads : tuple of RuleHead
        By id.
    modes : ndarray of int8, shape (n_rules,)
        Places in `MODES`.
    counts : ndarray of int64, shape (n_rules, 3)
        Since they came in force: matched live, matched in shadow, failed.
    since_start : ndarray of int64, shape (n_rules, 3)
        The same since the worker started.
    """

    heads: tuple[RuleHead, ...] = ()
    modes: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    since_start: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 3), np.int64))

    def __len__(self) -> int:
        return len(self.heads)

    def rows(self, at: Iterable[int] | None = None) -> list[RuleStanding]:
        """Return how some rules stand, by their places; by default all."""
        places = list(range(len(self)) if at is None else at)
        columns = self.modes[places].tolist(), self.counts[places].tolist()
        return [
            RuleStanding(head.id, head.action, MODES[mode], head.share, *counted)
            for head, mode, counted in zip(
                (self.heads[place] for place in places), *columns, strict=True
            )
        ]

    def loudest(self, n: int) -> list[RuleStanding]:
        """Return at most n: those that tripped, then those that matched most."""
        matched = self.counts[:, :2].sum(axis=1)
        order = np.lexsort((-matched, self.modes != MODES.index(TRIPPED)))
        return self.rows(order[:n].tolist())

    def named(self, mode: str) -> frozenset[str]:
        """Return the ids of those in a mode."""
        at = np.flatnonzero(self.modes == MODES.index(mode)).tolist()
        return frozenset(self.heads[place].id for place in at)


class ListStanding(NamedTuple):
    """How long a list is and may be, and how often it was changed in all its life."""

    name: str
    entries: int
    capacity: int
    version: int


@dataclass(frozen=True)
class Snapshots:
    """What outlives the worker: the oldest of its states, and sums over them.

    Attributes
    ----------
    age_s : float
        Since the state was taken that is on the disk; before the first, since the start.
    replay_s : float
        Work that a start after a kill would do again.
    recovery_s : float
        What this start took to take up what was left.
    held_up_s : float
        How long the loop stood still for the last one.
    size : int
        Bytes of the last one.
    mismatches : int
        Steps that came to another end when this start took them again.
    """

    age_s: float
    replay_s: float
    recovery_s: float
    held_up_s: float
    size: int
    mismatches: int


@dataclass(frozen=True)
class Redis:
    """How writing the online features stands."""

    well: bool
    behind_s: float


@dataclass(frozen=True)
class Figures:
    """All of it, as of one moment between two turns of the loop.

    Attributes
    ----------
    at_s : float
        That moment, by a clock that never goes back; `turned_s` is when the loop came round.
    phase : Phase
    assigned : int
        Partitions that the group has given, of all topics.
    records, decisions, labels : int
        Taken of all topics; payments that were decided; labels that came.
    counts : mapping of (str, ...) to int
        What only grows: a name of `standing.COUNTS`, then the values of its labels.
    scores : tuple of int
        The champion's by `tally.SCORE_BOUNDS`.
    lags : mapping of (str, int) to int
        Records to be read, by topic and partition, where it is known.
    watermark_us : int or None
        Event time of the slowest state that is not idle; None before any payment.
    threshold : float or None
        Score from which a payment is reviewed; the mean of all states'.
    budget : float
        Alerts a day that are wanted; 0: any number.
    snapshots : Snapshots or None
        None where nothing is kept.
    redis : Redis or None
        None where nothing is written.
    drift : mapping of str to FeatureDrift
        By feature.
    rules : RulesStanding
        Those in force.
    lists : tuple of ListStanding
    snoozes : int
        Those that are not over.
    """

    at_s: float
    turned_s: float
    phase: Phase = Phase.STARTING
    assigned: int = 0
    policy_version: str = ""
    records: int = 0
    decisions: int = 0
    labels: int = 0
    counts: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    scores: tuple[int, ...] = ()
    score_sum: float = 0.0
    scoring: Latency | None = None
    end_to_end: Latency | None = None
    label_delay: Latency | None = None
    shared_delay: Latency | None = None
    training_delay: Latency | None = None
    adoption_delay: Latency | None = None
    lags: Mapping[tuple[str, int], int] = field(default_factory=dict)
    watermark_us: int | None = None
    threshold: float | None = None
    budget: float = 0.0
    models: tuple[ModelStanding, ...] = ()
    fills: tuple[Fill, ...] = ()
    snapshots: Snapshots | None = None
    redis: Redis | None = None
    drift: Mapping[str, FeatureDrift] = field(default_factory=dict)
    rules: RulesStanding = field(default_factory=RulesStanding)
    lists: tuple[ListStanding, ...] = ()
    snoozes: int = 0

    @property
    def lag(self) -> int | None:
        """Records to be read, of all partitions of which it is known."""
        return sum(self.lags.values()) if self.lags else None

    @property
    def ready(self) -> bool:
        """Whether payments are decided: the state is restored, and there are partitions."""
        return self.phase is Phase.RUNNING and self.assigned > 0

    def count(self, *key: str) -> int:
        """Return the sum of the counts that begin with a name and, where given, its labels."""
        return sum(n for each, n in self.counts.items() if each[: len(key)] == key)
