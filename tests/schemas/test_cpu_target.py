"""Kernels for a named processor run only where it has what they need."""

import os
import platform
import subprocess
import sys

import numba
import pytest

from schemas import cpu_target
from schemas.errors import ConfigError
from schemas.records import PACKAGE

V2 = dict.fromkeys(("cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"), True)
V3 = V2 | dict.fromkeys(("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"), True)

# A worker on a processor that can do nothing.
OLD = """
import sys
from llvmlite import binding
binding.get_host_cpu_features = dict
from stream.cli.main import main
sys.argv = ["fraudstream", "warm-up"]
main()
"""


@pytest.mark.parametrize(
    ("name", "features", "lacks"),
    [
        ("x86-64", {}, ""),
        ("x86-64-v2", V2, ""),
        ("x86-64-v2", V2 | {"sse4.2": False}, "sse4.2"),
        ("x86-64-v3", V3, ""),
        ("x86-64-v3", V2, "avx, avx2, bmi, bmi2, f16c, fma, lzcnt, movbe"),
        # A level has all below it.
        ("x86-64-v3", {**V3, "popcnt": False}, "popcnt"),
        ("x86-64-v4", V3, "avx512bw, avx512cd, avx512dq, avx512f, avx512vl"),
    ],
)
def test_what_a_level_needs(name, features, lacks):
    if not lacks:
        cpu_target.check(name, "x86_64", features)
        return
    with pytest.raises(ConfigError, match=f"is {name}, and this processor lacks {lacks}: "):
        cpu_target.check(name, "x86_64", features)


def test_a_level_is_of_one_kind_of_machine():
    with pytest.raises(ConfigError, match="this machine is aarch64"):
        cpu_target.check("x86-64-v3", "aarch64", V3)


def test_nothing_is_asked_where_nothing_was_named(monkeypatch):
    monkeypatch.setattr(cpu_target.binding, "get_host_cpu_features", dict)
    for name in (None, "generic", "znver4"):
        monkeypatch.setattr(numba.config, "CPU_NAME", name)
        cpu_target.require_cpu()


@pytest.mark.parametrize(
    ("name", "features", "said"),
    [
        (None, None, "this processor, "),
        ("x86-64-v3", "", "x86-64-v3"),
        ("x86-64-v3", "+avx512f", "x86-64-v3 +avx512f"),
        ("x86-64-v3", None, "what else this processor has"),
    ],
)
def test_it_is_said_for_what_kernels_are(monkeypatch, name, features, said):
    monkeypatch.setattr(numba.config, "CPU_NAME", name)
    monkeypatch.setattr(numba.config, "CPU_FEATURES", features)
    assert said in cpu_target.target()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="another kind of machine is refused too")
def test_a_command_says_so_in_a_line(tmp_path):
    environment = {**os.environ, "NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": ""}
    done = subprocess.run(
        [sys.executable, "-c", OLD],
        env={**environment, "NUMBA_CACHE_DIR": str(tmp_path)},
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: NUMBA_CPU_NAME is x86-64-v3, and this processor lacks avx, ")
    assert list(tmp_path.iterdir()) == []
