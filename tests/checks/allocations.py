"""How many blocks of memory Python's objects take, counted where CPython asks for them.

The hook of PEP 445 stands between CPython and its allocator. What comes from a free list of its
own kind (floats, small tuples) is not asked for and not counted.
"""

import ctypes
from collections.abc import Callable

import numba
import numpy as np

# PYMEM_DOMAIN_OBJ of PEP 445: where objects live.
_OBJECTS = 2
_MALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_CALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)


class _Allocator(ctypes.Structure):
    """``PyMemAllocatorEx``."""

    _fields_ = [
        ("ctx", ctypes.c_void_p),
        ("malloc", ctypes.c_void_p),
        ("calloc", ctypes.c_void_p),
        ("realloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    ]


def blocks(work: Callable[[], object]) -> int:
    """Return how many blocks a call takes, those that it gives back included."""
    real = _Allocator()
    ctypes.pythonapi.PyMem_GetAllocator(_OBJECTS, ctypes.byref(real))
    counter = np.zeros(1, np.int64)
    counting = _counting(real, counter.ctypes.data)
    hooked = _Allocator(real.ctx, counting[0].address, counting[1].address, real.realloc, real.free)
    ctypes.pythonapi.PyMem_SetAllocator(_OBJECTS, ctypes.byref(hooked))
    try:
        work()
    finally:
        ctypes.pythonapi.PyMem_SetAllocator(_OBJECTS, ctypes.byref(real))
    return int(counter[0])


def _counting(real: _Allocator, counter: int):
    """Compile an allocator that counts: one in Python would ask for blocks itself."""
    real_malloc, real_calloc = _MALLOC(real.malloc), _CALLOC(real.calloc)
    pointer, size = numba.types.voidptr, numba.types.uintp

    @numba.cfunc(pointer(pointer, size))
    def malloc(ctx, n):
        numba.carray(_at(counter), 1)[0] += 1
        return real_malloc(ctx, n)

    @numba.cfunc(pointer(pointer, size, size))
    def calloc(ctx, n, each):
        numba.carray(_at(counter), 1)[0] += 1
        return real_calloc(ctx, n, each)

    return malloc, calloc


@numba.extending.intrinsic
def _at(typing, address):
    """Give an address as a pointer to int64."""
    to = numba.types.CPointer(numba.types.int64)

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(to))

    return to(numba.types.int64), generate
