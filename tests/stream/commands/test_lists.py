"""``fraudstream lists``: what is ordered, what is asked wrongly, and what is shown of it."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from inputs.published import published

from schemas.columns import Reason
from schemas.siphash import hash_texts
from stream.commands.erase import erase_entity
from stream.kafka.client import Connection
from stream.kafka.control_topic import read_orders
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.send import send
from stream.lists.entries import ALWAYS_US, NEVER_US
from stream.lists.orders import parse_lists_order

COMMAND = ("lists",)
KEY = "00112233445566778899aabbccddeeff"
CARD, OTHER, THIRD = "4111111111111111", "4222222222222", "4333333333333"
# What is noted of orders is looked at in test_list_orders.py.
CONFIG = """
[topics]
control = "fraud.control"
audit = ""
[fields.categorical]
channel = "channel"
[lists.blocked_cards]
of = "card"
kind = "deny"
entries_max = 2_500
[lists.odd_channels]
of = "channel"
[lists.few]
of = "merchant"
kind = "allow"
entries_max = 2
"""
WHY = ("--reason", "reported stolen", "--by", "anna")


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
def lists(run, config, broker):
    """Call a command that must end well; return what it wrote."""

    def lists(*words, status=0):
        found, said, error = run(*words, "--config", config)
        assert found == status, said + error
        return said

    return lists


def shown(lists, *words, status=0):
    return json.loads(lists("show", *words, "--json", status=status))


def in_topic(broker):
    """Return the orders of the topic, and those about lists as the engine reads them."""
    codec = published("control")
    told = read_orders(Connection(broker.bootstrap, {}), "tests", "fraud.control", {12: codec})
    assert (told.gone, told.unreadable) == (0, 0)
    return told.orders, [parse_lists_order(order.fields["key"]) for order in told.orders]


def test_an_entry_is_ordered_shown_and_taken_off_again(lists, broker):
    report = json.loads(lists("add", "blocked_cards", CARD, *WHY, "--json"))
    assert report["add"] == [hashed(CARD)]
    assert (report["since"], report["until"]) == (None, None)
    (record,), (order,) = in_topic(broker)
    assert (record.partition, record.offset) == tuple(report["orders"][0].values())
    assert (record.fields["kind"], record.fields["entity"]) == ("LISTS", "card")
    assert record.fields["request_id"] == report["request_id"]
    assert abs(record.fields["requested_at"] / 1e6 - time.time()) < 60
    assert f"{int(order.keys[0]):016x}" == hashed(CARD)
    assert (order.name, order.reason, order.by) == ("blocked_cards", "reported stolen", "anna")
    assert (order.since_us.tolist(), order.until_us.tolist()) == ([ALWAYS_US], [NEVER_US])
    assert CARD not in str(record.fields)
    found = shown(lists, "blocked_cards", "--value", CARD)
    assert found["member"] is True
    assert found["entries"][0]["reason"] == "reported stolen"
    assert found["entries"][0]["by"] == "anna"
    assert lists("show", "blocked_cards", "--value", OTHER, status=1).startswith("not on ")
    lists("remove", "blocked_cards", CARD, "--reason", "found again", "--by", "ben")
    found = shown(lists, "blocked_cards", "--value", CARD, status=1)
    assert found["member"] is False
    assert found["version"] == 2
    assert [(each["action"], each["by"]) for each in found["changes"]] == [
        ("add", "anna"),
        ("remove", "ben"),
    ]
    said = lists("show", "blocked_cards", "--value", CARD, status=1)
    assert "remove by ben: found again" in said
    assert CARD not in said


def test_the_past_is_told_as_it_was(lists):
    before = (datetime.now(UTC) - timedelta(seconds=5)).isoformat()
    lists("add", "blocked_cards", CARD, *WHY)
    time.sleep(0.05)
    between = datetime.now(UTC).isoformat()
    time.sleep(0.05)
    lists("remove", "blocked_cards", CARD, *WHY)
    assert shown(lists, "blocked_cards")["entries"] == []
    (entry,) = shown(lists, "blocked_cards", "--at", between)["entries"]
    assert entry["key"] == hashed(CARD)
    found = shown(lists, "blocked_cards", "--at", before)
    assert (found["entries"], found["version"]) == ([], 0)
    assert found["at"] == before.replace("+00:00", "Z")
    assert shown(lists, "blocked_cards", "--at", "1h")["version"] == 0


def test_an_entry_holds_from_its_beginning_until_its_end(lists):
    times = ("--from", "2100-01-01", "--for", "2d")
    said = lists("add", "blocked_cards", CARD, *WHY, *times)
    assert "from 2100-01-01T00:00:00Z until 2100-01-03T00:00:00Z" in said
    lists("add", "blocked_cards", OTHER, *WHY, "--until", "2100-01-02T00:00+01:00")
    lists("add", "blocked_cards", THIRD, *WHY, "--for", "90s")
    keys = {name: hashed(name) for name in (CARD, OTHER, THIRD)}

    def on(at):
        found = shown(lists, "blocked_cards", *at)["entries"]
        return {name for name, key in keys.items() if key in {each["key"] for each in found}}

    assert on(()) == {OTHER, THIRD}
    assert on(("--at", "2099-12-31T23:59")) == {OTHER}
    assert on(("--at", "2100-01-01")) == {CARD, OTHER}
    assert on(("--at", "2100-01-01T23:00")) == {CARD}
    assert on(("--at", "2100-01-03")) == set()


def test_values_are_hashed_as_payments_hash_them_and_read_from_stdin(lists, monkeypatch):
    assert json.loads(lists("add", "odd_channels", "ATM", *WHY, "--json"))["add"] == [hashed("ATM")]
    monkeypatch.setattr("sys.stdin", io.StringIO(CARD + "\n"))
    report = json.loads(lists("add", "blocked_cards", "-", *WHY, "--json"))
    assert report["add"] == [hashed(CARD)]
    monkeypatch.setattr("sys.stdin", io.StringIO(CARD + "\n"))
    assert shown(lists, "blocked_cards", "--value", "-")["member"] is True


def test_all_lists_are_shown_with_their_versions_and_who_changed_them_last(lists):
    lists("add", "blocked_cards", CARD, *WHY)
    lists("add", "blocked_cards", OTHER, "--reason", "lost", "--by", "ben")
    found = {each["list"]: each for each in shown(lists)["lists"]}
    assert list(found) == ["blocked_cards", "odd_channels", "few"]
    blocked = found["blocked_cards"]
    assert (blocked["of"], blocked["kind"], blocked["entries_max"]) == ("card", "deny", 2500)
    assert (blocked["entries"], blocked["version"], blocked["changed"]["by"]) == (2, 2, "ben")
    assert (found["few"]["version"], found["few"]["changed"]) == (0, None)
    said = lists("show")
    assert "blocked_cards (deny, card): 2 of at most 2,500 entries, version 2; changed" in said
    assert "few (allow, merchant): 0 of at most 2 entries, version 0; never changed" in said


def test_what_the_worker_refuses_is_shown_as_refused(lists):
    for shop in ("a", "b", "c"):
        lists("add", "few", shop, *WHY)
    found = shown(lists, "few")
    assert [each["key"] for each in found["entries"]] == sorted(
        [hashed("a"), hashed("b")], key=[hashed("a"), hashed("b")].index
    )
    assert [each["refusal"] for each in found["refused"]] == [Reason.CONTROL_LIST_FULL.name]
    assert found["version"] == 2
    said = lists("show", "few")
    assert "2 of at most 2 entries" in said
    assert "refused" in said
    assert "raise entries_max" in said


def test_who_is_erased_is_on_no_list_any_more(lists, config, capsys):
    lists("add", "blocked_cards", CARD, *WHY)
    lists("add", "blocked_cards", OTHER, *WHY)
    assert erase_entity("card", CARD, config, yes=True, as_json=True) == 0
    capsys.readouterr()
    found = shown(lists, "blocked_cards")
    assert [each["key"] for each in found["entries"]] == [hashed(OTHER)]
    assert found["version"] == 3


def test_every_partition_with_a_state_of_its_own_hears_of_it(lists, config, broker):
    config.write_text(CONFIG + "[worker]\nstate = 'per_partition'\npartial_features = true\n")
    report = json.loads(lists("add", "blocked_cards", CARD, *WHY, "--json"))
    assert [each["partition"] for each in report["orders"]] == [0, 1, 2]
    # It is one change, not three.
    assert shown(lists, "blocked_cards")["version"] == 1


def test_an_order_that_did_not_reach_every_state_is_told(run, config, broker):
    status, _, error = run("add", "blocked_cards", CARD, *WHY, "--config", config)
    assert status == 0, error
    config.write_text(CONFIG + "[worker]\nstate = 'per_partition'\npartial_features = true\n")
    status, _, error = run("show", "blocked_cards", "--config", config)
    assert status == 0
    assert "is in 1 of 3 partitions" in error


def test_records_that_are_no_orders_are_counted_and_passed_over(run, config, broker):
    for value in (b"", b"\0\0\0\0\x0c", b"\0\0\0\0\x63abc"):
        send(Connection(broker.bootstrap, {}), "fraud.control", b"x", value)
    record = {"kind": "LISTS", "entity": "card", "key": "{}", "requested_at": 0, "request_id": ""}
    codec = published("control")
    for change in ({}, {"kind": "ERASE", "key": "-5"}, {"kind": "UNKNOWN"}):
        value = codec.encode({**record, **change})
        send(Connection(broker.bootstrap, {}), "fraud.control", b"x", value)
    status, said, error = run("show", "blocked_cards", "--config", config, "--json")
    assert status == 0
    assert json.loads(said)["version"] == 0
    assert "this release cannot read 3 records of fraud.control as orders" in error


def test_a_file_is_imported_in_orders_of_a_thousand_entries(lists, broker, tmp_path):
    file = tmp_path / "cards.csv"
    lines = [f"card-{number},,lost" for number in range(2100)]
    lines += ["card-0,2100-01-01,stolen", "card-1,2001-01-01,", 'card-2,,"a, b"']
    file.write_text("value,until,reason\n" + "\n".join(lines) + "\n")
    report = json.loads(lists("import", "blocked_cards", file, *WHY, "--json"))
    counts = {name: report[name] for name in ("lines", "entries", "expired")}
    assert counts == {"lines": 2103, "entries": 2099, "expired": 1}
    _, orders = in_topic(broker)
    sizes = [(order.reason, len(order.keys)) for order in orders]
    assert sizes == [("lost", 1000), ("lost", 1000), ("lost", 97), ("stolen", 1), ("a, b", 1)]
    found = shown(lists, "blocked_cards")
    by_key = {each["key"]: each for each in found["entries"]}
    assert by_key.keys() == {hashed(f"card-{n}") for n in range(2100) if n != 1}
    assert by_key[hashed("card-0")]["until"] == "2100-01-01T00:00:00Z"
    assert by_key[hashed("card-0")]["reason"] == "stolen"
    assert by_key[hashed("card-2")]["reason"] == "a, b"
    assert by_key[hashed("card-9")]["until"] is None
    assert "and 2,049 more" in lists("show", "blocked_cards")
    # A second time changes nothing but the version.
    lists("import", "blocked_cards", file, *WHY)
    again = shown(lists, "blocked_cards")
    assert {each["key"] for each in again["entries"]} == by_key.keys()
    assert again["version"] == 2 * found["version"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ":1: the first line has to name the columns"),
        ("4111111111111111\n", ":1: the first line has to name the columns"),
        ("value,card\nx,4111111111111111\n", ":1: the first line has to name the columns"),
        ("value,value\n1,2\n", ":1: the first line has to name the columns"),
        ("value,until\n", "has no line behind the first"),
        ("value,until\na,\n,2030-01-01\n", ":3: it has no value"),
        ("value\na,4111111111111111\n", ":2: it has no value, or more columns"),
        ("value,until\na,soon\n", ":2: 'soon' is no time"),
        ("value,since,until\na,2101-01-01,2100-01-01\n", ":2: it ends before it begins"),
        ('value\n"a"b\n', "is no CSV"),
        ("value,reason\na," + "x" * 201 + "\n", "says something in at most 200"),
        ("value\n" + "".join(f"c{at}\n" for at in range(2501)), "has 2,501 entries, and"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_with_its_line_and_without_its_values(
    run, config, tmp_path, text, said
):
    file = tmp_path / "cards.csv"
    file.write_text(text)
    status, _, error = run("import", "blocked_cards", file, *WHY, "--config", config)
    assert status != 0
    assert said in error
    assert CARD not in error


def test_a_file_of_another_encoding_or_of_none_is_told(run, config, tmp_path):
    file = tmp_path / "cards.csv"
    file.write_bytes(b"value\n\xff\n")
    status, _, error = run("import", "blocked_cards", file, *WHY, "--config", config)
    assert (status, "is no text in UTF-8" in error) == (1, True)
    status, _, error = run("import", "blocked_cards", tmp_path / "no", *WHY, "--config", config)
    assert (status, "cannot be read" in error) == (1, True)
    file.write_text("value\na\n")
    status, _, error = run("import", "blocked_cards", file, "--by", "anna", "--config", config)
    assert (status, ":2: it has no reason" in error) == (1, True)
    text = "value\nGAS\n"
    file.write_text(text)
    status, _, error = run("import", "odd_channels", file, *WHY, "--config", config)
    assert (status, ":2: field 'channel' holds enum" in error) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "blocked", CARD, *WHY), "[lists.blocked]; the nearest is 'blocked_cards'"),
        (("add", "blocked_cards", "", *WHY), "the id is empty"),
        (("add", "blocked_cards", CARD, *WHY, "--for", "30"), "--for: a duration is a number"),
        (("add", "blocked_cards", CARD, *WHY, "--until", "soon"), "--until: 'soon' is no time"),
        (("add", "blocked_cards", CARD, *WHY, "--from", "soon"), "--from: 'soon' is no time"),
        (("add", "blocked_cards", CARD, *WHY, "--until", "2020-01-01"), "2020-01-01 has passed"),
        (("add", "blocked_cards", CARD, *WHY, "--until", "2300-01-01"), "between 2000 and 2200"),
        (
            ("add", "blocked_cards", CARD, *WHY, "--until", "2100-01-01", "--for", "3d"),
            "give one of them",
        ),
        (
            ("add", "blocked_cards", CARD, *WHY, "--from", "2101-01-01", "--until", "2100-01-01"),
            "is not after --from",
        ),
        (
            ("add", "blocked_cards", CARD, "--reason", " ", "--by", "anna"),
            "--reason says something",
        ),
        (("remove", "blocked_cards", CARD, "--by", "anna"), "--reason"),
        (("show", "--value", CARD), "name the list"),
        (("show", "blocked_cards", "--at", "soon"), "--at: 'soon' is no time"),
        (("show", "blockedcards"), "the nearest is 'blocked_cards'"),
    ],
)
def test_what_is_asked_wrongly_is_said_and_nothing_is_sent(run, config, broker, words, said):
    status, out, error = run(*words, "--config", config)
    assert (status, out) == (2, "")
    assert said in error
    assert CARD not in error
    assert in_topic(broker)[0] == []


@pytest.mark.parametrize("words", [("add", "few", "a", *WHY), ("show",)])
def test_without_a_topic_or_brokers_it_is_told(run, config, words, monkeypatch):
    config.write_text(CONFIG.replace("fraud.control", ""))
    status, _, error = run(*words, "--config", config)
    assert (status, "topics.control is not set" in error) == (2, True)


def test_brokers_that_are_not_there_are_told(run, config, monkeypatch):
    monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setattr("stream.kafka.send.Sender.__init__.__defaults__", (0.6, False))
    monkeypatch.setattr("stream.kafka.reader._CALL_TIMEOUT_S", 0.6)
    status, _, error = run("add", "few", "a", *WHY, "--config", config)
    assert status == 1
    assert "no Kafka at 127.0.0.1:1" in error
