"""``fraudstream backtest FILE``: what it writes, and what it says of mistakes."""

import json
from pathlib import Path

import pytest

from stream.simulate.handbook import HandbookParameters, generate, write_csv

COMMAND = ("backtest",)
EXAMPLE = Path(__file__).parents[3] / "examples" / "handbook.toml"
RULE = '[[rule]]\nid = "large"\nwhen = "amount > 110.0"\naction = "block"\nmode = "live"\n'
SMALL = HandbookParameters(
    customers=40, terminals=30, days=12, radius=9.0, amount_limit=110.0, terminal_days=4
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    path = tmp_path_factory.mktemp("world") / "handbook.csv"
    write_csv(generate(SMALL), path)
    return path


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(RULE)
    return path


def test_rules_are_tried_on_a_file(run, world, rules, tmp_path):
    page = tmp_path / "report.html"
    status, said, err = run(world, "--config", EXAMPLE, "--rules", rules, "--out", page, "--json")
    assert status == 0
    report = json.loads(said)
    assert [rule["id"] for rule in report["candidate"]["rules"]] == ["large"]
    assert report["payments"] > 300
    assert f"wrote {page}" in err
    assert "<h2>The rules tried</h2>" in page.read_text()
    status, said, _ = run(world, "--config", EXAMPLE, "--rules", rules)
    assert status == 0
    assert "as it would be" in said


def test_mistakes_are_a_line_that_names_them(run, world, rules, tmp_path):
    rules.write_text(RULE.replace("amount", "amout"))
    status, said, err = run(world, "--config", EXAMPLE, "--rules", rules)
    assert (status, said) == (1, "")
    assert f"{rules}:3:9" in err
    status, _, err = run(world, "--config", EXAMPLE, "--from", "yesterday")
    assert status == 2
    assert "--from: 'yesterday' is no time" in err
    times = ("--from", "2018-04-03", "--to", "2018-04-02")
    status, _, err = run(world, "--config", EXAMPLE, *times)
    assert status == 2
    assert "--from 2018-04-03 is not before --to 2018-04-02" in err
    status, _, err = run(world, "--config", EXAMPLE, "--model", "other")
    assert status == 2
    assert "--model other (there are model) cannot be put in force" in err
    plain = tmp_path / "plain.toml"
    plain.write_text("")
    status, _, err = run(world, "--config", plain)
    assert status == 2
    assert "replay.label is empty" in err


def test_without_a_file_and_a_folder_there_is_no_past(run, tmp_path):
    plain = tmp_path / "plain.toml"
    plain.write_text("")
    status, _, err = run("--config", plain)
    assert status == 2
    assert "recovery.folder is not set" in err
