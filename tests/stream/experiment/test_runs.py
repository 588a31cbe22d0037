"""Runs in processes of their own: what they find, what becomes of those that fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from inputs.experiments import SMALL, config_in

from stream.config.configuration import load
from stream.evaluation.daily import quality
from stream.experiment.measures import MEASURES
from stream.experiment.plan import Plan, plan_of, world_of
from stream.experiment.runs import Outcomes, carry_out
from stream.experiment.task import seeded
from stream.experiment.variants import variant_of
from stream.replay import Replay, ReplayOutputs
from stream.simulate.handbook import generate, write_csv, write_parquet

TIMED = {"events_per_cpu_s"}
# Dies as a process killed for its memory does: nothing is said.
KILLED = "import os\nos.kill(os.getpid(), 9)\n"
BROKEN = "raise LookupError('no such column')\n"

pytest.importorskip("duckdb")


def done(plan: Plan, jobs: int) -> tuple[Outcomes, list[tuple[float, int]]]:
    told: list[tuple[float, int]] = []
    return carry_out(plan, jobs, lambda part, ended: told.append((part, ended))), told


def measures(outcomes: Outcomes) -> dict[tuple[str, int], dict[str, float | None]]:
    return {
        run: {name: value for name, value in found["measures"].items() if name not in TIMED}
        for run, found in outcomes.items()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configs")


@pytest.fixture(scope="module")
def plan(folder: Path) -> Plan:
    forest = variant_of('forest: model.kind = "forest", model.trees = 3')
    return plan_of([config_in(folder, "plain")], 2, None, SMALL, 12, [forest])


@pytest.fixture(scope="module")
def outcomes(plan: Plan) -> Outcomes:
    found, told = done(plan, 2)
    parts = [part for part, _ in told]
    assert parts == sorted(parts)
    assert told[-1] == (pytest.approx(1.0), 4)
    return found


def test_every_run_finds_what_a_replay_finds(
    plan: Plan, outcomes: Outcomes, tmp_path: Path
) -> None:
    assert set(outcomes) == {(name, seed) for name in ("plain", "forest") for seed in (0, 1)}
    for seed in plan.seeds:
        path = tmp_path / f"{seed}.parquet"
        write_parquet(generate(world_of(SMALL, seed)), path)
        for each in plan.configurations:
            config = load(each.path, **each.changes)
            section = config.model.model_copy(update={"seed": 1 + seed})
            config = config.model_copy(update={"model": section})
            replay = Replay(path, config, ReplayOutputs())
            replay.run()
            rows = replay.ledger.decisions()
            late = rows.take(rows.day >= rows.day[0] + 12)
            shares = quality(late, 100).whole.shares()
            found = outcomes[each.name, seed]
            assert (found["payments"], found["frauds"]) == (len(late), late.is_fraud.sum())
            assert list(found["measures"]) == list(MEASURES)
            for name, value in found["measures"].items():
                if name.startswith("whole."):
                    assert value == shares[name.removeprefix("whole.")], name
                elif name.startswith("protocol."):
                    assert value is None
            assert "days 115 to 156" in found["protocol_missing"]
            assert found["measures"]["events_per_cpu_s"] > 0


def test_the_number_of_processes_changes_nothing(plan: Plan, outcomes: Outcomes) -> None:
    again, _ = done(replace(plan, seeds=(0,)), 1)
    first = {run: value for run, value in measures(outcomes).items() if run[1] == 0}
    assert measures(again) == first


def test_seeds_are_other_streams_and_other_models(outcomes: Outcomes) -> None:
    found = measures(outcomes)
    assert found["plain", 0] != found["plain", 1]
    config = load(None, model={"seed": 5, "challengers": {"x": {"kind": "forest"}}})
    assert seeded(config, 0) == config
    other = seeded(config, 3).model
    assert (other.seed, other.challengers["x"].seed) == (8, 4)


def test_a_run_that_fails_says_why_and_the_others_go_on(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "small.csv"
    write_csv(generate(SMALL), file)
    paths = [config_in(folder, "fine")]
    for name, source in (("killed", KILLED), ("broken", BROKEN), ("missing", None)):
        module = tmp_path / f"{name}.py"
        if source:
            module.write_text(source)
        paths.append(config_in(folder, name, kind="river", source=f"{module}:model"))
    found, told = done(plan_of(paths, 1, file, SMALL, 12), 2)
    assert found["fine", 0]["measures"]["whole.auc"] is not None
    assert found["killed", 0] == {"error": "its process ended with signal 9 and no result"}
    assert "LookupError: no such column" in found["broken", 0]["error"]
    assert "there is no file" in found["missing", 0]["error"]
    assert told[-1][1] == 4


def test_a_stream_that_cannot_be_made_fails_its_runs_only(folder: Path) -> None:
    plan = plan_of([config_in(folder, "fine")], 2, None, SMALL, 12)
    # Seed 0 is a world that there is, seed 1 none: its seed is not one of NumPy's.
    plan = replace(plan, world=replace(SMALL, customer_seed=2**32 - 2))
    found, _ = done(plan, 2)
    assert "measures" in found["fine", 0]
    assert found["fine", 1]["error"].startswith("its stream could not be made: ValueError")


def test_a_warm_up_that_leaves_nothing_says_so(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "small.csv"
    write_csv(generate(replace(SMALL, days=3)), file)
    found, _ = done(plan_of([config_in(folder, "fine")], 1, file, SMALL, 12), 1)
    assert "small.csv: nothing is left to judge of its 3 days" in found["fine", 0]["error"]
    assert "shorten --warm-up" in found["fine", 0]["error"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_process_and_leaves_no_file(
    folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "stream", "experiment", "--config", config_in(folder, "fine")]
    process = subprocess.Popen(
        [*map(str, command), "--seeds", "8", "--jobs", "2"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        children = wait_for_children(process, 2)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert not list(tmp_path.iterdir())


def wait_for_children(process: subprocess.Popen[str], n: int) -> list[str]:
    if not Path("/proc/self/task").exists():
        pytest.skip("no /proc: children NOT seen")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        # Of every thread its own.
        tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
        children = [child for task in tasks for child in task.read_text().split()]
        if len(children) >= n:
            return children
        time.sleep(0.05)
    raise AssertionError(f"no {n} children came")
