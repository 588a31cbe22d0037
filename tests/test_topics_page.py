"""docs/asyncapi.json and docs/topics.md say which topics there are."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest

from schemas.index import INDEX, Index
from schemas.records import PACKAGE
from stream.commands import topics as topics_command
from stream.config.configuration import load

DOCS = Path(__file__).resolve().parents[1] / "docs"
MADE = runpy.run_path(str(DOCS / "make_topics.py"))
DOCUMENT: dict[str, Any] = json.loads((DOCS / "asyncapi.json").read_text(encoding="utf-8"))
ALL = {"control": "fraud.control", "decisions": "fraud.decisions", "shared": "fraud.shared"}
ALL |= {"training": "fraud.training", "models": "fraud.models"}
# What partitions tell each other there is only where each has a state of its own.
EACH = {"state": "per_partition"}
# What a channel, an operation and a message may have in AsyncAPI 3.0.0, beside extensions.
CHANNEL = {
    *("address", "messages", "title", "summary", "description", "servers", "parameters", "tags"),
    *("externalDocs", "bindings"),
}
OPERATION = {
    *("action", "channel", "title", "summary", "description", "security", "tags"),
    *("externalDocs", "bindings", "traits", "messages", "reply"),
}
MESSAGE = {
    *("headers", "payload", "correlationId", "contentType", "name", "title", "summary"),
    *("description", "tags", "externalDocs", "bindings", "examples", "traits"),
}


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of the document but what is inside of Avro schemas."""
    if isinstance(value, list):
        for each in value:
            yield from nodes(each)
    if isinstance(value, dict):
        yield value
        for name, each in value.items():
            if not (name == "schema" and "schemaFormat" in value):
                yield from nodes(each)


def found_at(reference: str) -> Any:
    place: Any = DOCUMENT
    assert reference.startswith("#/")
    for part in reference[2:].split("/"):
        place = place[part]
    return found_at(place["$ref"]) if "$ref" in place else place


def named(kind: str) -> dict[str, Any]:
    return DOCUMENT["components"]["messages"] if kind == "messages" else DOCUMENT[kind]


def test_both_are_what_the_script_makes() -> None:
    for name, made in (("asyncapi.json", MADE["written"]()), ("topics.md", MADE["page"]())):
        text = (DOCS / name).read_text(encoding="utf-8")
        assert text == made, "run: python docs/make_topics.py"


def test_every_reference_leads_somewhere() -> None:
    references = [each["$ref"] for each in nodes(DOCUMENT) if "$ref" in each]
    assert len(references) > 20
    assert all(isinstance(found_at(each), dict) for each in references)


@pytest.mark.parametrize(
    ("kind", "known"), [("channels", CHANNEL), ("operations", OPERATION), ("messages", MESSAGE)]
)
def test_its_objects_have_the_fields_that_asyncapi_knows(kind: str, known: set[str]) -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    for name, each in named(kind).items():
        assert re.fullmatch(r"[\w.-]+", name)
        assert {key for key in each if not key.startswith("x-")} <= known, name
    for each in DOCUMENT["operations"].values():
        assert each["action"] in ("send", "receive")
        channel = each["channel"]["$ref"]
        # Messages of an operation are named as its channel has them.
        assert all(m["$ref"].startswith(f"{channel}/messages/") for m in each["messages"])


def test_every_topic_of_the_configuration_is_there_under_its_name() -> None:
    topics = load(topics=ALL, worker=EACH).topics
    named_so = {key: each["address"] for key, each in DOCUMENT["channels"].items()}
    configured = {
        key: value for key, value in topics.model_dump().items() if isinstance(value, str)
    }
    assert named_so == configured
    assert set(named_so.values()) == set(topics.names())
    page = (DOCS / "topics.md").read_text(encoding="utf-8")
    assert all(f"\n## {name}\n" in page for name in named_so.values())


def test_the_worker_reads_and_writes_what_the_configuration_says() -> None:
    topics = load(topics=ALL, worker=EACH).topics
    does: dict[str, set[str]] = {"receive": set(), "send": set()}
    for each in DOCUMENT["operations"].values():
        does[each["action"]].add(found_at(each["channel"]["$ref"])["address"])
    # What partitions tell each other it writes and reads.
    told = {topics.shared, topics.training, topics.models}
    assert does["receive"] == {*topics.inputs(), *told}
    # Beside its outputs an order, to disable a challenger that is too slow.
    assert does["send"] == {*topics.outputs(), topics.control}


def test_every_version_of_every_contract_is_there_and_is_avro() -> None:
    listed = {}
    for each in DOCUMENT["components"]["messages"].values():
        if "payload" in each:
            listed[each["x-schema-id"]] = each["payload"]
            assert each["payload"]["schemaFormat"] == "application/vnd.apache.avro;version=1.9.0"
            fastavro.parse_schema(each["payload"]["schema"])
    subjects = Index(PACKAGE / INDEX).subjects
    # A dead letter's record is of a file; on the topic it is the original bytes.
    of_topics = [n for n in subjects if n != "fraud.dead_letters-value"]
    wanted = {v.schema_id: v.schema for name in of_topics for v in subjects[name].versions}
    assert {at: payload["schema"] for at, payload in listed.items()} == wanted


def test_what_is_kept_for_ever_is_made_so(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, dict[str, str]] = {}
    partitions: dict[str, int] = {}

    def create(_: object, names: list[str], many: int, __: int, settings: Any = None) -> list[str]:
        for name in names:
            made[name], partitions[name] = dict(settings or {}), many
        return []

    monkeypatch.setattr(topics_command, "create", create)
    monkeypatch.setenv("FRAUD_TOPICS__CONTROL", ALL["control"])
    monkeypatch.setenv("FRAUD_TOPICS__DECISIONS", ALL["decisions"])
    for name in ("shared", "training", "models"):
        monkeypatch.setenv(f"FRAUD_TOPICS__{name.upper()}", ALL[name])
    monkeypatch.setenv("FRAUD_WORKER__STATE", EACH["state"])
    monkeypatch.setattr(topics_command, "emit_json", lambda _: None)
    topics_command.create_topics(None, as_json=True)
    for each in DOCUMENT["channels"].values():
        kafka, name = each["bindings"]["kafka"], each["address"]
        settings = kafka.get("topicConfiguration", {})
        told = {key: v[0] if isinstance(v, list) else str(v) for key, v in settings.items()}
        of_compaction = {"min.compaction.lag.ms", "segment.ms"} & made[name].keys()
        assert bool(of_compaction) == (name == ALL["models"]), name
        made[name] = {key: v for key, v in made[name].items() if key not in of_compaction}
        assert told == made[name], name
        assert ("partitions" in kafka) == (partitions[name] == 1), name


def test_what_the_page_links_to_exists() -> None:
    page = (DOCS / "topics.md").read_text(encoding="utf-8")
    titles = {t.replace(".", "") for t in re.findall(r"^## (\S+)$", page, re.MULTILINE)}
    for link in re.findall(r"\]\((?!http)([^)#]*)(?:#([\w-]+))?\)", page):
        if link[0]:
            assert (DOCS / link[0]).exists(), link
        else:
            assert link[1] in titles, link
