"""What results say of the machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from benchmarks import machine
from benchmarks.machine import ROOT


def test_the_facts_are_known_here() -> None:
    facts = machine.facts(seed=5)
    assert facts["cores"] >= 1
    assert facts["seed"] == 5
    assert facts["python"].endswith(".".join(map(str, sys.version_info[:3])))
    named = {"numpy", "numba", "river", "fastavro", "confluent-kafka", "polars", "duckdb"}
    assert set(facts["packages"]) == named
    assert all(facts["packages"].values())
    json.dumps(facts, allow_nan=False)


def test_the_facts_do_not_tell_where_the_machine_keeps_things() -> None:
    text = json.dumps(machine.facts(seed=1))
    assert str(ROOT) not in text
    assert str(Path.home()) not in text


def test_the_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = (
            "-c",
            "user.name=n",
            "-c",
            "user.email=e@example.com",
            "-c",
            "commit.gpgsign=no",
        )
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=30)

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "first")
    commit, dirty = machine._commit(tmp_path)
    assert commit is not None
    assert re.fullmatch(r"[0-9a-f]{40}", commit)
    assert dirty is False
    (tmp_path / "a").write_text("2")
    assert machine._commit(tmp_path) == (commit, True)


def test_without_git_the_commit_is_unknown(tmp_path: Path) -> None:
    assert machine._commit(tmp_path / "missing") == (None, None)


def test_the_processor_is_read_from_the_kernel(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: A Fine Processor @ 2 GHz\n")
    assert machine._cpu_model(cpuinfo) == "A Fine Processor @ 2 GHz"
