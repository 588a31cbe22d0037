"""Writing decisions and alerts as records of topics, beside fastavro on the same."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import fastavro
import numpy as np

from benchmarks.harness import Result, Run, benchmark
from schemas.columns import EVENT_TIME_US, FIRST_MAPPED, ID_START, ID_STOP, Layout, Transactions
from schemas.records import builtin
from schemas.wire import frame
from stream.decide import Outcome, Thresholds
from stream.engine.effects import Effects, KeptReadings
from stream.event_time import Timeliness
from stream.evidence.evidence import Alerted, Evidence, evidence_of
from stream.records.alerts import AlertWriter
from stream.records.decisions import DecisionWriter
from stream.records.publish import Policy, Publisher
from stream.records.row_decisions import RowDecisions

BATCHES = (1, 16, 64, 256, 1024)
UNIT = "us/event"

_SCHEMA_ID, _POLICY = 5, "0123456789ab"


@benchmark(*(f"decisions_vs_fastavro_{size}" for size in BATCHES), unit=UNIT, takes_s=50)
def decisions_vs_fastavro(run: Run) -> list[Result]:
    """Write key and value of decisions; fastavro is given dictionaries made beforehand."""
    writer = DecisionWriter(_SCHEMA_ID, _POLICY)
    results = []
    for size in BATCHES:
        name = f"decisions_vs_fastavro_{size}"
        if name not in run.wanted:
            continue
        names, batch, decided = _made(run.rng, size)
        records, keys = _records(names, batch, decided), batch.entities[0].tolist()
        schema = fastavro.parse_schema(builtin("decision"))
        rows = np.arange(size)
        assert writer.write(batch, decided, rows) == write_each(schema, keys, records)
        measured = run.paired(
            partial(writer.write, batch, decided, rows),
            partial(write_each, schema, keys, records),
            items=size,
        )
        results.append(measured.result(name, UNIT, batch=size))
    return results


@benchmark("alerts_vs_fastavro_16", unit="us/alert", takes_s=15)
def alerts_vs_fastavro(run: Run) -> list[Result]:
    """Write key and value of 16 alerts; fastavro is given dictionaries made beforehand."""
    features = tuple(f"card.amount_mean_{hours}h" for hours in range(1, 46))
    policy = Policy(Thresholds(), features)
    publisher = Publisher(policy, "fraud.transactions", "/fraudstream/benchmark")
    _, batch, decided = _made(run.rng, 16)
    effects = Effects(
        **decided._asdict(),
        champions=np.zeros(16, np.uint8),
        reasons=np.zeros(16, np.int64),
        readings=KeptReadings(np.zeros((16, 0)), np.zeros((16, 0), np.uint8)),
        alerted=[_evidence(run.rng, 16, len(features))],
    )
    entities, version = batch.layout.entities, publisher.policy_version
    writer = AlertWriter(_SCHEMA_ID, version, publisher.topic, features, entities)
    ids, alerts = publisher.alert_ids(batch, effects.alerts.rows), effects.alerts
    records, keys = list(publisher.alerts(batch, effects)), batch.entities[0].tolist()
    schema = fastavro.parse_schema(builtin("alert"))
    assert writer.write(batch, decided, alerts, ids) == write_each(schema, keys, records)
    measured = run.paired(
        partial(writer.write, batch, decided, alerts, ids),
        partial(write_each, schema, keys, records),
        items=16,
    )
    return [measured.result("alerts_vs_fastavro_16", "us/alert", batch=16)]


def _evidence(rng: np.random.Generator, n: int, n_features: int) -> Evidence:
    X, parts = rng.normal(size=(2, n, n_features))
    states = np.zeros(X.shape, np.uint8)
    review, undrawn = np.full(n, Outcome.REVIEW, np.int8), np.full(n, np.nan)
    rows, bases = np.arange(n), rng.normal(size=n)
    none = np.zeros((n, 0)), np.zeros(n, np.int64)
    alerted = Alerted(rows, X, states, bases, parts, review, undrawn, *none)
    return evidence_of(alerted, Thresholds())


def write_each(schema: Any, keys: list[int], records: list[Any]) -> list[tuple[bytes, bytes]]:
    """Write with fastavro, as its documentation shows it for single records."""
    written = []
    for key, record in zip(keys, records, strict=True):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, record)
        written.append((b"%016x" % key, frame(_SCHEMA_ID, out.getvalue())))
    return written


def _made(rng: np.random.Generator, n: int) -> tuple[list[str], Transactions, RowDecisions]:
    names = [f"{rng.integers(2**60):015x}-{i:06d}" for i in range(n)]
    ends = np.cumsum([0, *map(len, names)])
    layout = Layout(("card", "merchant"))
    longs = np.zeros((layout.width, n), np.int64)
    longs[EVENT_TIME_US] = 1_700_000_000_000_000 + np.arange(n)
    longs[ID_START], longs[ID_STOP] = ends[:-1], ends[1:]
    longs[FIRST_MAPPED:] = rng.integers(1, 2**62, (2, n))
    batch = Transactions(layout, longs, np.frombuffer("".join(names).encode(), np.uint8))
    codes, flags = np.zeros((2, n), np.int8), np.zeros((3, n), np.bool_)
    decided = RowDecisions(
        rng.random(n),
        outcomes=codes[0],
        timeliness=codes[1],
        duplicate=flags[0],
        cold=flags[1],
        unscored=flags[2],
        model_versions=np.full(n, 123_456),
    )
    return names, batch, decided


def _records(names: list[str], batch: Transactions, decided: RowDecisions) -> list[dict[str, Any]]:
    return [
        {
            "transaction_id": name,
            "event_time": int(batch.event_time_us[row]),
            "decision": Outcome.ALLOW.name,
            "score": float(decided.scores[row]),
            "timeliness": Timeliness.ON_TIME.name,
            "duplicate": False,
            "degraded": [],
            "model_version": int(decided.model_versions[row]),
            "policy_version": _POLICY,
        }
        for row, name in enumerate(names)
    ]
