"""Write docs/modules.md: every module with the first line of its docstring, folder by folder.

python docs/make_modules.py
"""

from __future__ import annotations

import ast
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
PAGE = DOCS / "modules.md"
PACKAGES = ("schemas", "models", "stream")

HEAD = """\
# Modules

<!-- Made by docs/make_modules.py from the docstrings of the sources; do not edit. -->

Every module and what it is for. [ARCHITECTURE.md](../ARCHITECTURE.md) says in which order the
folders stand on each other.
"""


def purpose(module: Path) -> str:
    """Return the first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].replace("``", "`").replace("|", "\\|")


def room(folder: Path) -> list[str]:
    """Return the lines about a folder: what it is for, and a row for each of its modules."""
    lines = ["", f"## {folder.relative_to(ROOT).as_posix()}/", "", purpose(folder / "__init__.py")]
    modules = sorted(file for file in folder.glob("*.py") if file.name != "__init__.py")
    lines += ["", "| module | what it is for |", "|---|---|"] if modules else []
    for each in modules:
        link = f"../{each.relative_to(ROOT).as_posix()}"
        lines.append(f"| [`{each.name}`]({link}) | {purpose(each)} |")
    return lines


def page() -> str:
    """Return the page: a package after the other, each before its folders."""
    lines = []
    for package in PACKAGES:
        inits = sorted((ROOT / package).rglob("__init__.py"))
        lines += [line for each in inits for line in room(each.parent)]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
