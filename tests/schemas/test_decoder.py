"""The decoder beside fastavro: the same values from good bytes, a reason for all others.

`NaiveRow` says what the columns must hold, from the dict that fastavro reads. Where
fastavro is lenient the decoder is not, and `STRICTER` lists all of those places.
"""

from __future__ import annotations

import io
import json
import math
import random
import struct
from functools import cache
from itertools import pairwise

import fastavro
import numba
import numpy as np
import pytest
from fastavro.validation import validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive import NaiveRow, named_types, plain

from schemas import decoder, kernel_cache, memory, primitives, siphash
from schemas.columns import MISSING, REASON_TEXT, Reason, Transactions, join
from schemas.compiler import compile_schema
from schemas.decoder import Decoder, Limits
from schemas.errors import SchemaError
from schemas.memory import address_of
from schemas.primitives import HEADER_BYTES
from schemas.records import PACKAGE
from schemas.roles import DEFAULT_ROLES, LABEL_ROLES, Roles
from schemas.wire import frame

COMPILED = not numba.config.DISABLE_JIT
KEY = bytes(range(16))
NOW = 1_700_000_000_000_000
ID = 7

# fastavro reads these and the decoder refuses them: see docs of `Reason`.
STRICTER = {
    Reason.VARINT_TOO_LONG,  # An integer in more bytes than it needs, or of over 64 bits.
    Reason.INT_OUT_OF_RANGE,  # An int of over 32 bits.
    Reason.BAD_UNION_INDEX,  # A negative index counts from the end, in Python.
    Reason.BAD_ENUM_INDEX,
    Reason.BAD_BOOLEAN,  # Any byte but 0 is true.
    Reason.TRAILING_BYTES,  # schemaless_reader stops where the record ends.
}
# The limits that a record may break although it is good Avro.
SEMANTIC = {reason for reason in Reason if reason.stage in ("validate", "time")} | {
    Reason.DECIMAL_TOO_LONG
}
# Nothing on the wire leads to these: rows of a file, events judged by the watermark, labels.
ELSEWHERE = {Reason.UNREADABLE_FIELD, Reason.EVENT_TOO_LATE} | {
    reason for reason in Reason if reason.stage in ("label", "control")
}


class Subject:
    """A schema, its roles and the decoder that is under test."""

    def __init__(self, schema, roles, limits=None, schema_id=ID):
        self.schema = json.loads(json.dumps(schema))
        self.roles = roles
        self.limits = limits or Limits()
        self.schema_id = schema_id
        self.program = compile_schema(schema, roles)
        self.decoder = Decoder(roles.layout, {schema_id: self.program}, KEY, self.limits)
        self.wire = fastavro.parse_schema(plain(self.schema))

    def encode(self, record):
        body = io.BytesIO()
        fastavro.schemaless_writer(body, self.wire, record)
        return body.getvalue()

    def frame(self, record):
        return frame(self.schema_id, self.encode(record))

    def read(self, body):
        """Read with fastavro; return the record and the bytes it took, or the error and None."""
        stream = io.BytesIO(body)
        try:
            record = fastavro.schemaless_reader(stream, self.wire, None, return_record_name=True)
        except Exception as error:
            return error, None
        return record, stream.tell()

    def expect(self, record, now=NOW):
        return NaiveRow(self.schema, self.roles, record, KEY, self.limits, now)

    def decode(self, values, now=NOW, **where):
        batch = self.decoder.decode(values, now, **where)
        assert len(batch) == len(values)
        return batch

    def reason(self, value, now=NOW):
        return Reason(int(self.decode([value], now).reason[0]))


def assert_row(batch, row, expected, note):
    """Compare one row with the oracle's; of a refused row only the reason."""
    assert Reason(int(batch.reason[row])) == expected.reason, note
    if expected.reason != Reason.OK:
        return
    assert batch.transaction_id(row) == expected.id, note
    assert batch.event_time_us[row] == expected.event_time, note
    assert batch.amount_minor[row] == expected.amount, note
    assert int(batch.transaction_key[row]) == expected._hash(expected.id), note
    assert batch.entities[:, row].tolist() == list(expected.entities.values()), note
    assert batch.categorical[:, row].tolist() == list(expected.categorical.values()), note
    np.testing.assert_allclose(
        batch.numeric[:, row], list(expected.numeric.values()), rtol=1e-14, atol=0, err_msg=note
    )


def check_against_fastavro(subject, bodies, note):
    """Decode bodies, good and bad, in one batch, and hold every row to what fastavro makes of it.

    Returns
    -------
    list of Reason
    """
    batch = subject.decode([frame(subject.schema_id, body) for body in bodies])
    reasons = [Reason(reason) for reason in batch.reason.tolist()]
    for row, (body, reason) in enumerate(zip(bodies, reasons, strict=True)):
        where = f"{note}, row {row}: {body.hex()} -> {reason.name}; {subject.schema}"
        record, taken = subject.read(body)
        if taken is None:
            assert reason != Reason.OK, f"{where}; fastavro: {record!r}"
            continue
        if reason == Reason.OK:
            assert taken == len(body), where
        if reason == Reason.OK or reason in SEMANTIC:
            assert_row(batch, row, subject.expect(record), where)
            continue
        assert reason in STRICTER, where
        if reason == Reason.TRAILING_BYTES:
            assert taken < len(body), where
        elif reason == Reason.INT_OUT_OF_RANGE:
            assert not validate(record, subject.wire, raise_errors=False), where
        else:  # Not how anybody writes it: fastavro itself would write other bytes.
            assert rewritten(subject, record) != body, where
    return reasons


def rewritten(subject, record):
    try:
        return subject.encode(record)
    except Exception:  # A value that it reads and does not write.
        return None


# Generated schemas

TIMES = [
    {"type": "long", "logicalType": f"{local}timestamp-{unit}"}
    for local in ("", "local-")
    for unit in ("millis", "micros", "nanos")
]


class Shapes:
    """Draws a schema and its roles; every name stands for one thing."""

    def __init__(self, draw):
        self.draw = draw
        self.count = 0
        self.named = []

    def pick(self, *options):
        return self.draw(st.sampled_from(options))

    def flip(self):
        return self.draw(st.booleans())

    def name(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def enum(self):
        size = self.draw(st.integers(1, 5))
        symbols = [f"S{i}" for i in range(size)]
        return {"type": "enum", "name": self.name("E"), "symbols": symbols}

    def fixed(self, most=20):
        return {"type": "fixed", "name": self.name("F"), "size": self.draw(st.integers(1, most))}

    def decimal(self):
        scale = self.draw(st.integers(0, 6))
        more = {"logicalType": "decimal", "precision": 12, "scale": scale}
        if self.flip():
            return {"type": "bytes", **more}
        return {**self.fixed(16), **more, "size": self.draw(st.integers(6, 16))}

    def scalar(self):
        return self.pick(
            lambda: "string",
            lambda: "bytes",
            lambda: "int",
            lambda: "long",
            lambda: "float",
            lambda: "double",
            lambda: "boolean",
            self.enum,
            self.fixed,
            self.decimal,
            lambda: {"type": "string", "logicalType": "uuid"},
            lambda: {"type": "int", "logicalType": "date"},
            lambda: {"type": "long", "logicalType": "time-micros"},
            lambda: self.pick(*TIMES),
        )()

    def filler(self):
        kind = self.pick("scalar", "scalar", "nullable", "wide", "null", "again")
        if kind == "null":
            return "null"
        if kind == "nullable":
            return self.nullable(self.scalar())
        if kind == "wide":
            return self.draw(
                st.permutations(["null", "boolean", "string", "long", "double", self.fixed()])
            )
        scalar = self.scalar()
        if isinstance(scalar, dict) and "name" in scalar:
            self.named.append(scalar["name"])
        return scalar

    def nullable(self, kind):
        return ["null", kind] if self.flip() else [kind, "null"]

    def maybe(self, kind):
        return self.nullable(kind) if self.draw(st.integers(0, 2)) == 0 else kind

    def in_role(self, role):
        """Draw a type that a role takes; in a union, types that cannot be mistaken."""
        if role == "id":
            return self.maybe(self.pick("string", {"type": "string", "logicalType": "uuid"}))
        if role == "time":
            return self.maybe(self.pick("int", "long", *TIMES))
        if role == "amount":
            wide = ["null", "long", self.decimal(), "double"]
            plain = self.pick("int", "long", "float", "double")
            return self.pick(plain, self.maybe(plain), self.maybe(self.decimal()), wide)
        if role == "entity":
            wide = ["int", self.fixed(), "null", "string"]
            return self.pick(wide, *map(self.maybe, ("string", "bytes", "int", "long")))
        if role == "numeric":
            wide = ["boolean", "null", "double", "int", self.decimal()]
            kinds = ("int", "long", "float", "double", "boolean", self.decimal())
            return self.pick(wide, *map(self.maybe, kinds))
        wide = ["null", "long", "boolean", self.enum(), self.fixed()]
        kinds = ("string", "bytes", "int", "long", "boolean", self.enum(), self.fixed())
        return self.pick(wide, *map(self.maybe, kinds))


@st.composite
def subjects(draw):
    shapes = Shapes(draw)
    wanted = ["id", "time", "amount"]
    for role in ("entity", "numeric", "categorical"):
        wanted += [role] * draw(st.integers(0, 2))
    wanted += ["filler"] * draw(st.integers(0, 6))
    wanted = draw(st.permutations(wanted))
    # Containers: the record itself, records in it, and records in those.
    top = {"type": "record", "name": "Top", "fields": []}
    places = [("", top)]
    for _ in range(draw(st.integers(0, 3))):
        path, parent = draw(st.sampled_from([p for p in places if p[0].count(".") < 2]))
        inner = {"type": "record", "name": shapes.name("R"), "fields": []}
        name = shapes.name("r")
        other = {"type": "record", "name": shapes.name("R"), "fields": []}
        other["fields"].append({"name": shapes.name("o"), "type": "int"})
        kind = shapes.pick(inner, ["null", inner], [inner, "null"], ["null", other, inner])
        parent["fields"].append({"name": name, "type": kind})
        places.append((f"{path}{name}.", inner))
    paths = []
    for role in wanted:
        path, parent = draw(st.sampled_from(places))
        name = shapes.name("f")
        kind = shapes.filler() if role == "filler" else shapes.in_role(role)
        parent["fields"].append({"name": name, "type": kind})
        paths.append((role, path + name))
    if shapes.named:  # Defined before: the field is the last of the record.
        top["fields"].append({"name": "again", "type": last_defined(top)})

    def only(role):
        return next(path for of, path in paths if of == role)

    def group(role):
        return {f"c{i}": path for i, (of, path) in enumerate(paths) if of == role}

    roles = Roles(
        only("id"),
        only("time"),
        only("amount"),
        draw(st.sampled_from(["s", "ms", "us", "ns"])),
        draw(st.sampled_from(["major", "minor"])),
        draw(st.sampled_from([0, 2, 3])),
        entities=group("entity"),
        numeric=group("numeric"),
        categorical=group("categorical"),
    )
    return Subject(top, roles)


def last_defined(schema):
    """Return the name of a type that is defined somewhere in a schema, or a plain type."""
    names = []

    def walk(kind):
        if isinstance(kind, list):
            for branch in kind:
                walk(branch)
        elif isinstance(kind, dict):
            if kind["type"] in ("enum", "fixed"):
                names.append(kind["name"])
            for field in kind.get("fields", ()):
                walk(field["type"])

    walk(schema)
    return names[-1] if names else "int"


# Generated values

TEXTS = [
    "",
    "a",
    "é",
    "日本",
    "\U0001f4b3",
    "x" * 63,
    "x" * 64,
    "x" * 65,
    "ÿ" * 32,
    "\0",
    "4000-0001",
]
NUMBERS = [
    0.0,
    -0.0,
    0.005,
    1.5,
    2.5,
    12.34,
    1e12,
    1e300,
    -1.0,
    -1e-9,
    math.nan,
    math.inf,
    -math.inf,
]
UNITS = {"s": 10**6, "ms": 10**3, "us": 1, "ns": 0.001}


class Values:
    """Draws values of a schema; mostly such as a role takes, and the edges."""

    def __init__(self, subject, rng):
        self.roles = subject.roles
        self.rng = rng
        self.types = named_types(subject.schema)

    def of(self, kind, path=""):
        if isinstance(kind, str):
            kind = self.types.get(kind, kind)
        if isinstance(kind, list):
            # Evenly, so that an optional record is not left out for good.
            return self.of(self.rng.choice(kind), path)
        name = kind["type"] if isinstance(kind, dict) else kind
        if name == "record":
            inside = f"{path}." if path else ""
            return {f["name"]: self.of(f["type"], inside + f["name"]) for f in kind["fields"]}
        return getattr(self, f"a_{name}")(kind if isinstance(kind, dict) else {}, path)

    def a_null(self, kind, path):
        return None

    def a_boolean(self, kind, path):
        return self.rng.random() < 0.5

    def a_string(self, kind, path):
        if path == self.roles.transaction_id and self.rng.random() < 0.9:
            return f"t-{self.rng.randrange(10**9)}"
        return self.rng.choice([*TEXTS, f"c-{self.rng.randrange(1000)}"])

    def a_bytes(self, kind, path):
        rng = self.rng
        if kind.get("logicalType") == "decimal":
            value = rng.choice([0, 5, -1, -(10**6), 10**11, 10**30, rng.randrange(10**8)])
            size = value.bit_length() // 8 + 1
            return value.to_bytes(rng.choice([size, size, 16, 17]), "big", signed=True)
        return rng.randbytes(rng.choice([0, 1, 7, 8, 9, 40]))

    def a_fixed(self, kind, path):
        size = kind["size"]
        if kind.get("logicalType") == "decimal":
            value = self.rng.choice([0, 5, -1, -(10**6), 10**11, self.rng.randrange(10**8)])
            return value.to_bytes(size, "big", signed=True)
        return self.rng.randbytes(size)

    def a_enum(self, kind, path):
        return self.rng.choice(kind["symbols"])

    def a_int(self, kind, path):
        return self.whole(32, path, kind)

    def a_long(self, kind, path):
        return self.whole(64, path, kind)

    def whole(self, bits, path, kind):
        rng = self.rng
        most = 2 ** (bits - 1)
        if path == self.roles.event_time and rng.random() < 0.9:
            unit = self.roles.event_time_unit
            if "logicalType" in kind:
                word = kind["logicalType"].rpartition("-")[2]
                unit = {"millis": "ms", "micros": "us", "nanos": "ns"}[word]
            lag = rng.choice([0, -1, 1, 10**9, -Limits().future_skew_max_us])
            return max(-most, min(most - 1, int((NOW - lag) / UNITS[unit])))
        if path == self.roles.amount and rng.random() < 0.9:
            return rng.choice([0, 1, 99, rng.randrange(10**6)])
        near = rng.choice([0, 1, 63, 64, 8191, 8192, 2**31 - 1, most - 1, rng.randrange(most)])
        return min(near, most - 1) if rng.random() < 0.5 else -min(near, most - 1) - 1

    def a_float(self, kind, path):
        value = self.a_double(kind, path)
        return (
            value
            if not math.isfinite(value)
            else struct.unpack("f", struct.pack("f", min(value, 1e38)))[0]
        )

    def a_double(self, kind, path):
        if path == self.roles.amount and self.rng.random() < 0.9:
            return self.rng.choice([0.0, 0.01, 19.99, self.rng.random() * 1e6])
        return self.rng.choice([*NUMBERS, self.rng.random(), -self.rng.random() * 1e9])


def mutated(body, rng):
    """Break bytes in one of the ways in which bytes break."""
    out = bytearray(body)
    way = rng.randrange(6)
    at = rng.randrange(len(out)) if out else 0
    if way == 0:
        del out[at:]
    elif way == 1:
        out += rng.randbytes(rng.randrange(1, 4))
    elif way == 2:
        del out[at : at + rng.randrange(1, 4)]
    elif way == 3:
        out[at:at] = rng.randbytes(rng.randrange(1, 4))
    else:
        for _ in range(rng.randrange(1, 4)):
            if out:
                out[rng.randrange(len(out))] = rng.choice(
                    [0, 1, 2, 3, 127, 128, 255, rng.randrange(256)]
                )
    return bytes(out)


# Compiling takes seconds a schema, so the compiled run sees few schemas, always the same
# (Numba's disk cache knows them), and many values; the interpreted run sees many schemas.
SCHEMAS, ROWS = (4, 400) if COMPILED else (50, 25)
slow_if_compiled = pytest.mark.slow if COMPILED else lambda test: test


@slow_if_compiled
@settings(
    max_examples=SCHEMAS,
    derandomize=COMPILED,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(subjects(), st.integers(0, 2**32))
def test_any_schema_decodes_as_fastavro_reads_it(subject, seed):
    rng = random.Random(seed)
    values = Values(subject, rng)
    bodies = [subject.encode(values.of(subject.schema)) for _ in range(ROWS)]
    reasons = check_against_fastavro(subject, bodies, f"seed {seed}")
    assert set(reasons) <= SEMANTIC | {Reason.OK}
    broken = [mutated(rng.choice(bodies), rng) for _ in range(2 * ROWS)]
    broken += [body[:n] for body in bodies[:3] for n in range(len(body))]
    broken += [rng.randbytes(rng.randrange(40)) for _ in range(ROWS)]
    check_against_fastavro(subject, broken, f"seed {seed}, broken")


# One schema with all there is, for everything below

GEO = {
    "type": "record",
    "name": "Geo",
    "fields": [
        {"name": "lat", "type": "double"},
        {"name": "zone", "type": {"type": "fixed", "name": "Zone", "size": 2}},
    ],
}
EVERYTHING = {
    "type": "record",
    "name": "Everything",
    "fields": [
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B", "C"]}},
        {"name": "id", "type": ["null", "string"]},
        {"name": "time", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
        {
            "name": "amount",
            "type": [
                "null",
                "long",
                "double",
                {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 3},
            ],
        },
        {"name": "card", "type": ["null", "string", "long"]},
        {
            "name": "shop",
            "type": {
                "type": "record",
                "name": "Shop",
                "fields": [
                    {"name": "id", "type": ["null", "bytes"]},
                    {"name": "geo", "type": ["null", GEO]},
                ],
            },
        },
        {"name": "again", "type": ["null", "Geo", "Kind"]},
        {"name": "age", "type": ["null", "int"]},
        {"name": "present", "type": "boolean"},
        {"name": "score", "type": "float"},
        {"name": "note", "type": "string"},
    ],
}
EVERYTHING_ROLES = Roles(
    "id",
    "time",
    "amount",
    amount_unit="minor",
    entities={"card": "card", "shop": "shop.id"},
    numeric={"lat": "shop.geo.lat", "age": "age", "present": "present", "score": "score"},
    categorical={"kind": "kind", "zone": "shop.geo.zone", "note": "note"},
)
GOOD = {
    "kind": "B",
    "id": "t-1",
    "time": NOW,
    "amount": 1234,
    "card": "4000-0001",
    "shop": {"id": b"shop", "geo": {"lat": 48.5, "zone": b"EU"}},
    "again": None,
    "age": 300,
    "present": True,
    "score": 0.5,
    "note": "né",
}


@cache
def everything():
    return Subject(EVERYTHING, EVERYTHING_ROLES)


@cache
def shipped():
    return Subject(json.loads((PACKAGE / "transaction.avsc").read_text()), DEFAULT_ROLES)


def transaction(**changed):
    return {
        "transaction_id": "t-1",
        "event_time": NOW,
        "amount_minor": 1999,
        "currency": "EUR",
        "card_id": "card",
        "customer_id": None,
        "merchant_id": "shop",
        "terminal_id": "x",
        "device_id": None,
        "channel": "ONLINE",
        "category_code": 5411,
        "country": "FR",
        "latitude": 1.0,
        "longitude": None,
        "card_present": False,
        **changed,
    }


def reason_with(**changed):
    """Return what becomes of the good record with some fields changed."""
    subject = everything()
    record = {**GOOD, **changed}
    reason = subject.reason(subject.frame(record))
    read, _ = subject.read(subject.encode(record))
    assert reason == subject.expect(read).reason
    return reason


def row_with(**changed):
    subject = everything()
    batch = subject.decode([subject.frame({**GOOD, **changed})])
    assert batch.reason[0] == Reason.OK
    return batch


def test_a_good_record_fills_every_column():
    batch = row_with()
    subject = everything()
    assert_row(batch, 0, subject.expect(subject.read(subject.encode(GOOD))[0]), "")
    assert batch.transaction_id(0) == "t-1"
    assert batch.amount_minor.tolist() == [1234]
    assert batch.event_time_us.tolist() == [NOW]
    assert batch.numeric[:, 0].tolist() == [48.5, 300.0, 1.0, 0.5]
    assert 0 not in batch.entities
    assert 0 not in batch.categorical
    assert len({*batch.entities.flat, *batch.categorical.flat, *batch.transaction_key}) == 6


def test_arrival_partition_and_offset_are_kept_for_each_row_or_for_all():
    subject = everything()
    value = subject.frame(GOOD)
    batch = subject.decode(
        [value, b"x", value], np.array([NOW, 5, NOW + 1]), partition=3, offset=np.arange(40, 43)
    )
    assert batch.arrival_time_us.tolist() == [NOW, 5, NOW + 1]
    assert batch.partition.tolist() == [3, 3, 3]
    assert batch.offset.tolist() == [40, 41, 42]
    assert batch.reason.tolist() == [Reason.OK, Reason.WRONG_MAGIC, Reason.OK]


def test_an_empty_batch_is_a_batch():
    batch = everything().decode([])
    assert batch.entities.shape == (2, 0)
    assert batch.numeric.shape == (4, 0)
    assert batch.categorical.shape == (3, 0)


def test_the_shipped_transaction_decodes():
    subject = shipped()
    bodies = [subject.encode(transaction()), subject.encode(transaction(channel="ATM"))]
    assert check_against_fastavro(subject, bodies, "") == [Reason.OK] * 2


def test_labels_are_decoded_without_an_amount():
    subject = Subject(json.loads((PACKAGE / "label.avsc").read_text()), LABEL_ROLES)
    rng = random.Random(2)
    values = Values(subject, rng)
    bodies = [subject.encode(values.of(subject.schema)) for _ in range(50)]
    reasons = check_against_fastavro(subject, bodies, "seed 2")
    batch = subject.decode([frame(ID, body) for body in bodies])
    taken = batch.reason == Reason.OK
    assert reasons.count(Reason.OK) > 20
    assert set(batch.amount_minor[taken]) == {0}
    assert set(batch.numeric[0, taken]) <= {0.0, 1.0}


# Broken bytes

RECORDS = [
    GOOD,
    {**GOOD, "card": -(2**63), "amount": 12.34, "again": "C", "note": ""},
    {**GOOD, "amount": b"\x00\xff\xff", "again": {"lat": -0.0, "zone": b"\0\xff"}, "age": -(2**31)},
    {**GOOD, "card": None, "shop": {"id": None, "geo": None}, "note": "\U0001f4b3" * 20},
]


def test_a_record_cut_at_any_byte_is_refused():
    subject = everything()
    for record in RECORDS:
        body = subject.encode(record)
        reasons = check_against_fastavro(subject, [body[:n] for n in range(len(body))], "cut")
        assert set(reasons) == {Reason.TRUNCATED}
        value = frame(ID, body)
        heads = [subject.reason(value[:n]) for n in range(HEADER_BYTES)]
        assert heads == [Reason.NULL_VALUE] + [Reason.TOO_SHORT] * 4


def test_a_cut_record_does_not_read_on_into_its_neighbour():
    subject = everything()
    value = subject.frame(GOOD)
    for n in range(HEADER_BYTES, len(value)):
        batch = subject.decode([value[:n], value[n:] + value, value])
        assert batch.reason[0] == Reason.TRUNCATED
        assert batch.reason[2] == Reason.OK


def test_every_byte_may_be_any_byte():
    subject, met = everything(), set()
    for record in RECORDS[:3]:
        body = subject.encode(record)
        every = COMPILED and record is GOOD
        broken = [
            body[:at] + bytes([byte]) + body[at + 1 :]
            for at in range(len(body))
            for byte in (range(256) if every else (0, 1, 2, 3, 7, 63, 127, 128, 192, 255))
        ]
        met |= set(check_against_fastavro(subject, broken, "one byte"))
    assert met >= {reason for reason in Reason if reason.stage == "decode"} - {
        Reason.UNREADABLE_FIELD,
        Reason.DECIMAL_TOO_LONG,
    }


@pytest.mark.skipif(COMPILED, reason="compiled loads cannot be watched")
def test_no_load_ever_lies_outside_the_record(monkeypatch):
    bounds = [0, 2**64]

    def watched(load, size):
        def load_inside(address):
            start = int(address)
            assert bounds[0] <= start
            assert start + size <= bounds[1]
            return load(address)

        return load_inside

    def watched_join(values):
        data, lengths = join(values)
        bounds[:] = [int(address_of(data)), int(address_of(data)) + len(data)]
        return data, lengths

    for name, size in {"byte_at": 1, "word_at": 8, "double_at": 8, "float_at": 4}.items():
        watching = watched(getattr(memory, name), size)
        for module in (primitives, siphash):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, watching)
        if name in decoder._NAMES:
            monkeypatch.setitem(decoder._NAMES, name, watching)
    subject = Subject(EVERYTHING, EVERYTHING_ROLES)
    monkeypatch.setattr(decoder, "join", watched_join)
    rng = random.Random(7)
    for record in RECORDS:
        body = subject.encode(record)
        value = frame(ID, body)
        for n in range(len(value) + 1):
            subject.decode([value[:n]])
        for _ in range(200):
            subject.decode([frame(ID, mutated(body, rng))])


@pytest.mark.parametrize("extra", [b"\0", b"\xff", b"\0" * 9, b"\x80" * 20])
def test_bytes_behind_the_record_are_refused(extra):
    subject = everything()
    assert subject.reason(subject.frame(GOOD) + extra) == Reason.TRAILING_BYTES


# A few bytes that promise a lot: lengths to the edges of 64 bits, integers without end.
BOMBS = [
    b"\x02\x02" + bomb
    for bomb in (
        b"\xfe\xff\xff\xff\x0f",
        b"\xff\xff\xff\xff\x0f",
        b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x80\x80\x80\x80\x80",
        b"\xff" * 12,
        b"\x80" * 4000,
        b"\x01",
    )
]


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda b: b.hex()[:24])
def test_a_length_bomb_costs_nothing_and_is_refused(bomb):
    subject = everything()
    (reason,) = check_against_fastavro(subject, [bomb], "bomb")
    assert len(bomb) < 20 or reason == Reason.VARINT_TOO_LONG
    assert reason in {Reason.TRUNCATED, Reason.NEGATIVE_LENGTH, Reason.VARINT_TOO_LONG}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NULL_VALUE),
        (b"", Reason.NULL_VALUE),
        (b"\0", Reason.TOO_SHORT),
        (b"\0\0\0\0", Reason.TOO_SHORT),
        (b"\0\0\0\0\x07", Reason.TRUNCATED),
        (b"\0\0\0\0\x08", Reason.UNKNOWN_SCHEMA_ID),
        (b"\0\xff\xff\xff\xff", Reason.UNKNOWN_SCHEMA_ID),
        (b"\0\x07\0\0\0more", Reason.UNKNOWN_SCHEMA_ID),
        (b"\x01\0\0\0\x07more", Reason.WRONG_MAGIC),
        (b'{"transaction_id": "t-1"}', Reason.WRONG_MAGIC),
        (b"Obj\x01", Reason.WRONG_MAGIC),
        (bytes(4097), Reason.OVERSIZE),
        (b"\xff" * 5000, Reason.OVERSIZE),
    ],
)
def test_what_is_no_framed_record_is_refused_by_its_frame(value, reason):
    assert everything().reason(value) == reason


def test_the_largest_record_is_taken_and_one_byte_more_is_not():
    subject = everything()
    size = len(subject.frame({**GOOD, "note": "x" * 1000}))
    fits = {**GOOD, "note": "x" * (1000 + 4096 - size)}
    assert len(subject.frame(fits)) == 4096
    assert subject.reason(subject.frame(fits)) == Reason.OK
    assert subject.reason(subject.frame({**fits, "note": fits["note"] + "x"})) == Reason.OVERSIZE


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\x06", Reason.BAD_ENUM_INDEX),
        (b"\x01", Reason.BAD_ENUM_INDEX),  # -1: fastavro takes the last symbol.
        (b"\x02\x04", Reason.BAD_UNION_INDEX),
        (b"\x02\x01", Reason.BAD_UNION_INDEX),  # -1: fastavro takes the last branch.
        (b"\x82\x00\x02", Reason.VARINT_TOO_LONG),
        (b"\x02\x02\x05", Reason.NEGATIVE_LENGTH),
        (b"\x02\x02\x02\xff", Reason.BAD_UTF8),
        (b"\x02\x02\x04\xc0\x80", Reason.BAD_UTF8),
        (b"\x02\x02\x06\xed\xa0\x80", Reason.BAD_UTF8),
    ],
    ids=repr,
)
def test_each_way_to_be_malformed_has_its_own_reason(body, reason):
    # The rest of a record follows, so that nothing else is wrong with it.
    assert everything().reason(frame(ID, body + bytes(40))) == reason


def test_a_boolean_is_zero_or_one():
    subject = everything()
    body = bytearray(subject.encode({**GOOD, "note": ""}))
    at = len(body) - 6  # Behind it a float and the length of the note.
    assert body[at] == 1
    for byte in range(256):
        body[at] = byte
        expected = Reason.OK if byte < 2 else Reason.BAD_BOOLEAN
        assert subject.reason(frame(ID, bytes(body))) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**31 - 1, Reason.OK),
        (-(2**31), Reason.OK),
        (2**31, Reason.INT_OUT_OF_RANGE),
        (-(2**31) - 1, Reason.INT_OUT_OF_RANGE),
        (2**40, Reason.INT_OUT_OF_RANGE),
        (-(2**63), Reason.INT_OUT_OF_RANGE),
    ],
)
def test_an_int_has_32_bits(value, reason):
    subject = everything()
    long = json.loads(json.dumps(EVERYTHING).replace('["null", "int"]', '["null", "long"]'))
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(plain(long)), {**GOOD, "age": value})
    assert check_against_fastavro(subject, [body.getvalue()], "int") == [reason]


# Limits at their edges


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (None, Reason.AMOUNT_MISSING),
        (0, Reason.OK),
        (-1, Reason.AMOUNT_NEGATIVE),
        (-(2**63), Reason.AMOUNT_NEGATIVE),
        (10**12, Reason.OK),
        (10**12 + 1, Reason.AMOUNT_TOO_LARGE),
        (2**63 - 1, Reason.AMOUNT_TOO_LARGE),
        (0.0, Reason.OK),
        (-0.0, Reason.OK),
        (0.4, Reason.OK),
        (-0.1, Reason.AMOUNT_NEGATIVE),
        (-1e300, Reason.AMOUNT_NEGATIVE),
        (1e12, Reason.OK),
        (1e12 + 0.5, Reason.OK),
        (1e12 + 1, Reason.AMOUNT_TOO_LARGE),
        (1e300, Reason.AMOUNT_TOO_LARGE),
        (math.nan, Reason.AMOUNT_NOT_FINITE),
        (math.inf, Reason.AMOUNT_NOT_FINITE),
        (-math.inf, Reason.AMOUNT_NOT_FINITE),
        (b"", Reason.OK),
        (b"\0", Reason.OK),
        (b"\x7f", Reason.OK),
        (b"\xff", Reason.AMOUNT_NEGATIVE),
        (b"\x80" + bytes(15), Reason.AMOUNT_NEGATIVE),
        ((10**13 + 4).to_bytes(8, "big"), Reason.OK),
        ((10**13 + 5).to_bytes(8, "big"), Reason.AMOUNT_TOO_LARGE),
        ((10**13 + 4).to_bytes(16, "big"), Reason.OK),
        (b"\x7f" + b"\xff" * 15, Reason.AMOUNT_TOO_LARGE),
        (bytes(16), Reason.OK),
        (bytes(17), Reason.DECIMAL_TOO_LONG),
        (b"\xff" * 17, Reason.DECIMAL_TOO_LONG),
    ],
    ids=repr,
)
def test_an_amount_is_taken_to_its_limit_and_no_further(amount, reason):
    assert reason_with(amount=amount) == reason


MAJOR = {
    "long": "long",
    "double": "double",
    "float": "float",
    "decimal": {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 18},
}


@cache
def in_major_units(kind):
    roles = Roles("id", "time", "amount", "us", amount_unit="major")
    names = {"id": "string", "time": "long", "amount": MAJOR[kind]}
    fields = [{"name": name, "type": of} for name, of in names.items()]
    return Subject({"type": "record", "name": "P", "fields": fields}, roles)


def of_wei(units):
    return (units * 10**18).to_bytes(16, "big", signed=True)


@pytest.mark.parametrize(
    ("kind", "amount", "minor"),
    [
        ("long", 12, 1200),
        ("long", 10**10, 10**12),
        ("long", 10**10 + 1, Reason.AMOUNT_TOO_LARGE),
        ("long", 2**63 - 1, Reason.AMOUNT_TOO_LARGE),
        ("long", -1, Reason.AMOUNT_NEGATIVE),
        ("double", 12.34, 1234),
        ("double", 0.29, 29),
        ("double", 1e10, 10**12),
        ("double", 1e10 + 0.01, Reason.AMOUNT_TOO_LARGE),
        ("double", 1.7e308, Reason.AMOUNT_TOO_LARGE),
        ("double", -0.001, Reason.AMOUNT_NEGATIVE),
        ("double", math.nan, Reason.AMOUNT_NOT_FINITE),
        ("float", 12.340000152587890625, 1234),
        ("float", math.inf, Reason.AMOUNT_NOT_FINITE),
        ("float", -math.inf, Reason.AMOUNT_NOT_FINITE),
        # More than 64 bits hold, and an everyday amount.
        ("decimal", of_wei(100), 10_000),
        ("decimal", of_wei(10**10), 10**12),
        ("decimal", of_wei(10**10 + 1), Reason.AMOUNT_TOO_LARGE),
        ("decimal", (5 * 10**15).to_bytes(8, "big"), 1),
        ("decimal", (5 * 10**15 - 1).to_bytes(8, "big"), 0),
        ("decimal", of_wei(-1), Reason.AMOUNT_NEGATIVE),
    ],
)
def test_an_amount_in_major_units_becomes_minor_units(kind, amount, minor):
    subject = in_major_units(kind)
    body = subject.encode({"id": "t", "time": NOW, "amount": amount})
    (reason,) = check_against_fastavro(subject, [body], kind)
    if isinstance(minor, Reason):
        assert reason == minor
    else:
        assert subject.decode([frame(ID, body)]).amount_minor.tolist() == [minor]


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        (None, Reason.EVENT_TIME_MISSING),
        (946_684_800_000_000, Reason.OK),
        (946_684_800_000_000 - 1, Reason.EVENT_TIME_TOO_EARLY),
        (0, Reason.EVENT_TIME_TOO_EARLY),
        (-(2**63), Reason.EVENT_TIME_TOO_EARLY),
        (NOW // 1_000_000, Reason.EVENT_TIME_TOO_EARLY),  # Seconds, taken for microseconds.
        (NOW + 300_000_000, Reason.OK),
        (NOW + 300_000_001, Reason.EVENT_TIME_IN_FUTURE),
        (NOW * 1000, Reason.EVENT_TIME_IN_FUTURE),
        (2**63 - 1, Reason.EVENT_TIME_IN_FUTURE),
    ],
)
def test_an_event_time_is_taken_between_its_limits(time, reason):
    assert reason_with(time=time) == reason


def test_the_future_is_judged_by_each_rows_own_arrival():
    subject = everything()
    value = subject.frame(GOOD)
    arrivals = NOW - Limits().future_skew_max_us + np.array([-1, 0, 1])
    reasons = subject.decode([value] * 3, arrivals).reason.tolist()
    assert reasons == [Reason.EVENT_TIME_IN_FUTURE, Reason.OK, Reason.OK]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, Reason.ID_EMPTY),
        ("", Reason.ID_EMPTY),
        ("x" * 64, Reason.OK),
        ("x" * 65, Reason.ID_TOO_LONG),
        ("é" * 32, Reason.OK),  # Bytes count, not characters.
        ("é" * 33, Reason.ID_TOO_LONG),
    ],
)
def test_a_transaction_id_is_there_and_no_longer_than_its_limit(text, reason):
    assert reason_with(id=text) == reason


def test_limits_are_those_that_were_given():
    given_limits = Limits(100, 4, 50, NOW - 10, 5)
    subject = Subject(EVERYTHING, EVERYTHING_ROLES, given_limits)
    edges = {
        Reason.OK: {},
        Reason.OVERSIZE: {"note": "x" * 100},
        Reason.ID_TOO_LONG: {"id": "12345"},
        Reason.AMOUNT_TOO_LARGE: {"amount": 51},
        Reason.EVENT_TIME_TOO_EARLY: {"time": NOW - 11},
        Reason.EVENT_TIME_IN_FUTURE: {"time": NOW + 6},
    }
    inside = {**GOOD, "id": "1234", "amount": 50, "note": ""}
    for reason, changed in edges.items():
        assert subject.reason(subject.frame({**inside, **changed})) == reason
    for changed in ({"time": NOW - 10}, {"time": NOW + 5}):
        assert subject.reason(subject.frame({**inside, **changed})) == Reason.OK


# Nulls, and numbers that are none


def test_what_is_not_known_is_nobody_and_no_number():
    batch = row_with(card=None, shop={"id": None, "geo": None}, age=None, score=math.nan, note="")
    assert batch.entities[:, 0].tolist() == [0, 0]
    assert np.isnan(batch.numeric[[0, 1, 3], 0]).all()
    assert batch.numeric[2, 0] == 1.0
    assert batch.categorical[1, 0] == 0
    assert batch.categorical[2, 0] != 0  # An empty text is a category of its own.


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_missing(number):
    batch = row_with(score=number, shop={"id": None, "geo": {"lat": number, "zone": b"EU"}})
    assert np.isnan(batch.numeric[[0, 3], 0]).all()


@pytest.mark.parametrize("changed", [{"card": ""}, {"shop": {"id": b"", "geo": None}}])
def test_an_empty_entity_is_refused(changed):
    assert reason_with(**changed) == Reason.ENTITY_EMPTY


def test_the_same_id_has_the_same_key_in_every_entity_of_text_or_bytes():
    batch = row_with(card="same", shop={"id": b"same", "geo": None})
    assert batch.entities[0, 0] == batch.entities[1, 0]


def test_another_hash_key_gives_other_hashes():
    subject = everything()
    values = [subject.frame(GOOD)]
    other = Decoder(EVERYTHING_ROLES.layout, {ID: subject.program}, bytes(16)).decode(values, NOW)
    ours = subject.decode(values)
    assert (other.entities != ours.entities).all()
    assert (other.categorical != ours.categorical).all()
    assert (other.transaction_key != ours.transaction_key).all()


def test_a_decoder_of_some_schemas_refuses_the_others():
    subject = everything()
    programs = {ID: subject.program, ID + 1: subject.program}
    whole = Decoder(EVERYTHING_ROLES.layout, programs, KEY)
    body = subject.encode(GOOD)
    values = [frame(ID, body), frame(ID + 1, body)]
    some = whole.only({ID + 1})
    assert (whole.schema_ids, some.schema_ids) == ((ID, ID + 1), (ID + 1,))
    assert whole.decode(values, NOW).reason.tolist() == [Reason.OK, Reason.OK]
    assert some.decode(values, NOW).reason.tolist() == [Reason.UNKNOWN_SCHEMA_ID, Reason.OK]
    with pytest.raises(ValueError, match="none of"):
        whole.only([])


def test_a_hash_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="16 bytes"):
        Decoder(EVERYTHING_ROLES.layout, {ID: everything().program}, b"short")


# Batches


@cache
def assorted():
    """Framed values of all sorts, good and bad, and their arrivals."""
    subject, rng = everything(), random.Random(3)
    values = Values(subject, rng)
    framed = [subject.frame(values.of(subject.schema)) for _ in range(120)]
    framed += [frame(ID, mutated(subject.encode(record), rng)) for record in RECORDS * 10]
    framed += [None, b"", b"\0", b"\x01bad", frame(8, b"x"), bytes(5000)] * 5
    framed += [subject.frame(record) for record in RECORDS * 10]
    rng.shuffle(framed)
    return framed, NOW + np.arange(len(framed))


def rows_of(batch):
    """Everything about each row that does not depend on the rows beside it."""
    block = batch.words.copy()
    block[3] = block[4] - block[3]  # The id's length: its place depends on the batch.
    block[4] = 0
    taken = batch.reason == Reason.OK
    # A refused row holds what was read before the trouble, and nobody may look.
    block[:5, ~taken] = 0
    block[9:, ~taken] = 0
    ids = [batch.transaction_id(row) if taken[row] else "" for row in range(len(batch))]
    return list(zip(block.T.tolist(), ids, strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_split_anywhere_gives_the_same_rows(seed):
    subject, (framed, arrivals) = everything(), assorted()
    offsets = np.arange(len(framed))
    whole = rows_of(subject.decode(framed, arrivals, partition=2, offset=offsets))
    rng = np.random.default_rng(seed)
    cuts = (
        range(len(framed) + 1)
        if seed == 0
        else [0, *np.sort(rng.choice(len(framed), 9)), len(framed)]
    )
    parts = []
    for start, stop in pairwise(cuts):
        batch = subject.decode(
            framed[start:stop], arrivals[start:stop], partition=2, offset=offsets[start:stop]
        )
        parts += rows_of(batch)
    assert parts == whole, f"seed {seed}"


def test_the_order_of_a_batch_does_not_count():
    subject, (framed, arrivals) = everything(), assorted()
    order = np.random.default_rng(4).permutation(len(framed))
    whole = rows_of(subject.decode(framed, arrivals))
    shuffled = rows_of(subject.decode([framed[i] for i in order], arrivals[order]))
    assert shuffled == [whole[i] for i in order]


def test_decoding_twice_gives_the_same_and_changes_no_input():
    subject, (framed, arrivals) = everything(), assorted()
    before, times = list(framed), arrivals.copy()
    first = rows_of(subject.decode(framed, arrivals))
    assert rows_of(subject.decode(framed, arrivals)) == first
    assert framed == before
    assert (arrivals == times).all()


def test_rows_after_a_bad_row_are_not_affected():
    subject = everything()
    good = subject.frame(GOOD)
    (alone,) = rows_of(subject.decode([good]))
    framed, _ = assorted()
    for bad in framed:
        batch = subject.decode([good, bad, good])
        first, _, last = rows_of(batch)
        assert first == last == alone


def test_a_null_value_among_others_is_refused_alone():
    subject = everything()
    good = subject.frame(GOOD)
    batch = subject.decode([None, good, None, None, good, None])
    expected = [Reason.NULL_VALUE, Reason.OK, Reason.NULL_VALUE, Reason.NULL_VALUE, Reason.OK]
    assert batch.reason.tolist() == [*expected, Reason.NULL_VALUE]
    assert batch.transaction_id(4) == "t-1"


def test_a_row_refused_before_its_id_has_no_id():
    subject = everything()
    batch = subject.decode([frame(ID, b"\x06"), None, frame(8, subject.encode(GOOD))])
    assert [batch.transaction_id(row) for row in range(3)] == ["", "", ""]
    assert (batch.event_time_us == MISSING).all()
    assert (batch.amount_minor == MISSING).all()
    assert not batch.entities.any()
    assert np.isnan(batch.numeric).all()


def test_a_value_that_is_no_bytes_is_the_callers_mistake_and_ends():
    with pytest.raises(TypeError):
        join([b"x", "text"])


# Several writer schemas


OLDER = {
    "type": "record",
    "name": "Older",
    "fields": [
        {"name": "note", "type": "string"},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["C", "B"]}},
        *(
            {"name": name, "type": kind}
            for name, kind in {"id": "string", "time": "long", "amount": "double"}.items()
        ),
    ],
}
NOTE_AND_KIND = {"kind": "kind", "note": "note"}
BOTH = Roles("id", "time", "amount", "us", categorical=NOTE_AND_KIND)
NEWER = {
    "type": "record",
    "name": "Newer",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "time", "type": ["null", "long"]},
        {"name": "amount", "type": "long"},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B", "C"]}},
        {"name": "note", "type": ["null", "string"]},
    ],
}
COMMON = {"id": "t-1", "time": NOW, "amount": 5, "kind": "B", "note": "n"}


@cache
def several():
    """A decoder of three ids, two of them of the same schema, and the subjects beside it."""
    of = {
        1: Subject(NEWER, BOTH, schema_id=1),
        2**32 - 1: Subject(OLDER, BOTH, schema_id=2**32 - 1),
    }
    of[9] = Subject(NEWER, BOTH, schema_id=9)
    programs = {schema_id: subject.program for schema_id, subject in of.items()}
    return Decoder(BOTH.layout, programs, KEY), of


def test_records_of_several_schemas_mix_in_one_batch():
    mixed, of = several()
    rng = random.Random(5)
    ids = [rng.choice([*of, 3]) for _ in range(200)]
    values = []
    for number, schema_id in enumerate(ids):
        writer = of.get(schema_id) or of[1]
        body = writer.encode({**COMMON, "id": f"t-{number}", "amount": number})
        values.append(frame(schema_id, body + b"x" * (number % 7 == 0)))
    values += [None, b"\x01", b"\0\0"]
    batch = mixed.decode(values, NOW)
    for row, schema_id in enumerate(ids):
        if schema_id == 3:
            assert batch.reason[row] == Reason.UNKNOWN_SCHEMA_ID
        elif row % 7 == 0:
            # Of whichever schema: the next one's turn must not make it unknown.
            assert batch.reason[row] == Reason.TRAILING_BYTES
        else:
            record, _ = of[schema_id].read(values[row][HEADER_BYTES:])
            assert_row(batch, row, of[schema_id].expect(record), f"row {row}, id {schema_id}")
    assert batch.reason[200:].tolist() == [
        Reason.NULL_VALUE,
        Reason.WRONG_MAGIC,
        Reason.TOO_SHORT,
    ]
    assert len({*batch.categorical[0, batch.reason == Reason.OK]}) == 1


def test_the_schemas_of_which_a_good_record_came_are_known():
    _, of = several()
    decoder = Decoder(BOTH.layout, {i: of[i].program for i in of}, KEY)
    first, second = list(of)[:2]
    good = {i: frame(i, of[i].encode(COMMON)) for i in of}
    decoder.decode([frame(99, b"x"), None, b"\0\0", b"\1"], NOW)
    assert decoder.seen == ()
    decoder.decode([good[second], None, frame(99, b"x")], NOW)
    assert decoder.seen == (second,)
    # Who replays with some of the schemas learns of none anew, and nobody forgets one.
    decoder.only({second}).decode([good[second]], NOW)
    decoder.decode([good[first], good[second]], NOW)
    decoder.decode([good[first]], NOW)
    assert decoder.seen == (second, first)


def test_the_order_of_the_schemas_does_not_count():
    mixed, of = several()
    backwards = {i: of[i].program for i in reversed(of)}
    values = [frame(i, of[i].encode(COMMON)) for i in of] + [frame(3, b"x"), None, b"\0\0"]
    other = Decoder(BOTH.layout, backwards, KEY).decode(values, NOW)
    assert rows_of(other) == rows_of(mixed.decode(values, NOW))


def test_a_symbol_has_the_same_key_in_every_schema_and_as_text():
    _, of = several()
    as_enum = of[1].decode([of[1].frame({**COMMON, "kind": "C", "note": "C"})])
    older = of[2**32 - 1]
    elsewhere = older.decode([older.frame({**COMMON, "kind": "C", "note": "C"})])
    assert len({*as_enum.categorical.flat, *elsewhere.categorical.flat}) == 1


def test_a_decoder_without_schemas_would_be_told_at_the_first_batch():
    batch = Decoder(BOTH.layout, {1: several()[1][1].program}, KEY).decode([frame(2, b"x")], NOW)
    assert batch.reason.tolist() == [Reason.UNKNOWN_SCHEMA_ID]


# The generated source


def test_the_generated_source_lies_beside_the_kernels_and_is_put_right():
    source = several()[1][1].program.source
    (path,) = [
        p
        for p in kernel_cache.kernel_folder("schemas.decoder").glob("decoder_*.py")
        if p.read_text() == source
    ]
    path.write_text("raise SystemExit('not what is executed')")
    again = Decoder(BOTH.layout, {1: several()[1][1].program}, KEY)
    assert path.read_text() == source
    assert again.decode([frame(1, several()[1][1].encode(COMMON))], NOW).reason.tolist() == [0]


def test_a_schema_with_a_name_that_is_code_never_reaches_a_decoder():
    bad = {"name": "x\n\nraise SystemExit\n#", "type": "int"}
    with pytest.raises(SchemaError, match="no Avro name"):
        compile_schema({**NEWER, "fields": [*NEWER["fields"], bad]}, BOTH)


# Reasons


def test_every_reason_has_a_text_and_a_stage():
    assert set(REASON_TEXT) == set(Reason)
    stages = {reason.stage for reason in Reason}
    assert stages == {"wire", "decode", "validate", "time", "label", "control"}


def test_random_bytes_never_raise_and_are_refused_for_a_reason():
    rng = np.random.default_rng(6)
    subject = everything()
    values = [frame(ID, rng.bytes(rng.integers(60))) for _ in range(4000 if COMPILED else 800)]
    values += [rng.bytes(rng.integers(60)) for _ in range(1000 if COMPILED else 200)]
    batch = subject.decode(values)
    assert set(batch.reason.tolist()) <= {int(reason) for reason in Reason}
    assert isinstance(batch, Transactions)


def test_every_reason_of_wire_decode_and_validate_is_met():
    # By itself, so that it does not depend on the tests before it.
    subject = everything()
    body = subject.encode(GOOD)
    long_int = body.replace(b"\x02\xd8\x04\x01", b"\x02\x80\x80\x80\x80\x10\x01")
    assert long_int != body
    values = {
        Reason.OK: subject.frame(GOOD),
        Reason.NULL_VALUE: None,
        Reason.TOO_SHORT: b"\0\0",
        Reason.WRONG_MAGIC: b"\x01\0\0\0\x07",
        Reason.UNKNOWN_SCHEMA_ID: frame(8, body),
        Reason.OVERSIZE: bytes(4097),
        Reason.TRUNCATED: frame(ID, body[:-1]),
        Reason.TRAILING_BYTES: frame(ID, body + b"\0"),
        Reason.VARINT_TOO_LONG: frame(ID, b"\x82\0" + body[1:]),
        Reason.INT_OUT_OF_RANGE: frame(ID, long_int),
        Reason.NEGATIVE_LENGTH: frame(ID, b"\x02\x02\x01"),
        Reason.BAD_UNION_INDEX: frame(ID, b"\x02\x04"),
        Reason.BAD_ENUM_INDEX: frame(ID, b"\x06"),
        Reason.BAD_BOOLEAN: frame(ID, body.replace(b"\xd8\x04\x01", b"\xd8\x04\x02")),
        Reason.BAD_UTF8: frame(ID, body.replace("é".encode(), b"\xff\xff")),
        Reason.DECIMAL_TOO_LONG: subject.frame({**GOOD, "amount": bytes(17)}),
        Reason.ID_EMPTY: subject.frame({**GOOD, "id": ""}),
        Reason.ID_TOO_LONG: subject.frame({**GOOD, "id": "x" * 65}),
        Reason.ENTITY_EMPTY: subject.frame({**GOOD, "card": ""}),
        Reason.AMOUNT_MISSING: subject.frame({**GOOD, "amount": None}),
        Reason.AMOUNT_NOT_FINITE: subject.frame({**GOOD, "amount": math.nan}),
        Reason.AMOUNT_NEGATIVE: subject.frame({**GOOD, "amount": -1}),
        Reason.AMOUNT_TOO_LARGE: subject.frame({**GOOD, "amount": 10**12 + 1}),
        Reason.EVENT_TIME_MISSING: subject.frame({**GOOD, "time": None}),
        Reason.EVENT_TIME_TOO_EARLY: subject.frame({**GOOD, "time": 0}),
        Reason.EVENT_TIME_IN_FUTURE: subject.frame({**GOOD, "time": NOW * 2}),
    }
    assert set(values) == set(Reason) - ELSEWHERE
    batch = subject.decode(list(values.values()))
    assert [Reason(reason) for reason in batch.reason.tolist()] == list(values)
