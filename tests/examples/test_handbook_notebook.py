"""The notebook runs from top to bottom, and shows what its file says that it shows."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK, RUNNER = ROOT / "examples" / "handbook.ipynb", ROOT / "examples" / "run_notebook.py"
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
# The last digits may be another processor's.
TOLERANCE = 0.03


def cells(path):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if cell["cell_type"] == "code"]


def shown(cell):
    """What a cell printed, and the kinds of what it showed."""
    printed = [o["text"] for o in cell["outputs"] if o["output_type"] == "stream"]
    kinds = [sorted(o["data"]) for o in cell["outputs"] if "data" in o]
    return "".join(line for text in printed for line in text), kinds


def numbers(text):
    return [float(each.replace(",", "")) for each in NUMBER.findall(text)]


def run(path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, str(RUNNER), str(path)],
        cwd=path.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_it_holds_text_and_pictures_of_text_and_no_data():
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 60_000
    assert "image/png" not in text
    kinds = {kind for cell in cells(NOTEBOOK) for each in shown(cell)[1] for kind in each}
    assert kinds == {"image/svg+xml", "text/plain"}
    assert str(ROOT) not in text
    assert [cell["execution_count"] for cell in cells(NOTEBOOK)] == [
        number + 1 for number in range(len(cells(NOTEBOOK)))
    ]


@pytest.mark.slow
def test_a_run_shows_what_the_file_has(tmp_path):
    path = tmp_path / "handbook.ipynb"
    path.write_bytes(NOTEBOOK.read_bytes())
    done = run(path)
    assert done.returncode == 0, done.stderr
    for number, (now, then) in enumerate(zip(cells(path), cells(NOTEBOOK), strict=True), 1):
        (text, kinds), (kept, kept_kinds) = shown(now), shown(then)
        assert kinds == kept_kinds
        again = f"cell {number}; run: python examples/run_notebook.py examples/handbook.ipynb"
        assert NUMBER.sub("<n>", text) == NUMBER.sub("<n>", kept), again
        assert numbers(text) == pytest.approx(numbers(kept), TOLERANCE, TOLERANCE), again
    assert sorted(p.name for p in tmp_path.iterdir()) == ["handbook.ipynb"]


def test_a_cell_that_raises_ends_the_run_and_leaves_the_file(tmp_path):
    path = tmp_path / "wrong.ipynb"
    sources = ["x = 1\nprint(x)\nx + 1", "1 / 0"]
    made = [{"cell_type": "code", "source": [each], "outputs": []} for each in sources]
    path.write_text(json.dumps({"cells": made}))
    before = path.read_bytes()
    done = run(path)
    assert done.returncode == 1
    assert 'File "cell 2", line 1' in done.stderr
    assert path.read_bytes() == before
    path.write_text(json.dumps({"cells": made[:1]}))
    assert run(path).returncode == 0
    (cell,) = cells(path)
    assert shown(cell) == ("1\n", [["text/plain"]])
    assert cell["outputs"][1]["data"]["text/plain"] == ["2"]
