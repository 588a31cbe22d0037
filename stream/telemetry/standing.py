"""How the parts of a worker stand, read off one by one; by the worker's own thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

from schemas.columns import Reason
from stream.config.configuration import Config
from stream.engine.counters import Counters
from stream.event_time import BEGINNING_US
from stream.shards.shard import Shard
from stream.telemetry.figures import Fill, ListStanding, ModelStanding, Redis, Snapshots
from stream.telemetry.tally import ALERTING, CAUSES, OUTCOMES, Tally
from stream.timed_learner import unlearned_by
from stream.worker import Worker

# What only grows, by name, and the names of its labels.
COUNTS: dict[str, tuple[str, ...]] = {
    "events": ("topic", "outcome"),
    "alerts": ("decision",),
    "alerts_held": ("cause",),
    "unscored": ("cause",),
    "late": (),
    "dlq": ("stage", "error"),
    "labels": ("fate",),
    "label_reviews": ("why",),
    "learn": ("source",),
    "examples_dropped": ("cause",),
    "evicted": (),
    "erasures": (),
    "rule_trips": (),
    "rules_applied": (),
    "promotions": ("cause",),
    "pauses": (),
    "labels_held_back": (),
    "restarts": (),
    "snapshots": ("result",),
    "redis_entities": ("result",),
}
CHAMPION = "champion"
DISABLED, FAILED = "disabled", "failed"
_STAGES = {reason.name.lower(): reason.stage for reason in Reason if reason is not Reason.OK}

# A name of COUNTS, then the values of its labels.
Key = tuple[str, ...]
Counts = Mapping[Key, int]


class Sums:
    """Sums of what others count, which do not go back when those come and go."""

    def __init__(self) -> None:
        self.totals: Counter[Key] = Counter()
        self._last: WeakKeyDictionary[object, Counts] = WeakKeyDictionary()

    def knows(self, whom: object) -> bool:
        """Tell whether somebody has counted for these sums, or was noted."""
        return whom in self._last

    def note(self, whom: object, counts: Counts) -> None:
        """Note what somebody had counted before: it is no part of the sums."""
        self._last[whom] = counts

    def count(self, whom: object, counts: Counts) -> None:
        """Add what somebody has counted since the last time."""
        last = self._last.get(whom, {})
        for key, n in counts.items():
            self.totals[key] += max(0, n - last.get(key, 0))
        self._last[whom] = counts


def tallied(tally: Tally) -> dict[Key, int]:
    """Return what was counted of the records themselves."""
    payments = dict(zip(OUTCOMES, tally.payments.tolist(), strict=True))
    unscored = zip(CAUSES, tally.unscored.tolist(), strict=True)
    return {
        **{("events", tally.transactions, name): n for name, n in payments.items()},
        **{("events", topic, name): n for (topic, name), n in tally.others.items()},
        **{("alerts", name): payments[name] for name in ALERTING},
        **{("unscored", cause): n for cause, n in unscored},
        **{("promotions", cause): n for cause, n in tally.promotions.items()},
        ("rule_trips",): tally.trips,
        ("rules_applied",): tally.rules_applied,
    }


def counted_by_worker(worker: Worker) -> dict[Key, int]:
    """Return what a worker has counted, and what writes to Redis beside it."""
    counts: dict[Key, int] = {
        ("pauses",): worker.stats.pauses,
        ("labels_held_back",): worker.labels.times,
    }
    if worker.online is not None:
        said = worker.online.as_dict()
        for name in ("written", "dropped", "failed"):
            counts["redis_entities", name] = said[name]
    return counts


def counted_by_shard(shard: Shard) -> dict[Key, int]:
    """Return what a shard has counted."""
    counts: dict[Key, int] = {
        **_of_engine(shard.engine.counters),
        **_of_state(shard),
        **{("dlq", _STAGES[e], e): n for e, n in shard.stats.dead_letters_by_reason.items()},
        **{("label_reviews", why): n for why, n in shard.stats.label_reviews.items()},
    }
    if shard.recovery is not None:
        stats = shard.recovery.stats
        counts["snapshots", "written"] = stats.snapshots
        counts["snapshots", "failed"] = stats.snapshots_failed
        counts["snapshots", "postponed"] = stats.snapshots_postponed
    return counts


def restored(shard: Shard) -> dict[Key, int]:
    """Return what a shard had counted when it took up what another had left."""
    return {**_of_engine(shard.restored), **_of_state(shard)}


def _of_engine(counters: Counters) -> dict[Key, int]:
    return {
        ("late",): counters.late,
        ("labels", "corrected"): counters.labels_corrected,
        ("labels", "repeated"): counters.labels_repeated,
        ("labels", "superseded"): counters.labels_superseded,
        ("labels", "withheld"): counters.labels_withheld,
        ("learn", "label"): counters.labels_learned,
        ("learn", "maturity"): counters.matured,
        ("erasures",): counters.erasures,
    }


def _of_state(shard: Shard) -> dict[Key, int]:
    engine = shard.engine
    return {
        ("examples_dropped", "lost"): engine.waiting.lost,
        ("examples_dropped", "raised"): unlearned_by(engine.learner),
        ("evicted",): engine.features.evicted_live,
        ("alerts_held", "cooldown"): engine.admission.grouped,
        ("alerts_held", "snooze"): engine.admission.snoozed,
    }


def watermark_us(shards: Sequence[Shard], idle_after_us: int) -> int | None:
    """Return the least watermark of the states that had payments of late; None before any."""
    clocks = [shard.engine.clock for shard in shards]
    began = [clock for clock in clocks if clock.watermark_us > BEGINNING_US]
    latest = max((int(clock.arrival_us.max()) for clock in began), default=0)
    return min(
        (
            clock.watermark_us
            for clock in began
            if latest - int(clock.arrival_us.max()) <= idle_after_us
        ),
        default=None,
    )


def threshold(shards: Sequence[Shard]) -> float | None:
    """Return the score from which a payment is reviewed, the mean of all states'."""
    each = [shard.engine.thresholds.review for shard in shards]
    return sum(each) / len(each) if each else None


def models(config: Config, shards: Sequence[Shard]) -> tuple[ModelStanding, ...]:
    """Return how every model stands, by slot.

    One decides, or has failed, if it does so in any state; it is ready if it is so in all.
    """
    if not shards:
        return ()
    kinds = [config.model.kind, *(each.kind for each in config.model.challengers.values())]
    lineups = [shard.engine.lineup for shard in shards]
    found = []
    for slot, (name, kind) in enumerate(zip(lineups[0].names, kinds, strict=True)):
        each = [it.contenders[slot] for it in lineups]
        failed = [contender.aside.failed for contender in each if contender.aside is not None]
        aside = (FAILED if any(failed) else DISABLED) if failed else ""
        decides = any(slot == it.at for it in lineups)
        ready = all(contender.ready for contender in each)
        learned = sum(contender.learner.learned for contender in each)
        found.append(ModelStanding(name, kind, decides, aside, ready, learned))
    return tuple(found)


def champion_first(shards: Sequence[Shard]) -> list[tuple[int, str]]:
    """Return slot and name of every contender, the champion of the first state before the others.

    That one is called the champion. Where every partition has a state of its own another one may
    decide in another.
    """
    lineup = shards[0].engine.lineup
    others = [(slot, name) for slot, name in enumerate(lineup.names) if slot != lineup.at]
    return [(lineup.at, CHAMPION), *others]


def fills(shards: Sequence[Shard]) -> tuple[Fill, ...]:
    """Return how full every bounded store is, of all states together."""
    entries: Counter[tuple[str, str]] = Counter()
    room: Counter[tuple[str, str]] = Counter()
    for shard in shards:
        engine = shard.engine
        features, book, waiting = engine.features, engine.book, engine.waiting
        stores = {
            ("events", ""): (min(features.arrived, features.events_max), features.events_max),
            **{("entities", name): found for name, found in features.entities.items()},
            ("waiting", ""): (waiting.kept, waiting.rows_max),
            ("labels_held", ""): (len(book.early), engine.parameters.labels.early_max),
            ("examples", ""): (len(book.queue), book.queue.examples_max),
        }
        for store, (n, most) in stores.items():
            entries[store] += n
            room[store] += most
    return tuple(Fill(*store, n, room[store]) for store, n in entries.items())


def lists(shards: Sequence[Shard]) -> tuple[ListStanding, ...]:
    """Return how long every list is; each state has all of it, so the longest says so."""
    if not shards:
        return ()
    every = [shard.engine.lists for shard in shards]
    sizes, versions = [each.sizes() for each in every], [each.versions() for each in every]
    return tuple(
        ListStanding(
            name,
            max(each[name] for each in sizes),
            declared.entries_max,
            max(each[name] for each in versions),
        )
        for name, declared in every[0].declared.items()
    )


def snoozes(shards: Sequence[Shard]) -> int:
    """Return how many snoozes are not over; each state has all of them."""
    engines = [shard.engine for shard in shards]
    return max(
        (len(it.admission.snoozes.in_force(it.clock.watermark_us)) for it in engines), default=0
    )


def snapshots(shards: Sequence[Shard], live_s: float) -> Snapshots | None:
    """Return how what outlives the worker stands, the worst of all states; None: nothing does.

    Parameters
    ----------
    shards : sequence of Shard
    live_s : float
        Seconds since records are taken.
    """
    found = [shard.recovery.as_dict() for shard in shards if shard.recovery is not None]
    if not found:
        return None
    ages = [each["snapshot_age_seconds"] for each in found]
    return Snapshots(
        age_s=max(live_s if age is None else age for age in ages),
        replay_s=max(each["replay_seconds"] for each in found),
        recovery_s=max(each["recovery_seconds"] for each in found),
        held_up_s=max(each["snapshot_held_up_seconds"] for each in found),
        size=sum(each["snapshot_bytes"] for each in found),
        mismatches=sum(each["replayed_otherwise"] for each in found),
    )


def redis(worker: Worker) -> Redis | None:
    """Return how writing to Redis stands; None where nothing is written."""
    if worker.online is None:
        return None
    said = worker.online.as_dict()
    return Redis(said["state"] == "ok", said["behind_seconds"])
