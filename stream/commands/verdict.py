"""``fraudstream verdict``: what an alert turned out to be, as a label that the engine learns."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.any_version import AnyVersion
from schemas.errors import BrokerError
from stream.app import codec_of, connection_of, reader_of, registry_of
from stream.audit_trail.chain import Act, Step, canonical_json
from stream.cases.administration import audit_log_of
from stream.cases.desk import Desk, Handed
from stream.cases.earlier import LIMIT_S, Earlier, LatestLabels, earlier_labels
from stream.cases.verdict import SOURCE, Case, Verdict, case_of, word_of
from stream.cli.console import OK, emit_json, out, row_progress, say
from stream.config.configuration import Config, load
from stream.kafka.alert_search import Search, find_alerts
from stream.kafka.reader import PartitionReader
from stream.plurals import several, were

_SHOWN = 10


def give_verdicts(verdicts: Sequence[Verdict], path: Path | None, as_json: bool) -> int:
    """Send verdicts that are news; return the exit status.

    Nothing is sent unless every alert was found.
    """
    config = load(path)
    connection = connection_of(config)
    registry = registry_of(config)
    with closing(registry):
        codec = codec_of(registry, "label", config.topics.labels)
        readers = (
            reader_of(registry, "alert", config.topics.alerts),
            reader_of(registry, "label", config.topics.labels),
        )
    with closing(PartitionReader(connection, config.kafka.group, say)) as places:
        cases = _find(places, config.topics.alerts, readers[0], verdicts)
        standing = _standing(places, config, readers[1], list(cases.values()))
    known = {v.alert_id: _said_before(standing, cases[v.alert_id], v) for v in verdicts}
    news = [(cases[each.alert_id], each) for each in verdicts if known[each.alert_id] is None]
    _note_changes(config, news, standing)
    handed = Desk(connection, config.topics.labels, codec).hand_in(news) if news else []
    report = _report(verdicts, cases, known, standing, handed, config.topics.labels)
    if as_json:
        emit_json(report)
    else:
        _show(report)
    return OK


def _find(
    places: PartitionReader, topic: str, reader: AnyVersion, verdicts: Sequence[Verdict]
) -> dict[str, Case]:
    """Return the alerts that are judged; BrokerError if one is not on its topic."""
    ids = [each.alert_id for each in verdicts]
    with row_progress(f"{topic} records looked at", None) as tell:
        search = find_alerts(places, topic, ids, tell)
    missing = [each for each in ids if each not in search.found]
    if missing:
        raise BrokerError(_not_found(missing, topic, search))
    return {name: case_of(reader.decode(m.value() or b"")) for name, m in search.found.items()}


def _not_found(missing: list[str], topic: str, search: Search) -> str:
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    oldest = "" if search.since_ms is None else f", the oldest of {_time(1000 * search.since_ms)}"
    looked_at = f"{several(search.looked_at, 'record')} {were(search.looked_at)} looked at"
    return (
        f"no alert {', '.join(missing[:_SHOWN])}{more} is on {topic}: {looked_at}, all that it "
        f"holds{oldest}. Nothing was sent. See the id, "
        "topics.alerts and the topic's retention"
    )


def _standing(
    places: PartitionReader, config: Config, reader: AnyVersion, cases: list[Case]
) -> LatestLabels:
    """Return the labels that were given for these payments."""
    topic = config.topics.labels
    since_ms = min(case.event_time_us for case in cases) // 1000
    ids = {case.transaction_id for case in cases}
    with row_progress(f"{topic} records looked at", None) as tell:
        found = earlier_labels(places, topic, reader, ids, since_ms, SOURCE, tell)
    if not found.whole:
        say(
            f"note: {topic} could not be read to its end in {LIMIT_S:.0f} s: an earlier verdict "
            "may have gone unseen, which does no harm"
        )
    return found


def _said_before(standing: LatestLabels, case: Case, verdict: Verdict) -> Earlier | None:
    """Return the analyst's verdict that stands if it says the same, and nobody spoke since."""
    said = standing.of_analysts.get(case.transaction_id)
    if said is None or said.is_fraud != verdict.is_fraud:
        return None
    return said if standing.of_all[case.transaction_id].is_fraud == verdict.is_fraud else None


def _note_changes(
    config: Config, news: Sequence[tuple[Case, Verdict]], standing: LatestLabels
) -> None:
    """Note verdicts that say otherwise than what stands, before they are sent."""
    before, after = {}, {}
    for case, verdict in news:
        stands = standing.of_all.get(case.transaction_id)
        if stands is not None and stands.is_fraud != verdict.is_fraud:
            before[case.alert_id] = _earlier(stands)
            after[case.alert_id] = {"verdict": verdict.word, "by": verdict.by}
    log = audit_log_of(config, say) if after else None
    if log is None:
        return
    names = dict.fromkeys(each["by"] for each in after.values())
    subject = f"alert {next(iter(after))}" if len(after) == 1 else f"{len(after)} alerts"
    with closing(log):
        log.append(
            Act(
                ", ".join(names),
                "verdict",
                Step.ORDERED,
                str(uuid.uuid4()),
                subject,
                canonical_json(before),
                canonical_json(after),
            )
        )


def _report(
    verdicts: Sequence[Verdict],
    cases: dict[str, Case],
    known: dict[str, Earlier | None],
    standing: LatestLabels,
    handed: list[Handed],
    topic: str,
) -> dict[str, Any]:
    places = {each.verdict.alert_id: each for each in handed}
    rows = []
    for verdict in verdicts:
        case, said = cases[verdict.alert_id], known[verdict.alert_id]
        sent = places.get(verdict.alert_id)
        earlier = said or standing.of_all.get(case.transaction_id)
        rows.append(
            {
                "alert_id": verdict.alert_id,
                "transaction_id": case.transaction_id,
                "verdict": verdict.word,
                "by": verdict.by,
                "sent": sent is not None,
                "partition": None if sent is None else sent.partition,
                "offset": None if sent is None else sent.offset,
                "earlier": None if earlier is None else _earlier(earlier),
            }
        )
    return {"topic": topic, "sent": len(handed), "verdicts": rows}


def _earlier(said: Earlier) -> dict[str, Any]:
    return {
        "verdict": word_of(said.is_fraud),
        "by": said.who,
        "source": said.source,
        "at": _time(said.time_us),
    }


def _show(report: dict[str, Any]) -> None:
    for row in report["verdicts"]:
        earlier = row["earlier"]
        if not row["sent"]:
            line = f"known: {earlier['by']} said {earlier['verdict']} already, at {earlier['at']}"
            out.print(f"{row['alert_id']}: {line}; nothing was sent", markup=False)
            continue
        place = f"{report['topic']}[{row['partition']}] at {row['offset']}"
        before = ""
        if earlier is not None and earlier["verdict"] != row["verdict"]:
            before = f"; before it was {earlier['verdict']}, by {earlier['by']}"
        line = f"{row['verdict']}, by {row['by']}, of payment {row['transaction_id']}"
        out.print(f"{row['alert_id']}: {line} ({place}){before}", markup=False)


def _time(time_us: int) -> str:
    try:
        return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{time_us} us"
