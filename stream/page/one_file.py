"""The page with one board, as a file that asks nobody for anything: a report to send.

The modules are the live page's own. Each becomes a function's body, in an order in which what it
imports stands before it; what it exports is what the function returns. So modules are written in
a plain form, which `tests/stream/page/test_static_files.py` keeps: imports and exports by name.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
from collections.abc import Sequence
from graphlib import TopologicalSorter

from stream.page.board import Board, Point
from stream.page.encoding import encoded
from stream.page.static_files import StaticFile, static_files

ENTRY = "report.js"
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "([^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|const) (\w+)", re.MULTILINE)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>fraudstream, a report</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">To the panels</a>
<div id="page"></div>
<script type="application/json" id="numbers">{numbers}</script>
<script>{script}</script>
</body>
</html>
"""


def one_file(board: Board, history: Sequence[Point]) -> str:
    """Return the text of an HTML file that shows a board and the history before it.

    Parameters
    ----------
    board : Board
    history : sequence of Point
        Oldest first.
    """
    files = static_files()
    script, style = _script(files), files["style.css"].content.decode("utf-8")
    numbers = encoded({"board": board, "history": list(history)}).decode("utf-8")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )
    # In JSON a bracket may be written so, and no text of strangers can end the element.
    safe = numbers.replace("<", "\\u003c")
    return _PAGE.format(policy=policy, style=style, numbers=safe, script=script)


def _script(files: dict[str, StaticFile]) -> str:
    """Return all modules that the report needs as one script."""
    sources: dict[str, str] = {}
    needs: dict[str, list[str]] = {}
    waiting = [ENTRY]
    while waiting:
        path = waiting.pop()
        if path not in sources:
            sources[path] = files[path].content.decode("utf-8")
            needs[path] = [_resolved(path, found[2]) for found in _IMPORT.finditer(sources[path])]
            waiting += needs[path]
    bodies = [_body(path, sources[path]) for path in TopologicalSorter(needs).static_order()]
    return "\n".join(['"use strict";', "const modules = {};", *bodies])


def _body(path: str, source: str) -> str:
    """Return a module as a function that is called at once."""
    exported = ", ".join(name for _, name in _EXPORT.findall(source))
    taken = _IMPORT.sub(
        lambda found: f'const {found[1]} = modules["{_resolved(path, found[2])}"];', source
    )
    plain = _EXPORT.sub(r"\1 \2", taken)
    return f'modules["{path}"] = (() => {{\n{plain}\nreturn {{ {exported} }};\n}})();'


def _resolved(path: str, other: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), other))


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}"
