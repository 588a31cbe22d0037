"""``fraudstream rules apply``: an order that the engine takes, noted before it is sent."""

import json
import time

import pytest
from inputs.audit_entries import entries_of

from schemas.columns import Reason
from stream.app import decoders_of, engine_of, registry_of
from stream.config.configuration import load
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.reader import PartitionReader

COMMAND = ("rules", "apply")
KEY = "00112233445566778899aabbccddeeff"
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
[topics]
control = "fraud.control"
[lists.stolen]
of = "card"
"""
RULES = """
[[rule]]
id = "stolen"
when = "card in lists.stolen"
action = "block"
mode = "live"
[[rule]]
id = "large"
when = "amount > 900.0"
action = "review"
mode = "shadow"
"""


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker({"fraud.control": 1, "fraud.audit": 1}) as broker:
        yield broker


@pytest.fixture
def config(tmp_path, monkeypatch, broker):
    monkeypatch.setenv("FRAUD_SECURITY__HASH_KEY", KEY)
    path = tmp_path / "fraudstream.toml"
    path.write_text(CONFIG.format(bootstrap=broker.bootstrap))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "some.toml").write_text(RULES)
    return path


def orders(broker):
    reader = PartitionReader(broker.connection, "readers", print)
    first, behind = reader.ends("fraud.control")
    found = [m for messages in reader.read(first, behind) for m in messages]
    reader.close()
    return found


def test_what_is_applied_is_what_an_engine_then_decides_by(run, config, broker):
    folder = config.parent / "rules"
    words = (folder, "--by", "anna", "--note", "stolen cards", "--config", config)
    status, said, _ = run(*words, "--yes", "--json")
    assert status == 0
    report = json.loads(said)
    assert (report["rules"], report["step"]) == (2, "done")
    settings = load(config)
    registry = registry_of(settings)
    control = decoders_of(settings, registry, bytes.fromhex(KEY)).control
    registry.close()
    engine = engine_of(settings, bytes.fromhex(KEY))
    effects = engine.control(control.decode([orders(broker)[-1].value()], time.time_ns() // 1000))
    assert effects.reasons.tolist() == [Reason.OK]
    assert effects.rules == [report["digest"]]
    assert [rule.id for rule in engine.rules.rules.rules] == ["large", "stolen"]


def test_the_trail_says_which_rules_were_in_force_before(run, config):
    folder, said = config.parent / "rules", []
    for limit in ("800.0", "700.0"):
        (folder / "some.toml").write_text(RULES.replace("900.0", limit))
        words = (folder, "--by", "anna", "--yes", "--json", "--config", config)
        said.append(json.loads(run(*words)[1]))
    first, second = said
    act = entries_of(config)[-2].act
    assert (act.who, act.what, act.request_id) == ("anna", "rules", second["request_id"])
    assert json.loads(act.before) == {"digest": first["digest"]}
    assert json.loads(act.after)["digest"] == second["digest"] != first["digest"]


def test_nobody_is_asked_where_nobody_can_be_and_nothing_is_sent(run, config, broker):
    before = len(orders(broker))
    status, _, said = run(config.parent / "rules", "--config", config)
    assert status == 2
    assert "add --yes" in said
    assert len(orders(broker)) == before


def test_a_rule_of_a_list_that_no_worker_has_is_not_sent(run, config, broker):
    before = len(orders(broker))
    wrong = config.parent / "rules" / "wrong.toml"
    wrong.write_text(RULES.replace("lists.stolen", "lists.stollen").replace('id = "', 'id = "x'))
    status, _, said = run(config.parent / "rules", "--yes", "--config", config)
    assert status == 1
    assert "wrong.toml:4:" in said
    assert "stolen" in said.partition("nearest")[2]
    assert len(orders(broker)) == before
