"""Folders of compiled kernels: a name follows what its kernels are made of, and nothing else."""

import shutil
from pathlib import Path

import numba
import pytest

from schemas import kernel_cache, primitives
from schemas.records import PACKAGE
from stream.windows import observe


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    for package in ("schemas", "models", "stream"):
        shutil.copytree(PACKAGE.parent / package, folder / package)
    return folder


@pytest.mark.parametrize(
    ("module", "name", "changes"),
    [
        ("schemas.decoder", "schemas/jit.py", True),
        ("schemas.decoder", "schemas/primitives.py", True),
        ("schemas.decoder", "schemas/memory.py", True),  # Loads that are compiled into its kernels.
        ("schemas.decoder", "schemas/columns.py", True),  # Rows and reasons that they freeze.
        ("schemas.decoder.decoder_0123", "schemas/primitives.py", True),
        ("schemas.decoder.decoder_0123", "stream/windows/words.py", False),
        ("stream.windows.observe", "stream/windows/words.py", True),
        ("stream.windows.observe", "schemas/jit.py", True),
        ("stream.windows.observe", "stream/records/alerts.py", False),
        ("stream.records.alerts", "stream/evidence/evidence.py", True),
        ("models.trees.forest", "models/trees/rules.py", True),
        ("models.linear.rows", "models/linear/parameters.py", True),
        ("models.linear.rows", "models/trees/rules.py", False),
        ("models.linear.rows", "stream/app.py", False),
        ("benchmarks.loop", "models/trees/rules.py", True),  # It may call whatever it likes.
        ("benchmarks.loop", "stream/windows/words.py", True),
    ],
)
def test_kernels_are_left_behind_when_what_they_are_made_of_changes(
    module, name, changes, copied, monkeypatch
):
    monkeypatch.setattr(kernel_cache, "__file__", str(copied / "schemas" / "kernel_cache.py"))
    monkeypatch.setattr(kernel_cache, "_sources", kernel_cache._sources.__wrapped__)
    before = kernel_cache.kernel_folder.__wrapped__(module)
    path = copied / name
    text = path.read_text()
    path.write_text(text + "\n# changed\n")
    try:
        assert (kernel_cache.kernel_folder.__wrapped__(module) != before) == changes
    finally:
        path.write_text(text)


def test_every_module_has_a_folder_of_its_own():
    modules = "schemas.decoder", "stream.windows.observe", "models.linear.rows", "elsewhere"
    folders = [kernel_cache.kernel_folder(module) for module in modules]
    assert len(set(folders)) == len(modules)
    assert {folder.parent for folder in folders} == {kernel_cache.cache_folder()}
    assert [folder.name.rpartition("-")[0] for folder in folders] == list(modules)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_a_kernel_is_kept_where_its_module_belongs():
    for kernel in (observe.observe, primitives.read_varint):
        folder = kernel_cache.kernel_folder(kernel.py_func.__module__)
        assert folder in Path(kernel.stats.cache_path).parents
