import io
import json
import re
from functools import cache

import avro.io
import pytest
from avro.schema import parse as avro_parse
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SchemaError
from schemas.records import PACKAGE, RecordCodec, builtin, load_avsc, parse_text, rewrite
from schemas.wire import frame, unframe

NAMES = [
    *(
        "alert",
        "alert_1",
        "alert_2",
        "alert_3",
        "alert_4",
        "audit",
        "control",
        "control_1",
        "dead_letter",
        "decision",
        "decision_1",
        "drift",
        "drift_1",
        "label",
        "label_review",
        "model",
        "shared",
        "training_example",
    ),
    "transaction",
]


def record_schema(*fields):
    return {"type": "record", "name": "R", "fields": list(fields)}


def one_field(kind, **more):
    return record_schema({"name": "a", "type": kind, **more})


def values(kind, named=None):
    """Every value an Avro type allows, as the codec gives it back; `named` are those so far."""
    named = {} if named is None else named
    if isinstance(kind, list):
        return st.one_of([values(branch, named) for branch in kind])
    if isinstance(kind, str):
        return {
            "null": st.none(),
            "boolean": st.booleans(),
            "int": st.integers(-(2**31), 2**31 - 1),
            "long": st.integers(-(2**63), 2**63 - 1),
            "double": st.floats(allow_nan=False),
            "bytes": st.binary(),
            "string": st.text(),
            **named,
        }[kind]
    match kind["type"]:
        case "record":
            fields = {field["name"]: values(field["type"], named) for field in kind["fields"]}
            return st.fixed_dictionaries(fields)
        case "enum":
            named[kind["name"]] = st.sampled_from(kind["symbols"])
            return named[kind["name"]]
        case "array":
            return st.lists(values(kind["items"], named), max_size=4)
        case "map":
            return st.dictionaries(st.text(), values(kind["values"], named), max_size=4)
        case other:
            return values(other, named)


@cache
def codec(name):
    return RecordCodec(builtin(name), NAMES.index(name) + 1)


@cache
def tree(name):
    # Without units, as the codec: the reference reader would make datetimes of them.
    return avro_parse(
        json.dumps(
            rewrite(
                builtin(name), lambda node: {k: v for k, v in node.items() if k != "logicalType"}
            )
        )
    )


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_decode_undoes_encode_and_apache_avro_reads_the_same(name, data):
    record = data.draw(values(builtin(name)))
    value = codec(name).encode(record)
    assert codec(name).decode(value) == record
    schema_id, body = unframe(value)
    assert schema_id == NAMES.index(name) + 1
    reader = avro.io.DatumReader(tree(name))
    assert reader.read(avro.io.BinaryDecoder(io.BytesIO(body))) == record


@pytest.mark.parametrize("moment", [-(2**63), -1, 0, 2**62, 2**63 - 1])
def test_a_timestamp_is_the_integer_on_the_wire(moment):
    schema = one_field({"type": "long", "logicalType": "timestamp-micros"})
    both = RecordCodec(schema, 1)
    assert both.decode(both.encode({"a": moment})) == {"a": moment}
    assert schema["fields"][0]["type"]["logicalType"] == "timestamp-micros", "the caller's copy"


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, b"\x01\x02"),
        ({"type": "string", "logicalType": "uuid"}, "not a uuid"),
        ({"type": "int", "logicalType": "date"}, 2**30),
        (["null", {"type": "long", "logicalType": "timestamp-millis"}], 2**62),
        ({"type": "array", "items": {"type": "long", "logicalType": "time-micros"}}, [2**62]),
        ({"type": "map", "values": {"type": "long", "logicalType": "time-micros"}}, {"k": 2**62}),
        ({"type": "long", "logicalType": "made-up"}, 1),
    ],
)
def test_no_logical_type_is_converted(kind, raw):
    both = RecordCodec(one_field(kind), 1)
    assert both.decode(both.encode({"a": raw})) == {"a": raw}


def test_a_default_that_looks_like_a_schema_is_left_alone():
    schema = one_field({"type": "map", "values": "string"}, default={"logicalType": "x"})
    both = RecordCodec(schema, 1)
    assert both.decode(both.encode({})) == {"a": {"logicalType": "x"}}


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("long", 1.5),
        ("long", 2**63),
        ("long", "5"),
        ("int", 2**31),
        ("boolean", "False"),
        ("boolean", 1),
        ("double", "x"),
        ("double", None),
        ("string", 5),
        ("string", "\ud800"),
        ("bytes", "x"),
        (["null", "int"], 2**31),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "B"),
        ({"type": "array", "items": "string"}, "abc"),
        ({"type": "map", "values": "string"}, {1: "a"}),
    ],
)
def test_a_value_that_does_not_fit_is_never_written(kind, wrong):
    with pytest.raises(SchemaError, match=r"does not fit schema R \(id 3\)"):
        RecordCodec(one_field(kind), 3).encode({"a": wrong})


def test_missing_and_unknown_fields_are_refused_and_defaults_are_filled_in():
    both = RecordCodec(
        record_schema({"name": "a", "type": "int"}, {"name": "b", "type": "int", "default": 7}), 1
    )
    assert both.decode(both.encode({"a": 1})) == {"a": 1, "b": 7}
    with pytest.raises(SchemaError, match="does not fit"):
        both.encode({"b": 1})
    with pytest.raises(SchemaError, match="more fields than the schema specifies: c"):
        both.encode({"a": 1, "b": 1, "c": 1})


def test_another_id_is_refused():
    value = frame(9, b"\x02")
    with pytest.raises(SchemaError, match=r"schema id 9, this codec reads id 3 \(R\)"):
        RecordCodec(one_field("int"), 3).decode(value)


def test_every_truncation_and_every_extra_byte_is_refused():
    record = {"transaction_id": "t", "is_fraud": True, "source": "CUSTOMER", "label_time": 10**15}
    value = codec("label").encode(record)
    for size in range(len(value)):
        with pytest.raises(SchemaError):
            codec("label").decode(value[:size])
    with pytest.raises(SchemaError, match=r"1 of .* bytes are left after Label"):
        codec("label").decode(value + b"\x00")


@given(st.binary(min_size=6, max_size=80))
def test_no_bytes_raise_anything_but_a_schema_error(noise):
    for value in (noise, frame(4, noise)):
        try:
            record = codec("label").decode(value)
        except SchemaError:
            continue
        assert set(record) == {f["name"] for f in builtin("label")["fields"]}


def test_a_decode_error_never_quotes_the_payload():
    with pytest.raises(SchemaError) as caught:
        RecordCodec(one_field("string"), 1).decode(frame(1, b"\x0csecret\xff"[:-1] + b"\xff"))
    assert "secret" not in str(caught.value)
    with pytest.raises(SchemaError) as caught:
        RecordCodec(one_field("string"), 1).decode(frame(1, b"\x0esecret\xff"))
    assert "secret" not in str(caught.value)


def test_the_schema_may_be_json_text():
    assert RecordCodec(json.dumps(one_field("int")), 1).encode({"a": 1}) == frame(1, b"\x02")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "x.avsc is not JSON"),
        ("[]", "x.avsc is of type 'list'"),
        ('"string"', "x.avsc is of type 'str'"),
        ('{"type": "enum", "name": "E", "symbols": []}', "x.avsc is of type 'enum'"),
        ('{"type": "record"}', "x.avsc is not a valid Avro schema"),
        ('{"type": "record", "name": "R", "fields": 5}', "x.avsc is not a valid Avro schema"),
        (json.dumps(one_field("strin")), "x.avsc is not a valid Avro schema: UnknownType: strin"),
        (json.dumps(one_field("string", default=None)), "not a valid Avro schema"),
        ("[" * 100_000, "x.avsc is not JSON"),
    ],
)
def test_a_broken_schema_is_named(text, message):
    with pytest.raises(SchemaError, match=message):
        parse_text(text, "x.avsc")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SchemaError, match=r"gone.avsc cannot be read: No such file"):
        load_avsc(tmp_path / "gone.avsc")
    (tmp_path / "latin.avsc").write_bytes(b'{"doc": "\xe9"}')
    with pytest.raises(SchemaError, match=r"latin.avsc cannot be read"):
        load_avsc(tmp_path / "latin.avsc")


def test_every_schema_file_is_builtin():
    assert sorted(file.stem for file in PACKAGE.glob("*.avsc")) == NAMES
    with pytest.raises(SchemaError, match=r"no schema 'payment' ships .* 'transaction'"):
        builtin("payment")


def named_parts(node, path=""):
    """Each record, enum and field of a schema with its path."""
    if isinstance(node, list):
        for branch in node:
            yield from named_parts(branch, path)
    elif isinstance(node, dict):
        if node["type"] == "record":
            yield path + node["name"], node
            for field in node["fields"]:
                yield f"{path}{node['name']}.{field['name']}", field
                yield from named_parts(field["type"], f"{path}{node['name']}.{field['name']} ")
        for key in ("items", "values", "type"):
            yield from named_parts(node.get(key), path)


@pytest.mark.parametrize("name", NAMES)
def test_every_record_and_field_is_documented(name):
    parts = list(named_parts(builtin(name)))
    assert len(parts) >= 5
    assert [path for path, part in parts if not part.get("doc", "").strip()] == []


UNITS = re.compile(
    r"(microseconds|milliseconds|seconds|minor units|micros|millis|_minor|_us|_ms|_s)\b"
)


@pytest.mark.parametrize("name", NAMES)
def test_every_time_and_amount_says_its_unit(name):
    found = []
    for path, part in named_parts(builtin(name)):
        words = set(path.rpartition(".")[2].split("_"))
        kind = part["type"]
        unit = kind.get("logicalType", "") if isinstance(kind, dict) else ""
        if unit or words & {"time", "amount", "at", "latency", "duration"}:
            found.append(path)
            assert UNITS.search(f"{part['name']} {unit} {part['doc']}"), path
    assert found or name in ("dead_letter", "shared", "training_example", "model")
