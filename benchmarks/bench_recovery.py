"""Recovery: how long a start takes after a kill, and whether a replay takes as long as the work.

A worker's shard with its journal and snapshots on a disk, and records from memory in place of
Kafka's: what is timed is the reading and restoring of the snapshot, the reading of the journal, and
the replay, with decoding and scoring. The session timeout of a group comes on top, and the network.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import Result, Run, benchmark
from schemas.records import RecordCodec, builtin
from stream.app import codecs_of, decoders_of, engine_of, publisher_of, registry_of
from stream.config.configuration import load
from stream.kafka.source import raw_batch
from stream.partition import Partition
from stream.recovery.recovery import Recovery
from stream.recovery.schedule import Schedule
from stream.recovery.segments import Journal
from stream.recovery.setup import identity_of
from stream.shards.shard import Shard
from stream.snapshots.background import BackgroundWriter
from stream.snapshots.folder import SnapshotFolder

_KEY = bytes(range(16))
_ROWS = 500
_START_MS = 1_700_000_000_000
_OVERRIDES: dict[str, dict[str, Any]] = {
    "features": {
        "names": (
            "amount",
            "{card,merchant}.{count,amount_sum,amount_mean,amount_std}_{10m,1h,1d,7d}",
            "{card,merchant}.seconds_since_last",
        )
    },
    "decision": {"review": 0.999, "block": 0.999},
    "model": {"frauds_min": 1, "genuine_min": 1},
}


@dataclass(frozen=True, slots=True)
class _Record:
    """A record as a consumer gives it."""

    at: int
    content: bytes

    def topic(self) -> str:
        return "fraud.transactions"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return 1, _START_MS + self.at

    def key(self) -> None:
        return None

    def value(self) -> bytes:
        return self.content

    def headers(self) -> list[Any]:
        return []


@dataclass
class _Topic:
    """A topic of one partition, and a reader of it."""

    records: list[_Record] = field(default_factory=list)

    def committed(self, places: list[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(places, -1001)

    def read(
        self, first: Mapping[Partition, int], behind: Mapping[Partition, int]
    ) -> Iterator[list[Any]]:
        for (_, partition), at in first.items():
            end = behind["fraud.transactions", partition]
            for start in range(at, end, 1000):
                yield self.records[start : min(start + 1000, end)]

    def alerts(self, since_ms: int) -> dict[str, tuple[Partition, int]]:
        return {}

    def close(self) -> None: ...


class _Work:
    """A shard over the topic, at work batch by batch."""

    def __init__(self, folder: Path, topic: _Topic) -> None:
        self.config = load(None, **_OVERRIDES)
        registry = registry_of(self.config)
        decoders = decoders_of(self.config, registry, _KEY)
        codecs = codecs_of(self.config, registry)
        registry.close()
        inputs = decoders.transactions, decoders.labels
        engine = engine_of(self.config, _KEY)
        self.topic = topic
        self.recovery = Recovery(
            Journal(folder),
            identity_of(self.config, inputs, _KEY),
            snapshots := SnapshotFolder(folder),
            BackgroundWriter(snapshots),
            topic,
            Schedule(1e9),
        )
        publisher = publisher_of(self.config, engine)
        self.shard = Shard(self.config, engine, *inputs, publisher, codecs, self.recovery)
        self.at = 0

    def recover(self) -> float:
        """Take up what was left; return the seconds."""
        began_s = time.perf_counter()
        for step in self.shard.resume(lambda timeout_s: True):
            _drain(step.records)
        place = "fraud.transactions", 0
        self.recovery.assigned({place: -1001})
        self.at = max(self.recovery.progress.positions[place], 0)
        return time.perf_counter() - began_s

    def take(self, rows: int) -> float:
        """Work on so many more records; return the seconds."""
        began_s, end = time.perf_counter(), self.at + rows
        for start in range(self.at, end, _ROWS):
            records: list[Any] = self.topic.records[start : start + _ROWS]
            step = self.shard.take(
                raw_batch("fraud.transactions", records, records[-1].timestamp()[1])
            )
            if step is not None:
                _drain(step.records)
        self.at = end
        return time.perf_counter() - began_s


def _drain(records: Iterator[Any]) -> None:
    for _ in records:
        pass


def _topic(run: Run, n: int) -> _Topic:
    codec = RecordCodec(builtin("transaction"), 1)
    cards = run.rng.integers(0, n // 20 + 1, n).tolist()
    shops = run.rng.integers(0, n // 400 + 1, n).tolist()
    amounts = run.rng.lognormal(8, 1, n).astype(int).tolist()
    records = []
    for at in range(n):
        payment = {
            "transaction_id": f"t-{at}",
            "event_time": (_START_MS + at) * 1000,
            "amount_minor": amounts[at],
            "card_id": f"card-{cards[at]}",
            "merchant_id": f"shop-{shops[at]}",
        }
        records.append(_Record(at, codec.encode(payment)))
    return _Topic(records)


@benchmark("recovery_seconds", unit="s", takes_s=60)
def recovery_seconds(run: Run) -> list[Result]:
    """A start after a kill, with a replay of all since the snapshot; beside it, that work."""
    before, since = (50_000, 50_000) if run.quick else (400_000, 400_000)
    run.progress(f"making {before + since:,} payments")
    topic = _topic(run, before + since)
    rounds = []
    for number in range(1, 4):
        run.progress(f"round {number} of 3")
        with tempfile.TemporaryDirectory() as place:
            first = _Work(Path(place), topic)
            first.recover()
            first.take(before)
            # It is the last thing that a clean stop does.
            first.recovery.finish(60.0)
            worked_s = first.take(since)
            first.recovery.close()
            size = sum(path.stat().st_size for path in Path(place).glob("*.state"))
            heir = _Work(Path(place), topic)
            whole_s = heir.recover()
            heir.recovery.close()
        rounds.append((whole_s, worked_s, size))
    whole_s, worked_s, size = sorted(rounds)[1]
    detail = {
        "snapshot_bytes": size,
        "replayed": since,
        "records_per_s": round(since / whole_s),
        "work_per_s": round(since / worked_s),
        "seconds": [round(each[0], 3) for each in rounds],
        "work_seconds": [round(each[1], 3) for each in rounds],
    }
    return [Result("recovery_seconds", "s", whole_s, worked_s, worked_s / whole_s, detail)]
