"""``fraudstream models``: from a snapshot to a kept model and back into an engine."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from inputs.audit_entries import entries_of
from inputs.published import published
from inputs.streams import LABEL_LAYOUT, SECOND, START_US, block, label_row

from schemas.columns import Reason
from stream.app import decoders_of, engine_of, registry_of
from stream.config.configuration import load
from stream.kafka.embedded import EmbeddedBroker
from stream.recovery.identity import Identity
from stream.recovery.progress import Progress
from stream.recovery.setup import configuration_digest
from stream.shards.held_labels import HeldLabels
from stream.snapshots.folder import SnapshotFolder

COMMAND = ("models",)
KEY = "00112233445566778899aabbccddeeff"
CONFIG = """
[topics]
control = "fraud.control"
[features]
names = ["amount"]
[windows]
events_max = 2000
entities_max = 500
[labels]
maturity = "10s"
waiting_max = 4096
[model]
name = "first"
registry = "{folder}/models"
frauds_min = 2
genuine_min = 10
{start}
[model.challengers.second]
kind = "additive"
frauds_min = 2
genuine_min = 10
{more}
[recovery]
folder = "{folder}/state"
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("FRAUD_SECURITY__HASH_KEY", KEY)
    monkeypatch.delenv("FRAUD_SECURITY__SNAPSHOT_KEY", raising=False)
    (tmp_path / "state").mkdir()
    return written(tmp_path)


def written(tmp_path, start="", more=""):
    path = tmp_path / "fraudstream.toml"
    path.write_text(CONFIG.format(folder=tmp_path, start=start, more=more))
    return path


def built(path):
    return engine_of(load(path), bytes.fromhex(KEY))


def work(engine, n=400):
    """Dear payments are fraud, and soon known to be; then everything is mature."""
    rng = np.random.default_rng(1)
    layout = engine.parameters.features.layout
    rows = [
        {
            "time_us": START_US + at * SECOND,
            "amount": int(rng.lognormal(12 if at % 5 == 0 else 8, 0.5)),
            "key": at + 1,
            "entities": [at % 7 + 1] * len(layout.entities),
            "numeric": [0.0] * len(layout.numeric),
            "categorical": [1] * len(layout.categorical),
        }
        for at in range(n)
    ]
    for at in range(0, n, 10):
        engine.step(block(layout, rows[at : at + 10]))
        labels = [
            label_row(r["key"], r["time_us"], float(r["key"] % 5 == 1))
            for r in rows[at : at + 10 : 5]
        ]
        engine.label(block(LABEL_LAYOUT, labels))


@pytest.fixture
def snapshot(config, tmp_path):
    engine = built(config)
    work(engine)
    keep(config, tmp_path, engine, 1)
    return engine


def keep(config, tmp_path, engine, number):
    """Write a snapshot of an engine."""
    digest = configuration_digest(load(config), bytes.fromhex(KEY))
    identity = Identity("0+x", digest, "payments", "labels")
    state = Progress(7).state(identity, engine, HeldLabels())
    SnapshotFolder(tmp_path / "state").write(state, number)


def test_a_model_is_exported_listed_shown_and_begins_another_engine(
    run, config, snapshot, tmp_path
):
    for name, role in (("first", "champion"), ("second", "challenger")):
        status, said, error = run("export", name, "--config", config, "--json")
        assert status == 0, error
        report = json.loads(said)
        assert (report["version"], report["alias"]) == (f"{name}/1", role)
    status, said, _ = run("list", "--config", config, "--json")
    assert status == 0
    report = json.loads(said)
    assert [each["version"] for each in report["kept"]] == ["first/1", "second/1"]
    assert [each["aliases"] for each in report["kept"]] == [["champion"], ["challenger"]]
    (state,) = report["at_work"]
    assert (state["champion"], [each["role"] for each in state["models"]]) == (
        "first",
        ["champion", "challenger"],
    )
    assert state["models"][1]["recommendation"]["answer"] == "not_yet"
    assert "not_yet" in run("list", "--config", config)[1]
    status, said, _ = run("show", "champion", "--config", config, "--json")
    manifest = json.loads(said)
    assert (manifest["kind"], manifest["features"]["names"]) == ("logistic", ["amount"])
    assert manifest["learned"] == snapshot.learner.learned > 100
    assert manifest["metrics"]["frauds"] > 20
    assert manifest["source"]["snapshot"] == 1
    _, card, where = run("card", "second", "--config", config)
    assert "# second, version 1" in card
    shown = json.loads(run("card", "second", "--config", config, "--json")[1])
    names = [Path(each).name for each in shown["pictures"]]
    assert names == ["precision-recall.svg", "reliability.svg", "scores.svg"]
    for each in shown["pictures"]:
        assert each in where
        assert f"]({Path(each).name})" in card
        assert "second, version 1" in Path(each).read_text("utf-8")
    # Another engine begins with it: it scores at once, and its record is its own.
    heir = built(written(tmp_path, more='start = "second/1"'))
    assert not heir.learner.ready
    challenger = heir.challengers["second"]
    assert challenger.ready
    assert challenger.prequential.as_dict()["judged"] == 0
    X = np.array([[10.0], [3000.0]])
    expected = snapshot.challengers["second"].learner.predict_proba_many(X)
    assert challenger.learner.predict_proba_many(X).tobytes() == expected.tobytes()
    champion = built(written(tmp_path, start='start = "first/1"'))
    assert champion.learner.learned == snapshot.learner.learned


def test_a_version_from_elsewhere_is_taken_in_and_what_to_write_is_said(
    run, config, snapshot, tmp_path
):
    run("export", "second", "--config", config)
    source = tmp_path / "models" / "second" / "1"
    status, said, _ = run("import", source, "--name", "theirs", "--config", config)
    assert status == 0
    assert 'model.challengers.theirs.start = "theirs/1"' in said
    (source / "card.md").write_text("?")
    status, _, error = run("import", source, "--config", config)
    assert status == 1
    assert "not what was written" in error
    assert run("show", "second", "--config", config)[0] == 1


@pytest.mark.parametrize(
    ("start", "more", "text"),
    [
        ("", 'start = "second/9"', "keeps no model 'second/9'"),
        ('start = "second/1"', "", "built otherwise than model says"),
        ("", 'start = "second"', "may be another model tomorrow: give 'second/1'"),
    ],
)
def test_a_start_that_cannot_be_is_refused_by_name(
    run, config, snapshot, tmp_path, start, more, text
):
    run("export", "second", "--config", config)
    with pytest.raises(Exception, match=text):
        built(written(tmp_path, start, more))


def test_a_start_of_other_features_is_refused(run, config, snapshot, tmp_path):
    run("export", "second", "--config", config)
    path = written(tmp_path, more='start = "second/1"')
    path.write_text(path.read_text().replace('["amount"]', '["amount", "card.count_1h"]'))
    with pytest.raises(Exception, match=r"other features: it lacks card\.count_1h"):
        built(path)


@pytest.mark.parametrize(
    ("words", "expected", "text"),
    [
        (("export", "third"), 2, "'third'"),
        (("export", "a b"), 1, "cannot be the name"),
        (("show", "nobody"), 1, "keeps no model"),
        (("promote", "secnd", "--yes"), 2, "'secnd'; the nearest is 'second'"),
        (("rollback", "--yes"), 2, "there was no champion before"),
        (("disable", "second", "--by", " "), 1, "give --by NAME"),
        (("disable", "second", "--note", "4111 1111 1111 1111"), 1, "may be a card's number"),
    ],
)
def test_what_is_asked_wrongly_is_said(run, config, snapshot, words, expected, text):
    status, _, error = run(*words, "--config", config)
    assert status == expected
    assert text in error


def taken(path, engine, records):
    """Let an engine take orders as a worker does; return the effects."""
    settings = load(path)
    registry = registry_of(settings)
    control = decoders_of(settings, registry, bytes.fromhex(KEY)).control
    registry.close()
    values = [published("control").encode(record) for record in records]
    return engine.control(control.decode(values, time.time_ns() // 1000))


def test_against_the_gate_nothing_is_ordered_without_force(run, config, snapshot, sent):
    status, _, error = run("promote", "second", "--yes", "--config", config)
    assert status == 1
    assert "days" in error
    assert "--force" in error
    assert sent == []
    words = ("promote", "second", "--yes", "--force", "--by", "ann", "--note", "tried")
    status, said, _ = run(*words, "--config", config, "--json")
    assert status == 0
    report = json.loads(said)
    assert (report["ordered"], report["step"], report["kind"]) == (True, "done", "PROMOTE")
    assert (report["model"], report["by"], report["why"]) == ("second", "ann", "tried")
    ((topic, key, record, everywhere),) = sent
    assert (topic, key, everywhere) == ("fraud.control", b"models", False)
    assert record["request_id"] == report["request_id"]
    # The engine takes what the command sends.
    (reign,) = taken(config, snapshot, [record]).promoted
    assert (reign.model, reign.by, reign.why) == ("second", "ann", "tried")


def test_nobody_who_could_be_asked_is_no_yes(run, config, snapshot, sent):
    status, _, error = run("promote", "second", "--force", "--config", config)
    assert status == 2
    assert "--yes" in error
    assert sent == []


def test_disabling_is_ordered_without_the_gate_and_without_a_snapshot(run, config, sent):
    assert run("disable", "second", "--why", "slow", "--config", config)[0] == 0
    assert run("enable", "second", "--config", config)[0] == 0
    records = [record for _, _, record, _ in sent]
    assert [record["kind"] for record in records] == ["DISABLE", "ENABLE"]
    engine = built(config)
    assert taken(config, engine, records[:1]).reasons.tolist() == [Reason.OK]
    assert engine.challengers["second"].aside is not None
    assert taken(config, engine, records[1:]).reasons.tolist() == [Reason.OK]
    assert engine.challengers["second"].aside is None


@pytest.fixture
def broker(monkeypatch):
    with EmbeddedBroker({"fraud.control": 1, "fraud.audit": 1}) as broker:
        monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", broker.bootstrap)
        yield broker


def test_the_trail_says_who_promoted_whom_in_whose_place(run, config, snapshot, broker):
    words = ("promote", "second", "--yes", "--force", "--by", "ann", "--note", "tried")
    assert run(*words, "--config", config)[0] == 0
    assert run("disable", "second", "--by", "bob", "--config", config)[0] == 0
    promoted, done, disabled, _ = (entry.act for entry in entries_of(config))
    assert (promoted.who, promoted.what, promoted.step) == ("ann", "promote", "ORDERED")
    assert (promoted.subject, promoted.note) == ("model second", "tried")
    assert json.loads(promoted.before) == {"champions": ["first"]}
    after = json.loads(promoted.after)
    assert (after["champion"], after["forced"]) == ("second", True)
    assert after["gate"][0].startswith("not_yet: ")
    assert (done.who, done.step, done.request_id) == ("ann", "DONE", promoted.request_id)
    assert (disabled.who, disabled.what) == ("bob", "disable")
    assert (json.loads(disabled.before), json.loads(disabled.after)) == (
        {"set_aside": [None]},
        {"disabled": True},
    )


def test_a_promotion_waits_for_a_second_person(run, config, snapshot, broker, monkeypatch):
    monkeypatch.setenv("FRAUD_SECURITY__APPROVALS", "two_persons")
    words = ("promote", "second", "--yes", "--force", "--by", "ann", "--config", config)
    status, said, _ = run(*words, "--json")
    assert status == 0
    report = json.loads(said)
    assert (report["ordered"], report["step"], report["places"]) == (False, "requested", [])
    (asked,) = (entry.act for entry in entries_of(config))
    ((key, record),) = ((each["key"], each["record"]) for each in json.loads(asked.orders))
    assert (key, record["kind"]) == ("models", "PROMOTE")
    assert "fraudstream approve" in run(*words)[1]


def test_a_rollback_names_who_decided_and_who_does_again(
    run, config, snapshot, sent, broker, tmp_path, monkeypatch
):
    assert run("promote", "second", "--yes", "--force", "--config", config)[0] == 0
    assert taken(config, snapshot, [sent[0][2]]).promoted
    keep(config, tmp_path, snapshot, 2)
    monkeypatch.setenv("FRAUD_TOPICS__AUDIT", "fraud.audit")
    words = ("rollback", "--yes", "--by", "ann", "--note", "too many alerts")
    assert run(*words, "--config", config)[0] == 0
    act = entries_of(config)[0].act
    assert (act.who, act.what, act.subject) == ("ann", "rollback", "model first")
    assert json.loads(act.before) == {"champions": ["second"]}
    assert json.loads(act.after) == {"champion": "first"}
    (reign,) = taken(config, snapshot, [sent[1][2]]).promoted
    assert (reign.model, reign.by, reign.why) == ("first", "ann", "too many alerts")
