"""A board of what workers left: their newest snapshots, and the page's past beside them.

For a report when no worker runs. Nothing is computed anew and no broker is asked: models, monitor
and clock are restored by themselves, without an engine, and what only a running worker knows
(rules, lists, alerts, what waits on the brokers) stays empty.
"""

from __future__ import annotations

from typing import NamedTuple

from stream.champion.contenders import Contender
from stream.config.configuration import Config
from stream.event_time import BEGINNING_US, EventClock
from stream.model_registry.standing import ModelsStanding, contender_in, monitor_in, standing_of
from stream.models_at_work import engine_in, newest_snapshots
from stream.monitor.merging import Merged, merged_quality
from stream.monitor.monitor import Monitor
from stream.page.board import VERSION, About, Board, Drift, Marker, Point, Quality, Rules, Traffic
from stream.page.boards import no_drift, no_quality
from stream.page.disk_history import points_of
from stream.page.distributions_shown import drift_shown
from stream.page.markers import Markers
from stream.page.quality_shown import contenders_shown, quality_shown, segments_shown
from stream.page.setup import HISTORY, MARKERS, page_folder
from stream.plurals import several
from stream.recovery.code_version import release
from stream.snapshots.folder import NewestSnapshot
from stream.telemetry.standing import CHAMPION

_TOTALS = ("decisions", "alerts", "labels", "labels_learned", "unscored", "late")


class Left(NamedTuple):
    """What workers left.

    Attributes
    ----------
    board : Board
        Its time is that of the newest snapshot or point, whichever is later.
    history : list of Point
        Oldest first.
    said : str
        Which snapshots it is of.
    """

    board: Board
    history: list[Point]
    said: str


def left_by(config: Config) -> Left:
    """Return what the workers of a configuration left.

    Raises
    ------
    ConfigError
        There is no snapshot.
    SnapshotError, StorageError
        What is there cannot be used.
    """
    snapshots = [found for _, found in newest_snapshots(config)]
    states = [standing_of(config, engine_in(found.state)) for found in snapshots]
    monitors = [monitor_in(config, each) for each in states]
    watched = [monitor for monitor in monitors if monitor is not None]
    contenders = [[contender_in(config, each, name) for name in each.names] for each in states]
    folder = page_folder(config)
    history = [] if folder is None else points_of(folder / HISTORY)
    markers = [] if folder is None else Markers(folder / MARKERS).shown()
    said = _said(snapshots)
    written_ms = max(int(found.path.stat().st_mtime * 1000) for found in snapshots)
    board = Board(
        version=VERSION,
        now_ms=max([written_ms, *(point["time_ms"] for point in history[-1:])]),
        about=_about(config, said, states, contenders, markers, written_ms),
        traffic=_traffic(states, history),
        drift=_drift(config, watched),
        quality=_quality(config, states, watched),
        contenders=contenders_shown(contenders, _champion_first(states[0])),
        disagreements=[],
        segments=segments_shown(merged_quality([it.quality for it in watched])) if watched else [],
        alerts=[],
        rules=Rules(in_force=0, shown=[], lists=[], snoozes=0, by_cooldown=0, by_snooze=0),
        markers=markers,
    )
    return Left(board, history, said)


def _said(snapshots: list[NewestSnapshot]) -> str:
    if len(snapshots) == 1:
        return f"snapshot {snapshots[0].number}"
    return f"the newest snapshots of {several(len(snapshots), 'partition')}"


def _about(
    config: Config,
    said: str,
    states: list[ModelsStanding],
    contenders: list[list[Contender]],
    markers: list[Marker],
    written_ms: int,
) -> About:
    starts = [each["time_ms"] for each in markers if each["kind"] == "start"]
    pairs = zip(states, contenders, strict=True)
    return About(
        release=release(),
        group=config.kafka.group,
        bootstrap=config.kafka.bootstrap,
        started_ms=starts[-1] if starts else written_ms,
        ready=all(own[state.names.index(state.champion)].ready for state, own in pairs),
        model=config.model.kind,
        policy_version="not kept",
        left=said,
    )


def _champion_first(state: ModelsStanding) -> list[tuple[int, str]]:
    """Return slot and name of every contender, as a running worker's page calls them."""
    at = state.names.index(state.champion)
    others = [(slot, name) for slot, name in enumerate(state.names) if slot != at]
    return [(at, CHAMPION), *others]


def _traffic(states: list[ModelsStanding], history: list[Point]) -> Traffic:
    """Return what went through since the states began, at the pace of the last point."""
    counters = [each.state.header.get("counters") for each in states]
    known = [each for each in counters if isinstance(each, dict)]
    last = history[-1] if history else None
    return Traffic(
        records_per_s=None,
        decisions_per_s=None if last is None else last["decisions_per_s"],
        alerts_per_s=None if last is None else last["alerts_per_s"],
        labels_per_s=None,
        lag_records=None,
        watermark_delay_ms=None,
        p50_ms=None if last is None else last["p50_ms"],
        p99_ms=None if last is None else last["p99_ms"],
        p999_ms=None if last is None else last["p999_ms"],
        totals={name: sum(int(each.get(name, 0)) for each in known) for name in _TOTALS},
        dead_letters={},
    )


def _drift(config: Config, watched: list[Monitor]) -> Drift:
    if not watched:
        return no_drift(config)
    features = Merged([monitor.features for monitor in watched])
    scores = Merged([monitor.scores for monitor in watched])
    return drift_shown(watched[0].parameters.window_us, features, scores)


def _quality(config: Config, states: list[ModelsStanding], watched: list[Monitor]) -> Quality:
    if not watched:
        return no_quality(config)
    return quality_shown(
        merged_quality([monitor.quality for monitor in watched]),
        config.labels.maturity,
        _watermark_us(config, states),
        config.decision.alerts_per_day,
        config.decision.review,
    )


def _watermark_us(config: Config, states: list[ModelsStanding]) -> int | None:
    """Return the event time that all states had come to; None before any payment."""
    found = []
    for each in states:
        clock = EventClock(config.windows.allowed_lateness, config.windows.idle_after)
        clock.restore(each.state.parts["clock"])
        if clock.watermark_us > BEGINNING_US:
            found.append(clock.watermark_us)
    return min(found, default=None)
