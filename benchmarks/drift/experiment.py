"""Injected drifts and none: every method over the same streams.

``python -m benchmarks drift --out FILE`` runs it; ``--results FILE --into DOCUMENT`` writes the
table.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.drift import rivers, windows
from benchmarks.drift.counting import counted, summary_of
from benchmarks.drift.plan import (
    DAY_US,
    DEFAULT_REFERENCE_FROM,
    HORIZON_DAYS,
    MATURITY_DAYS,
    MONTH_DAYS,
    REFERENCE_DAYS,
    REFERENCE_FROM,
    WATCHED_FROM,
    Task,
    tasks,
)
from benchmarks.drift.watching import CONFIG, Alarm, Watched, configured, watch
from benchmarks.report import now
from stream.monitor.levels import ERROR, SCORE, Levels
from stream.monitor.parameters import MonitorParameters

SEEDS = 4
PROCESSES = 2
OWN = "fraudstream"
# What else the engine could be told of windows, and what of ADWIN.
RULES: dict[str, dict[str, Any]] = {
    "psi_min = 0": {"psi_min": 0.0},
    "psi_min = 0.1": {"psi_min": 0.1},
    "psi_min = 0.25": {"psi_min": 0.25},
    "psi_min = 0, false_alarms = 0.001": {"psi_min": 0.0, "false_alarms": 0.001},
    "false_alarms = 0.001": {"false_alarms": 0.001},
    "false_alarms = 0.05": {"false_alarms": 0.05},
    "reference_windows = 14": {"reference_windows": 14},
    "warm_up by default": {"warm_up_us": DEFAULT_REFERENCE_FROM * DAY_US},
}
DELTAS = (0.002, 1e-8, 1e-12)
CHANGES = (0.0, 0.02, 0.1)


def measure(
    *, quick: bool, seed: int = 1, seeds: int = SEEDS, tell: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run the whole experiment, two streams at a time; return it as JSON takes it."""
    facts = machine.facts(seed)
    facts["packages"]["scipy"] = machine.version_of("scipy")
    plan = tasks(quick=quick, seed=seed, seeds=seeds)
    started = time.perf_counter()
    found: dict[int, dict[str, Any]] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        running = {pool.submit(run, task): at for at, task in enumerate(plan)}
        for done in as_completed(running):
            at = running[done]
            found[at] = done.result()
            tell(f"[{len(found)}/{len(plan)}] {plan[at].name}, seed {plan[at].seed}")
    streams = [found[at] for at in range(len(plan))]
    return {
        "drift": summary_of(streams),
        "streams": streams,
        "plan": {
            "seeds": sorted({task.seed for task in plan if task.name != "published"}),
            "reference_from_day": REFERENCE_FROM,
            "reference_days": REFERENCE_DAYS,
            "watched_from_day": WATCHED_FROM,
            "maturity_days": MATURITY_DAYS,
            "horizon_days": HORIZON_DAYS,
            "month_days": MONTH_DAYS,
            "kswin_days": 2 * rivers.KSWIN_DAYS,
        },
        "seconds": round(time.perf_counter() - started, 1),
        "machine": facts,
        "load_average_after": machine.load_average(),
        "quick": quick,
        "taken_at": now(),
    }


def run(task: Task) -> dict[str, Any]:
    """Watch one stream, and count what each method says of it."""
    watched = watch(task)
    return task.as_json() | {
        "rows": len(watched.days),
        "frauds": int(watched.is_fraud.sum()),
        "frauds_after": float(np.mean(watched.is_fraud[watched.days >= task.at_day])),
        "methods": methods(watched, task),
    }


def methods(watched: Watched, task: Task) -> dict[str, dict[str, Any]]:
    """Return the figures of every method, ours first."""

    def figures(alarms: list[Alarm], months: float, share: float | None = None) -> dict[str, Any]:
        return counted(alarms, at_day=task.at_day, months=months, share_of_days=share)

    months = task.months
    own = {
        "features": [it for it in watched.by_psi if it.subject != "score"],
        "score": [it for it in watched.by_psi if it.subject == "score"],
        "ADWIN, scores": [it for it in watched.by_adwin if it.subject == "score"],
        "ADWIN, errors": [it for it in watched.by_adwin if it.subject == "error"],
        "all events": [*watched.by_psi, *watched.by_adwin],
    }
    found = {f"{OWN}: {name}": figures(alarms, months) for name, alarms in own.items()}
    days = windows.Days(watched)
    for name, said in windows.said_by(days).items():
        alarms = windows.alarms(days, said, whole=name == windows.DATA_SET)
        found[name] = figures(alarms, months, float(said.any(axis=1).mean()))
    for name in rivers.DETECTORS:
        of = 2 * rivers.KSWIN_DAYS / MONTH_DAYS if name == "KSWIN" else months
        for subject in rivers.SUBJECTS:
            alarms = rivers.by_detector(watched, name, subject, task.at_day)
            found[f"River's {name}, {subject}s"] = figures(alarms, of)
    return found | _settings(watched, task)


def _settings(watched: Watched, task: Task) -> dict[str, dict[str, Any]]:
    """Return the same of what the engine would say if it were told otherwise."""
    parameters, found = own_parameters(), {}
    for name, changes in RULES.items():
        other = replace(parameters, **changes)
        since = other.warm_up_us / DAY_US + other.reference_windows
        found[f"{OWN}: windows, {name}"] = counted(
            windows.by_parameters(watched, other),
            at_day=task.at_day,
            months=(task.world.days - since) / MONTH_DAYS,
            since_day=since,
        )
    levels = {
        f"adwin_delta = {delta:g}": by_levels(watched, replace(parameters, adwin_delta=delta))
        for delta in DELTAS
    }
    for change in CHANGES:
        other = replace(parameters, adwin_change_min=change)
        levels[f"adwin_change_min = {change:g}"] = by_levels(watched, other)
    for name, alarms in levels.items():
        found[f"{OWN}: ADWIN, {name}"] = counted(alarms, at_day=task.at_day, months=task.months)
    return found


def own_parameters() -> MonitorParameters:
    """Return the monitor's parameters of the configuration that is run."""
    parameters = configured().engine_parameters(bytes(16)).monitor
    if parameters is None:
        raise ValueError(f"{CONFIG.name}: [monitor] is not enabled")
    return parameters


def by_levels(watched: Watched, parameters: MonitorParameters) -> list[Alarm]:
    """Return what the engine's own ADWIN says under other parameters."""
    levels = Levels(parameters)
    found = []
    for at, subject in ((SCORE, "score"), (ERROR, "error")):
        values, days = rivers.values_of(watched, subject)
        numbers = np.arange(len(values))
        found += [
            Alarm(float(days[event.detected_us]), subject)
            for event in levels.observe(at, values, numbers)
        ]
    return found
