"""Write the worked examples of docs/capacity.md from what was measured and what the code allocates.

python docs/make_capacity.py [--results FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).with_name("capacity.md")
ROOT = PAGE.parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.kafka.job import ENTITIES, WINDOWS, Job, Records  # noqa: E402 - as above.
from schemas.records import RecordCodec, builtin  # noqa: E402
from stream.config.configuration import load  # noqa: E402
from stream.features.feature_set import FeatureSet  # noqa: E402
from stream.features.memory import memory_of  # noqa: E402
from stream.features.sharing import SharedLayout  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "2026-11-23-two-workers.json"
BEGIN, END = "<!-- capacity:begin -->", "<!-- capacity:end -->"
RATES = (10_000, 100_000, 1_000_000)
# Of a core: the rest is for bursts and for catching up.
SHARE = 0.5
HOUR_S, DAY_S = 3_600, 86_400
REPLICATION = 3
# Of a record in a batch of Kafka's: its lengths, offsets, times, and a share of the batch's own.
RECORD_BYTES = 70
_ENTITIES, _SAMPLE = 1_000_000, 200


class Sizes(NamedTuple):
    """Bytes of one of each."""

    payment: float
    label: float
    decision: float
    shared: float
    event: int
    waiting: int
    entities: float


class Costs(NamedTuple):
    """Seconds of processor for a payment: a worker's, a broker's, and of one that is heard."""

    worker_s: float
    broker_s: float
    heard_s: float


def costs_of(found: dict[str, Any]) -> Costs:
    """Return what a results file says."""
    by_name = {each["name"]: each for each in found["results"]}
    detail = by_name["workers_2_vs_1"]["detail"]
    heard_us = by_name["shared_heard_vs_observed"]["value"]
    return Costs(detail["worker_us"]["1"] / 1e6, detail["broker_us"]["1"] / 1e6, heard_us / 1e6)


def sizes() -> Sizes:
    """Return what records take, and what is allocated, of the benchmarks' job."""
    job = Job("nowhere:1", "payments", "labels", "out", _SAMPLE, warm=0)
    records = Records(job)
    features = f"{{{','.join(ENTITIES)}}}.{{count,amount_sum,amount_mean}}_{{{','.join(WINDOWS)}}}"
    config = load(None, fields={"entities": ENTITIES}, features={"names": (features,)})
    of = FeatureSet(config.declared(), config.roles().layout, config.inputs())
    decision = {
        "transaction_id": f"t-{_SAMPLE}",
        "event_time": 1_700_000_000_000_000,
        "decision": "ALLOW",
        "score": 0.5,
        "timeliness": "ON_TIME",
        "duplicate": False,
        "degraded": [],
        "model_version": 100_000,
        "policy_version": "0123456789ab",
    }
    memory = memory_of(of, 1_000_000, _ENTITIES)
    # Beside its own it has the running values of each entity type.
    event = memory["events"]["bytes_each"] + sum(
        each["events_bytes_each"] for each in memory["entities"].values()
    )
    return Sizes(
        _mean(records.payments(0, _SAMPLE)),
        _mean(records.labels(0, _SAMPLE)),
        len(RecordCodec(builtin("decision"), 7).encode(decision)) + 16 + RECORD_BYTES,
        8.0 * SharedLayout(of, ("device", "merchant"), bytes(16)).width,
        event,
        100 + 8 * (len(of.names) + 1),
        sum(each["bytes_each"] for each in memory["entities"].values()),
    )


def _mean(records: Any) -> float:
    return sum(len(key) + len(value) + RECORD_BYTES for key, value in records) / _SAMPLE


def workers(rate: int, costs: Costs, heard: bool) -> int | None:
    """Return how many are needed; None if no number is enough."""
    left = SHARE - rate * costs.heard_s if heard else SHARE
    return None if left <= 0 else math.ceil(rate * costs.worker_s / left)


def tables(costs: Costs, size: Sizes) -> str:
    """Return what is measured, and what follows of it for each rate."""
    each = f"{size.payment:.0f}, {size.label:.0f}, {size.decision:.0f}"
    measured = [
        "| Of a payment with its label | |",
        "|---|---:|",
        f"| processor of a worker, `c` | {1e6 * costs.worker_s:.1f} us |",
        f"| processor of the broker | {1e6 * costs.broker_s:.1f} us |",
        f"| processor to hear one of another partition, `h` | {1e6 * costs.heard_s:.2f} us |",
        f"| payment, label, decision on their topics | {each} bytes |",
        f"| what is told of it to other partitions | {size.shared:.0f} bytes |",
        f"| in windows; waiting for its label | {size.event:,}, {size.waiting:,} bytes |",
    ]
    names = [f"{rate:,}/s" for rate in RATES]
    rows = [
        f"| | {' | '.join(names)} |",
        f"|---|{'---:|' * len(RATES)}",
        _row("workers, nothing shared", lambda rate: _number(workers(rate, costs, False))),
        _row("partitions", lambda rate: _number(2 * (workers(rate, costs, False) or 0))),
        _row("workers, `topics.shared`", lambda rate: _number(workers(rate, costs, True))),
        _row("cores of brokers", lambda rate: f"{rate * costs.broker_s / SHARE:,.1f}"),
        _row("windows of an hour, all partitions", lambda rate: _bytes(_hour(rate, size))),
        _row("the same, `topics.shared`", lambda rate: _heard(rate, costs, size)),
        _row("an hour that waits for labels", lambda rate: _bytes(rate * HOUR_S * size.waiting)),
        _row("topics, in", lambda rate: _bytes(rate * (size.payment + size.label)) + "/s"),
        _row("topics, out: every decision", lambda rate: _bytes(rate * size.decision) + "/s"),
        _row("topics, between: `topics.shared`", lambda rate: _bytes(rate * size.shared) + "/s"),
        _row("disks of a day of all, three copies", lambda rate: _bytes(_day(rate, size))),
    ]
    told = (
        f"45 features of {len(ENTITIES)} entities, 15 fields, a linear model that learns from "
        f"every label; {SHARE:.0%} of a core used; a million of each entity."
    )
    return "\n".join([*measured, "", told, "", *rows])


def _row(name: str, of: Any) -> str:
    return f"| {name} | {' | '.join(of(rate) for rate in RATES)} |"


def _hour(rate: int, size: Sizes) -> float:
    return rate * HOUR_S * size.event + _ENTITIES * size.entities


def _heard(rate: int, costs: Costs, size: Sizes) -> str:
    each = workers(rate, costs, True)
    return "-" if each is None else f"{each} x {_bytes(_hour(rate, size))}"


def _day(rate: int, size: Sizes) -> float:
    return rate * DAY_S * REPLICATION * (size.payment + size.label + size.decision + size.shared)


def _number(n: int | None) -> str:
    return "no number is enough" if n is None else f"{n:,}"


def _bytes(n: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if n < 1_000:
            return f"{n:.3g} {unit}"
        n /= 1_000
    return f"{n:,.3g} TB" if n < 1_000 else f"{n:,.0f} TB"


def page(text: str, results: Path = RESULTS) -> str:
    """Return the page with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    costs = costs_of(json.loads(results.read_text(encoding="utf-8")))
    return f"{before}{BEGIN}\n{tables(costs, sizes())}\n{END}{after}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), asked.results), encoding="utf-8")
