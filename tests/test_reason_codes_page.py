"""docs/reason-codes.md says what the table says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from stream.evidence.reason_codes import HOLES, read_table

DOCS = Path(__file__).resolve().parents[1] / "docs"
TEXT = (DOCS / "reason-codes.md").read_text(encoding="utf-8")


def test_its_table_is_the_one_that_ships() -> None:
    made = runpy.run_path(str(DOCS / "make_reason_codes.py"))["page"]
    assert made(TEXT) == TEXT, "run: python docs/make_reason_codes.py"


def test_its_example_is_a_table_and_its_holes_are_all_there_are() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert len(read_table(blocks[1], "the example").codes) == 2
    assert set(re.findall(r"`\{(\w+)\}`", TEXT)) == set(HOLES)


def test_what_it_links_to_exists() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)", TEXT):
        assert (DOCS / link).exists(), link
