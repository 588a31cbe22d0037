"""Where the time of a payment and its label goes, stage by stage, in one process without Kafka.

The stages are timed where they are called, by a clock that belongs to one of them at a time: what a
stage calls that is a stage itself is not counted twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from confluent_kafka import TIMESTAMP_CREATE_TIME, Message

from benchmarks.harness import Result, Run, benchmark
from benchmarks.kafka.job import PARTITIONS, Job, Records
from benchmarks.kafka.ours import Overrides, merged, overrides_of
from stream.app import codecs_of, decoders_of, engine_of, publisher_of, registry_of
from stream.config.configuration import load
from stream.kafka import source
from stream.process_memory import touch
from stream.shards.shard import Shard
from stream.warm_up import warm_up

BATCHES = (1, 16, 64, 256, 1024)
UNIT = "us/event"
STAGES = {
    "lay_out": "lay records out as columns",
    "decode": "decode the payment",
    "recognise": "recognise repeats, and give a place among the waiting rows",
    "features": "compute 45 features of 3 entities",
    "score": "score and calibrate",
    "decide": "decide, and remember for the label",
    "publish": "make the records of decisions and alerts",
    "decode_label": "decode the label",
    "join": "join the label to its payment",
    "learn": "judge what was said, and learn",
}
_HASH_KEY = bytes(range(16))
_AT = "stage_{}"


class StageClock:
    """Seconds by stage; one stage at a time has the clock."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._stack: list[str] = []
        self._since = 0.0

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose time is a stage's, less that of stages it calls."""

        def call(*given: Any, **named: Any) -> Any:
            self.enter(stage)
            try:
                return function(*given, **named)
            finally:
                self.leave()

        return call

    def enter(self, stage: str) -> None:
        """Give a stage the clock."""
        now = time.perf_counter()
        if self._stack:
            self.seconds[self._stack[-1]] += now - self._since
        self._stack.append(stage)
        self._since = now

    def leave(self) -> None:
        """Give the clock back to whoever had it before."""
        now = time.perf_counter()
        self.seconds[self._stack.pop()] += now - self._since
        self._since = now


class Stages:
    """The job of `engine_vs_*`, decisions published too, on records in memory.

    Parameters
    ----------
    n : int
        Payments that can be paid, and labels of earlier ones.
    seed : int
    clock : StageClock, optional
    warm : int
        Payments that are paid already, half of them labelled; by default twice as many.
    per_s : int
        Payments a second of event time.
    more : mapping, optional
        Sections of the configuration, over the job's.
    hot : bool
        See `benchmarks.kafka.job.Job`.
    """

    def __init__(
        self,
        n: int,
        seed: int,
        clock: StageClock | None = None,
        *,
        warm: int = -1,
        per_s: int = 100,
        more: Overrides | None = None,
        hot: bool = False,
    ) -> None:
        where = "nowhere:1", "payments", "labels", "out"
        job = Job(*where, n, seed, warm=warm, per_s=per_s, hot=hot)
        decisions: Overrides = {"topics": {"decisions": job.decisions}}
        config = load(None, **merged(overrides_of(job), decisions, more or {}))
        registry = registry_of(config)
        decoders = decoders_of(config, registry, _HASH_KEY)
        engine = engine_of(config, _HASH_KEY)
        warm_up(engine, decoders.transactions, decoders.labels)
        touch(engine.arrays())
        self.clock = StageClock() if clock is None else clock
        self._shard = Shard(
            config,
            engine,
            decoders.transactions,
            decoders.labels,
            publisher_of(config, engine),
            codecs_of(config, registry),
        )
        self._topics = config.topics
        records = Records(job)
        self._now_ms = time.time_ns() // 1_000_000
        self._payments = self._messages(
            self._topics.transactions, records.payments(0, job.warm + n)
        )
        behind = job.labels_before + n
        self._labels = self._messages(self._topics.labels, records.labels(0, behind))
        self._lay_out = source.raw_batch
        self._paid = self._labelled = 0
        while self._paid < job.warm:
            self.pay(min(1000, job.warm - self._paid))
        while self._labelled < job.labels_before:
            self.label(min(1000, job.labels_before - self._labelled))
        self._put_clocks()

    def pay(self, n: int) -> None:
        """Take the next payments."""
        self.work(self.payments(n))

    def label(self, n: int) -> None:
        """Take the next labels."""
        self.work(self.labels(n))

    def payments(self, n: int) -> source.RawBatch:
        """Return the next payments as a poll gives them."""
        self._paid += n
        messages = self._payments[self._paid - n : self._paid]
        return self._lay_out(self._topics.transactions, messages, self._now_ms)

    def labels(self, n: int) -> source.RawBatch:
        """Return the next labels as a poll gives them."""
        self._labelled += n
        messages = self._labels[self._labelled - n : self._labelled]
        return self._lay_out(self._topics.labels, messages, self._now_ms)

    def work(self, raw: source.RawBatch) -> None:
        """Do all there is to do for a batch; drop the records that it leads to."""
        step = self._shard.take(raw)
        assert step is not None
        for _ in step.records:
            pass

    def _messages(self, topic: str, records: Iterable[tuple[bytes, bytes]]) -> list[Message]:
        stamp = TIMESTAMP_CREATE_TIME, self._now_ms
        return [
            Message(
                topic=topic,
                value=value,
                key=key,
                timestamp=stamp,
                partition=i % PARTITIONS,
                offset=i // PARTITIONS,
            )
            for i, (key, value) in enumerate(records)
        ]

    def _put_clocks(self) -> None:
        """Time what is called of every stage."""
        shard, engine = self._shard, self._shard.engine
        champion = engine.champion
        for stage, owner, name in (
            ("lay_out", self, "_lay_out"),
            ("decode", shard._transactions, "decode"),
            ("decode_label", shard._labels, "decode"),
            ("recognise", engine.waiting, "admit"),
            ("recognise", engine.book, "admit"),
            ("features", engine.features, "observe"),
            ("score", champion.learner, "predict_proba_many"),
            ("score", champion.calibrator, "calibrate"),
            ("decide", engine, "step"),
            ("join", engine, "label"),
            ("learn", engine, "_learn"),
            ("publish", self, "work"),
        ):
            setattr(owner, name, self.clock.timed(stage, getattr(owner, name)))


@benchmark(*(_AT.format(stage) for stage in STAGES), unit=UNIT, takes_s=60)
def stages(run: Run) -> list[Result]:
    """Follow a payment and its label through the engine, in batches of 1 to 1024."""
    found: dict[str, dict[int, float]] = {stage: {} for stage in STAGES}
    for size in BATCHES:
        n = _events(size, run.quick)
        run.progress(f"batches of {size}")
        job = Stages(max(n, 2000), run.seed)
        rounds = list(_rounds(job, n, size))
        for stage in STAGES:
            found[stage][size] = float(np.median([each[stage] for each in rounds]))
    return [
        Result(_AT.format(stage), UNIT, sizes[BATCHES[-1]], detail={"by_batch": sizes})
        for stage, sizes in found.items()
    ]


def _events(size: int, quick: bool) -> int:
    n = min(100_000, 2000 * size) // (10 if quick else 1)
    return max(n // size, 1) * size


def _rounds(job: Stages, n: int, size: int) -> Iterator[dict[str, float]]:
    """Yield microseconds an event, by stage, of stretches of a tenth of all."""
    batches = n // size
    for some in np.array_split(np.arange(batches), min(10, batches)):
        before = dict(job.clock.seconds)
        for _ in some:
            job.pay(size)
            job.label(size)
        events = len(some) * size
        yield {
            stage: (seconds - before[stage]) / events * 1e6
            for stage, seconds in job.clock.seconds.items()
        }
