"""For which processor kernels are compiled: the one at hand, or one that was named.

Numba compiles for the processor at hand. What is compiled on one machine for many others names a
level of the x86-64 architecture: ``NUMBA_CPU_NAME=x86-64-v3``, with an empty
``NUMBA_CPU_FEATURES``, or those of the machine at hand come in addition. Such code has no check of
its own: on a processor without what it needs the process would be killed.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping

import numba
from llvmlite import binding

from schemas.errors import ConfigError

# Levels of the psABI, each with all below it, by LLVM's names.
_LEVELS: Mapping[str, frozenset[str]] = {
    "x86-64-v2": frozenset({"cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"}),
    "x86-64-v3": frozenset({"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}),
    "x86-64-v4": frozenset({"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}),
}


def target() -> str:
    """Return what kernels are compiled for, in words."""
    name, features = numba.config.CPU_NAME, numba.config.CPU_FEATURES  # type: ignore[attr-defined]
    if not name:
        return f"this processor, {binding.get_host_cpu_name()}"
    if features is None:
        return f"{name}, and what else this processor has: NUMBA_CPU_FEATURES is not set"
    return f"{name} {features}".strip()


def require_cpu() -> None:
    """Refuse to go on with kernels that this processor cannot run.

    Raises
    ------
    ConfigError
        If ``NUMBA_CPU_NAME`` is a level of x86-64 that this machine has not.
    """
    name = str(numba.config.CPU_NAME or "")  # type: ignore[attr-defined]
    if name in {"x86-64", *_LEVELS}:
        check(name, platform.machine(), binding.get_host_cpu_features())


def check(name: str, machine: str, features: Mapping[str, bool]) -> None:
    """Refuse a level that a machine has not.

    Parameters
    ----------
    name : str
        ``x86-64``, or one of its levels.
    machine : str
        As ``uname -m`` says it.
    features : mapping of str to bool
        What its processor has, by LLVM's names.

    Raises
    ------
    ConfigError
    """
    remedy = (
        "run it on another machine, build the image for a lower level, or set "
        "NUMBA_CPU_NAME=generic: kernels are then compiled at every start, for any processor"
    )
    if machine not in ("x86_64", "AMD64"):
        raise ConfigError(f"NUMBA_CPU_NAME is {name}, and this machine is {machine}: {remedy}")
    needed = {feature for level, some in _LEVELS.items() if level <= name for feature in some}
    missing = sorted(feature for feature in needed if not features.get(feature, False))
    if missing:
        raise ConfigError(
            f"NUMBA_CPU_NAME is {name}, and this processor lacks {', '.join(missing)}: {remedy}"
        )
