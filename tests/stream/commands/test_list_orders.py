"""Changes of lists: noted before they are sent, or asked for where a second person has to agree."""

import json

import pytest
from inputs.audit_entries import entries_of

from schemas.errors import BrokerError
from schemas.siphash import hash_texts
from stream.cases.administration import Administration
from stream.config.configuration import load
from stream.kafka.embedded import EmbeddedBroker

COMMAND = ("lists",)
KEY = "00112233445566778899aabbccddeeff"
CARD = "4111111111111111"
CONFIG = """
[topics]
control = "fraud.control"
[lists.blocked]
of = "card"
entries_max = 20_000
"""
WHY = ("--reason", "reported stolen", "--by", "anna")


def hashed(text):
    return f"{int(hash_texts([text], bytes.fromhex(KEY))[0]):016x}"


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("FRAUD_SECURITY__HASH_KEY", KEY)
    path = tmp_path / "fraudstream.toml"
    path.write_text(CONFIG)
    with EmbeddedBroker({"fraud.control": 1, "fraud.audit": 1}) as broker:
        monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", broker.bootstrap)
        yield path


@pytest.fixture
def lists(run, config):
    """Call a command that must end well; return what it wrote."""

    def lists(*words):
        status, said, error = run(*words, "--config", config)
        assert status == 0, said + error
        return said

    return lists


def on_the_list(lists):
    return json.loads(lists("show", "blocked", "--json"))["entries"]


def test_the_trail_says_who_changed_what_was_before_and_what_is_after(lists, config, monkeypatch):
    report = json.loads(lists("add", "blocked", CARD, *WHY, "--until", "2100-01-01", "--json"))
    assert report["step"] == "done"
    monkeypatch.setattr("getpass.getuser", lambda: "ben")
    lists("remove", "blocked", CARD, "--reason", "found again")
    acts = [entry.act for entry in entries_of(config)]
    assert [(act.who, act.what, act.step.value) for act in acts] == [
        ("anna", "lists add", "ORDERED"),
        ("anna", "lists add", "DONE"),
        ("ben", "lists remove", "ORDERED"),
        ("ben", "lists remove", "DONE"),
    ]
    added, _, removed, _ = acts
    assert added.request_id == report["request_id"]
    assert (added.subject, added.note) == (f"{hashed(CARD)} to blocked", "reported stolen")
    assert json.loads(added.before) == {"entries": []}
    (after,) = json.loads(added.after)["entries"]
    assert after == {"key": hashed(CARD), "since": None, "until": "2100-01-01T00:00:00Z"}
    (before,) = json.loads(removed.before)["entries"]
    assert (before["key"], before["by"], before["until"]) == (hashed(CARD), "anna", after["until"])
    assert json.loads(removed.after) == {"entries": []}
    assert CARD not in str(acts)


def test_nothing_is_changed_before_a_second_person_has_agreed(lists, config, monkeypatch):
    monkeypatch.setenv("FRAUD_SECURITY__APPROVALS", "two_persons")
    report = json.loads(lists("add", "blocked", CARD, *WHY, "--json"))
    assert (report["step"], report["orders"]) == ("requested", [])
    assert on_the_list(lists) == []
    said = lists("add", "blocked", "4222222222222", *WHY)
    assert "Nothing is sent until somebody else has approved it" in said
    with Administration(load(config)) as administration:
        administration.approve(report["request_id"], "bob")
    (entry,) = on_the_list(lists)
    assert (entry["key"], entry["request_id"]) == (hashed(CARD), report["request_id"])


def test_a_file_is_one_act(lists, config, tmp_path):
    file = tmp_path / "cards.csv"
    file.write_text("value\n" + "".join(f"card-{at}\n" for at in range(2_100)))
    report = json.loads(lists("import", "blocked", file, *WHY, "--json"))
    assert report["request_ids"] == [report["request_id"]]
    asked, done = (entry.act for entry in entries_of(config))
    assert (asked.what, asked.subject) == ("lists import", "2,100 entries of cards.csv to blocked")
    assert json.loads(asked.before) == {"entries": 0, "version": 0}
    assert json.loads(asked.after) == {"added": 2_100}
    assert len(json.loads(done.after)["places"]) == 3
    names = {each["request_id"] for each in on_the_list(lists)}
    assert names == {f"{report['request_id']}/{at}" for at in range(3)}


def test_a_file_that_is_too_much_for_a_request_is_several(lists, config, tmp_path, monkeypatch):
    monkeypatch.setenv("FRAUD_SECURITY__APPROVALS", "two_persons")
    file = tmp_path / "cards.csv"
    lines = (f"card-{at},2020-01-01,2100-01-01\n" for at in range(7_000))
    file.write_text("value,since,until\n" + "".join(lines))
    report = json.loads(lists("import", "blocked", file, *WHY, "--json"))
    assert (report["step"], len(report["request_ids"])) == ("requested", 2)
    acts = [entry.act for entry in entries_of(config)]
    assert [act.request_id for act in acts] == report["request_ids"]
    assert [act.subject.rpartition(", ")[2] for act in acts] == ["part 1 of 2", "part 2 of 2"]
    for number, each in enumerate(report["request_ids"], 1):
        with Administration(load(config)) as administration:
            administration.approve(each, "bob")
        assert len(on_the_list(lists)) == min(6_000 * number, 7_000)


@pytest.mark.parametrize("reason", ["card 4111 1111 1111 1111", "x" * 201])
def test_a_reason_that_cannot_be_kept_is_refused(run, config, tmp_path, reason):
    file = tmp_path / "cards.csv"
    file.write_text(f"value,reason\na,{reason}\n")
    for words in (
        ("add", "blocked", CARD, "--reason", reason),
        ("import", "blocked", file, "--by", "anna"),
    ):
        status, _, error = run(*words, "--config", config)
        assert status != 0
        assert reason not in error
    assert entries_of(config) == []


def test_who_may_not_read_what_was_ordered_may_order_all_the_same(run, config, monkeypatch):
    def forbidden(*_):
        raise BrokerError("not authorized")

    monkeypatch.setattr("stream.commands.orders_given.read_orders", forbidden)
    status, _, error = run("add", "blocked", CARD, *WHY, "--config", config)
    assert status == 0
    assert "what was before is not known, and not noted: not authorized" in error
    assert entries_of(config)[0].act.before is None
