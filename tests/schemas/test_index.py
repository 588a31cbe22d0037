import hashlib
import json
import os
import tomllib

import pytest

from schemas.errors import IncompatibleSchemaError, SchemaError
from schemas.index import INDEX, MAX_ID, Index, contract, fingerprint, write_index
from schemas.records import PACKAGE

SUBJECT = "pay.ments-value"


def schema(*fields, **more):
    return {"type": "record", "name": "R", "fields": list(fields), **more}


def field(name="a", kind="int", **more):
    return {"name": name, "type": kind, **more}


def put(folder, name, body):
    (folder / name).write_text(json.dumps(body))


def put_index(folder, *versions, mode="BACKWARD_TRANSITIVE", subject=SUBJECT):
    lines = [f'[subjects."{subject}"]', f'compatibility = "{mode}"']
    for version in versions:
        lines.append(f'[[subjects."{subject}".versions]]')
        lines += [f"{key} = {json.dumps(value)}" for key, value in version.items()]
    (folder / INDEX).write_text("\n".join(lines))


@pytest.fixture
def published(tmp_path):
    """A folder with one published version."""
    put(tmp_path, "a.avsc", schema(field()))
    put_index(tmp_path, {"id": 7, "file": "a.avsc"})
    assert write_index(tmp_path) == ["a.avsc"]
    return tmp_path


def add_version(folder, text):
    with (folder / INDEX).open("a") as file:
        file.write(f'\n[[subjects."{SUBJECT}".versions]]\n{text}\n')


def test_the_shipped_index_is_as_the_tool_writes_it(tmp_path):
    for file in [*PACKAGE.glob("*.avsc"), PACKAGE / INDEX]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert write_index(tmp_path) == []
    assert (tmp_path / INDEX).read_text() == (PACKAGE / INDEX).read_text()


def test_pinning_writes_both_digests_and_is_stable(published):
    first = (published / INDEX).read_bytes()
    (version,) = tomllib.loads(first.decode())["subjects"][SUBJECT]["versions"]
    assert version == {
        "id": 7,
        "file": "a.avsc",
        "fingerprint": fingerprint(schema(field())),
        "contract": contract(schema(field())),
    }
    assert write_index(published) == []
    assert (published / INDEX).read_bytes() == first
    assert sorted(os.listdir(published)) == ["a.avsc", INDEX], "no draft is left"


@pytest.mark.parametrize(
    "edited",
    [
        schema(field(kind="long")),
        schema(field(default=0)),
        schema(field(aliases=["b"])),
        schema(field(kind={"type": "int", "logicalType": "date"})),
        schema(field(), field("b", default=1)),
    ],
)
def test_an_edit_of_a_published_schema_is_noticed(published, edited):
    put(published, "a.avsc", edited)
    for use in (lambda: Index(published / INDEX), lambda: write_index(published)):
        with pytest.raises(SchemaError, match="a published schema was edited") as caught:
            use()
        assert "add a new version file instead" in str(caught.value)
        assert "a.avsc" in str(caught.value)


def test_docs_may_be_mended_and_text_laid_out_anew(published):
    text = json.dumps(schema(field(doc="Better."), doc="Best."), indent=4)
    (published / "a.avsc").write_text(text)
    assert write_index(published) == []


def test_each_digest_guards_alone(published):
    text = (published / INDEX).read_text()
    for digest in (fingerprint(schema(field())), contract(schema(field()))):
        (published / INDEX).write_text(text.replace(digest, "0" * 64))
        with pytest.raises(SchemaError, match="was edited"):
            Index(published / INDEX)


def test_a_version_that_breaks_its_mode_is_not_published(published):
    put(published, "b.avsc", schema(field(kind="string")))
    add_version(published, 'id = 8\nfile = "b.avsc"')
    before = (published / INDEX).read_bytes()
    with pytest.raises(IncompatibleSchemaError, match=r"version 2 cannot read .* version 1") as why:
        write_index(published)
    assert SUBJECT in str(why.value)
    assert (published / INDEX).read_bytes() == before


def test_a_good_new_version_is_published(published):
    put(published, "b.avsc", schema(field(), field("b", default=0)))
    add_version(published, 'id = 8\nfile = "b.avsc"')
    assert write_index(published) == ["b.avsc"]
    assert Index(published / INDEX).conflicts() == []


def test_all_problems_come_at_once(tmp_path):
    put(tmp_path, "a.avsc", schema(field()))
    put(tmp_path, "bad.avsc", ["null"])
    put_index(
        tmp_path,
        {"id": 1, "file": "a.avsc"},
        {"id": 1, "file": "a.avsc"},
        {"id": 2, "file": "gone.avsc"},
        {"id": 3, "file": "bad.avsc"},
        {"id": 4, "file": "../a.avsc"},
        {"id": 0, "file": "a.avsc"},
        {"id": True, "file": "a.avsc"},
        {"id": MAX_ID + 1, "file": "a.avsc"},
        {"file": "a.avsc"},
        {"id": 5},
    )
    with (tmp_path / INDEX).open("a") as file:
        file.write('\n[subjects.x]\ncompatibility = "NONE"\n[subjects.y]\n')
        file.write('[subjects.z]\ncompatibility = "FULL_TRANSITIVE"\nversions = []\n')
    with pytest.raises(SchemaError) as caught:
        Index(tmp_path / INDEX)
    first, *lines = str(caught.value).splitlines()
    assert str(tmp_path) in first
    expected = [
        "id 1 is taken by pay.ments-value, a.avsc",
        "gone.avsc cannot be read",
        "bad.avsc is of type 'list'",
        "id 4: file '../a.avsc'",
        "id 0; give an integer",
        "id True; give an integer",
        f"id {MAX_ID + 1}; give an integer",
        "id None; give an integer",
        "id 5: file None",
        "x: no known compatibility",
        "y: no known compatibility",
        "z: no version",
    ]
    assert len(lines) == len(expected)
    for line, part in zip(lines, expected, strict=True):
        assert part in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "cannot be read"),
        ("", "lists no subject"),
        ("subjects = 5", "lists no subject"),
        ("[subjects]\na = 5", "a: no known compatibility"),
        (
            '[subjects.a]\ncompatibility = "FULL_TRANSITIVE"\nversions = [5]',
            "id None; give an integer",
        ),
    ],
)
def test_an_index_of_the_wrong_shape_is_refused(tmp_path, text, message):
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(SchemaError, match=message):
        Index(tmp_path / INDEX)


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(SchemaError, match=r"registry.toml cannot be read"):
        Index(tmp_path / INDEX)


def test_the_fingerprint_is_avros_own():
    canonical = (
        b'{"name":"n.R","type":"record","fields":[{"name":"a","type":"long"},'
        b'{"name":"e","type":{"name":"n.E","type":"enum","symbols":["A","B"]}}]}'
    )
    units = {"type": "long", "logicalType": "timestamp-micros"}
    enum = {"type": "enum", "name": "E", "symbols": ["A", "B"], "default": "A", "doc": "x"}
    spelled_out = schema(field(kind=units, doc="x"), field("e", enum), namespace="n", doc="x")
    assert fingerprint(spelled_out) == hashlib.sha256(canonical).hexdigest()
