"""Seeds: so many as are asked for, the known ones first, and a line that runs one again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from checks.pytest_runs import run
from seeds import factor, seeds

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
from seeds import seeds

@seeds(3, known=((77, "it was forgotten once"),))
def test_law(seed):
    assert seed != 77
"""


def values(mark: pytest.MarkDecorator) -> list[int]:
    return list(mark.args[1])


def test_there_are_as_many_times_more_as_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FRAUDSTREAM_SEED", raising=False)
    monkeypatch.delenv("FRAUDSTREAM_SEED_FACTOR", raising=False)
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    assert len(set(values(seeds(5)))) == 5
    monkeypatch.setenv("FRAUDSTREAM_SEED_FACTOR", "20")
    found = values(seeds(5, known=((3, "why"), (4, "why"))))
    assert found[:2] == [3, 4]
    assert len(set(found)) == 102
    monkeypatch.setenv("FRAUDSTREAM_SEED", "9")
    assert values(seeds(5, known=((3, "why"),))) == [9]


def test_uncompiled_there_are_a_third_as_many_but_all_the_known_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FRAUDSTREAM_SEED", raising=False)
    monkeypatch.delenv("FRAUDSTREAM_SEED_FACTOR", raising=False)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert [len(values(seeds(rounds))) for rounds in (1, 5, 6)] == [1, 1, 2]
    known = ((3, "why"), (4, "why"))
    assert values(seeds(4, known=known))[:2] == [3, 4]
    assert len(values(seeds(6, known=known))) == 4


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_a_factor_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FRAUDSTREAM_SEED_FACTOR", text)
    with pytest.raises(pytest.UsageError, match=f"FACTOR is '{text}': give a whole number"):
        factor()


def test_a_failure_says_the_line_that_runs_it_again(tmp_path: Path) -> None:
    out, _ = run(tmp_path, PROGRAM, FRAUDSTREAM_SEED="", NUMBA_DISABLE_JIT="0")
    (line,) = [line for line in out.splitlines() if line.startswith("FRAUDSTREAM_SEED=77 ")]
    assert line == (
        "FRAUDSTREAM_SEED=77 python -m pytest 'test_some.py::test_law[FRAUDSTREAM_SEED=77]'"
    )
    assert "1 failed, 3 passed" in out
    # The same test, and it alone.
    again, _ = run(tmp_path, PROGRAM, FRAUDSTREAM_SEED="77")
    assert "test_law[FRAUDSTREAM_SEED=77]" in again
    assert "1 failed" in again
    assert "passed" not in again
