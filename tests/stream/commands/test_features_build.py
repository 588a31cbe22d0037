"""``fraudstream features build``: the training table of a file, as a command."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream.cli.console import FAILED, INTERRUPTED, OK, USAGE
from stream.commands.features_build import run_build
from stream.simulate.handbook import HandbookParameters, generate, write_csv, write_parquet

EXAMPLE = Path(__file__).parents[3] / "examples" / "handbook.toml"
SMALL = HandbookParameters(customers=30, terminals=20, days=12, radius=15.0)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "handbook.csv"
    write_csv(generate(SMALL), path)
    return path


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def report_of(out: str) -> Any:
    assert out.count("\n") == 1
    return json.loads(out)


def test_a_table_is_built_and_reported(run: Run, world: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.csv"
    words = ("features", "build", "--input", world, "--out", out, "--config", EXAMPLE)
    status, said, err = run(*words, "--json")
    report = report_of(said)
    assert (status, err) == (OK, "")
    table = table_of(out)
    assert report["events"] == len(table) == len(table_of(world)) > 300
    assert report["table"] == str(out)
    assert report["features"] == 15
    assert report["file"] == "handbook.csv"
    assert "alerts" not in report
    names = ["transaction_id", "event_time", "is_fraud", "not_taken", "amount", "is_weekend"]
    assert list(table[0])[:6] == names
    assert len(table[0]) == 4 + 15
    status, said, _ = run(*words)
    assert status == OK
    assert "features of handbook.csv" in said


def test_states_come_on_demand(run: Run, world: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.csv"
    words = ("--config", EXAMPLE, "--states", "--json")
    assert run("features", "build", "--input", world, "--out", out, *words)[0] == OK
    table = table_of(out)
    assert len(table[0]) == 4 + 2 * 15
    assert {row["state(customer.count_30d)"] for row in table} == {"0"}


def test_a_replay_writes_the_same_table(run: Run, world: Path, tmp_path: Path) -> None:
    built, replayed = tmp_path / "built.csv", tmp_path / "replayed.csv"
    assert run_build(world, built, EXAMPLE, None, states=True, as_json=True) == OK
    words = ("--features-out", replayed, "--states", "--config", EXAMPLE, "--json")
    assert run("replay", world, *words)[0] == OK
    assert replayed.read_bytes() == built.read_bytes()


def test_what_was_refused_is_counted_and_written(run: Run, world: Path, tmp_path: Path) -> None:
    broken, letters = tmp_path / "broken.csv", tmp_path / "letters.avro"
    lines = world.read_text().splitlines()
    cells = lines[5].split(",")
    cells[4] = "-5"
    broken.write_text("\n".join([*lines[:5], ",".join(cells), *lines[6:]]) + "\n")
    words = ("--out", tmp_path / "x.csv", "--dead-letters", letters, "--config", EXAMPLE, "--json")
    status, said, _ = run("features", "build", "--input", broken, *words)
    assert status == OK
    assert report_of(said)["dead_letters_by_reason"] == {"amount_negative": 1}
    assert letters.stat().st_size > 0
    assert [row["not_taken"] for row in table_of(tmp_path / "x.csv")][4] == "amount_negative"


@pytest.mark.parametrize(
    ("out", "status", "text"),
    [
        ("x.xlsx", USAGE, ".parquet or .csv"),
        ("nowhere/x.csv", USAGE, "there is no folder"),
        ("handbook.csv", USAGE, "name another file"),
    ],
)
def test_a_table_that_cannot_be_written_is_refused_before_the_work(
    run: Run, world: Path, out: str, status: int, text: str
) -> None:
    before = world.read_bytes()
    words = ("--out", world.parent / out, "--config", EXAMPLE)
    ended, said, err = run("features", "build", "--input", world, *words)
    assert (ended, said) == (status, "")
    assert text in err
    assert world.read_bytes() == before


def test_a_file_that_is_not_there_ends_with_1(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    status, _, err = run("features", "build", "--input", tmp_path / "no.csv", "--out", out)
    assert (status, out.exists()) == (FAILED, False)
    assert "no such file" in err


def test_states_without_a_table_are_a_mistake(run: Run, world: Path) -> None:
    status, _, err = run("replay", world, "--states")
    assert status == USAGE
    assert "--features-out" in err


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "handbook.parquet"
    write_parquet(generate(replace(SMALL, customers=60, days=40)), path)
    return path


def words_of(parquet: Path, out: Path, *more: object) -> tuple[object, ...]:
    return ("features", "build", "--input", parquet, "--out", out, "--config", EXAMPLE, *more)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_processes_change_nothing(run: Run, parquet: Path, tmp_path: Path, kind: str) -> None:
    one, two = tmp_path / f"one.{kind}", tmp_path / f"two.{kind}"
    status, said, _ = run(*words_of(parquet, one, "--json", "--states"))
    alone = report_of(said)
    # The file is short, so that there is one unless more are asked for.
    assert (status, alone["processes"]) == (OK, 1)
    status, said, err = run(*words_of(parquet, two, "--json", "--states", "--processes", 2))
    many = report_of(said)
    assert (status, err, many["processes"]) == (OK, "", 2)
    assert many["shards"] == ["customer", "terminal"]
    assert two.read_bytes() == one.read_bytes()
    assert many["events"] == alone["events"] > 1000
    assert sorted(each.name for each in tmp_path.iterdir()) == [one.name, two.name]


def test_only_parquet_is_built_by_several(run: Run, world: Path, tmp_path: Path) -> None:
    status, said, err = run(*words_of(world, tmp_path / "x.csv", "--processes", 2))
    assert (status, said) == (FAILED, "")
    assert "only Parquet" in err
    assert "--processes 1" in err
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_split_is_said_and_made_by_one(
    run: Run, parquet: Path, tmp_path: Path
) -> None:
    config = tmp_path / "x.toml"
    text = EXAMPLE.read_text().replace('"is_night",', '"is_night", "at_fraud(customer, amount)",')
    config.write_text(text)
    tables = []
    for processes in (1, 2):
        out = tmp_path / f"{processes}.csv"
        words = ("--input", parquet, "--out", out, "--config", config, "--processes", processes)
        status, _, err = run("features", "build", *words)
        assert status == OK
        assert ("note: at_fraud(customer, amount) " in err) == (processes == 2)
        tables.append(out.read_bytes())
    assert tables[0] == tables[1]


def children_of(process: subprocess.Popen[str]) -> list[int]:
    """Wait for its processes, and name them."""
    children = Path(f"/proc/{process.pid}/task")
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        found = []
        for each in children.glob("*/children"):
            with suppress(FileNotFoundError):  # Of a thread that has ended since.
                found += each.read_text().split()
        if found:
            return [int(pid) for pid in found]
        time.sleep(0.02)
    raise AssertionError("it began no process")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc: NOT tested")
@pytest.mark.parametrize("how", ["a child is killed", "Ctrl-C", "terminated"])
def test_a_build_that_ends_early_leaves_no_table_and_no_process(
    parquet: Path, tmp_path: Path, how: str
) -> None:
    out = tmp_path / "x.parquet"
    words = [str(word) for word in words_of(parquet, out, "--processes", 2)]
    process = subprocess.Popen(
        [sys.executable, "-m", "stream", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        children = children_of(process)
        # However late the signal comes, the table is not there yet.
        for child in children:
            os.kill(child, signal.SIGSTOP)
        if how == "a child is killed":
            os.kill(children[0], signal.SIGKILL)
        else:
            process.send_signal(signal.SIGINT if how == "Ctrl-C" else signal.SIGTERM)
            time.sleep(0.5)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGCONT)
        said, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert said == ""
    assert "Traceback" not in err
    if how == "a child is killed":
        assert process.returncode == FAILED
        assert err.count("error: ") == 1
        assert "signal 9" in err
    else:
        assert (process.returncode, err) == (INTERRUPTED, "")
    assert list(tmp_path.iterdir()) == []
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_nothing_is_scored_or_learned(world: Path, tmp_path: Path) -> None:
    from stream.config.configuration import load
    from stream.decide import DecisionScores
    from stream.replay import Replay, ReplayOutputs

    outputs = ReplayOutputs(features=tmp_path / "x.csv")
    replay = Replay(world, load(EXAMPLE), outputs, scoring=False)
    replay.run()
    assert not replay.engine.learner.ready
    assert replay.engine.learner.learned == 0
    said = DecisionScores.unpacked(replay.engine.waiting.scores[: replay.engine.waiting.waiting])
    assert np.isnan(said.scores).all()
    assert np.isnan(said.raw).all()
