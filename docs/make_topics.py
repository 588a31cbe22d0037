"""Write docs/asyncapi.json and docs/topics.md from the contracts and the configuration's topics.

python docs/make_topics.py
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(DOCS))

from make_configuration import described  # noqa: E402 - found through the lines above.

from schemas.index import INDEX, Index, Version  # noqa: E402 - as above.
from schemas.records import PACKAGE  # noqa: E402 - as above.
from stream.config.sections import TopicsSection  # noqa: E402 - as above.
from stream.kafka.topics import FOR_EVER, newest  # noqa: E402 - as above.

DOCUMENT, PAGE = DOCS / "asyncapi.json", DOCS / "topics.md"
AVRO = "application/vnd.apache.avro;version=1.9.0"
BINDING = "0.5.0"
WORKER = "worker"

_BROKERS = "The broker's own, 7 days by default."
_HASH = "keyed hash of an entity's id, 16 hexadecimal digits"
_AT_LEAST = (
    "At least once; with `recovery.folder` what comes again is the same bytes, with "
    '`worker.guarantee = "exactly_once"` once for readers of committed records.'
)


@dataclass(frozen=True)
class Facts:
    """What the contracts do not say of a topic.

    Attributes
    ----------
    title : str
    writers, readers : tuple of str
        `WORKER`, commands, or somebody outside.
    key : str
        Of its records.
    partitions : str
    retention : str
    delivery : str
    name : str
        Its default name, where the configuration leaves it out.
    contract : str
        Whose subject in the registry describes the values; empty: they are anything.
    for_ever : bool
        Whether `fraudstream topics create` gives it an endless retention.
    newest : bool
        Whether it makes it one of which only the newest records stay for good.
    headers : tuple of (str, str)
        Name and meaning of each.
    """

    title: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    key: str
    delivery: str
    partitions: str = "`topics.partitions`"
    retention: str = _BROKERS
    name: str = ""
    contract: str = ""
    for_ever: bool = False
    newest: bool = False
    headers: tuple[tuple[str, str], ...] = ()


_NEEDED = (
    f"{_BROKERS} A worker that recovers reads again what came since its snapshot: `fraudstream "
    "doctor` says how long that is. Never compacted."
)
_PRODUCERS = "Whatever the producer promises: what comes twice is noticed. "
FACTS = {
    "transactions": Facts(
        "Payments",
        ("payment systems", "fraudstream simulate"),
        (WORKER,),
        'The payment\'s entity `fields.key`, where `worker.state = "per_partition"`; else any.',
        f"{_PRODUCERS}A payment of the same id gets its first decision again.",
        retention=_NEEDED,
        contract="fraud.transactions-value",
    ),
    "labels": Facts(
        "What payments turned out to be",
        (
            "chargeback and case systems",
            "fraudstream verdict",
            "the live page",
            "fraudstream simulate",
        ),
        (WORKER, "fraudstream verdict", "fraudstream rules matches"),
        'That of the payment, where `worker.state = "per_partition"`; else any. Verdicts go to '
        "the payment's own partition.",
        f"{_PRODUCERS}The same label again changes nothing.",
        retention=_NEEDED,
        contract="fraud.labels-value",
        headers=(
            ("fraudstream.by", "Of verdicts: who said so."),
            ("fraudstream.alert_id", "Of verdicts: about which alert."),
            ("fraudstream.note", "Of verdicts: the note that came with it."),
        ),
    ),
    "control": Facts(
        "Orders",
        (
            "fraudstream rules apply",
            "fraudstream lists",
            "fraudstream models",
            "fraudstream erase",
            "fraudstream approve",
            f"the {WORKER}, which disables a challenger that is too slow",
        ),
        (WORKER, "fraudstream lists show"),
        "What the order is about, so that orders of one kind keep their order: `rules`, `models`, "
        "the name of a list, an entity with its keyed hash.",
        "At least once; an order that comes twice changes nothing the second time.",
        retention="For ever: rules and lists are what they were ordered to be, whenever that was.",
        name="fraud.control",
        contract="fraud.control-value",
        for_ever=True,
    ),
    "alerts": Facts(
        "Alerts, with their evidence",
        (WORKER,),
        (
            "alert subscribers",
            "fraudstream alerts",
            "fraudstream explain",
            "fraudstream verdict",
            "fraudstream webhook",
        ),
        f"The {_HASH}: the first of `fields.entities`, else the payment's.",
        "With `recovery.folder` no alert comes twice, whenever a worker dies; without it an alert "
        "can come again under the same `alert_id`. Drop repeats by it.",
        contract="fraud.alerts-value",
        headers=(
            ("ce_specversion", "CloudEvents: 1.0."),
            ("ce_type", "CloudEvents: fraudstream.v1.Alert."),
            ("ce_source", "CloudEvents: /fraudstream/ and the consumer group."),
            ("ce_id", "CloudEvents: the alert_id."),
            ("ce_time", "CloudEvents: when the payment was made."),
            ("ce_subject", "CloudEvents: the payment's transaction_id."),
            ("ce_partitionkey", "CloudEvents: the record's key."),
            ("content-type", "application/avro"),
        ),
    ),
    "dead_letters": Facts(
        "What could not be taken",
        (WORKER, "fraudstream webhook"),
        ("whoever is on call",),
        "That of the original record.",
        _AT_LEAST,
        headers=(
            ("__streams.errors.exception", "Stable name of what was wrong."),
            ("__streams.errors.message", "The same for a person, with the remedy."),
            ("__streams.errors.topic", "Where the record came from."),
            ("__streams.errors.partition", "Its partition."),
            ("__streams.errors.offset", "Its offset."),
            ("fraudstream.stage", "wire, decode, validate, time, label or control."),
            ("fraudstream.attempt", "How often it has been tried."),
            ("fraudstream.value_bytes", "Only where the body was too long and is left out."),
            ("fraudstream.value_sha256", "As above."),
        ),
    ),
    "decisions": Facts(
        "Every decision",
        (WORKER,),
        ("decision subscribers", "fraudstream rules matches"),
        f"The {_HASH}: the first of `fields.entities`, else the payment's.",
        _AT_LEAST,
        name="fraud.decisions",
        contract="fraud.decisions-value",
    ),
    "label_reviews": Facts(
        "Labels that somebody should look at",
        (WORKER,),
        ("the label desk",),
        "The keyed hash of the transaction id, 16 hexadecimal digits.",
        _AT_LEAST,
        contract="fraud.label_reviews-value",
    ),
    "drift": Facts(
        "What drifts",
        (WORKER,),
        ("whoever is on call",),
        "What has drifted: a feature's name, `score` or `error`.",
        f"{_AT_LEAST} Drop repeats by `drift_id`.",
        contract="fraud.drift-value",
    ),
    "shared": Facts(
        "What partitions tell each other",
        (WORKER,),
        (WORKER,),
        "None; the record is in the partition of the payments that it tells of.",
        f"{_AT_LEAST} A payment that is told a second time is passed over, by its offset.",
        retention=_NEEDED,
        name="fraud.shared",
        contract="fraud.shared-value",
    ),
    "training": Facts(
        "What labels teach",
        (WORKER,),
        (WORKER,),
        "None; the record is in the partition of the payments that it tells of.",
        f"{_AT_LEAST} What is told a second time is passed over, by `offset` and `part`.",
        retention=_NEEDED,
        name="fraud.training",
        contract="fraud.training-value",
    ),
    "models": Facts(
        "What was learned for all partitions",
        (WORKER,),
        (WORKER,),
        "`part-` and the number of the part; the record is in the first partition.",
        f"{_AT_LEAST} A version that is there already is passed over, by `offset`.",
        retention="The newest version for ever, for whoever begins anew; all of a week, for those "
        "that recover: compacted, with a `min.compaction.lag.ms` longer than a recovery reaches "
        "back, which `fraudstream doctor` says.",
        name="fraud.models",
        contract="fraud.models-value",
        newest=True,
    ),
    "audit": Facts(
        "Who ordered what",
        ("every command that orders something",),
        ("fraudstream audit-trail", "fraudstream approve"),
        "The act, such as `erase` or `rules`.",
        "Exactly once for readers of committed records: each entry is a transaction, and holds "
        "the hash of the one before it.",
        partitions="1",
        retention="For ever: a chain has no gaps.",
        contract="fraud.audit-value",
        for_ever=True,
    ),
}


def topics() -> dict[str, tuple[str, str]]:
    """Return the default name and the meaning of every topic of the configuration."""
    meanings = described(TopicsSection)
    found = {}
    for key, field in TopicsSection.model_fields.items():
        if field.annotation is str:
            found[key] = (str(field.default) or FACTS[key].name, meanings[key][1])
    return found


def versions(contract: str) -> tuple[str, list[Version]]:
    """Return the compatibility mode and the versions of a subject, oldest first."""
    subject = Index(PACKAGE / INDEX).subjects[contract]
    return subject.mode.value, list(subject.versions)


def document() -> dict[str, Any]:
    """Return the whole document."""
    channels, operations, messages = {}, {}, {}
    for key, (name, meaning) in topics().items():
        found = messages_of(key)
        messages |= found
        channels[key] = channel(key, name, meaning, list(found))
        operations |= operations_of(key, list(found))
    return {
        "asyncapi": "3.0.0",
        "info": info(),
        "defaultContentType": "application/avro",
        "servers": {
            "kafka": {
                "host": "127.0.0.1:9092",
                "protocol": "kafka",
                "description": "`kafka.bootstrap`; TLS and SASL by `[kafka.client]`.",
            }
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def info() -> dict[str, Any]:
    """Return the head of the document."""
    return {
        "title": "fraudstream",
        "version": "1",
        "description": (
            "The topics of fraudstream, under their default names. Values are Avro in the "
            "Confluent wire format: a zero byte, the schema's id in four bytes, the Avro bytes. "
            "Operations are those of the worker, `fraudstream run`."
        ),
        "license": {
            "name": "Apache-2.0",
            "url": "https://www.apache.org/licenses/LICENSE-2.0",
        },
    }


def channel(key: str, name: str, meaning: str, messages: list[str]) -> dict[str, Any]:
    """Return the channel of a topic."""
    facts = FACTS[key]
    kafka: dict[str, Any] = {"topic": name, "bindingVersion": BINDING}
    if facts.partitions == "1":
        kafka["partitions"] = 1
    if facts.newest:
        # The binding has no name for how long all of them stay.
        kafka["topicConfiguration"] = {"cleanup.policy": [newest()["cleanup.policy"]]}
    if facts.for_ever:
        kafka["topicConfiguration"] = {
            "cleanup.policy": [FOR_EVER["cleanup.policy"]],
            "retention.ms": int(FOR_EVER["retention.ms"]),
            "retention.bytes": int(FOR_EVER["retention.bytes"]),
        }
    return {
        "address": name,
        "title": facts.title,
        "description": meaning,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in messages},
        "bindings": {"kafka": kafka},
        "x-configured-by": f"topics.{key}",
        "x-written-by": list(facts.writers),
        "x-read-by": list(facts.readers),
        "x-key": facts.key,
        "x-retention": facts.retention,
        "x-delivery": facts.delivery,
    }


def operations_of(key: str, messages: list[str]) -> dict[str, Any]:
    """Return what the worker does with a topic."""
    facts, found = FACTS[key], {}
    for action, who in (("receive", facts.readers), ("send", facts.writers)):
        if any(WORKER in each for each in who):
            found[f"{action}_{key}"] = {
                "action": action,
                "title": facts.title,
                "channel": {"$ref": f"#/channels/{key}"},
                "messages": [{"$ref": f"#/channels/{key}/messages/{each}"} for each in messages],
            }
    return found


def messages_of(key: str) -> dict[str, Any]:
    """Return the messages of a topic, one for each version of its contract, the newest first."""
    facts = FACTS[key]
    shared: dict[str, Any] = {"title": facts.title}
    if facts.headers:
        texts = {name: {"type": "string", "description": text} for name, text in facts.headers}
        shared["headers"] = {"type": "object", "properties": texts}
    bindings: dict[str, Any] = {
        "key": {"type": "string", "description": facts.key},
        "bindingVersion": BINDING,
    }
    if not facts.contract:
        summary = "The original key and value, whatever they are; what was wrong is in the headers."
        shared["contentType"] = "application/octet-stream"
        return {key: {"name": key, **shared, "summary": summary, "bindings": {"kafka": bindings}}}
    bindings |= {"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "confluent"}
    mode, published = versions(facts.contract)
    return {
        f"{key}_v{number}": {
            "name": f"{each.schema['namespace']}.{each.schema['name']}",
            **shared,
            "summary": each.schema["doc"],
            "contentType": "application/avro",
            "payload": {"schemaFormat": AVRO, "schema": each.schema},
            "bindings": {"kafka": bindings},
            "x-schema-id": each.schema_id,
            "x-contract-version": number,
            "x-compatibility": mode,
            "x-subject": facts.contract,
        }
        for number, each in reversed(list(enumerate(published, 1)))
    }


HEAD = """\
# Topics

<!-- Made by docs/make_topics.py from schemas/ and the configuration; do not edit. -->

Every topic that fraudstream reads or writes, under its default name;
[`[topics]`](configuration.md#topics) gives others. The same for machines is
[asyncapi.json](asyncapi.json), AsyncAPI 3.0.0, with every version of every schema.
`fraudstream topics create` makes those that are missing.

Values are Avro in the Confluent wire format: a zero byte, the schema's id in four bytes, the
Avro bytes. Ids are those of [schemas/registry.toml](../schemas/registry.toml), or of the registry
at `registry.url`. `fraudstream schemas check` keeps versions compatible; what changes is a new
version, and readers that know only an older one go on.
"""


def page() -> str:
    """Return the page for people."""
    parts = [HEAD, "\n| topic | what | written by | read by |\n|---|---|---|---|\n"]
    for key, (name, _) in topics().items():
        facts = FACTS[key]
        who = (", ".join(map(code, each)) for each in (facts.writers, facts.readers))
        parts.append(f"| [`{name}`](#{anchor(name)}) | {facts.title} | {' | '.join(who)} |\n")
    for key, (name, meaning) in topics().items():
        parts += section(key, name, meaning)
    return "".join(parts)


def section(key: str, name: str, meaning: str) -> list[str]:
    """Describe a topic."""
    facts = FACTS[key]
    rows = {
        "set by": f"`topics.{key}`" + ("" if not facts.name else ", which is empty by default"),
        "written by": ", ".join(map(code, facts.writers)),
        "read by": ", ".join(map(code, facts.readers)),
        "key": facts.key,
        "partitions": facts.partitions,
        "retention": facts.retention,
        "delivery": facts.delivery,
    }
    parts = [f"\n## {name}\n\n{meaning}\n\n| | |\n|---|---|\n"]
    if facts.contract:
        mode, published = versions(facts.contract)
        ids = [f"{number} (id {each.schema_id})" for number, each in enumerate(published, 1)]
        file = f"[`{published[-1].file}`](../schemas/{published[-1].file})"
        rows["contract"] = f"`{facts.contract}`: {file}; versions {', '.join(ids)}; {mode}"
    else:
        rows["contract"] = "none: the original bytes"
    parts += [f"| {word} | {text} |\n" for word, text in rows.items()]
    if facts.headers:
        parts.append("\n| header | meaning |\n|---|---|\n")
        parts += [f"| `{header}` | {text} |\n" for header, text in facts.headers]
    if facts.contract:
        parts.append("\n| field | type | meaning |\n|---|---|---|\n")
        parts += fields(published[-1].schema, "")
    return parts


def fields(record: dict[str, Any], inside: str) -> list[str]:
    """Describe the fields of a record, and after each those of the records in it."""
    rows = []
    for field in record["fields"]:
        name, kind = f"{inside}{field['name']}", field["type"]
        rows.append(f"| `{name}` | {type_of(kind)} | {cell(field.get('doc', ''))} |\n")
        for each in kind if isinstance(kind, list) else [kind]:
            items = each.get("items", each) if isinstance(each, dict) else each
            if isinstance(items, dict) and items.get("type") == "record":
                mark = "[]" if items is not each else ""
                rows += fields(items, f"{name}{mark}.")
    return rows


def type_of(kind: Any) -> str:
    """Say an Avro type in a word or two."""
    if isinstance(kind, list):
        known = [type_of(each) for each in kind if each != "null"]
        return " or ".join(known) + (" or null" if "null" in kind else "")
    if isinstance(kind, str):
        return kind
    if "logicalType" in kind:
        return str(kind["logicalType"])
    match kind["type"]:
        case "array":
            return f"array of {type_of(kind['items'])}"
        case "map":
            return f"map of {type_of(kind['values'])}"
        case "enum":
            return "one of " + ", ".join(f"`{symbol}`" for symbol in kind["symbols"])
        case "record":
            return str(kind["name"])
        case _:
            return type_of(kind["type"])


def code(who: str) -> str:
    """Write commands as code."""
    return f"`{who}`" if who.startswith("fraudstream ") else who


def cell(text: str) -> str:
    """Write a text so that it stays in its cell."""
    return text.replace("|", "\\|")


def anchor(title: str) -> str:
    """Return where a title is found."""
    return title.replace(".", "")


def written() -> str:
    """Return the document as its file has it."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(written(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
