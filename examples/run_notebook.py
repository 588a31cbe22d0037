"""Run a notebook from top to bottom and keep what it shows, with nothing but Python.

python examples/run_notebook.py examples/handbook.ipynb

Every code cell is run in order, in one namespace. What is kept is text and SVG; a cell that
raises ends the run, and the file stays as it was.
"""

from __future__ import annotations

import ast
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

Cell = dict[str, Any]


def run(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the same notebook with the outputs of a run."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    cells, number = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            cells.append(cell)
            continue
        number += 1
        outputs = outputs_of("".join(cell["source"]), number, namespace)
        cells.append({**cell, "execution_count": number, "outputs": outputs})
    return {**notebook, "cells": cells}


def outputs_of(source: str, number: int, namespace: dict[str, Any]) -> list[Cell]:
    """Run a cell; return what it printed, and the value of its last line."""
    name = f"cell {number}"
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with redirect_stdout(printed):
        exec(compile(tree, name, "exec"), namespace)  # noqa: S102 - that is what a notebook is.
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)  # noqa: S307
    outputs: list[Cell] = []
    if printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": lines(printed)})
    if value is not None:
        data = {"text/plain": repr(value).splitlines(keepends=True)}
        if hasattr(value, "_repr_svg_"):
            data = {"image/svg+xml": value._repr_svg_().splitlines(keepends=True), **data}
        result = {"data": data, "execution_count": number, "metadata": {}}
        outputs.append({"output_type": "execute_result", **result})
    return outputs


def lines(printed: io.StringIO) -> list[str]:
    """Return what was printed, as notebooks keep it."""
    return printed.getvalue().splitlines(keepends=True)


def main(path: Path) -> None:
    """Run a notebook's file, and write it anew."""
    notebook = run(json.loads(path.read_text(encoding="utf-8")))
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
