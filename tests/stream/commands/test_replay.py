"""``fraudstream replay`` as a command: its options and both forms of its report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stream.cli.console import FAILED, OK, USAGE
from stream.simulate.handbook import HandbookParameters, generate, write_csv

EXAMPLE = Path(__file__).parents[3] / "examples" / "handbook.toml"
QUICK = "model.frauds_min = 3\nmodel.genuine_min = 50\n"
COMMAND = ("replay",)
Run = Callable[..., tuple[int, str, str]]


def world_of(folder: Path, days: int) -> Path:
    path = folder / "handbook.csv"
    small = HandbookParameters(
        customers=120,
        terminals=60,
        days=days,
        radius=15.0,
        max_daily_rate=1.0,
        terminals_per_day=1,
        terminal_days=3,
        customers_per_day=0,
    )
    write_csv(generate(small), path)
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world_of(tmp_path_factory.mktemp("short"), 20)


@pytest.fixture(scope="module")
def long_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world_of(tmp_path_factory.mktemp("long"), 158)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "quick.toml"
    path.write_text(QUICK + EXAMPLE.read_text())
    return path


def test_the_label_delay_of_the_command_stands_above_file_and_environment(
    run: Run, world: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learned(*words: object) -> int:
        status, out, err = run(world, "--config", config, *words, "--json")
        assert (status, err) == (OK, "")
        return int(json.loads(out)["labels_learned"])

    of_the_file = learned()
    assert learned("--label-delay", "7d") == of_the_file
    monkeypatch.setenv("FRAUD_REPLAY__LABEL_DELAY", "5d")
    sooner = learned()
    assert learned("--label-delay", "2d") > sooner > of_the_file > 0


def test_a_label_delay_beyond_maturity_is_said(run: Run, world: Path, config: Path) -> None:
    status, out, err = run(world, "--config", config, "--label-delay", "10d", "--json")
    assert status == OK
    assert json.loads(out)["labels_refused"] > 0
    assert "note: labels come later than labels.maturity" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--label-delay", "7"), "error: --label-delay: a duration is a number with a unit"),
        (("--protocol", "book"), "'book' is not one of 'handbook'"),
    ],
)
def test_a_wrong_option_ends_with_2(
    run: Run, world: Path, config: Path, words: tuple[str, ...], said: str
) -> None:
    status, out, err = run(world, "--config", config, *words, "--json")
    assert (status, out) == (USAGE, "")
    assert said in " ".join(err.replace("│", " ").split())


def test_the_protocol_is_refused_where_the_days_are_missing(
    run: Run, world: Path, config: Path
) -> None:
    status, out, err = run(world, "--config", config, "--protocol", "handbook", "--json")
    assert (status, out) == (FAILED, "")
    assert err.startswith("error: handbook.csv: the Handbook's protocol needs")
    assert "2018-04-01 to 2018-04-20" in err


def test_the_report_of_the_protocol(run: Run, long_world: Path, config: Path) -> None:
    words = (long_world, "--config", config, "--protocol", "handbook")
    status, out, err = run(*words, "--json")
    assert (status, err) == (OK, "")
    report = json.loads(out)
    assert set(report["single"]) == set(report["folds_mean"]) == {"auc", "ap", "cp100"}
    assert len(report["folds"]) == 4
    assert len(report["quality"]["days"]) == 158
    status, out, err = run(*words)
    assert (status, err) == (OK, "")
    for said in (
        "replay of handbook.csv",
        "quality by the scores at decision time",
        "card precision@100",
        "average precision",
        "by the protocol of the Fraud Detection Handbook",
        f"{report['folds_mean']['auc']:.3f}",
        f"{report['quality']['whole']['auc']:.3f}",
    ):
        assert said in out, said
    # Lists are for scripts.
    assert "first_test_day" not in out


def test_processes_read_ahead_and_change_nothing(run: Run, world: Path, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB ([offline]) is missing: NOT tested")
    file = tmp_path / "handbook.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"copy (select * from '{world}') to '{file}' (format parquet)")
    config = tmp_path / "x.toml"
    config.write_text(f"{EXAMPLE.read_text()}\n[model]\nfrauds_min = 3\ngenuine_min = 50\n")
    timing = {"seconds", "cpu_s", "compile_s", "events_per_s", "model_costs"}
    found = []
    for processes in (1, 2):
        alerts, table = tmp_path / f"{processes}.jsonl", tmp_path / f"{processes}.csv"
        words = ("--config", config, "--alerts", alerts, "--features-out", table, "--json")
        status, said, err = run(file, *words, "--processes", processes)
        assert (status, err) == (OK, "")
        report = {name: told for name, told in json.loads(said).items() if name not in timing}
        found.append((report, alerts.read_bytes(), table.read_bytes()))
    assert found[0] == found[1]
    assert found[0][0]["labels_learned"]


def test_only_parquet_is_read_ahead(run: Run, world: Path) -> None:
    status, said, err = run(world, "--config", EXAMPLE, "--processes", 2)
    assert (status, said) == (FAILED, "")
    assert "only Parquet" in err
