"""The page's own files are in the package, and are all that it has."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from stream.page.static_files import CONTENT_TYPES, INDEX, static_files

FOLDER = Path(__file__).parents[3] / "stream" / "page" / "static"
FILES = static_files()
MODULES = sorted(path for path in FILES if path.endswith(".js"))
IMPORT = re.compile(r'^import \{ [\w, ]+ \} from "(\.{1,2}/[\w./]+)";$', re.MULTILINE)


def text(path: str) -> str:
    return FILES[path].content.decode("utf-8")


def test_every_file_of_the_folder_is_one_of_the_page() -> None:
    on_disk = {file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*") if file.is_file()}
    assert set(FILES) == on_disk
    assert {INDEX, "app.js", "style.css", "icon.svg", "panels/drift.js"} <= on_disk


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_file_has_its_type_and_a_tag_of_its_contents(path: str) -> None:
    file = FILES[path]
    assert file.content == (FOLDER / path).read_bytes()
    assert file.content_type == CONTENT_TYPES[path.rpartition(".")[2]]
    assert file.etag == f'"{hashlib.sha256(file.content).hexdigest()[:32]}"'


def test_the_page_asks_for_its_own_files_only_and_has_nothing_inline() -> None:
    index = text(INDEX)
    asked = re.findall(r'(?:src|href)="([^"]+)"', index)
    assert {path.removeprefix("static/") for path in asked if path != "#main"} <= set(FILES)
    assert "<style" not in index
    assert re.findall(r"<script(?![^>]*\bsrc=)", index) == []
    assert re.findall(r"\son\w+=", index) == []


@pytest.mark.parametrize("path", sorted(FILES))
def test_no_file_names_an_address_of_the_world(path: str) -> None:
    names = re.findall(r"https?://[^\s\"')]+", text(path))
    # The name of a language, which no browser asks for.
    assert set(names) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", MODULES)
def test_a_module_imports_by_name_from_modules_that_are_there(path: str) -> None:
    folder = Path("/" + path).parent
    lines = [line for line in text(path).splitlines() if line.startswith("import ")]
    found = IMPORT.findall(text(path))
    assert len(found) == len(lines), 'one line each, by name: `import { a, b } from "./c.js";`'
    for other in found:
        resolved = (folder / other).resolve().as_posix().removeprefix("/")
        assert resolved in FILES, f"{path} imports {other}"


@pytest.mark.parametrize("path", MODULES)
def test_a_module_exports_functions_and_constants_by_name(path: str) -> None:
    exports = [line for line in text(path).splitlines() if line.startswith("export ")]
    form = re.compile(r"export (?:(?:async )?function|const) \w+")
    assert [line for line in exports if not form.match(line)] == []


@pytest.mark.parametrize("path", MODULES)
def test_no_module_makes_markup_or_code_of_text(path: str) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert re.findall(forbidden, text(path)) == []


@pytest.mark.parametrize("path", MODULES)
def test_a_module_has_one_idea_and_at_most_500_lines(path: str) -> None:
    assert text(path).count("\n") <= 500
