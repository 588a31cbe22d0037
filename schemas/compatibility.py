"""Whether one schema version can read what another wrote, checked without a registry.

Avro's own checker gives the verdict; this module says it to a person. One rule is
added: two different units (logical types) on the same number do not match, because
they would be read without an error and mean something else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from avro.compatibility import (
    ReaderWriterCompatibilityChecker,
    SchemaCompatibilityResult,
    SchemaCompatibilityType,
    SchemaIncompatibilityType,
    incompatible,
    lookup_writer_field,
)
from avro.schema import NamedSchema, make_avsc_object
from avro.schema import Schema as AvroSchema

from schemas.errors import SchemaError
from schemas.records import Schema, rewrite

# Avro's parser warns about units it does not know; under another name it keeps them all.
_UNIT = "fraudstream.unit"
# How many unions inside unions are opened for a reason; types may contain themselves.
_UNION_DEPTH = 3


class Mode(StrEnum):
    """Which versions of a subject must understand which."""

    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    """Every version reads what all older ones wrote."""

    FULL_TRANSITIVE = "FULL_TRANSITIVE"
    """Every version reads what all others wrote, newer ones too."""


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """One reason why a reader cannot take a writer's records.

    Attributes
    ----------
    where : str
        The place in the reader's schema, for example Alert.reasons[].value.
    what : str
        What does not fit.
    remedy : str
        What to do about it.
    """

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """One reason why two versions of a subject cannot live together.

    Attributes
    ----------
    reader_version, writer_version : int
        The pair, counted from 1 for the oldest version.
    problem : Incompatibility
        What the reader cannot take.
    """

    reader_version: int
    writer_version: int
    problem: Incompatibility

    def __str__(self) -> str:
        return (
            f"version {self.reader_version} cannot read records of version "
            f"{self.writer_version}: {self.problem}"
        )


def check(reader: Schema, writer: Schema) -> list[Incompatibility]:
    """Find every reason why the reader cannot take the writer's records.

    Parameters
    ----------
    reader : dict
        The schema of who reads.
    writer : dict
        The schema the records were written under.

    Returns
    -------
    list[Incompatibility]
        Empty where every record can be read.

    Raises
    ------
    SchemaError
        If one of the two is not a valid Avro schema.
    """
    return _compare(_parse(reader, "reader"), _parse(writer, "writer"))


def check_history(versions: Sequence[Schema], mode: Mode) -> list[Conflict]:
    """Check every pair of a subject's versions that its mode speaks of.

    Parameters
    ----------
    versions : Sequence[dict]
        The versions, oldest first.
    mode : Mode
        Who must understand whom.

    Returns
    -------
    list[Conflict]
        Empty where the history keeps the mode.

    Raises
    ------
    SchemaError
        If a version is not a valid Avro schema.
    """
    return [
        Conflict(reader + 1, writer + 1, problem)
        for reader in range(len(versions))
        for writer in range(len(versions))
        if writer < reader or (writer > reader and mode is Mode.FULL_TRANSITIVE)
        for problem in check(versions[reader], versions[writer])
    ]


class _Checker(ReaderWriterCompatibilityChecker):
    """Avro's checker, which also remembers what it compared at each place."""

    def __init__(self, depth: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.depth = depth
        self.pairs: dict[str, tuple[Any, Any]] = {}
        self._here: list[str] = []

    def get_compatibility(
        self,
        reader: AvroSchema,
        writer: AvroSchema,
        reference_token: str = ReaderWriterCompatibilityChecker.ROOT_REFERENCE_TOKEN,
        location: list[str] | None = None,
    ) -> SchemaCompatibilityResult:
        if location is None and self._here:
            # Avro forgets the place when it opens a union.
            *location, reference_token = self._here
        return super().get_compatibility(reader, writer, reference_token, location)

    def calculate_compatibility(
        self, reader: AvroSchema, writer: AvroSchema, location: list[str]
    ) -> SchemaCompatibilityResult:
        outer, self._here = self._here, location
        try:
            result = super().calculate_compatibility(reader, writer, location)
        finally:
            self._here = outer
        units = _unit(reader), _unit(writer)
        if all(units) and units[0] != units[1]:
            result = incompatible(SchemaIncompatibilityType.type_mismatch, "unit", location)
        if result.compatibility is SchemaCompatibilityType.incompatible:
            place = "/".join(location)[1:] or "/"
            if reader.type == "union":
                # Its branches were only tried; the union itself is the reader here.
                self.pairs[place] = (reader, writer)
            else:
                # A writer's union is opened branch by branch: keep the one that failed.
                self.pairs.setdefault(place, (reader, writer))
        return result


def _compare(reader: AvroSchema, writer: AvroSchema, depth: int = 0) -> list[Incompatibility]:
    checker = _Checker(depth)
    result = checker.get_compatibility(reader, writer)
    if result.compatibility is not SchemaCompatibilityType.incompatible:
        return []
    # Avro's result names the root beside every other place.
    places = result.locations - {"/"} or {"/"}
    return [_explain(checker, reader, place) for place in sorted(places, key=_order)]


def _parse(schema: Schema, role: str) -> AvroSchema:
    try:
        return make_avsc_object(rewrite(schema, _renamed_unit))
    except Exception as error:
        raise SchemaError(
            f"the {role}'s schema {schema.get('name')!r} is not valid Avro: {error}; "
            "mend it by the Avro specification"
        ) from error


def _renamed_unit(node: Schema) -> Schema:
    if "logicalType" in node:
        unit = node.pop("logicalType")
        numbers = [str(node.pop(key, 0)) for key in ("precision", "scale")]
        node[_UNIT] = f"{unit}({', '.join(numbers)})" if unit == "decimal" else str(unit)
    return node


def _unit(tree: Any) -> str | None:
    return cast("str | None", tree.props.get(_UNIT))


def _order(place: str) -> list[tuple[int, str]]:
    """Sort places as the schema lists them: field 2 before field 10."""
    return [(int(part) if part.isdigit() else -1, part) for part in place.split("/")]


def _explain(checker: _Checker, root: Any, place: str) -> Incompatibility:
    what, remedy = _reason(checker, place)
    return Incompatibility(_readable(root, place), what, remedy)


def _reason(checker: _Checker, place: str) -> tuple[str, str]:
    parent, _, last = place.rpartition("/")
    if _is_missing_field(checker, place):
        what = "the reader needs this field, the writer does not send it, and it has no default"
        return what, "give the field a default"
    at_parent = last in ("name", "symbols", "size") or last.isdigit()
    reader, writer = checker.pairs[(parent or "/") if at_parent else place]
    if last == "name":
        what = f"the reader calls it {reader.fullname}, the writer {writer.fullname}"
        return what, f"keep the name, or list {writer.fullname} under the reader's aliases"
    if last == "symbols":
        extra = ", ".join(symbol for symbol in writer.symbols if symbol not in reader.symbols)
        what = f"the writer may send {extra}, which the reader's enum {reader.name} lacks"
        return what, "keep every symbol, and give the enum a default symbol before adding one"
    if last == "size":
        what = f"the reader expects {reader.size} bytes, the writer sends {writer.size}"
        return what, "keep the size and add a new field beside it"
    if reader.type == "union":
        return _union(checker, reader, writer.schemas[int(last)] if at_parent else writer)
    what = f"the reader expects {_kind(reader)}, the writer sends {_kind(writer)}"
    return what, "keep the type and add a new field beside it (int may become long or double)"


def _is_missing_field(checker: _Checker, place: str) -> bool:
    # An enum with a default symbol is reported one step deeper, at the field's type.
    parts = place.removesuffix("/type").split("/")
    record = checker.pairs.get("/".join(parts[:-2]) or "/")
    if record is None or parts[-2:-1] != ["fields"]:
        return False
    reader, writer = record
    return lookup_writer_field(writer, reader.fields[int(parts[-1])]) is None


def _union(checker: _Checker, reader: Any, writer: Any) -> tuple[str, str]:
    alike = [branch for branch in reader.schemas if _kind(branch) == _kind(writer)]
    if alike and checker.depth < _UNION_DEPTH:
        for inner in _compare(alike[0], writer, checker.depth + 1):
            return f"in {inner.where}, {inner.what}", inner.remedy
    what = f"the reader takes {_kind(reader)}, the writer may send {_kind(writer)}"
    return what, "keep every branch that was ever written, unchanged"


def _kind(tree: Any) -> str:
    if tree.type == "union":
        return f"one of ({', '.join(_kind(branch) for branch in tree.schemas)})"
    name = tree.fullname if isinstance(tree, NamedSchema) else None
    return " ".join(filter(None, (tree.type, name, _unit(tree))))


def _readable(tree: Any, place: str) -> str:
    text = str(getattr(tree, "name", tree.type))
    parts = iter(place.strip("/").split("/"))
    for part in parts:
        if part == "fields":
            field = tree.fields[int(next(parts))]
            text, tree = f"{text}.{field.name}", field.type
        elif part in ("items", "values"):
            text, tree = text + ("[]" if part == "items" else "{}"), getattr(tree, part)
        elif part != "type":
            break
    return text
