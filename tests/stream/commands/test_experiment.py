"""``fraudstream experiment`` as a command: its options, its outputs, its errors."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from inputs.experiments import SMALL, config_in

from stream.cli.console import FAILED, OK, USAGE
from stream.experiment.measures import MEASURES
from stream.simulate.handbook import generate, write_csv

COMMAND = ("experiment",)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As long as the protocol needs it."""
    path = tmp_path_factory.mktemp("world") / "world.csv"
    write_csv(generate(replace(SMALL, days=158, max_daily_rate=0.7)), path)
    return path


def test_both_forms_of_the_report_the_results_and_the_picture(
    run: Run, file: Path, tmp_path: Path
) -> None:
    paths = [config_in(tmp_path, "plain"), config_in(tmp_path, "other", frauds_min=8)]
    words = [word for path in paths for word in ("--config", path)]
    results, plot = tmp_path / "results.json", tmp_path / "plot.svg"
    status, out, err = run(file, *words, "--out", results, "--plot", plot, "--json")
    assert (status, err) == (OK, "")
    found = json.loads(out, parse_constant=pytest.fail)
    assert found == json.loads(results.read_text())
    assert [each["name"] for each in found["configurations"]] == ["plain", "other"]
    assert (found["seeds"], found["stream"]) == ([0], {"file": "world.csv"})
    for each in found["configurations"]:
        assert list(each["mean"]) == list(MEASURES)
        assert each["mean"]["protocol.auc"]["mean"] > 0
    assert ET.parse(plot).getroot().get("role") == "img"
    status, out, err = run(file, *words, "--seeds", 1)
    assert (status, err) == (OK, "")
    for said in (
        "2 configurations, 1 seed",
        "the Handbook's protocol",
        "note: one seed: there are no intervals",
        f"{found['configurations'][1]['mean']['whole.ap']['mean']:.4f}",
    ):
        assert said in out, said


def test_a_run_that_failed_ends_with_1_behind_its_report(
    run: Run, file: Path, tmp_path: Path
) -> None:
    path = config_in(tmp_path, "lost", kind="river", source="nowhere.py:model")
    status, out, err = run(file, "--config", path)
    assert (status, err) == (FAILED, "")
    assert "failed: lost, seed 0: model.source: there is no file nowhere.py" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Missing option '--config'"),
        (("--config", "none.toml"), "error: cannot read the configuration none.toml"),
        (("--config", "A", "--config", "A"), "have the same name, 'a'"),
        (("--config", "A", "--seeds", "0"), "Invalid value for '--seeds'"),
        (("--config", "A", "--days", "20"), "--days 20: nothing is left to judge"),
        (("F", "--config", "A", "--days", "90"), "--days is of a simulated stream"),
        (("--config", "A", "--plot", "x.png"), "--plot: the picture is an SVG"),
        (("--config", "A", "--out", "no/where.json"), "--out: there is no folder no"),
        (("--config", "A", "--out", "A"), "is needed for something else"),
    ],
)
def test_a_wrong_option_ends_with_2_and_runs_nothing(
    run: Run, file: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    names = {"A": config_in(tmp_path, "a"), "F": file}
    status, out, err = run(*(names.get(word, word) for word in words))
    assert (status, out) == (USAGE, "")
    assert said in " ".join(err.replace("│", " ").split())
    assert names["A"].read_text() == config_in(tmp_path, "a").read_text()
