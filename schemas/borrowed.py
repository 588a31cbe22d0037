"""Arrays that a kernel borrows: NumPy's syntax, and nobody counts references.

Numba counts references whenever an array, or a tuple that holds one, is passed from
kernel to kernel or gets another name, and passes every word of every array: many times
the work of a short kernel. A group of arrays is borrowed as one address, that of a
table of their addresses and shapes, so a call passes one word; an array taken from it
has no owner to count for. The entry kernel borrows what its Python caller keeps alive,
and all kernels below it read like plain NumPy over a named tuple.

    class Pair(NamedTuple): ...                            # of two-dimensional arrays
    borrow_pair = borrower(Pair, (np.int64, np.float64))
    table = table_of(Pair(first, second))                  # in Python
    pair = borrow_pair(table_address)                      # in a kernel: pair.first[i, j]

Uncompiled, the same functions return the named tuple of NumPy views of the same memory.
"""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import AttributeTemplate
from numba.core.typing.templates import signature as signature_of
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_builtin,
    lower_getattr_generic,
    register_model,
)
from numba.np.arrayobj import make_array
from numpy.typing import NDArray

# The words of a line of a table: address, rows and columns of an array.
_LINE = range(3)


class BorrowedArray(types.Array):
    """Numba's type of a two-dimensional array in C order that nobody owns."""

    def __init__(self, dtype: Any) -> None:
        super().__init__(dtype, 2, "C", name=f"Borrowed({dtype})")


@register_model(BorrowedArray)
class _BorrowedModel(models.StructModel):
    """The members of Numba's own arrays; what would be counted is a plain null pointer."""

    def __init__(self, manager: Any, array: BorrowedArray) -> None:
        pair = types.UniTuple(types.intp, 2)
        members = [
            ("meminfo", types.voidptr),
            ("parent", types.voidptr),
            ("nitems", types.intp),
            ("itemsize", types.intp),
            ("data", types.CPointer(array.dtype)),
            ("shape", pair),
            ("strides", pair),
        ]
        super().__init__(manager, array, members)


def _place(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Compute where an element lies; an index is never negative, so none is wrapped."""
    array = make_array(signature.args[0])(context, builder, arguments[0])
    row, column = (
        context.cast(builder, index, of, types.intp)
        for index, of in zip(
            cgutils.unpack_tuple(builder, arguments[1], 2), signature.args[1], strict=True
        )
    )
    columns = cgutils.unpack_tuple(builder, array.shape, 2)[1]
    return builder.gep(array.data, [builder.add(builder.mul(row, columns), column)])


@lower_builtin(operator.getitem, BorrowedArray, types.BaseTuple)
def _load(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    place = _place(context, builder, signature, arguments)
    return context.unpack_value(builder, signature.args[0].dtype, place)


@lower_builtin(operator.setitem, BorrowedArray, types.BaseTuple, types.Any)
def _store(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    place = _place(context, builder, signature, arguments)
    dtype = signature.args[0].dtype
    value = context.cast(builder, arguments[2], signature.args[2], dtype)
    context.pack_value(builder, dtype, value, place)
    return context.get_dummy_value()


class BorrowedGroup(types.Type):
    """Numba's type of a named tuple of borrowed arrays: the address of their table."""

    def __init__(self, name: str, fields: dict[str, BorrowedArray]) -> None:
        super().__init__(name=f"Borrowed({name}, {', '.join(map(str, fields.values()))})")
        self.fields = fields


@register_model(BorrowedGroup)
class _GroupModel(models.PrimitiveModel):
    """A word."""

    def __init__(self, manager: Any, group: BorrowedGroup) -> None:
        super().__init__(manager, group, ir.IntType(64))


@infer_getattr
class _GroupFields(AttributeTemplate):
    key = BorrowedGroup

    def generic_resolve(self, group: BorrowedGroup, name: str) -> Any:  # type: ignore[override]
        return group.fields.get(name)


@lower_getattr_generic(BorrowedGroup)
def _field(context: Any, builder: Any, group: BorrowedGroup, address: Any, name: str) -> Any:
    """Make the array of a field from its line of the table."""
    array_type = group.fields[name]
    word = ir.IntType(64)
    line = builder.add(address, word(8 * len(_LINE) * list(group.fields).index(name)))
    table = builder.inttoptr(line, word.as_pointer())
    start, rows, columns = (builder.load(builder.gep(table, [word(at)])) for at in _LINE)
    array = make_array(array_type)(context, builder)
    array.data = builder.inttoptr(start, array.data.type)
    size = context.get_constant(
        types.intp, context.get_abi_sizeof(context.get_data_type(array_type.dtype))
    )
    array.itemsize = size
    array.nitems = builder.mul(rows, columns)
    array.shape = cgutils.pack_array(builder, [rows, columns])
    array.strides = cgutils.pack_array(builder, [builder.mul(columns, size), size])
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    array.parent = cgutils.get_null_value(array.parent.type)
    return array._getvalue()


def _borrower(group: BorrowedGroup) -> Any:
    """Build the kernel intrinsic that takes an address for a group."""

    def borrow(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return arguments[0]

        return group(types.int64), generate

    return intrinsic(borrow)


def _viewer(fields: type[Any], dtypes: Sequence[np.dtype[Any]]) -> Any:
    """Build the uncompiled equivalent: NumPy views."""

    def view(start: int, rows: int, columns: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        size = rows * columns
        if size == 0:
            return np.zeros((rows, columns), dtype)
        buffer: Any = (ctypes.c_char * (size * dtype.itemsize)).from_address(start)
        return np.frombuffer(buffer, dtype).reshape(rows, columns)

    def borrow(address: int) -> Any:
        table = view(int(address), len(dtypes), len(_LINE), np.dtype(np.int64)).tolist()
        lines = zip(table, dtypes, strict=True)
        return fields(*(view(line[0], line[1], line[2], dtype) for line, dtype in lines))

    return borrow


def _prefetcher() -> Any:
    """Build the kernel intrinsic that asks for the cache line of an element."""

    def prefetch(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            index = cgutils.pack_array(builder, arguments[1:])
            pair = types.UniTuple(types.int64, 2)
            place = _place(
                context, builder, signature_of(types.none, array, pair), (arguments[0], index)
            )
            byte = ir.IntType(8).as_pointer()
            flag = ir.IntType(32)
            hint = builder.module.declare_intrinsic(
                "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
            )
            # For reading or writing alike, to be kept in all caches, data.
            builder.call(hint, [builder.bitcast(place, byte), flag(0), flag(3), flag(1)])
            return context.get_dummy_value()

        return types.none(array, types.int64, types.int64), generate

    return intrinsic(prefetch)


def _ignore(array: Any, row: int, column: int) -> None:
    """Prefetch nothing: uncompiled code has no use for it."""


prefetch = _ignore if numba.config.DISABLE_JIT else _prefetcher()  # type: ignore[attr-defined]


def borrower(fields: type[Any], dtypes: Sequence[Any]) -> Any:
    """Return a function for kernels: address of a table -> its arrays, by name.

    Parameters
    ----------
    fields : type
        The named tuple.
    dtypes : sequence of dtype
        Of its arrays.
    """
    plain = [np.dtype(dtype) for dtype in dtypes]
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return _viewer(fields, plain)
    arrays = [BorrowedArray(numba.from_dtype(dtype)) for dtype in plain]
    names = fields._fields
    return _borrower(BorrowedGroup(fields.__name__, dict(zip(names, arrays, strict=True))))


def table_of(arrays: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Return addresses and shapes of arrays that the caller keeps alive.

    Parameters
    ----------
    arrays : sequence of ndarray, in C order
        Of one dimension (a single row) or two.

    Returns
    -------
    ndarray of int64, shape (len(arrays), 3)
        Address, rows and columns of each; itself to be kept alive.
    """
    table = np.zeros((len(arrays), 3), np.int64)
    for at, array in enumerate(arrays):
        if not array.flags.c_contiguous or array.ndim not in (1, 2):
            raise ValueError("only arrays of one or two dimensions in C order can be borrowed")
        rows, columns = (1, *array.shape) if array.ndim == 1 else array.shape
        table[at] = array.__array_interface__["data"][0], rows, columns
    return table
