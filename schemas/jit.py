"""One way to compile a kernel, for every kernel of the project.

Compiled kernels are kept on disk, so that the second start takes no compiler; see
`schemas.kernel_cache` and `schemas.kept_kernels`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from schemas.cpu_target import require_cpu
from schemas.kept_kernels import keep
from schemas.kernel_cache import kernel_folder
from schemas.one_compiler import one_at_a_time

# Before the first kernel runs.
require_cpu()
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function of arrays and scalars on its first call.

    Division follows NumPy (no exception inside a kernel), the GIL is released
    while it runs, and no fast-math: NaN and infinity keep their meaning.
    """
    return _kept(function, _OPTIONS)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile as `kernel`, but copied into its callers: for a few lines called very often."""
    return _kept(function, {**_OPTIONS, "inline": "always"})


def uncounted(compiled: Any) -> Any:
    """Take the counting of references out of a kernel, before its first call.

    Numba counts who holds an array: two locked instructions for each array of a tuple at
    every call, which is most of the time of short kernels that hand tuples on. Only for a
    kernel that makes no arrays and copies none; its caller holds those that it is given.
    """
    options = getattr(compiled, "targetoptions", None)
    if options is not None:  # Not compiled at all where Numba is switched off.
        options["_nrt"] = False
    return compiled


def _kept(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Have a function compiled, to be kept where its module's kernels are."""
    compiled = numba.njit(**options)(function)
    if hasattr(compiled, "compile"):  # Not where Numba is switched off.
        keep(compiled)
        folder = kernel_folder(function.__module__)
        one_at_a_time(compiled, folder / f"{function.__qualname__}.lock")
    return compiled
