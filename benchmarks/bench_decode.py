"""Decoding Avro transactions into columns, beside fastavro on the same bytes."""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path

import fastavro
import numpy as np

from benchmarks.harness import Result, Run, benchmark
from schemas.compiler import compile_schema
from schemas.decoder import Decoder
from schemas.roles import DEFAULT_ROLES
from schemas.wire import HEADER_SIZE, frame

BATCHES = (1, 16, 64, 256, 1024)
UNIT = "us/event"

_SCHEMA = Path(__file__).parent.parent / "schemas" / "transaction.avsc"
_SCHEMA_ID = 1
_NOW_US = 1_700_000_000_000_000


@benchmark(*(f"decode_vs_fastavro_{size}" for size in BATCHES), unit=UNIT, takes_s=55)
def decode_vs_fastavro(run: Run) -> list[Result]:
    """Decode batches of framed transactions, ids hashed; fastavro makes one dict an event."""
    schema = fastavro.parse_schema(json.loads(_SCHEMA.read_text()))
    program = compile_schema(schema, DEFAULT_ROLES)
    decoder = Decoder(DEFAULT_ROLES.layout, {_SCHEMA_ID: program}, bytes(range(16)))
    messages = make_messages(schema, run.rng, max(BATCHES))
    # The reference is spared the header, and everything else but the reading.
    bodies = [message[HEADER_SIZE:] for message in messages]
    refused = int(np.count_nonzero(decoder.decode(messages, _NOW_US).reason))
    assert refused == 0, f"{refused} of the benchmark's own messages were refused"
    results = []
    for size in BATCHES:
        name = f"decode_vs_fastavro_{size}"
        if name not in run.wanted:
            continue
        measured = run.paired(
            partial(decoder.decode, messages[:size], _NOW_US),
            partial(read_each, schema, bodies[:size]),
            items=size,
        )
        bytes_per_event = sum(map(len, messages[:size])) / size
        results.append(measured.result(name, UNIT, batch=size, bytes_per_event=bytes_per_event))
    return results


def read_each(schema: fastavro.types.Schema, bodies: list[bytes]) -> list[object]:
    """Decode with fastavro, as its documentation shows it for single records."""
    read, stream = fastavro.schemaless_reader, io.BytesIO
    return [read(stream(body), schema, None) for body in bodies]


def make_messages(
    schema: fastavro.types.Schema, rng: np.random.Generator, count: int
) -> list[bytes]:
    """Write transactions under the shipped schema; most optional fields are there."""
    channels = ("CHIP", "CONTACTLESS", "SWIPE", "ONLINE", "PHONE", "ATM")

    def maybe(value: object) -> object:
        return value if rng.random() < 0.8 else None

    messages = []
    for i in range(count):
        record = {
            "transaction_id": f"{rng.integers(2**60):015x}-{i:06d}",
            "event_time": int(_NOW_US - rng.integers(60_000_000)),
            "amount_minor": int(rng.lognormal(8, 1.2)),
            "currency": "EUR",
            "card_id": f"card-{rng.integers(50_000):012d}",
            "customer_id": maybe(f"customer-{rng.integers(50_000):08d}"),
            "merchant_id": f"merchant-{rng.integers(5_000):06d}",
            "terminal_id": maybe(f"terminal-{rng.integers(9_000):05d}"),
            "device_id": maybe(f"{rng.integers(2**60):015x}"),
            "channel": str(rng.choice(channels)),
            "category_code": maybe(int(rng.integers(1_000, 9_999))),
            "country": maybe("FR"),
            "latitude": maybe(float(rng.uniform(-90, 90))),
            "longitude": maybe(float(rng.uniform(-180, 180))),
            "card_present": bool(rng.random() < 0.5),
        }
        body = io.BytesIO()
        fastavro.schemaless_writer(body, schema, record)
        messages.append(frame(_SCHEMA_ID, body.getvalue()))
    return messages
