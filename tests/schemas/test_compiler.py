import json
import re

import fastavro
import pytest

from schemas.compiler import (
    DEPTH_MAX,
    FIELDS_MAX,
    FIXED_BYTES_MAX,
    FORBIDDEN_FIELDS,
    FORBIDDEN_WORDS,
    SCALE_MAX,
    VALUES_MAX,
    compile_schema,
)
from schemas.errors import SchemaError
from schemas.records import PACKAGE
from schemas.roles import DEFAULT_ROLES, LABEL_ROLES, Roles

ROLES = Roles(transaction_id="id", event_time="time", amount="amount", event_time_unit="us")


def field(name, kind, **more):
    return {"name": name, "type": kind, **more}


def record(name, *fields):
    return {"type": "record", "name": name, "fields": list(fields)}


def schema(*fields, **instead):
    """A schema of the three required fields, some of them replaced, and others."""
    base = {"id": "string", "time": "long", "amount": "long", **instead}
    return record("Payment", *(field(name, kind) for name, kind in base.items()), *fields)


def logical(kind, name, **more):
    return {"type": kind, "logicalType": name, **more}


def decimal(scale=2, size=None, precision=10):
    kind = {"type": "bytes"} if size is None else {"type": "fixed", "name": "D", "size": size}
    return {**kind, "logicalType": "decimal", "precision": precision, "scale": scale}


ENUM = {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}
FIXED = {"type": "fixed", "name": "Four", "size": 4}


def source_of(schema, roles=ROLES):
    """Compile, and let Python read the source: it must be Python."""
    program = compile_schema(schema, roles)
    compile(program.source, "generated", "exec")
    return program.source


def problems_of(schema, roles=ROLES):
    """Return the lines of the refusal."""
    with pytest.raises(SchemaError) as caught:
        compile_schema(schema, roles)
    title, *lines = str(caught.value).split("\n  - ")
    assert title == f"schema {schema['name']} cannot be decoded as transactions:"
    return lines


def problem_of(schema, roles=ROLES):
    (line,) = problems_of(schema, roles)
    return line


# What is no schema


@pytest.mark.parametrize(
    "text",
    [
        None,
        5,
        {},
        {"type": "record"},
        {"type": "record", "name": "R", "fields": [{"name": "a"}]},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": "strange"}]},
        {"type": "fixed", "name": "F"},
        schema(field("kind", {"type": "enum", "name": "E", "symbols": ["a b"]})),
        schema(field("kind", {"type": "enum", "name": "E", "symbols": ["A", "A"]})),
        schema(field("kind", ENUM), field("other", ENUM)),
        schema(field("kind", {"type": "Unknown"})),
    ],
    ids=repr,
)
def test_what_is_no_avro_schema_is_refused_as_such(text):
    with pytest.raises(SchemaError, match=r"^not an Avro schema: "):
        compile_schema(text, ROLES)


@pytest.mark.parametrize("kind", ["string", ["null", "string"], ENUM, FIXED], ids=repr)
def test_a_schema_that_is_no_record_is_refused(kind):
    with pytest.raises(SchemaError, match=r"^a writer schema must be a record$"):
        compile_schema(kind, ROLES)


def test_a_schema_nested_beyond_pythons_stack_is_refused_not_raised():
    kind = "int"
    for i in range(3000):
        kind = record(f"R{i}", field("f", kind))
    with pytest.raises(SchemaError, match="recursion"):
        compile_schema(schema(field("deep", kind)), ROLES)


# What would be written into the source


@pytest.mark.parametrize(
    "name",
    ["a\n\nimport os\nos.abort()\n#", "a b", "a-b", "1a", "", "a.b", "naïve", "a\n", 5, None],
    ids=repr,
)
def test_a_field_whose_name_is_no_name_never_reaches_the_source(name):
    line = f"{name!r} is no Avro name: letters, digits and underscores, no digit first"
    assert problem_of(schema(field(name, "int"))) == line
    assert problem_of(schema(field("x", record("Inner", field(name, "string"))))) == line


@pytest.mark.parametrize(
    "size",
    ["1); print('pwned') #", -1, 0, 1.5, True, None, [1], 2**70, FIXED_BYTES_MAX + 1],
    ids=repr,
)
def test_a_fixed_whose_size_is_no_size_is_refused(size):
    kind = {"type": "fixed", "name": "F", "size": size}
    assert problem_of(schema(field("x", kind))) == (
        f"'x' is fixed of size {size!r}; a size is an integer from 1 to {FIXED_BYTES_MAX}"
    )


def test_the_largest_fixed_is_taken():
    kind = {"type": "fixed", "name": "F", "size": FIXED_BYTES_MAX}
    assert f"uint64({FIXED_BYTES_MAX})" in source_of(schema(field("x", kind)))


@pytest.mark.parametrize("scale", ["2)", -1, 1.5, True, None, SCALE_MAX + 1], ids=repr)
@pytest.mark.parametrize("place", ["amount", "x"])
def test_a_decimal_whose_scale_is_no_scale_is_refused(place, scale):
    # Without a precision fastavro does not look at the scale.
    kind = {"type": "bytes", "logicalType": "decimal", "scale": scale}
    bad = schema(amount=kind) if place == "amount" else schema(field("x", kind))
    with pytest.raises(SchemaError, match=r"scale must be|decimal of scale"):
        compile_schema(bad, ROLES)


@pytest.mark.parametrize("name", ['R"""\nimport os\n"""', "R\\", "Ré"], ids=repr)
def test_the_name_of_the_schema_cannot_leave_its_place_in_the_source(name):
    bad = {**schema(), "name": name}
    try:
        source = source_of(bad)
    except SchemaError:
        return
    assert "\nimport os" not in source
    names: dict[str, object] = {"kernel": lambda function: function}
    exec(source, names)
    assert names["__doc__"] == f"Decoder of schema {name}, generated by schemas.compiler."


def test_a_logical_type_that_is_no_text_counts_for_none():
    strange = {"type": "long", "logicalType": {"a": 1}}
    assert "to_micros(whole, 1)" in source_of(schema(time=strange))


# What could cost unbounded work


@pytest.mark.parametrize("role", [False, True])
@pytest.mark.parametrize("kind", ["array", "map"])
def test_arrays_and_maps_are_refused_wherever_they_are(kind, role):
    body = {"type": kind, "items": "int", "values": "int"}
    line = (
        f"is of type {kind}, which a transaction may not carry: "
        "flatten it into fields or drop it upstream"
    )
    for place in (body, ["null", body]):
        assert problem_of(schema(field("x", place))) == f"'x' {line}"
        inside = record("Inner", field("x", place))
        assert problem_of(schema(field("inner", inside))) == f"'inner.x' {line}"
    if role:
        assert f"'amount' {line}" in problems_of(schema(amount=body))


def test_a_record_within_itself_is_refused():
    node = record("Node", field("value", "int"), field("next", ["null", "Node"]))
    assert problem_of(schema(field("x", node))) == ("'x.next' is recursive: its size has no bound")
    top = schema(field("parent", ["null", "Payment"]))
    assert problem_of(top) == "'parent' is recursive: its size has no bound"
    other = record("B", field("back", ["null", "A"]))
    mutual = record("A", field("b", other))
    assert problem_of(schema(field("x", mutual))) == (
        "'x.b.back' is recursive: its size has no bound"
    )


@pytest.mark.parametrize("size", [17, 64])
def test_a_fixed_decimal_of_more_than_sixteen_bytes_is_refused(size):
    line = "is a decimal of more than 16 bytes"
    assert problem_of(schema(field("x", decimal(size=size)))) == f"'x' {line}"
    assert problem_of(schema(amount=decimal(size=size))) == f"'amount' {line}"


def test_a_fixed_decimal_of_sixteen_bytes_is_taken():
    assert "decimal_to_minor" in source_of(schema(amount=decimal(size=16)))


def fields(count):
    return [field(f"f{i}", "int") for i in range(count - 3)]


def test_sixty_four_fields_are_taken_and_one_more_is_refused():
    source_of(schema(*fields(FIELDS_MAX)))
    assert problem_of(schema(*fields(FIELDS_MAX + 1))) == (
        f"{FIELDS_MAX + 1} fields; at most {FIELDS_MAX} are decoded"
    )


def test_fields_of_inner_records_count_too():
    half = record("Half", *(field(f"f{i}", "int") for i in range(31)))
    assert problem_of(schema(field("a", half), field("b", "Half"))) == (
        f"65 fields; at most {FIELDS_MAX} are decoded"
    )


@pytest.mark.parametrize("last", [[], [field("nothing", "null")]], ids=["empty", "null"])
def test_records_that_double_at_every_level_are_refused_soon(last):
    kind = record("R0", *last)
    for i in range(1, 25):
        kind = record(f"R{i}", field("a", kind), field("b", f"R{i - 1}"))
    lines = problems_of(schema(field("x", kind)))
    assert "too many values, of unions within unions or empty records" in lines


def test_unions_that_double_at_every_level_are_refused_soon():
    kind = record("R0", field("v", "int"))
    for i in range(1, 12):
        inner = record(f"R{i}", field("a", ["null", kind]), field("b", ["null", f"R{i - 1}"]))
        kind = inner
    lines = problems_of(schema(field("x", kind)))
    assert "too many values, of unions within unions or empty records" in lines


def nested(levels, wrap):
    kind = "int"
    for i in range(levels):
        kind = record(f"R{i}", field("f", wrap(kind)))
    return schema(field("x", kind))


@pytest.mark.parametrize(
    "wrap", [lambda kind: kind, lambda kind: [kind], lambda kind: ["null", kind]]
)
def test_nesting_has_a_bound_that_python_can_still_indent(wrap):
    source_of(nested(DEPTH_MAX - 1, wrap))
    lines = problems_of(nested(DEPTH_MAX + 70, wrap))
    assert any(line.endswith(f" lies more than {DEPTH_MAX} levels deep") for line in lines)


def test_unions_within_unions_have_the_same_bound():
    kind = "int"
    for _ in range(100):
        kind = [kind]
    with pytest.raises(SchemaError):
        compile_schema(schema(field("x", kind)), ROLES)


def test_a_union_of_many_branches_is_still_python():
    def fixed(i):
        return {"type": "fixed", "name": f"F{i}", "size": i + 1}

    source_of(schema(field("x", ["null", *map(fixed, range(300))])))
    lines = problems_of(schema(field("x", ["null", *map(fixed, range(VALUES_MAX))])))
    assert lines == ["too many values, of unions within unions or empty records"]


def test_a_union_of_nothing_is_refused():
    assert problem_of(schema(field("x", []))) == "'x' is a union of nothing: it has no value"


@pytest.mark.parametrize(
    "name",
    [
        *sorted(FORBIDDEN_FIELDS | FORBIDDEN_WORDS),
        "CVV",
        "Pin",
        "card_cvv",
        "cvvCode",
        "securityCode",
    ],
)
def test_authentication_data_is_refused_wherever_it_is(name):
    line = "holds authentication data that must not be kept: remove it from the topic"
    assert problem_of(schema(field(name, "string"))) == f"field '{name}' {line}"
    inner = record("Card", field(name, ["null", "string"]))
    assert problem_of(schema(field("card", ["null", inner]))) == f"field 'card.{name}' {line}"


@pytest.mark.parametrize("name", ["pinned", "shipping", "pin_present", "cvv_result", "cvvMatch"])
def test_fields_that_only_sound_like_authentication_data_are_taken(name):
    source_of(schema(field(name, "string")))


def test_a_field_that_stands_twice_is_refused():
    assert problem_of(schema(field("amount", "long"))) == "'amount' stands twice in its record"


# Roles


def test_a_missing_field_is_reported_with_the_nearest_name():
    near = schema(field("merchant", record("M", field("ident", "string"))))
    roles = Roles("id", "time", "amuont", "us", entities={"merchant": "merchant.id"})
    assert problems_of(near, roles) == [
        "no field 'amuont'; the nearest field is 'amount'",
        "no field 'merchant.id'; the nearest field is 'merchant.ident'",
    ]


def test_a_record_is_no_field():
    roles = Roles("id", "time", "amount", "us", entities={"card": "card"})
    inner = schema(field("card", record("C", field("token", "string"))))
    (line,) = problems_of(inner, roles)
    assert line.startswith("no field 'card'; the nearest field is 'ca")


def test_a_schema_without_fields_misses_every_role():
    assert problems_of(record("Empty")) == ["no field 'id'", "no field 'time'", "no field 'amount'"]


SCALARS = {
    "string": "string",
    "bytes": "bytes",
    "fixed": FIXED,
    "int": "int",
    "long": "long",
    "float": "float",
    "double": "double",
    "boolean": "boolean",
    "enum": ENUM,
    "decimal": decimal(),
    "fixed decimal": decimal(size=8),
}
DECIMALS = {"decimal", "fixed decimal"}
TAKES = {
    "transaction_id": {"string"},
    "event_time": {"int", "long"},
    "amount": {"int", "long", "float", "double"} | DECIMALS,
    "entity": {"string", "bytes", "fixed", "int", "long"},
    "numeric": {"int", "long", "float", "double", "boolean"} | DECIMALS,
    # A decimal category is the category of its bytes.
    "categorical": {"string", "bytes", "fixed", "int", "long", "boolean", "enum"} | DECIMALS,
}
CANNOT = {
    "transaction_id": "which cannot be the transaction id: it must be a string",
    "event_time": "which cannot be the event time: it must be a long with a timestamp logical type",
    "amount": "which cannot be the amount: it must be an int, long, float, double or decimal",
    "entity": "which cannot be an entity: it must be a string, bytes, fixed, int or long",
    "numeric": "which cannot be a numeric input: it must be a number, a boolean or a decimal",
    "categorical": "which cannot be a categorical input",
}


def in_role(role, kind):
    """Return a schema whose field of one role is of a type, and the roles."""
    if role in ("transaction_id", "event_time", "amount"):
        place = {"transaction_id": "id", "event_time": "time", "amount": "amount"}[role]
        return schema(**{place: kind}), ROLES, place
    group = {"entity": "entities", "numeric": "numeric", "categorical": "categorical"}[role]
    roles = Roles("id", "time", "amount", "us", **{group: {"x": "x"}})
    return schema(field("x", kind)), roles, "x"


@pytest.mark.parametrize("nullable", [False, True])
@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("role", TAKES)
def test_a_role_takes_its_types_and_refuses_the_others_by_name(role, name, nullable):
    kind = SCALARS[name]
    body, roles, place = in_role(role, ["null", kind] if nullable else kind)
    if name in TAKES[role]:
        source_of(body, roles)
    else:
        line = problem_of(body, roles)
        assert line.startswith(
            f"'{place}' is of type {kind if isinstance(kind, str) else kind['type']}"
        )
        assert CANNOT[role] in line
        assert ("(decimal)" in line) == (name in DECIMALS)


@pytest.mark.parametrize("role", TAKES)
def test_a_field_that_is_only_null_fills_no_role(role):
    body, roles, place = in_role(role, "null")
    assert problem_of(body, roles) == f"'{place}' is of type null: it never has a value"


@pytest.mark.parametrize("role", TAKES)
def test_one_branch_of_the_wrong_type_is_enough_to_refuse(role):
    good, bad = min(TAKES[role]), min(set(SCALARS) - TAKES[role])
    body, roles, _ = in_role(role, [SCALARS[good], SCALARS[bad]])
    assert CANNOT[role] in problem_of(body, roles)


def test_one_field_in_two_roles_is_refused():
    body = schema(field("card", "string"), field("code", "int"))
    roles = Roles(
        "id",
        "time",
        "amount",
        "us",
        entities={"card": "card"},
        numeric={"code": "code", "amount": "amount"},
        categorical={"card": "card", "code": "code"},
    )
    assert problems_of(body, roles) == [
        "'amount' is given more than one role",
        "'card' is given more than one role",
        "'code' is given more than one role",
    ]


def test_one_field_twice_in_the_same_role_is_refused():
    roles = Roles("id", "time", "amount", "us", entities={"a": "card", "b": "card"})
    assert problem_of(schema(field("card", ["null", "string"])), roles) == (
        "'card' is given more than one role"
    )


def test_all_problems_are_reported_at_once():
    bad = schema(
        field("tags", {"type": "array", "items": "string"}),
        field("extra", {"type": "map", "values": "string"}),
        field("parent", ["null", "Payment"]),
        field("long_one", decimal(size=17)),
        field("CVV", "string"),
        field("a b", "int"),
        field("card", "double"),
        *(field(f"f{i}", "int") for i in range(60)),
        id="int",
    )
    roles = Roles(
        "id",
        "time",
        "amount",
        None,
        entities={"card": "card", "shop": "shop"},
        numeric={"first": "f0"},
        categorical={"first": "f0"},
    )
    lines = "\n".join(problems_of(bad, roles))
    for part in [
        "'id' is of type int, which cannot be the transaction id",
        "'time' is of type long, which cannot be the event time",
        "or fields.event_time_unit must say its unit",
        "'tags' is of type array",
        "'extra' is of type map",
        "'parent' is recursive",
        "'long_one' is a decimal of more than 16 bytes",
        "field 'CVV' holds authentication data",
        "'a b' is no Avro name",
        "'card' is of type double, which cannot be an entity",
        "'f0' is given more than one role",
        "67 fields; at most 64",
        "no field 'shop'",
    ]:
        assert part in lines
    assert len(lines.split("\n")) == 12


# Accepted shapes


def test_the_shipped_schemas_compile():
    for name, roles in {"transaction": DEFAULT_ROLES, "label": LABEL_ROLES}.items():
        source_of(json.loads((PACKAGE / f"{name}.avsc").read_text()), roles)


def test_a_parsed_schema_compiles_as_its_text_does_and_is_not_changed():
    text = schema(field("kind", ENUM), field("again", "Kind"))
    before = json.dumps(text)
    parsed = fastavro.parse_schema(json.loads(before))
    assert source_of(parsed) == source_of(text)
    assert source_of(parsed) == source_of(parsed)
    assert json.dumps(text) == before


def test_records_dissolve_into_paths():
    inner = record("Geo", field("city", "string"), field("zone", ENUM))
    body = schema(field("shop", record("Shop", field("id", "string"), field("geo", inner))))
    roles = Roles(
        "id",
        "time",
        "amount",
        "us",
        entities={"shop": "shop.id", "city": "shop.geo.city"},
        categorical={"zone": "shop.geo.zone"},
    )
    source = source_of(body, roles)
    for path in ("shop.id", "shop.geo.city", "shop.geo.zone"):
        assert f"# {path}: " in source
    assert compile_schema(body, roles).symbols == ("A", "B")


def test_a_named_type_may_be_used_again_with_and_without_its_namespace():
    body = {**schema(), "namespace": "bank.v1"}
    party = record("Party", field("name", "string"))
    body["fields"] += [
        field("payer", party),
        field("payee", "Party"),
        field("third", ["null", "bank.v1.Party"]),
        field("one", {**FIXED, "namespace": "other"}),
        field("two", "other.Four"),
    ]
    roles = Roles("id", "time", "amount", "us", entities={"a": "payee.name", "b": "third.name"})
    source = source_of(body, roles)
    assert source.count("uint64(4) > limit - position") == 2
    for path in ("payer.name", "payee.name", "third.name"):
        assert f"# {path}: string" in source


def test_a_reused_enum_has_its_symbols_once_for_every_role():
    body = schema(field("kind", ENUM), field("again", ["null", "Kind"]))
    roles = Roles("id", "time", "amount", "us", categorical={"a": "kind", "b": "again"})
    assert compile_schema(body, roles).symbols == ("A", "B", "A", "B")
    assert "symbols[whole + 2]" in source_of(body, roles)


def test_symbols_of_enums_without_a_role_are_not_kept():
    assert compile_schema(schema(field("kind", ENUM)), ROLES).symbols == ()


@pytest.mark.parametrize("null_first", [True, False])
def test_every_scalar_may_be_nullable(null_first):
    kinds = [
        {**kind, "name": f"N{i}"} if isinstance(kind, dict) and "name" in kind else kind
        for i, kind in enumerate(SCALARS.values())
    ]
    body = schema(
        *(field(f"f{i}", ["null", k] if null_first else [k, "null"]) for i, k in enumerate(kinds))
    )
    assert source_of(body).count("return position, BAD_UNION_INDEX") == len(kinds)


def test_a_union_of_several_types_reads_each_of_them():
    four, seven = (record(n, field(f, "int")) for n, f in (("Four4", "four"), ("Seven", "seven")))
    kinds = ["null", "string", "long", "double", "boolean", ENUM, FIXED, four, seven]
    source = source_of(schema(field("x", kinds)))
    assert re.findall(r"if whole == (\d+):", source) == [str(i) for i in range(len(kinds))]
    assert "# x.four: int" in source
    assert "# x.seven: int" in source


def test_a_role_may_be_filled_by_a_field_of_several_branches():
    card, account = (record(n, field("token", "string")) for n in ("Card", "Account"))
    roles = Roles("id", "time", "amount", "us", entities={"payer": "payer.token"})
    source = source_of(schema(field("payer", [card, account])), roles)
    assert source.count("# payer.token: string") == 2
    assert source.count("ENTITY_EMPTY") == 2


@pytest.mark.parametrize("unit", [None, "s", "ms", "us", "ns"])
@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("timestamp-millis", 1000),
        ("timestamp-micros", 1),
        ("timestamp-nanos", -1000),
        ("local-timestamp-millis", 1000),
        ("local-timestamp-micros", 1),
        ("local-timestamp-nanos", -1000),
    ],
)
def test_a_timestamp_logical_type_goes_before_the_configured_unit(name, factor, unit):
    roles = Roles("id", "time", "amount", unit)
    source = source_of(schema(time=logical("long", name)), roles)
    assert f"to_micros(whole, {factor})" in source


@pytest.mark.parametrize(
    ("unit", "factor"), [("s", 1_000_000), ("ms", 1_000), ("us", 1), ("ns", -1_000)]
)
@pytest.mark.parametrize("kind", ["int", "long"])
def test_a_plain_time_is_of_the_configured_unit(kind, unit, factor):
    roles = Roles("id", "time", "amount", unit)
    assert f"to_micros(whole, {factor})" in source_of(schema(time=kind), roles)


@pytest.mark.parametrize("kind", ["int", "long"])
def test_a_plain_time_without_a_unit_is_refused(kind):
    line = problem_of(schema(time=kind), Roles("id", "time", "amount", None))
    assert line == (
        f"'time' is of type {kind}, which cannot be the event time: it must be a long with a "
        "timestamp logical type, or fields.event_time_unit must say its unit"
    )


@pytest.mark.parametrize("size", [None, 1, 8, 16])
@pytest.mark.parametrize("unit", ["major", "minor"])
@pytest.mark.parametrize(("scale", "power"), [(0, 2), (2, 0), (4, -2)])
def test_a_decimal_amount_is_in_units_whatever_the_amount_unit_is(scale, power, unit, size):
    roles = Roles("id", "time", "amount", "us", amount_unit=unit)
    kind = decimal(scale, size, precision=max(scale, 1) if size == 1 else 10)
    if size == 1:
        kind.pop("precision")
    assert f"decimal_to_minor(start, position, {power}, " in source_of(schema(amount=kind), roles)


@pytest.mark.parametrize(("digits", "factor"), [(0, 1), (2, 100), (3, 1000)])
def test_a_plain_amount_in_major_units_is_multiplied(digits, factor):
    roles = Roles("id", "time", "amount", "us", amount_unit="major", minor_digits=digits)
    assert f"whole_amount(whole, {factor}, " in source_of(schema(), roles)
    assert f"real_amount(real, {float(factor)}, " in source_of(schema(amount="double"), roles)


def test_a_record_that_is_no_payment_has_an_amount_of_nothing():
    source = source_of(
        record("L", field("id", "string"), field("time", "long")), Roles("id", "time", None, "us")
    )
    assert "longs[AMOUNT_MINOR, row] = 0" in source


@pytest.mark.parametrize(
    "name", ["uuid", "date", "time-millis", "time-micros", "duration", "own-type"]
)
def test_logical_types_without_a_meaning_here_count_for_none(name):
    kind = {"date": "int", "time-millis": "int", "time-micros": "long"}.get(name, "string")
    assert source_of(schema(field("x", logical(kind, name)))) == source_of(schema(field("x", kind)))


def test_the_same_schema_always_gives_the_same_source():
    body = schema(field("kind", ENUM), field("four", ["null", FIXED]))
    assert source_of(body) == source_of(json.loads(json.dumps(body)))
