"""How a worker's traffic stands: looked at by its own thread now and then, left for the others.

To look costs the same however many records there were, and is done once a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakSet

from stream.config.configuration import Config
from stream.page.board import Traffic
from stream.shards.shard import Shard
from stream.telemetry.figures import FeatureDrift, Figures, Latency, Phase
from stream.telemetry.latency_histogram import LatencyHistogram
from stream.telemetry.rules_standing import RuleMeter
from stream.telemetry.standing import (
    Sums,
    counted_by_shard,
    counted_by_worker,
    fills,
    lists,
    models,
    redis,
    restored,
    snapshots,
    snoozes,
    tallied,
    threshold,
    watermark_us,
)
from stream.telemetry.tally import (
    ADOPTION_DELAY,
    END_TO_END,
    LABEL_DELAY,
    OUTCOMES,
    SCORING,
    SHARED_DELAY,
    TRAINING_DELAY,
    Tally,
)
from stream.worker import Worker

INTERVAL_S = 1.0
# No rate is over less.
_LEAST_S = 1e-3
_REFUSED = OUTCOMES.index("refused")


class TrafficMeter:
    """The figures of a worker, and of those that begin anew in its place.

    Parameters
    ----------
    config : Config
    clock : callable
        Seconds, never going back.
    now_us : callable
        The time of day, microseconds since the epoch.

    Attributes
    ----------
    tally : Tally
        To be given to the worker.
    figures : Figures
        The latest; any thread may read them, and nobody changes them.
    phase : Phase
    drift : callable
        Returns how far features have moved; asked by the worker's thread. To be replaced.
    show : callable
        Given the worker after each look while it is at work. To be replaced.
    """

    def __init__(
        self,
        config: Config,
        clock: Callable[[], float] = time.monotonic,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        topics = config.topics
        inputs = topics.transactions, topics.labels, topics.control
        self.tally = Tally(*inputs, config.exchange(), now_us, clock)
        self.phase = Phase.STARTING
        self.drift: Callable[[], Mapping[str, FeatureDrift]] = dict
        self.show: Callable[[Worker], None] = _nobody
        self.clock = clock
        self.now_us = now_us
        self._config = config
        self._worker: Worker | None = None
        self._sums = Sums()
        self._rules = RuleMeter()
        self._shards: WeakSet[Shard] = WeakSet()
        self._followed = False
        self._live_at_s = clock()
        self.figures = self._shown = self._look()

    def follow(self, worker: Worker) -> None:
        """Look at a worker from now on, which is to take up what was left; any other is gone."""
        self._sums.totals["restarts",] += int(self._followed)
        self._worker, self._followed = worker, True
        self._enter(Phase.RECOVERING)

    def running(self) -> None:
        """Note that what was left is taken up, and that records are taken."""
        self._live_at_s = self.clock()
        self.tally.turned()
        self._enter(Phase.RUNNING)

    def left(self) -> None:
        """Look no more at a worker that is to be closed; another may follow."""
        self._worker = None
        self._enter(Phase.STARTING)

    def stopping(self) -> None:
        """Note that the worker was told to stop; any thread may say so."""
        self.phase = Phase.STOPPING

    def polled(self) -> None:
        """Look at the worker if it is time; its thread calls this after each poll."""
        if self.clock() >= self.figures.at_s + INTERVAL_S:
            self.look()
            if self._worker is not None and self.phase is Phase.RUNNING:
                self.show(self._worker)

    def look(self) -> Figures:
        """Look at the worker now, and leave the figures; by its own thread."""
        self.figures = self._look()
        return self.figures

    def snapshot(self, now_s: float | None = None) -> Traffic:
        """Return what went through since this was asked last; by the worker's thread.

        Parameters
        ----------
        now_s : float, optional
            By the meter's clock; figures of the last half interval are taken as they are.
        """
        now_s = self.clock() if now_s is None else now_s
        if now_s >= self.figures.at_s + INTERVAL_S / 2:
            self.look()
        before, self._shown = self._shown, self.figures
        return traffic(before, self.figures, self.now_us())

    def _enter(self, phase: Phase) -> None:
        # Told to stop while it was starting, it stops.
        if self.phase is not Phase.STOPPING:
            self.phase = phase
        self.look()

    def _look(self) -> Figures:
        tally, worker = self.tally, self._worker
        # Before that a worker is not what it will be: it takes up what the last one counted.
        live = worker is not None and self.phase in (Phase.RUNNING, Phase.STOPPING)
        about = self._about(worker) if worker is not None and live else {}
        return Figures(
            at_s=self.clock(),
            turned_s=tally.turned_s,
            phase=self.phase,
            records=tally.records,
            decisions=int(tally.payments[:_REFUSED].sum()),
            labels=sum(n for (topic, _), n in tally.others.items() if topic == tally.labels),
            counts={**tallied(tally), **self._sums.totals},
            scores=tuple(tally.scores.tolist()),
            score_sum=float(tally.score_sum[0]),
            scoring=Latency(tally.scoring.copy(), float(tally.sums_us[SCORING])),
            end_to_end=Latency(tally.end_to_end.copy(), float(tally.sums_us[END_TO_END])),
            label_delay=Latency(tally.label_delay.copy(), float(tally.sums_us[LABEL_DELAY])),
            shared_delay=Latency(tally.shared_delay.copy(), float(tally.sums_us[SHARED_DELAY])),
            training_delay=Latency(
                tally.training_delay.copy(), float(tally.sums_us[TRAINING_DELAY])
            ),
            adoption_delay=Latency(
                tally.adoption_delay.copy(), float(tally.sums_us[ADOPTION_DELAY])
            ),
            budget=float(self._config.decision.alerts_per_day),
            drift=dict(self.drift()),
            **about,
        )

    def _about(self, worker: Worker) -> dict[str, Any]:
        """Return the figures of a worker that is at work, and add what it has counted."""
        config, shards = self._config, list(worker.shards)
        for shard in shards:
            if shard not in self._shards:
                self._shards.add(shard)
                self._sums.note(shard, restored(shard))
                self._rules.note(shard)
        # Those too whose partition has gone: they counted until it went.
        for shard in list(self._shards):
            self._sums.count(shard, counted_by_shard(shard))
            self._rules.count(shard)
        self._sums.count(worker, counted_by_worker(worker))
        return {
            "assigned": worker.source.partitions,
            "policy_version": shards[0].policy_version if shards else "",
            "lags": worker.source.lags(),
            "watermark_us": watermark_us(shards, config.windows.idle_after),
            "threshold": threshold(shards),
            "models": models(config, shards),
            "fills": fills(shards),
            "snapshots": snapshots(shards, self.clock() - self._live_at_s),
            "redis": redis(worker),
            "rules": self._rules.standing(shards),
            "lists": lists(shards),
            "snoozes": snoozes(shards),
        }


def _nobody(_: Worker) -> None:
    """Show the worker to nobody."""


def traffic(before: Figures, now: Figures, now_us: int) -> Traffic:
    """Return what went through between two looks at a worker.

    Parameters
    ----------
    before, now : Figures
    now_us : int
        The time of day, microseconds since the epoch.
    """
    seconds = max(now.at_s - before.at_s, _LEAST_S)
    totals, earlier = _totals(now), _totals(before)
    ms = _since(before.end_to_end, now.end_to_end).summary_ms()
    behind = None if now.watermark_us is None else max(0, now_us - now.watermark_us) // 1000
    return Traffic(
        records_per_s=(totals["records"] - earlier["records"]) / seconds,
        decisions_per_s=(totals["decisions"] - earlier["decisions"]) / seconds,
        alerts_per_s=(totals["alerts"] - earlier["alerts"]) / seconds,
        labels_per_s=(totals["labels"] - earlier["labels"]) / seconds,
        lag_records=now.lag,
        watermark_delay_ms=behind,
        p50_ms=ms["p50"],
        p99_ms=ms["p99"],
        p999_ms=ms["p999"],
        totals=totals,
        dead_letters={key[2]: n for key, n in now.counts.items() if key[0] == "dlq"},
    )


def _since(before: Latency | None, now: Latency | None) -> LatencyHistogram:
    """Return the latencies between two looks."""
    if now is None:
        return LatencyHistogram()
    return now.histogram if before is None else now.histogram.since(before.histogram)


def _totals(figures: Figures) -> dict[str, int]:
    """Return what was done since the start, as the page shows it."""
    return {
        "records": figures.records,
        "decisions": figures.decisions,
        "alerts": figures.count("alerts") - figures.count("alerts_held"),
        "unscored": figures.count("unscored"),
        "late": figures.count("late"),
        "labels": figures.labels,
        "labels_learned": figures.count("learn", "label"),
        "matured_as_genuine": figures.count("learn", "maturity"),
        "dead_letters": figures.count("dlq"),
    }
