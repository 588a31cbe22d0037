"""The wheel: what is in it, what is not, and under which names."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("stream", "models", "schemas")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Names of all files in a wheel built from this checkout, and the wheel's metadata."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        (scripts,) = [name for name in names if name.endswith(".dist-info/entry_points.txt")]
        texts = archive.read(metadata).decode(), archive.read(scripts).decode()
    return names, *texts


def test_the_top_level_is_three_packages_and_nothing_else(wheel):
    top = {name.split("/")[0] for name in wheel[0]}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)
    assert len(top) == len(PACKAGES) + 1


def test_every_module_and_every_contract_is_inside(wheel):
    page = ["*.html", "*.css", "*.js", "*.svg"]
    wanted = ["*.py", "*.avsc", "registry.toml", "reason_codes.toml", "py.typed", *page]
    files = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for pattern in wanted
        for file in (ROOT / package).rglob(pattern)
    }
    assert {"schemas/registry.toml", "schemas/transaction.avsc"} <= files
    assert "stream/explanation/reason_codes.toml" in files
    assert {"stream/page/static/index.html", "stream/page/static/panels/drift.js"} <= files
    assert {f"{package}/py.typed" for package in PACKAGES} <= files
    assert sorted(files - wheel[0]) == []


def test_no_cache_and_no_test_is_inside(wheel):
    leftovers = ("__pycache__", ".pyc", ".nbi", ".nbc", "tests/", "conftest")
    assert [name for name in wheel[0] if any(part in name for part in leftovers)] == []


def test_it_says_that_it_is_not_to_be_uploaded_and_how_it_is_run(wheel):
    _, metadata, scripts = wheel
    assert "Name: fraudstream\n" in metadata
    assert "Classifier: Private :: Do Not Upload\n" in metadata
    assert "fraudstream = stream.cli.main:main" in scripts
