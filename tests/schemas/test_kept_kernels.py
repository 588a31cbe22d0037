"""Compiled kernels on a disk: taken where they are, and done without where nothing can be kept."""

import json
import os
import subprocess
import sys

import numba
import pytest

from schemas.records import PACKAGE

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")

KERNEL = """
from schemas.jit import kernel

@kernel
def grow(x):
    return x + {by}
"""
PROGRAM = """
import json
from dataclasses import asdict
from schemas.kept_kernels import COUNTS
from growing import grow

print(json.dumps({"said": [grow(1), grow(1.5)], **asdict(COUNTS)}))
"""


@pytest.fixture
def run(tmp_path):
    """Return what a process of its own says that runs a kernel with two signatures."""

    def run(kernels, by=1, **environment):
        (tmp_path / "growing.py").write_text(KERNEL.format(by=by))
        found = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={
                **os.environ,
                "NUMBA_CACHE_DIR": str(kernels),
                "PYTHONPATH": os.pathsep.join((str(tmp_path), str(PACKAGE.parent))),
                "PYTHONDONTWRITEBYTECODE": "1",
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout)

    return run


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_second_process_compiles_nothing(tmp_path, run):
    kernels = tmp_path / "kernels"
    first = run(kernels)
    assert first == {"said": [2, 2.5], "taken": 0, "compiled": 2, "not_kept": 0}
    before = files(kernels)
    assert run(kernels) == {"said": [2, 2.5], "taken": 2, "compiled": 0, "not_kept": 0}
    assert files(kernels) == before


def test_another_source_is_compiled_anew(tmp_path, run):
    kernels = tmp_path / "kernels"
    run(kernels)
    assert run(kernels, by=2) == {"said": [3, 3.5], "taken": 0, "compiled": 2, "not_kept": 0}


def test_another_processor_is_compiled_for_anew(tmp_path, run):
    kernels = tmp_path / "kernels"
    run(kernels)
    named = {"NUMBA_CPU_NAME": "generic"}
    assert run(kernels, **named)["compiled"] == 2
    # Both are there now.
    assert run(kernels, **named)["compiled"] == 0
    assert run(kernels)["compiled"] == 0


def test_where_nothing_can_be_kept_kernels_run_all_the_same(tmp_path, run):
    # Not by its mode: whoever runs this may be root, and stopped by none.
    file = tmp_path / "file"
    file.touch()
    found = run(file / "kernels")
    assert found == {"said": [2, 2.5], "taken": 0, "compiled": 2, "not_kept": 2}


def test_a_folder_that_cannot_be_read_is_as_good_as_none(tmp_path, run):
    kernels = tmp_path / "kernels"
    run(kernels)
    for index in kernels.rglob("*.nbi"):
        index.unlink()
        index.mkdir()
    found = run(kernels)
    assert (found["said"], found["taken"], found["compiled"]) == ([2, 2.5], 0, 2)
