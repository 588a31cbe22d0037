"""``fraudstream schemas check``: does a new version break somebody."""

from __future__ import annotations

from pathlib import Path

from schemas.errors import FraudError
from schemas.index import INDEX, Index, write_index
from schemas.records import PACKAGE
from schemas.registry import FileRegistry
from stream.app import decoders_of
from stream.cli.console import FAILED, OK, emit_json, out
from stream.config.configuration import load
from stream.plurals import several

_CHECK_KEY = bytes(16)


def check_schemas(folder: Path | None, config: Path | None, write: bool, as_json: bool) -> int:
    """Check every subject's history, and that transactions decode; return the exit status."""
    place = folder or PACKAGE
    loaded = load(config)
    written: list[str] = []
    problems: list[str] = []
    subjects: list[str] = []
    try:
        if write:
            written = write_index(place)
        # The index first: a registry would refuse a version that is not published yet,
        # and nobody would hear that it should not be.
        index = Index(place / INDEX)
        subjects = sorted(index.subjects)
        problems += index.conflicts()
        registry = FileRegistry(place)
        decoders_of(loaded, registry, _CHECK_KEY)
    except FraudError as error:
        problems.append(str(error))
    if as_json:
        emit_json(
            {"ok": not problems, "subjects": subjects, "written": written, "problems": problems}
        )
    else:
        for name in written:
            out.print(f"pinned {name}", markup=False)
        for problem in problems:
            out.print(f"FAIL {problem}", markup=False)
        if not problems:
            out.print(f"ok   {several(len(subjects), 'subject')} in {place}", markup=False)
    return FAILED if problems else OK
