import json

import pytest

from schemas.compatibility import Mode
from schemas.errors import SchemaError
from schemas.index import INDEX, write_index
from schemas.records import PACKAGE, builtin
from schemas.registry import FileRegistry, UnknownSchemaError, value_subject

TOPICS = {
    "fraud.transactions": ("transaction", Mode.BACKWARD_TRANSITIVE),
    "fraud.labels": ("label", Mode.BACKWARD_TRANSITIVE),
    "fraud.decisions": ("decision", Mode.FULL_TRANSITIVE),
    "fraud.alerts": ("alert", Mode.FULL_TRANSITIVE),
    "fraud.dead_letters": ("dead_letter", Mode.FULL_TRANSITIVE),
    "fraud.label_reviews": ("label_review", Mode.FULL_TRANSITIVE),
    "fraud.drift": ("drift", Mode.FULL_TRANSITIVE),
    "fraud.control": ("control", Mode.BACKWARD_TRANSITIVE),
    "fraud.audit": ("audit", Mode.FULL_TRANSITIVE),
    "fraud.shared": ("shared", Mode.FULL_TRANSITIVE),
    "fraud.training": ("training_example", Mode.FULL_TRANSITIVE),
    "fraud.models": ("model", Mode.FULL_TRANSITIVE),
}


@pytest.fixture(scope="module")
def shipped():
    return FileRegistry()


def test_the_package_lists_its_subjects_and_their_modes(shipped):
    expected = {value_subject(topic): mode for topic, (_, mode) in TOPICS.items()}
    assert shipped.subjects == expected
    assert shipped.conflicts() == []


@pytest.mark.parametrize("topic", TOPICS)
def test_ids_and_schemas_lead_to_each_other(shipped, topic):
    subject, schema = value_subject(topic), builtin(TOPICS[topic][0])
    schema_id = shipped.id_of(subject, schema)
    assert shipped.schema_of(schema_id) == schema
    assert shipped.latest(subject) == (schema_id, schema)
    assert shipped.versions(subject)[-1] == (schema_id, schema)


def test_an_unknown_id_is_named_with_the_place_and_the_remedy(shipped):
    with pytest.raises(UnknownSchemaError) as caught:
        shipped.schema_of(99)
    text = str(caught.value)
    assert "schema id 99" in text
    assert str(PACKAGE / INDEX) in text
    assert "add its file there" in text


@pytest.mark.parametrize("ask", ["latest", "versions"])
def test_an_unknown_subject_is_named(shipped, ask):
    with pytest.raises(UnknownSchemaError, match=r"'fraud.alert-value' is not in .*fraud.alerts"):
        getattr(shipped, ask)("fraud.alert-value")


def test_an_unlisted_schema_has_no_id(shipped):
    other = builtin("alert")
    other["fields"].pop()
    with pytest.raises(UnknownSchemaError, match=r"'Alert' is not a version of fraud.alerts-value"):
        shipped.id_of("fraud.alerts-value", other)
    with pytest.raises(UnknownSchemaError, match="is not a version of"):
        shipped.id_of("fraud.labels-value", builtin("alert"))


def test_a_callers_changes_do_not_reach_the_registry(shipped):
    shipped.schema_of(1)["fields"].clear()
    shipped.latest("fraud.transactions-value")[1]["fields"].clear()
    assert shipped.schema_of(1) == builtin("transaction")


def test_the_newest_version_is_the_last_and_old_ids_stay_readable(tmp_path):
    fields = [{"name": "a", "type": "int", "doc": "x"}]
    old = {"type": "record", "name": "R", "fields": fields}
    new = {**old, "fields": [*fields, {"name": "b", "type": "int", "default": 0}]}
    for name, schema in {"old": old, "new": new}.items():
        (tmp_path / f"{name}.avsc").write_text(json.dumps(schema))
    (tmp_path / "my.toml").write_text(
        '[subjects.t-value]\ncompatibility = "FULL_TRANSITIVE"\n'
        'versions = [{id = 30, file = "old.avsc"}, {id = 20, file = "new.avsc"}]\n'
    )
    with pytest.raises(SchemaError) as caught:
        FileRegistry(tmp_path, "my.toml")
    assert str(caught.value).count("publish it with") == 2
    write_index(tmp_path, "my.toml")
    registry = FileRegistry(tmp_path, "my.toml")
    assert registry.latest("t-value") == (20, new)
    assert registry.versions("t-value") == [(30, old), (20, new)]
    assert registry.schema_of(30) == old
    undocumented = {**old, "fields": [{"name": "a", "type": "int"}]}
    assert registry.id_of("t-value", undocumented) == 30
    registry.close()
