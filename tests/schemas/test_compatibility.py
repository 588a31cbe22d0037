import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.compatibility import Mode, check, check_history
from schemas.errors import SchemaError
from schemas.records import builtin

NAMES = ["alert", "dead_letter", "decision", "label", "transaction"]


def record(*fields, name="R"):
    return {"type": "record", "name": name, "namespace": "n", "fields": list(fields)}


def one(kind, **more):
    return record({"name": "a", "type": kind, **more})


def enum(*symbols, **more):
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def unit(kind, name, **more):
    return {"type": kind, "logicalType": name, **more}


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_reads_itself(name):
    assert check(builtin(name), builtin(name)) == []


PROMOTIONS = {
    ("int", "long"),
    ("int", "float"),
    ("int", "double"),
    ("long", "float"),
    ("long", "double"),
    ("float", "double"),
    ("string", "bytes"),
    ("bytes", "string"),
}
PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]


@pytest.mark.parametrize("writer", PRIMITIVES)
@pytest.mark.parametrize("reader", PRIMITIVES)
def test_types_are_promoted_as_the_specification_lists_them(reader, writer):
    fits = reader == writer or (writer, reader) in PROMOTIONS
    found = check(one(reader), one(writer))
    assert (found == []) is fits
    if not fits:
        (problem,) = found
        assert problem.where == "R.a"
        assert problem.what == f"the reader expects {reader}, the writer sends {writer}"


def test_an_added_field_needs_a_default():
    old, new = record(), one("int")
    (problem,) = check(new, old)
    assert str(problem) == (
        "R.a: the reader needs this field, the writer does not send it, and it has no default; "
        "give the field a default"
    )
    assert check(one("int", default=0), old) == []
    assert check(one(["null", "int"], default=None), old) == []
    assert len(check(one(["null", "int"]), old)) == 1, "a null branch is not a default"


def test_a_removed_field_is_skipped_by_the_reader():
    assert check(record(), one("int")) == []


def test_a_renamed_field_needs_an_alias():
    new = record({"name": "b", "type": "int"})
    assert [problem.where for problem in check(new, one("int"))] == ["R.b"]
    new["fields"][0]["aliases"] = ["a"]
    assert check(new, one("int")) == []


def test_an_enum_symbol_needs_a_default_symbol_in_the_reader():
    old, new = enum("A", "B"), enum("A", "B", "C", "D")
    (problem,) = check(one(old), one(new))
    assert problem.where == "R.a"
    assert problem.what == "the writer may send C, D, which the reader's enum E lacks"
    assert check(one(new), one(old)) == []
    assert check(one(enum("A", "B", default="A")), one(new)) == []
    assert len(check(one(old, default="A"), one(new))) == 1, "a field's default is another thing"


def test_an_enums_default_symbol_is_no_default_for_a_missing_field():
    (problem,) = check(one(enum("A", default="A")), record())
    assert "it has no default" in problem.what
    assert problem.where == "R.a"


@pytest.mark.parametrize(
    ("reader", "writer", "what"),
    [
        (["null", "int"], "int", None),
        (["null", "long"], "int", None),
        (["null", "int"], ["int", "null"], None),
        ("int", ["int"], None),
        ("int", ["null", "int"], "the reader expects int, the writer sends null"),
        (["null", "int"], "string", "takes one of (null, int), the writer may send string"),
        (["null", "int"], ["null", "long"], "takes one of (null, int), the writer may send long"),
    ],
)
def test_unions_are_matched_branch_by_branch(reader, writer, what):
    found = check(one(reader), one(writer))
    if what is None:
        assert found == []
    else:
        (problem,) = found
        assert problem.where == "R.a"
        assert what in problem.what


def test_a_problem_inside_a_writers_union_keeps_its_place():
    inner = record({"name": "x", "type": "int"}, name="Inner")
    other = record({"name": "x", "type": "string"}, name="Inner")
    (problem,) = check(one(inner), one([other]))
    assert problem.where == "R.a.x"
    assert problem.what == "the reader expects int, the writer sends string"


def test_names_and_sizes():
    (problem,) = check(record(name="New"), record(name="Old"))
    assert problem.where == "New"
    assert problem.what == "the reader calls it n.New, the writer n.Old"
    assert check({**record(name="New"), "aliases": ["n.Old"]}, record(name="Old")) == []
    fixed = {"type": "fixed", "name": "F", "size": 4}
    (problem,) = check(one(fixed), one({**fixed, "size": 8}))
    assert problem.what == "the reader expects 4 bytes, the writer sends 8"


@pytest.mark.parametrize(
    ("reader", "writer", "fits"),
    [
        (unit("long", "timestamp-micros"), unit("long", "timestamp-micros"), True),
        (unit("long", "timestamp-micros"), unit("long", "timestamp-millis"), False),
        (unit("long", "timestamp-micros"), "long", True),
        ("long", unit("long", "timestamp-micros"), True),
        (unit("long", "timestamp-micros"), unit("int", "time-millis"), False),
        (unit("long", "made-up-a"), unit("long", "made-up-b"), False),
        (unit("string", "timestamp-micros"), unit("string", "timestamp-micros"), True),
        (
            unit("bytes", "decimal", precision=9, scale=2),
            unit("bytes", "decimal", precision=9, scale=2),
            True,
        ),
        (
            unit("bytes", "decimal", precision=9, scale=2),
            unit("bytes", "decimal", precision=9, scale=3),
            False,
        ),
        (
            ["null", unit("long", "timestamp-micros")],
            ["null", unit("long", "timestamp-millis")],
            False,
        ),
        (
            [unit("long", "timestamp-micros"), "double"],
            unit("long", "timestamp-micros"),
            True,
        ),
    ],
)
def test_two_units_on_one_number_do_not_match(reader, writer, fits):
    found = check(one(reader), one(writer))
    assert (found == []) is fits
    if not fits:
        assert found[0].where == "R.a"


def test_all_problems_are_found_in_the_order_of_the_schema():
    names = [f"f{number:02}" for number in range(12)]
    reader = record(*({"name": name, "type": "int"} for name in names))
    writer = record(*({"name": name, "type": "string"} for name in names[::2]))
    assert [problem.where for problem in check(reader, writer)] == [f"R.{name}" for name in names]


def test_places_deep_inside_are_readable():
    old, new = builtin("alert"), builtin("alert")
    reasons = next(field for field in new["fields"] if field["name"] == "reasons")
    reasons["type"]["items"]["fields"][1]["type"] = "string"
    entities = next(field for field in new["fields"] if field["name"] == "entities")
    entities["type"]["values"] = "long"
    assert [problem.where for problem in check(new, old)] == [
        "Alert.entities{}",
        "Alert.reasons[].value",
    ]


def test_a_problem_inside_a_readers_union_is_told():
    old, new = enum("A", "B"), enum("A")
    (problem,) = check(one(["null", new]), one(["null", old]))
    assert problem.where == "R.a"
    assert problem.what == "in E, the writer may send B, which the reader's enum E lacks"
    array = {"type": "array", "items": record({"name": "v", "type": "int"}, name="I")}
    other = {"type": "array", "items": record({"name": "v", "type": "string"}, name="I")}
    (problem,) = check(one(["null", array]), one(["null", other]))
    assert problem.what == "in array[].v, the reader expects int, the writer sends string"


def test_schemas_that_contain_themselves_come_to_an_end():
    def pair(kind):
        other = record({"name": "first", "type": ["null", "n.R"]}, one_x(kind), name="Other")
        return record({"name": "other", "type": ["null", other]}, one_x(kind))

    def one_x(kind):
        return {"name": "x", "type": kind}

    assert check(pair("int"), pair("int")) == []
    found = check(pair("int"), pair("string"))
    assert [problem.where for problem in found] == ["R.other", "R.x"]


@pytest.mark.parametrize("broken", [{}, {"type": "record"}, one("strin"), one(enum("A", "A"))])
def test_a_broken_schema_is_named(broken):
    with pytest.raises(SchemaError, match=r"the writer's schema .* is not valid Avro"):
        check(record(), broken)
    with pytest.raises(SchemaError, match=r"the reader's schema .* is not valid Avro"):
        check(broken, record())


def test_backward_transitive_looks_at_every_older_version():
    plain, added = record(), one("int", default=0)
    retyped = one("string", default="")
    assert check_history([plain, added], Mode.BACKWARD_TRANSITIVE) == []
    # Version 3 reads version 2, its neighbour, but not version 1.
    found = check_history([one("int"), plain, retyped], Mode.BACKWARD_TRANSITIVE)
    assert [(c.reader_version, c.writer_version) for c in found] == [(3, 1)]
    assert str(found[0]) == (
        "version 3 cannot read records of version 1: R.a: the reader expects string, the writer "
        "sends int; keep the type and add a new field beside it (int may become long or double)"
    )


def test_full_transitive_looks_both_ways():
    int_field, long_field = one("int"), one("long")
    assert check_history([int_field, long_field], Mode.BACKWARD_TRANSITIVE) == []
    found = check_history([int_field, long_field], Mode.FULL_TRANSITIVE)
    assert [(c.reader_version, c.writer_version) for c in found] == [(1, 2)]
    # A field without a default cannot leave: old readers still need it.
    assert check_history([int_field, record()], Mode.BACKWARD_TRANSITIVE) == []
    assert len(check_history([int_field, record()], Mode.FULL_TRANSITIVE)) == 1


@pytest.mark.parametrize("mode", Mode)
def test_no_version_and_one_version_have_no_conflict(mode):
    assert check_history([], mode) == check_history([one("int")], mode) == []


@given(data=st.data(), mode=st.sampled_from(Mode))
def test_fields_with_defaults_may_come_and_go(data, mode):
    """What docs promise to users: this one kind of change is always safe."""
    versions = [builtin("decision")]
    for number in range(3):
        schema = copy.deepcopy(versions[-1])
        if data.draw(st.booleans()):
            schema["fields"].append({"name": f"new_{number}", "type": "int", "default": 0})
        else:
            schema["fields"] = [f for f in schema["fields"] if not f["name"].startswith("new_")]
        versions.append(schema)
    assert check_history(versions, mode) == []
