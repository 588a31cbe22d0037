"""Kernels that count no references.

Numba keeps count of who holds an array: two locked instructions for each array of a
tuple at every call, which is most of the time of short kernels that hand tuples on. The
kernels here make no arrays, and whoever calls them holds those that they are given.
"""

from __future__ import annotations

from typing import Any


def uncounted(compiled: Any) -> Any:
    """Take reference counting out of a kernel that makes no arrays, before its first call."""
    options = getattr(compiled, "targetoptions", None)
    if options is not None:  # Not compiled at all where Numba is switched off.
        options["_nrt"] = False
    return compiled
