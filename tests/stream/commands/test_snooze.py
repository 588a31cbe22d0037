"""``fraudstream snooze``: orders that the engine takes, and what is told of them."""

import json
import time

import pytest
from inputs.audit_entries import entries_of

from schemas.siphash import hash_texts
from stream.admission.snoozes import read_snooze
from stream.cases.administration import Administration
from stream.commands.erase import erase_entity
from stream.commands.orders_given import orders_given
from stream.commands.rules_apply import apply_rules
from stream.config.configuration import load
from stream.kafka.embedded import EmbeddedBroker

COMMAND = ("snooze",)
KEY = "00112233445566778899aabbccddeeff"
CARD = "4111111111111111"
DAY_US = 86_400_000_000
CONFIG = """
[topics]
control = "fraud.control"
"""
RULES = """
[[rule]]
id = "night"
when = "amount > 900.0"
action = "review"
mode = "live"
"""
WHY = ("--reason", "travels", "--by", "ann")


def hashed(text):
    return f"{int(hash_texts([text], bytes.fromhex(KEY))[0]):016x}"


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("FRAUD_SECURITY__HASH_KEY", KEY)
    path = tmp_path / "fraudstream.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def broker(monkeypatch):
    with EmbeddedBroker({"fraud.control": 3, "fraud.audit": 1}) as broker:
        monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", broker.bootstrap)
        yield broker


@pytest.fixture
def snooze(run, config, broker):
    """Call a command that must end well; return what it wrote."""

    def snooze(*words):
        status, said, error = run(*words, "--config", config)
        assert status == 0, said + error
        return said

    return snooze


def shown(snooze, *words):
    return json.loads(snooze("show", *words, "--json"))["snoozes"]


def test_a_snooze_is_ordered_shown_and_ended(snooze, config):
    before = time.time()
    report = json.loads(snooze("add", "score", "card", CARD, *WHY, "--for", "7d", "--json"))
    assert (report["what"], report["step"]) == ("snooze", "done")
    (order,) = orders_given(load(config))
    assert (order.fields["kind"], order.fields["entity"]) == ("SNOOZE", "card")
    assert order.fields["request_id"] == report["request_id"]
    told = read_snooze(order.fields["key"], ("card", "merchant"))
    assert (told.rule, told.entity, f"{told.key:016x}") == ("score", "card", hashed(CARD))
    assert (told.by, told.reason) == ("ann", "travels")
    assert 0 <= told.until_us - 7 * DAY_US - before * 1e6 < 60e6
    (standing,) = shown(snooze)
    assert (standing["rule"], standing["key"]) == ("score", hashed(CARD))
    assert (standing["by"], standing["reason"]) == ("ann", "travels")
    assert f"score for card {hashed(CARD)} until" in snooze("show")
    said = snooze("end", "score", "card", CARD, "--reason", "is back", "--by", "ben")
    assert f"score for card {hashed(CARD)} raises alerts again" in said
    assert shown(snooze) == []
    assert len(shown(snooze, "--at", "1h")) == 0
    added, _, ended, _ = (entry.act for entry in entries_of(config))
    assert (added.who, added.what, added.note) == ("ann", "snooze", "travels")
    assert json.loads(added.before) == {"snoozes": []}
    assert json.loads(added.after) == {"snoozes": report["snoozes"]}
    assert (ended.who, ended.what, ended.note) == ("ben", "snooze end", "is back")
    assert [each["by"] for each in json.loads(ended.before)["snoozes"]] == ["ann"]
    assert json.loads(ended.after) == {"snoozes": []}
    assert CARD not in said + str(added)


def test_whom_an_alert_names_is_snoozed_by_the_hash_in_it(snooze):
    words = ("add", "*", "merchant", "00000000000000bb", "--hashed", *WHY, "--for", "1h")
    (told,) = json.loads(snooze(*words, "--json"))["snoozes"]
    assert (told["rule"], told["entity"], told["key"]) == ("*", "merchant", "00000000000000bb")


def test_the_past_is_told_as_it_was(snooze):
    snooze("add", "score", "card", CARD, *WHY, "--until", "2100-01-01")
    snooze("add", "score", "merchant", "shop", *WHY, "--for", "1h")
    time.sleep(0.05)
    both = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 5))
    assert [each["entity"] for each in shown(snooze, "--at", both)] == ["card", "merchant"]
    assert [each["entity"] for each in shown(snooze, "--at", "2099-12-31")] == ["card"]
    assert shown(snooze, "--at", "2100-01-01") == []
    assert shown(snooze, "--at", "1h") == []


def test_who_is_erased_is_snoozed_no_more(snooze, config, capsys):
    snooze("add", "score", "card", CARD, *WHY, "--for", "1h")
    assert erase_entity("card", CARD, config, yes=True, as_json=True) == 0
    capsys.readouterr()
    assert shown(snooze) == []


def test_rules_that_were_applied_can_be_snoozed_and_no_others(snooze, run, config, tmp_path):
    status, _, error = run("add", "night", "card", CARD, *WHY, "--for", "1h", "--config", config)
    assert status == 2
    assert "no rule that was ever applied is 'night'" in error
    (tmp_path / "rules.toml").write_text(RULES)
    assert apply_rules(tmp_path / "rules.toml", config, "ann", "", True, True) == 0
    snooze("add", "night", "card", CARD, *WHY, "--for", "1h")
    status, _, error = run("add", "nigth", "card", CARD, *WHY, "--for", "1h", "--config", config)
    assert status == 2
    assert "'nigth'; the nearest is 'night'" in error
    assert CARD not in error


def test_a_snooze_waits_for_a_second_person(snooze, config, monkeypatch):
    monkeypatch.setenv("FRAUD_SECURITY__APPROVALS", "two_persons")
    words = ("add", "score", "card", CARD, *WHY, "--for", "1h")
    report = json.loads(snooze(*words, "--json"))
    assert (report["step"], report["orders"]) == ("requested", [])
    assert "somebody else has approved it" in snooze(*words)
    assert shown(snooze) == []
    with Administration(load(config)) as administration:
        administration.approve(report["request_id"], "bob")
    (standing,) = shown(snooze)
    assert standing["request_id"] == report["request_id"]


def test_every_partition_with_a_state_of_its_own_hears_of_it(snooze, config):
    config.write_text(CONFIG + "[worker]\nstate = 'per_partition'\npartial_features = true\n")
    report = json.loads(snooze("add", "score", "card", CARD, *WHY, "--for", "1h", "--json"))
    assert [each["partition"] for each in report["orders"]] == [0, 1, 2]
    assert len(shown(snooze)) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "score", "curd", CARD, *WHY, "--for", "1h"), "'curd'; the nearest is 'card'"),
        (("add", "score", "card", "", *WHY, "--for", "1h"), "the id is empty"),
        (("add", "score", "card", CARD, *WHY), "a snooze has an end: give --for 7d"),
        (("add", "score", "card", CARD, *WHY, "--until", "2020-01-01"), "2020-01-01 has passed"),
        (("add", "score", "card", CARD, *WHY, "--until", "soon"), "--until: 'soon' is no time"),
        (("add", "score", "card", CARD, *WHY, "--for", "7"), "--for: a duration is a number"),
        (("add", "score", "card", "xyz", "--hashed", *WHY, "--for", "1h"), "16 hexadecimal digits"),
        (("add", "score", "curd", "00", "--hashed", *WHY, "--for", "1h"), "nearest is 'card'"),
        (("add", "score", "card", CARD, "--reason", " ", "--for", "1h"), "--reason says something"),
        (("add", "score", "card", CARD, "--for", "1h"), "--reason"),
        (("add", "score", "card", CARD, *WHY[:2], "--by", " ", "--for", "1h"), "give --by NAME"),
        (("end", "score", "card", CARD, *WHY), "score is not snoozed for this card"),
        (("show", "--at", "soon"), "--at: 'soon' is no time"),
    ],
)
def test_what_is_asked_wrongly_is_said_and_nothing_is_sent(run, config, broker, words, said):
    status, out, error = run(*words, "--config", config)
    assert status != 0
    assert out == ""
    assert said in error
    assert CARD not in error
    assert orders_given(load(config)) == []
    assert entries_of(config) == []


def test_without_a_topic_nobody_would_take_it(run, config):
    config.write_text("")
    status, _, error = run("show", "--config", config)
    assert (status, "topics.control is not set" in error) == (2, True)
