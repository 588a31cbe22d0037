"""The steps of deploy/Dockerfile as processes: kernels are compiled, then all is read-only.

No container: the worker lives in mounts of its own, where it can write to its state and to a folder
for what is temporary, and to nothing else, as with `readOnlyRootFilesystem`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from workers.worker_site import (
    DEADLINE_SECONDS,
    PROCESSES,
    SECONDS,
    Site,
    Traffic,
    remembering,
    until,
)

from schemas.kernel_cache import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
READ_ONLY = """
set -e
mount --make-rprivate /
for folder in "$STATE" "$TMPDIR" "$KERNELS"; do mount --bind "$folder" "$folder"; done
for folder in / "$KERNELS"; do mount -o remount,bind,ro "$folder"; done
for folder in "$KERNELS" "$HERE"; do
    if touch "$folder/new" 2>/dev/null; then echo "$folder can be written to" >&2; exit 9; fi
done
exec "$@"
"""


def variables(name: str) -> dict[str, str]:
    """Return how the image's last stage sets what kernels depend on."""
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    target = re.search(r"^ARG CPU_TARGET=(\S+)$", text, re.MULTILINE)
    assert target is not None
    last = text.split("\nFROM ")[-1]
    found = dict(re.findall(r"(NUMBA_CPU_\w+)=(\S*)", last))
    assert found == {"NUMBA_CPU_NAME": "${CPU_TARGET}", "NUMBA_CPU_FEATURES": ""}
    return found | {"NUMBA_CPU_NAME": target[1]} if name == "image" else {}


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    return {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def site(tmp_path: Path, site_factory: Callable[..., Site]) -> Site:
    more = 'state = "per_partition"\npartial_features = true\n'
    return site_factory(more + remembering(tmp_path / "state"))


@pytest.mark.parametrize(
    "kernels_for",
    # This machine has most of its own already; those of the image take a minute.
    ["this machine", pytest.param("image", marks=pytest.mark.faults)],
)
def test_on_a_read_only_disk_nothing_is_compiled_and_nothing_written(
    site: Site, tmp_path: Path, kernels_for: str
) -> None:
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("NOT RUN read-only: it takes the right to make mounts (`unshare -m`)")
    kernels, state, temporary = (tmp_path / name for name in ("kernels", "state", "tmp"))
    state.mkdir()
    temporary.mkdir()
    if kernels_for == "this machine" and cache_folder().exists():
        shutil.copytree(cache_folder(), kernels)
    environment = {
        **site.environment,
        **variables(kernels_for),
        "NUMBA_CACHE_DIR": str(kernels),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    # 1. While the image is built.
    command = [sys.executable, "-m", "stream"]
    arguments = ["--config", str(site.config)]
    for compiles in (True, False):
        done = subprocess.run(
            [*command, "warm-up", *arguments, "--json"],
            env={**environment, "FRAUD_KAFKA__BOOTSTRAP": "127.0.0.1:9"},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        if not compiles:
            assert said["compiled"] == 0
        if kernels_for == "image":
            assert said["target"] == environment["NUMBA_CPU_NAME"]
            assert (said["compiled"] > 100) is compiles
    before = files(kernels)
    # 2. Where it runs.
    out, err = temporary / "out", temporary / "err"
    mounts = {"STATE": str(state), "TMPDIR": str(temporary)}
    mounts |= {"KERNELS": str(kernels), "HERE": str(ROOT)}
    with out.open("wb") as stdout, err.open("wb") as stderr:
        worker = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", READ_ONLY, "sh", *command, "run", *arguments, "--json"],
            env={**environment, **mounts},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,
        )
    PROCESSES.append(worker)
    until(lambda: '"started"' in err.read_text() or worker.poll() is not None, SECONDS)
    assert worker.poll() is None, err.read_text()
    (ready,) = [each for each in map(said_of, err.read_text().splitlines()) if each]
    assert ready["compiled"] == 0
    traffic = Traffic(site, 200, 1, label_key=None, n=1000)
    traffic.start()
    sent = traffic.finish()
    site.wait_until_decided(sent)
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(DEADLINE_SECONDS + 5) == 0, err.read_text()
    assert json.loads(out.read_text())["decisions"] == len(sent)
    assert list(state.glob("partition-*/tenure-*/snapshot-*.state")) != []
    assert files(kernels) == before


def said_of(line: str) -> dict[str, int]:
    """Return what a line of the log says of kernels that are ready; nothing if it does not."""
    found = json.loads(line) if line.startswith("{") else {}
    return found if found.get("event") == "kernels_ready" else {}
