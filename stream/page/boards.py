"""Boards of a worker, made by its own thread once a second: what the page shows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from stream.cases.shown_alerts import ShownAlerts
from stream.config.configuration import Config
from stream.explanation.reason_text import Units
from stream.features.explain import explain
from stream.monitor.merging import Merged, merged_quality
from stream.monitor.monitor import Monitor
from stream.page.alerts_shown import LatestAlerts
from stream.page.board import VERSION, About, Board, Drift, Point, Quality, Traffic
from stream.page.distributions_shown import drift_shown
from stream.page.drift_said import said_of
from stream.page.feed import Feed
from stream.page.markers import Markers
from stream.page.quality_shown import (
    contenders_shown,
    disagreements_shown,
    quality_shown,
    segments_shown,
)
from stream.page.rules_shown import rules_shown
from stream.page.what_happened import WhatHappened
from stream.recovery.code_version import release
from stream.shards.shard import Shard
from stream.telemetry.figures import FeatureDrift, Figures
from stream.telemetry.standing import champion_first
from stream.telemetry.traffic import TrafficMeter
from stream.worker import Worker

# Comparing all features takes milliseconds, and a window is long.
_COMPARED_EVERY_S = 5.0


class KeepsPoints(Protocol):
    """A history that is added to; see `stream.page.history` and `stream.page.disk_history`."""

    def add(self, point: Point) -> None:
        """Keep a point."""
        ...


class BoardMaker:
    """Makes the boards of the workers that a meter looks at.

    Parameters
    ----------
    config : Config
    meter : TrafficMeter
        Is told here how far features have drifted, and whom to show the worker to.
    feed : Feed
    history : KeepsPoints
    markers : Markers
    bootstrap : str
        The brokers.
    judged : ShownAlerts, optional
        Where readers say what an alert was; None: nowhere.
    """

    def __init__(
        self,
        config: Config,
        meter: TrafficMeter,
        feed: Feed,
        history: KeepsPoints,
        markers: Markers,
        bootstrap: str,
        judged: ShownAlerts | None = None,
    ) -> None:
        self._config = config
        self._meter = meter
        self._feed = feed
        self._history = history
        self._markers = markers
        self._happened = WhatHappened(markers, lambda: meter.now_us() // 1000)
        self._bootstrap = bootstrap
        units = Units(config.inputs())
        self._alerts = LatestAlerts(config.fields.minor_digits, _words(config), units, judged)
        self._takes_verdicts = judged is not None
        self._compared_s = -float("inf")
        self._drift = no_drift(config)
        self._started_ms = meter.now_us() // 1000
        self._happened.mark("start", f"a worker of release {release()} began")
        meter.drift, meter.show = self._figures_of_drift, self.show

    def show(self, worker: Worker) -> None:
        """Show how a worker stands; its thread calls this once a second."""
        board = self.make(worker)
        self._history.add(_point(board))
        self._feed.publish(board)

    def make(self, worker: Worker) -> Board:
        """Return how a worker stands; by its own thread."""
        traffic, figures = self._meter.snapshot(), self._meter.figures
        shards = list(worker.shards)
        monitors = [shard.engine.monitor for shard in shards]
        watched = [monitor for monitor in monitors if monitor is not None]
        self._note(shards, figures)
        self._compare(watched)
        counted = merged_quality([monitor.quality for monitor in watched]) if watched else None
        threshold = figures.threshold if figures.threshold is not None else self._review
        return Board(
            version=VERSION,
            now_ms=self._meter.now_us() // 1000,
            about=self._about(figures),
            traffic=traffic,
            drift=self._drift,
            quality=no_quality(self._config)
            if counted is None
            else quality_shown(
                counted,
                self._config.labels.maturity,
                figures.watermark_us,
                self._config.decision.alerts_per_day,
                threshold,
            ),
            contenders=contenders_shown(
                [shard.engine.contenders for shard in shards],
                champion_first(shards) if shards else [],
            ),
            disagreements=disagreements_shown(
                [each for monitor in watched for each in monitor.disagreements],
                shards[0].engine.lineup.names if shards else [],
            ),
            segments=[] if counted is None else segments_shown(counted),
            alerts=self._alerts.shown(),
            rules=rules_shown(figures),
            markers=self._markers.shown(),
        )

    @property
    def _review(self) -> float:
        return self._config.decision.review

    def _about(self, figures: Figures) -> About:
        return About(
            release=release(),
            group=self._config.kafka.group,
            bootstrap=self._bootstrap,
            started_ms=self._started_ms,
            ready=bool(figures.ready and any(it.decides and it.ready for it in figures.models)),
            model=self._config.model.kind,
            policy_version=figures.policy_version,
            verdicts=self._takes_verdicts,
        )

    def _note(self, shards: list[Shard], figures: Figures) -> None:
        """Take what was published lately, and mark what has happened."""
        for shard in shards:
            self._alerts.take(_taken(shard.latest_alerts), shard.alert_codec)
            for drift in _taken(shard.latest_drifts):
                self._happened.mark("drift", said_of(drift), drift.detected_us // 1000)
        self._happened.look(shards, figures)

    def _compare(self, watched: list[Monitor]) -> None:
        now_s = self._meter.clock()
        if watched and now_s >= self._compared_s + _COMPARED_EVERY_S:
            self._compared_s = now_s
            features = Merged([monitor.features for monitor in watched])
            scores = Merged([monitor.scores for monitor in watched])
            self._drift = drift_shown(watched[0].parameters.window_us, features, scores)

    def _figures_of_drift(self) -> dict[str, FeatureDrift]:
        return {
            each["name"]: FeatureDrift(each["psi"], each["drifted"])
            for each in self._drift["features"]
            if each["psi"] is not None
        }


def _taken(latest: deque[Any]) -> list[Any]:
    taken = list(latest)
    latest.clear()
    return taken


def _words(config: Config) -> Callable[[str], str]:
    """Return what says a feature in words, by its name."""
    inputs = config.inputs()
    words = {str(feature): explain(feature, inputs).what for feature in config.declared()}
    return lambda name: words.get(name, name)


def _point(board: Board) -> Point:
    traffic: Traffic = board["traffic"]
    return Point(
        time_ms=board["now_ms"],
        decisions_per_s=traffic["decisions_per_s"],
        alerts_per_s=traffic["alerts_per_s"],
        lag_records=traffic["lag_records"],
        p50_ms=traffic["p50_ms"],
        p99_ms=traffic["p99_ms"],
        p999_ms=traffic["p999_ms"],
    )


def no_drift(config: Config) -> Drift:
    """Return the drift of who has watched nothing yet."""
    return Drift(
        window_ms=config.monitor.window // 1000,
        reference_rows=0,
        reference_from_ms=None,
        reference_to_ms=None,
        pinned=False,
        current_rows=0,
        current_from_ms=None,
        score=None,
        features=[],
    )


def no_quality(config: Config) -> Quality:
    """Return the quality of who has decided nothing yet."""
    return Quality(
        maturity_ms=config.labels.maturity // 1000,
        horizon_ms=None,
        budget_per_day=config.decision.alerts_per_day or None,
        review_threshold=config.decision.review,
        windows=[],
        reliability=[],
    )
