"""``fraudstream erase``: what is asked before anything is ordered, and what is found afterwards."""

import io
import json

import numpy as np
import pytest

from models.states.snapshot import State
from schemas.siphash import hash_texts
from stream.kafka.embedded import EmbeddedBroker
from stream.snapshots.folder import SnapshotFolder

COMMAND = ("erase",)
KEY = "00112233445566778899aabbccddeeff"
CARD = "4111111111111111"
CONFIG = """
[topics]
control = "{control}"
[recovery]
folder = "{folder}"
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("FRAUD_SECURITY__HASH_KEY", KEY)
    monkeypatch.delenv("FRAUD_SECURITY__SNAPSHOT_KEY", raising=False)
    (tmp_path / "state").mkdir()
    path = tmp_path / "fraudstream.toml"
    path.write_text(CONFIG.format(control="fraud.control", folder=tmp_path / "state"))
    return path


def hashed(card):
    return int(hash_texts([card], bytes.fromhex(KEY))[0])


def snapshot(tmp_path, number, card):
    rows = np.array([7, hashed(card)], np.uint64)
    SnapshotFolder(tmp_path / "state").write(State("worker/1", {}, {"rows": rows}), number)


def test_a_card_that_is_kept_is_found_with_its_place(run, config, tmp_path):
    snapshot(tmp_path, 1, CARD)
    snapshot(tmp_path, 2, "4222222222222")
    status, said, _ = run("card", CARD, "--verify", "--config", config, "--json")
    assert status == 1
    report = json.loads(said)
    assert report["found"] is True
    first, second = report["files"]
    assert (first["found"], first["arrays"]) == (["hash"], ["rows"])
    assert (second["found"], second["arrays"]) == ([], [])
    status, said, _ = run("card", CARD, "--verify", "--config", config)
    assert status == 1
    assert "snapshot-000000000001.state: FOUND hash in rows" in said
    assert "snapshot-000000000002.state: not found" in said
    assert CARD not in said


def test_a_card_that_is_not_kept_is_not_found_in_any_folder(run, config, tmp_path, monkeypatch):
    snapshot(tmp_path, 1, CARD)
    monkeypatch.setattr("sys.stdin", io.StringIO("4222222222222\n"))
    assert run("card", "-", "--verify", "--config", config)[0] == 0
    (tmp_path / "other").mkdir()
    # To have looked at nothing proves nothing.
    words = ("card", CARD, "--verify", "--config", config, "--folder", tmp_path / "other")
    assert run(*words)[:2] == (1, f"no files in {tmp_path / 'other'}\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("curd", CARD), "'curd'; the nearest is 'card'"),
        (("card", ""), "the id is empty"),
        (("card", CARD, "--folder", "x"), "--folder belongs to --verify"),
    ],
)
def test_what_is_asked_wrongly_is_said(run, config, words, expected):
    status, said, error = run(*words, "--config", config)
    assert (status, said) == (2, "")
    assert expected in error
    assert CARD not in error


def test_without_a_topic_nothing_can_be_ordered(run, config, tmp_path):
    config.write_text(CONFIG.format(control="", folder=tmp_path / "state"))
    status, _, error = run("card", CARD, "--yes", "--config", config)
    assert status == 2
    assert "topics.control is not set" in error


def test_nothing_is_ordered_that_nobody_has_agreed_to(run, config, sent):
    status, said, error = run("card", CARD, "--config", config)
    assert (status, said, sent) == (2, "", [])
    assert "add --yes" in error
    status, said, error = run("card", CARD, "--config", config, "--yes")
    assert (status, len(sent)) == (0, 1)
    assert f"ordered: card {hashed(CARD):016x}" in said
    assert "--verify" in said
    assert CARD not in said + error
    assert CARD not in str(sent)


def test_an_order_is_acknowledged_by_the_brokers(run, config, monkeypatch):
    with EmbeddedBroker({"fraud.control": 1, "fraud.audit": 1}) as broker:
        monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", broker.bootstrap)
        status, said, error = run("card", CARD, "--config", config, "--yes", "--json")
    assert status == 0, error
    (order,) = json.loads(said)["orders"]
    assert order == {"key": f"{hashed(CARD):016x}", "partition": 0, "offset": 0}


def test_every_partition_that_has_a_state_of_its_own_hears_of_it(run, config, monkeypatch):
    config.write_text(
        config.read_text() + "[worker]\nstate = 'per_partition'\npartial_features = true\n"
    )
    with EmbeddedBroker({"fraud.control": 3, "fraud.audit": 1}) as broker:
        monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", broker.bootstrap)
        status, said, error = run("card", CARD, "--config", config, "--yes", "--json")
    assert status == 0, error
    assert [each["partition"] for each in json.loads(said)["orders"]] == [0, 1, 2]


def test_brokers_that_are_not_there_are_told(run, config, monkeypatch):
    monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("FRAUD_TOPICS__AUDIT", "")
    monkeypatch.setattr("stream.kafka.send.Sender.__init__.__defaults__", (0.6, False))
    status, _, error = run("card", CARD, "--config", config, "--yes")
    assert status == 1
    assert "no Kafka at 127.0.0.1:1" in error
