"""Long files come first, and the tests of a file keep their order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from order import FIRST, ROOT, pytest_collection_modifyitems


def test_every_file_that_is_named_is_there_and_named_once() -> None:
    assert [name for name in FIRST if not (ROOT / name).is_file()] == []
    assert len(set(FIRST)) == len(FIRST)


def test_long_files_come_first_and_others_stay_where_they_were() -> None:
    first, second, *_ = FIRST
    items: list[Any] = [
        SimpleNamespace(path=ROOT / name, number=n)
        for name in ("b.py", second, "a.py", first)
        for n in range(3)
    ]
    pytest_collection_modifyitems(items)
    found = [(item.path.relative_to(ROOT).as_posix(), item.number) for item in items]
    assert found == [(name, n) for name in (first, second, "b.py", "a.py") for n in range(3)]
