"""``fraudstream rules``: what is wrong, what there is, and one rule in words."""

import json

import pytest

COMMAND = ("rules",)
RULE = '[[rule]]\nid = "r"\nwhen = "amount > 1.0"\naction = "review"\nmode = "live"\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.toml").write_text(RULE)
    (tmp_path / "b.toml").write_text(RULE.replace('"r"', '"s"') + 'owner = "me"\n')
    (tmp_path / "notes.txt").write_text("not rules")
    return tmp_path


def test_rules_in_order_are_counted(run, folder):
    status, said, _ = run("check", folder)
    assert status == 0
    assert "2 rules in 2 files are in order" in said
    status, said, _ = run("check", folder, "--json")
    assert json.loads(said) == {"files": 2, "rules": 2, "problems": []}


def test_every_mistake_is_a_line_with_its_place_and_the_status_is_1(run, folder):
    path = folder / "b.toml"
    path.write_text(RULE.replace("amount", "amout").replace("live", "life"))
    status, said, _ = run("check", folder)
    assert status == 1
    lines = said.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{path}:2:6", f"{path}:3:9", f"{path}:5:8"]
    status, said, _ = run("check", folder, "--json")
    assert status == 1
    assert [problem["column"] for problem in json.loads(said)["problems"]] == [6, 9, 8]
    for command in (("list", folder), ("explain", folder, "r")):
        status, said, err = run(*command)
        assert (status, said) == (1, "")
        assert f"{path}:3:9" in err


def test_the_list_has_every_rule_in_one_order(run, folder):
    status, said, _ = run("list", folder, "--json")
    assert status == 0
    found = json.loads(said)
    assert [rule["id"] for rule in found["rules"]] == ["r", "s"]
    assert [rule["owner"] for rule in found["rules"]] == ["", "me"]
    status, said, _ = run("list", folder)
    assert found["digest"] in said
    assert "amount > 1.0" in said


def test_one_rule_is_explained_with_the_values_that_it_reads(run, folder):
    status, said, _ = run("explain", folder, "s", "--json")
    assert status == 0
    found = json.loads(said)
    assert found["in_words"] == ["amount is more than 1.0"]
    assert [read["name"] for read in found["reads"]] == ["amount"]
    status, said, _ = run("explain", folder, "s")
    assert status == 0
    assert "amount is more than 1.0" in said
    assert found["version"] in said


def test_a_rule_that_is_not_there_ends_with_1_and_the_nearest(run, folder):
    status, _, err = run("explain", folder, "ss")
    assert status == 1
    assert "the nearest is 's'" in err


def test_the_configuration_says_which_names_there_are(run, folder, tmp_path):
    config = tmp_path / "config" / "fraudstream.toml"
    config.parent.mkdir()
    config.write_text('[features]\nnames = ["card.count_2h"]\n')
    path = folder / "b.toml"
    path.write_text(RULE.replace('"r"', '"s"').replace("amount", "card.count_2h"))
    assert run("check", folder)[0] == 1
    assert run("check", folder, "--config", config)[0] == 0


@pytest.mark.parametrize("name", ["empty", "missing.toml"])
def test_a_folder_without_rules_ends_with_1(run, tmp_path, name):
    (tmp_path / "empty").mkdir()
    status, _, err = run("check", tmp_path / name)
    assert status == 1
    assert str(tmp_path / name) in err


def test_a_file_that_is_no_text_ends_with_1(run, tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xff\xfe")
    status, _, err = run("check", path)
    assert status == 1
    assert "not UTF-8" in err
