"""``fraudstream backtest``: the past once more, as it was and as it would have been."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError
from stream.backtest.change import Change
from stream.backtest.ledger import Ledger
from stream.backtest.of_file import EventWindow, FileBacktest
from stream.backtest.of_history import HistoryBacktest, Window
from stream.backtest.page import page_of
from stream.backtest.recorded import Recorded
from stream.backtest.report import report_of
from stream.backtest.tables import show_backtest
from stream.backtest.truths import Truths
from stream.cli.console import FAILED, OK, emit_json, row_progress, say
from stream.commands.rules import rule_inputs, texts_of
from stream.config.configuration import Config, load
from stream.histories import Histories
from stream.kafka.source import raw_batch
from stream.page.period import moment_ms
from stream.recovery.restart import SKEW_MS
from stream.rules.reading import read_rules

_TITLE = "Backtest"
# What was taken is published within.
_PUBLISHED_S = 2.0


def run_backtest(
    file: Path | None,
    path: Path | None,
    rules: Path | None,
    model: str,
    began: str,
    ended: str,
    page: Path | None,
    as_json: bool,
) -> int:
    """Run it and report; return 1 if what was published did not come out again."""
    config = load(path)
    found = None if rules is None else read_rules(texts_of(rules), rule_inputs(config, True))
    change = Change(found, model or None)
    times_ms = first_ms, behind_ms = _time("--from", began), _time("--to", ended)
    if first_ms is not None and behind_ms is not None and first_ms >= behind_ms:
        raise ConfigError(f"--from {began} is not before --to {ended}")
    ledger = Ledger(two=bool(change))
    if file is not None:
        report, differs = _of_file(file, config, times_ms, change, ledger), False
    else:
        report, differs = _of_history(config, times_ms, change, ledger)
    if page is not None:
        page.write_text(page_of(report, _TITLE), encoding="utf-8")
        say(f"wrote {page}")
    if as_json:
        emit_json(report)
    else:
        show_backtest(report)
    return FAILED if differs else OK


def _of_file(
    file: Path,
    config: Config,
    times_ms: tuple[int | None, int | None],
    change: Change,
    ledger: Ledger,
) -> dict[str, Any]:
    if not config.replay.label:
        raise ConfigError(
            "replay.label is empty, so nothing in the file says what was fraud: set it to the "
            "column that does"
        )
    first_ms, behind_ms = times_ms
    window = EventWindow(
        EventWindow.from_us if first_ms is None else first_ms * 1000,
        EventWindow.to_us if behind_ms is None else behind_ms * 1000,
    )
    run = FileBacktest(file, config, window, change, ledger)
    with row_progress("backtest", run.rows) as tell:
        run.run(tell)
    return _report(config, ledger, Truths(0.0), change, run.watermark_us)


def _of_history(
    config: Config, times_ms: tuple[int | None, int | None], change: Change, ledger: Ledger
) -> tuple[dict[str, Any], bool]:
    now_ms = time.time_ns() // 1_000_000
    window = Window(times_ms[0], min(now_ms, times_ms[1] or now_ms))
    with Histories(config, say) as histories, row_progress("backtest", None) as tell:
        if window.to_ms == now_ms:
            # A worker that is at work has journaled more than it has published.
            time.sleep(_PUBLISHED_S)
        # What was published, and labels that came later: from the beginning where none is given.
        since_ms = 0 if window.from_ms is None else window.from_ms - SKEW_MS
        recorded = _recorded(histories, since_ms)
        run = HistoryBacktest(window, change, ledger, histories.publisher, recorded, tell)
        for folder in histories.folders():
            run.run(histories.history(folder))
        truths = _truths(histories, since_ms)
    until_us = max(run.past.watermark_us, truths.latest_us or run.past.watermark_us)
    report = _report(config, ledger, truths, change, until_us)
    past = run.past
    report["taken"] = {
        "snapshots": past.snapshots,
        "steps": past.steps,
        "records": past.records,
        "first_ms": past.first_ms,
        "last_ms": past.last_ms,
    }
    report["recorded"] = recorded.as_dict()
    return report, recorded.differs


def _report(
    config: Config, ledger: Ledger, truths: Truths, change: Change, until_us: int
) -> dict[str, Any]:
    planned = config.decision.alerts_per_day
    return report_of(ledger, truths, change, until_us, config.labels.maturity, planned)


def _recorded(histories: Histories, since_ms: int) -> Recorded:
    """Read what was published since a time."""
    topics = histories.config.topics
    decisions = _values(histories, topics.decisions, since_ms) if topics.decisions else None
    return Recorded(_values(histories, topics.alerts, since_ms), decisions, histories.codecs)


def _values(histories: Histories, topic: str, since_ms: int) -> Iterator[bytes]:
    places = histories.places
    for messages in places.read(*places.since(topic, since_ms)):
        yield from (message.value() or b"" for message in messages)


def _truths(histories: Histories, since_ms: int) -> Truths:
    """Read all labels since a time, the latest ones included."""
    config, places = histories.config, histories.places
    truths = Truths(config.labels.confidence_min)
    now_ms = time.time_ns() // 1_000_000
    for messages in places.read(*places.since(config.topics.labels, since_ms)):
        raw = raw_batch(config.topics.labels, messages, now_ms)
        where = raw.values, raw.arrival_time_us, raw.partition, raw.offset
        truths.add(histories.decoders.labels.decode(*where))
    return truths


def _time(option: str, text: str) -> int | None:
    if not text:
        return None
    try:
        return moment_ms(text, time.time_ns() // 1_000_000)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from None
