"""The folder of compiled kernels: its name follows what they are made of, and nothing else."""

import shutil

import pytest

from schemas import jit
from schemas.records import PACKAGE


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("schemas/jit.py", True),
        ("schemas/primitives.py", True),
        ("schemas/memory.py", True),  # No kernels in it, but loads that are compiled into them.
        ("schemas/columns.py", True),  # Nor here, but the rows and reasons that they freeze.
        ("stream/windows/words.py", True),
        ("models/trees/rules.py", True),
        ("models/linear/parameters.py", True),
        ("schemas/containers.py", False),
        ("stream/cli.py", False),
    ],
)
def test_the_cache_is_left_behind_when_what_kernels_are_made_of_changes(
    name, changes, tmp_path, monkeypatch
):
    for package in ("schemas", "models", "stream"):
        shutil.copytree(PACKAGE.parent / package, tmp_path / package)
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "schemas" / "jit.py"))
    before = jit._sources_digest()
    with (tmp_path / name).open("a") as file:
        file.write("\n# changed\n")
    assert (jit._sources_digest() != before) == changes
