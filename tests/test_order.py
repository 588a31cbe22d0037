"""Long files come first, and the tests of a file keep their order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from order import ROOT, SECONDS, pytest_collection_modifyitems


def test_every_file_that_is_named_is_there() -> None:
    assert [name for name in SECONDS if not (ROOT / name).is_file()] == []


def test_long_files_come_first_and_others_stay_where_they_were() -> None:
    *_, long, longest = sorted(SECONDS, key=lambda name: SECONDS[name])
    names = ["b.py", long, "a.py", longest]
    items: list[Any] = [
        SimpleNamespace(path=ROOT / name, number=n) for name in names for n in range(3)
    ]
    pytest_collection_modifyitems(items)
    found = [(item.path.relative_to(ROOT).as_posix(), item.number) for item in items]
    order = [longest, long, "b.py", "a.py"]
    assert found == [(name, n) for name in order for n in range(3)]
