"""Loads from a checked address, for kernels that walk bytes.

Numba counts references when an array is passed to another kernel, two atomic
operations a call, and tests each index for a negative sign. For a decoder whose
calls read a byte or two that is several times the work itself. So byte-walking
kernels take addresses: unsigned integers, into memory that the caller keeps alive
and whose bounds it has checked.
All loads are little-endian and need no alignment.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _load(llvm_type: ir.Type, result: types.Type, widen: bool = False) -> Any:
    """Build a kernel intrinsic that loads one value of a type."""

    def load(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], llvm_type.as_pointer())
            value = builder.load(pointer)
            value.align = 1
            if widen:
                value = builder.zext(value, ir.IntType(64))
            return value

        return result(types.uint64), generate

    return intrinsic(load)


if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
    # The same loads for the interpreter, so that the suite can run uncompiled.
    def byte_at(address: Any) -> Any:
        """Load one byte, widened to uint64."""
        return np.uint64(ctypes.c_uint8.from_address(int(address)).value)

    def word_at(address: Any) -> Any:
        """Load eight bytes as uint64."""
        return np.uint64(ctypes.c_uint64.from_address(int(address)).value)

    def double_at(address: Any) -> Any:
        """Load an IEEE 754 double."""
        return np.float64(ctypes.c_double.from_address(int(address)).value)

    def float_at(address: Any) -> Any:
        """Load an IEEE 754 single."""
        return np.float32(ctypes.c_float.from_address(int(address)).value)
else:
    byte_at = _load(ir.IntType(8), types.uint64, widen=True)
    word_at = _load(ir.IntType(64), types.uint64)
    double_at = _load(ir.DoubleType(), types.float64)
    float_at = _load(ir.FloatType(), types.float32)


def address_of(data: np.ndarray[Any, Any]) -> np.uint64:
    """Return where an array's first byte lies; keep the array alive while it is used."""
    return np.uint64(data.__array_interface__["data"][0])
