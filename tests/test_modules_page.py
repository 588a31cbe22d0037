"""docs/modules.md says what every module is for."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MADE = runpy.run_path(str(ROOT / "docs" / "make_modules.py"))


def test_it_is_what_the_script_makes() -> None:
    text = (ROOT / "docs" / "modules.md").read_text(encoding="utf-8")
    assert text == MADE["page"](), "run: python docs/make_modules.py"


def test_every_module_says_what_it_is_for() -> None:
    rows = re.findall(r"^\| \[`\w+\.py`\]\(\.\./(\S+)\) \| (.*) \|$", MADE["page"](), re.MULTILINE)
    files = [file for name in MADE["PACKAGES"] for file in (ROOT / name).rglob("*.py")]
    named = {f.relative_to(ROOT).as_posix() for f in files if f.name != "__init__.py"}
    assert {link for link, _ in rows} == named
    assert all(purpose for _, purpose in rows)


def test_the_rooms_of_the_architecture_are_the_folders_that_there_are() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = text[text.index("## The rooms") : text.index("**Import rule**")]
    rows = re.findall(r"^ *((?:[a-z_]+/ ?)+)(?: |$)", rooms, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"[a-z_]+", row)}
    inits = [file for name in MADE["PACKAGES"] for file in (ROOT / name).rglob("__init__.py")]
    assert named == {file.parent.name for file in inits}
