"""The folder of compiled kernels: its name follows what they are made of, and nothing else."""

import shutil

import pytest

from schemas import kernel_cache
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
        ("stream/doctor.py", False),  # It names the folder, and holds no kernel.
        ("stream/app.py", False),
        ("stream/cli.py", False),
    ],
)
def test_the_cache_is_left_behind_when_what_kernels_are_made_of_changes(
    name, changes, tmp_path, monkeypatch
):
    for package in ("schemas", "models", "stream"):
        shutil.copytree(PACKAGE.parent / package, tmp_path / package)
    monkeypatch.setattr(kernel_cache, "__file__", str(tmp_path / "schemas" / "kernel_cache.py"))
    before = kernel_cache._sources_digest()
    with (tmp_path / name).open("a") as file:
        file.write("\n# changed\n")
    assert (kernel_cache._sources_digest() != before) == changes
