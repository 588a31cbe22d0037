"""``fraudstream simulate``: payments with fraud among them, to a file or live."""

from __future__ import annotations

import csv
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from rich.progress import Progress

from schemas import containers
from schemas.errors import ConfigError
from schemas.records import builtin
from stream.app import codec_of, connection_of, registry_of
from stream.cli.console import INTERRUPTED, OK, emit_json, emit_report, err, say
from stream.cli.console import until_signalled as signals
from stream.config.configuration import Config, load
from stream.config.values import parse_duration
from stream.kafka.client import Connection
from stream.kafka.simulated_payments import PaymentSender, SendPlan
from stream.simulate import handbook
from stream.simulate.drifts import Drift, drift_of
from stream.simulate.handbook_drift import NEW_SCENARIO, with_drift
from stream.simulate.payments import Payment, handbook_payments, traffic_payments
from stream.simulate.traffic import Traffic, TrafficParameters

# Enough cards that a burst on one stands out at 500 payments a second.
_CARDS_PER_RATE = 100
# Building the world takes a moment; no payment must be late because of it.
_LEAD_US = 500_000
# Payments that are held back may still go out this long after the last was due.
_GRACE_S = 5.0
# Files are made in event time; their first payment is at a fixed moment, so that
# the same seed gives the same file.
_FILE_START_US = 1_750_000_000_000_000
_FILE_PAYMENTS = 100_000
# When a drift begins, if nobody says so.
_DRIFT_AT_US = {"live": 60_000_000, "handbook": 90 * 86_400_000_000}
_SUFFIXES = {"live": (".avro", ".jsonl", ".csv"), "handbook": (".parquet", ".csv")}


@dataclass(frozen=True)
class LivePlan:
    """The options of a live simulation; see `stream.cli.main.simulate`."""

    preset: str
    rate: float
    seconds: float | None
    seed: int
    label_delay: str
    bootstrap: str
    lag_max: int
    embedded: bool
    drift: str = ""


def simulate_to_file(
    preset: str,
    path: Path,
    rate: float,
    seconds: float | None,
    seed: int,
    as_json: bool,
    drift_text: str = "",
) -> int:
    """Write a simulated stream to a file; return the exit status."""
    drift = _drift(drift_text, preset)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES[preset]:
        kinds = ", ".join(_SUFFIXES[preset])
        raise ConfigError(f"--out: the {preset} preset writes {kinds}, not {path.name}")
    if not path.parent.is_dir():
        raise ConfigError(f"--out: there is no folder {path.parent}")
    try:
        # Now, not after the work; a file that is there stays as it is until then.
        path.open("ab").close()
    except OSError as error:
        raise ConfigError(f"--out: {path} cannot be written: {error.strerror}") from error
    if preset == "handbook":
        report = _write_handbook(path, suffix, drift, seed)
    else:
        report = _write_traffic(path, suffix, rate, seconds, seed, drift)
    report = {"file": str(path), **report}
    if as_json:
        emit_json(report)
    else:
        emit_report(report, "simulated")
    return OK


def simulate_to_kafka(plan: LivePlan, config_path: Path | None, as_json: bool) -> int:
    """Send a simulated stream live, labels after it; return the exit status."""
    drift = _drift(plan.drift, plan.preset)
    config = load(config_path)
    connection = _connection(plan, config)
    registry = registry_of(config)
    try:
        transaction_codec = codec_of(registry, "transaction", config.topics.transactions)
        label_codec = codec_of(registry, "label", config.topics.labels)
    finally:
        registry.close()
    sender = PaymentSender(
        connection, _send_plan(plan, config), transaction_codec, label_codec, say
    )
    stop = threading.Event()
    with signals(stop.set) as came:
        try:
            sender.connect()
            payments, due = _schedule(plan, drift)
            stats = sender.run(payments, due, _until_stopped(stop, plan.seconds))
        finally:
            sender.close()
    if as_json:
        emit_json(asdict(stats))
    else:
        emit_report(asdict(stats), "sent")
    return INTERRUPTED if signal.SIGINT in came else OK


def _until_stopped(stop: threading.Event, seconds: float | None) -> Callable[[], bool]:
    """Stop when told to, or when the time is over even though payments are held back."""
    end_s = None if seconds is None else time.monotonic() + _LEAD_US / 1e6 + seconds + _GRACE_S
    return lambda: stop.is_set() or (end_s is not None and time.monotonic() > end_s)


def _connection(plan: LivePlan, config: Config) -> Connection:
    if not plan.bootstrap:
        return connection_of(config)
    connection = Connection(plan.bootstrap, config.kafka.client, plan.embedded)
    connection.check(config.kafka.allow_insecure)
    return connection


def _send_plan(plan: LivePlan, config: Config) -> SendPlan:
    text = plan.label_delay or ("7d" if plan.preset == "handbook" else "3s")
    try:
        delay = int(str(parse_duration(text)))
    except ValueError as error:
        raise ConfigError(f"--label-delay: {error}") from error
    return SendPlan(
        config.topics.transactions,
        config.topics.labels,
        config.kafka.group,
        plan.lag_max,
        delay,
    )


def _drift(text: str, preset: str) -> Drift | None:
    return drift_of(text, _DRIFT_AT_US[preset]) if text else None


def _schedule(
    plan: LivePlan, drift: Drift | None
) -> tuple[Iterator[Payment], Callable[[Payment], float]]:
    """Return the payments and when each is to be sent.

    Live traffic keeps its own time: a payment's event time is the moment it is due,
    so what a reader measures against it includes every delay. The Handbook's
    payments keep their dates of 2018 and are sent evenly at the rate.
    """
    count = None if plan.seconds is None else max(1, round(plan.seconds * plan.rate))
    if plan.preset == "handbook":
        stream = handbook.generate()
        if drift is not None:
            stream = with_drift(stream, handbook.PUBLISHED, drift, plan.seed)
        start_s, n = time.monotonic(), iter(range(len(stream)))
        return (
            islice(handbook_payments(stream), count),
            lambda _: start_s + next(n) / plan.rate,
        )
    parameters = TrafficParameters(rate_per_s=plan.rate, cards=_cards(plan.rate))
    start_us = time.time_ns() // 1000 + _LEAD_US
    start_s = time.monotonic() + _LEAD_US / 1e6
    payments = traffic_payments(Traffic(parameters, plan.seed, start_us, drift))
    if plan.seconds is not None:
        payments = _until(payments, start_us + round(plan.seconds * 1e6))
    return payments, lambda payment: start_s + (payment.event_time_us - start_us) / 1e6


def _until(payments: Iterator[Payment], end_us: int) -> Iterator[Payment]:
    for payment in payments:
        if payment.event_time_us >= end_us:
            return
        yield payment


def _cards(rate: float) -> int:
    return max(2_000, round(rate * _CARDS_PER_RATE))


def _write_handbook(path: Path, suffix: str, drift: Drift | None, seed: int) -> dict[str, Any]:
    writers = {".parquet": handbook.write_parquet, ".csv": handbook.write_csv}
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("generating", total=1.0)
        stream = handbook.generate(progress=lambda part: progress.update(task, completed=part))
        if drift is not None:
            stream = with_drift(stream, handbook.PUBLISHED, drift, seed)
    writers[suffix](stream, path)
    kinds = (1, 2, 3) if drift is None else (1, 2, 3, NEW_SCENARIO)
    scenarios = {str(s): int((stream.scenario == s).sum()) for s in kinds}
    return {"rows": len(stream), "frauds": int(stream.is_fraud.sum()), "scenarios": scenarios}


def _write_traffic(
    path: Path,
    suffix: str,
    rate: float,
    seconds: float | None,
    seed: int,
    drift: Drift | None,
) -> dict[str, Any]:
    traffic = Traffic(TrafficParameters(rate, _cards(rate)), seed, _FILE_START_US, drift)
    count = _FILE_PAYMENTS if seconds is None else max(1, round(seconds * rate))
    payments = list(islice(traffic_payments(traffic), count))
    if suffix == ".avro":
        containers.write(path, builtin("transaction"), (p.record for p in payments))
    elif suffix == ".jsonl":
        encode = msgspec.json.Encoder().encode
        rows = (encode({**p.record, "is_fraud": p.is_fraud}) for p in payments)
        path.write_bytes(b"".join(row + b"\n" for row in rows))
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*payments[0].record, "is_fraud"])
            writer.writeheader()
            writer.writerows({**p.record, "is_fraud": int(p.is_fraud)} for p in payments)
    return {"rows": len(payments), "frauds": sum(p.is_fraud for p in payments)}
