"""Where tables of reason codes come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import ConfigError
from stream.explanation.reason_files import SHIPPED, reason_table


def test_without_a_file_the_table_that_ships_is_in_force() -> None:
    assert reason_table() is reason_table("")
    assert reason_table().version.isdigit()
    assert SHIPPED.is_file()


def test_a_file_is_laid_over_it(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('version = "b"\n[[codes]]\ncode = "A1"\ntext = "Größe"', encoding="utf-8")
    table = reason_table(str(own))
    assert table.version == f"{reason_table().version}+b"
    assert [code.text for code in table.codes[:1]] == ["Größe"]
    assert table.codes[1:] == reason_table().codes


@pytest.mark.parametrize("content", [None, b"\xff", b"version = 1"])
def test_a_file_that_is_none_is_told_with_its_key(tmp_path: Path, content: bytes | None) -> None:
    own = tmp_path / "own.toml"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(ConfigError, match=r"decision\.reason_codes: .*own\.toml"):
        reason_table(str(own))
