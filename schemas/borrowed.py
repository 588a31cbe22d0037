"""Arrays that a kernel borrows: NumPy's syntax, and nobody counts references.

Numba counts references whenever an array, or a tuple that holds one, is passed from
kernel to kernel or gets another name, and passes every word of every array: many times
the work of a short kernel. A group of arrays is borrowed as one address, that of a
table of their addresses and shapes, so a call passes one word; an array taken from it
has no owner to count for. Python lends what it keeps alive, and all kernels read it
like plain NumPy over a named tuple.

    class Pair(NamedTuple): ...                        # of two-dimensional arrays
    pair = lend(Pair(first, second), columns=["first"])
    total = bound(kernel, pair, rest=(numba.int64,))   # def kernel(pair, n): pair.first[i, j]
    total(5)

Lengths that are said to be known become part of the group's type, and so constants of
the machine code: a loop over five windows is unrolled, one over none is not there, and
from row to row is a shift. Each set of known lengths is compiled by itself, so kernels
that gain nothing from it are given the group `unshaped`.

Where ``FRAUDSTREAM_KERNELS`` is ``general``, no length is known: kernels are somewhat slower,
and compiled once for all configurations instead of once for each.

Rows need not lie one after the other: some columns of a wider block can be lent as an
array of their own.

Uncompiled, a kernel is given the named tuple itself.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
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
    NativeValue,
    infer_getattr,
    intrinsic,
    lower_builtin,
    lower_getattr_generic,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import make_array
from numpy.typing import NDArray

from schemas.kernel_form import general

_UNKNOWN = (None, None, None)
# The words of a line of a table: address, rows and columns of an array, elements from
# one row to the next.
_LINE = range(4)


class BorrowedArray(types.Array):
    """Numba's type of an array of contiguous rows that nobody owns."""

    def __init__(self, dtype: Any) -> None:
        super().__init__(dtype, 2, "A", name=f"Borrowed({dtype})")


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
    row_bytes, item_bytes = cgutils.unpack_tuple(builder, array.strides, 2)
    start = builder.bitcast(array.data, ir.IntType(8).as_pointer())
    offset = builder.add(builder.mul(row, row_bytes), builder.mul(column, item_bytes))
    return builder.bitcast(builder.gep(start, [offset]), array.data.type)


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
    """Numba's type of a named tuple of borrowed arrays: the address of their table.

    Parameters
    ----------
    title : str
        The named tuple's name.
    fields : mapping of str to BorrowedArray
    shapes : mapping of str to (int or None, int or None, int or None)
        Rows, columns, and elements from row to row where they are known.
    """

    def __init__(
        self,
        title: str,
        fields: Mapping[str, BorrowedArray],
        shapes: Mapping[str, tuple[int | None, int | None, int | None]],
    ) -> None:
        known = ", ".join(f"{name}: {shapes.get(name, '')} {of}" for name, of in fields.items())
        super().__init__(name=f"Borrowed({title}, {known})")
        self.title, self.fields, self.shapes = title, dict(fields), dict(shapes)


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
    start, *lengths = (builder.load(builder.gep(table, [word(at)])) for at in _LINE)
    rows, columns, stride = (
        length if known is None else word(known)
        for length, known in zip(lengths, group.shapes.get(name, _UNKNOWN), strict=True)
    )
    array = make_array(array_type)(context, builder)
    array.data = builder.inttoptr(start, array.data.type)
    size = context.get_constant(
        types.intp, context.get_abi_sizeof(context.get_data_type(array_type.dtype))
    )
    array.itemsize = size
    array.nitems = builder.mul(rows, columns)
    array.shape = cgutils.pack_array(builder, [rows, columns])
    array.strides = cgutils.pack_array(builder, [builder.mul(stride, size), size])
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    array.parent = cgutils.get_null_value(array.parent.type)
    return array._getvalue()


@lru_cache(maxsize=256)
def _group_of(
    title: str,
    names: tuple[str, ...],
    dtypes: tuple[np.dtype[Any], ...],
    shapes: tuple[tuple[int | None, int | None, int | None], ...],
) -> BorrowedGroup:
    """Return the type of such a group; Numba takes longer to make one than kernels to run."""
    arrays = [BorrowedArray(numba.from_dtype(dtype)) for dtype in dtypes]
    fields, known = zip(names, arrays, strict=True), zip(names, shapes, strict=True)
    return BorrowedGroup(title, dict(fields), dict(known))


class Lent:
    """A named tuple of arrays as Python passes it to kernels, which are its only readers."""

    def __init__(
        self,
        arrays: Any,
        rows: Collection[str],
        columns: Collection[str],
        strides: Collection[str],
    ) -> None:
        self._arrays = arrays
        self._table = table_of(arrays)
        self.address = int(self._table.__array_interface__["data"][0])
        shapes = []
        for name, line in zip(arrays._fields, self._table.tolist(), strict=True):
            told = name in rows, name in columns, name in columns or name in strides
            known = [length if each else None for length, each in zip(line[1:], told, strict=True)]
            shapes.append((known[0], known[1], known[2]))
        dtypes = tuple(array.dtype for array in arrays)
        self.type = _group_of(type(arrays).__name__, arrays._fields, dtypes, tuple(shapes))


@typeof_impl.register(Lent)
def _type_of(lent: Lent, context: Any) -> BorrowedGroup:
    return lent.type


@unbox(BorrowedGroup)
def _unbox(group: BorrowedGroup, lent: Any, context: Any) -> Any:
    address = context.pyapi.object_getattr_string(lent, "address")
    word = context.pyapi.long_as_longlong(address)
    context.pyapi.decref(address)
    return NativeValue(word)


def lend(
    arrays: Any,
    rows: Collection[str] = (),
    columns: Collection[str] = (),
    strides: Collection[str] = (),
) -> Any:
    """Lend a named tuple of arrays to kernels.

    Parameters
    ----------
    arrays : named tuple of ndarray, of contiguous rows
        Of one dimension (a single row) or two; kept alive by what is returned.
    rows, columns, strides : collection of str
        Fields whose number of rows, or of columns, or distance from row to row is a
        constant of the machine code. Known columns make the distance known too.

    Raises
    ------
    ConfigError
        If ``FRAUDSTREAM_KERNELS`` holds no word that is known.
    """
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return type(arrays)(*(np.atleast_2d(array) for array in arrays))
    if general():
        return Lent(arrays, (), (), ())
    return Lent(arrays, rows, columns, strides)


def bound(kernel: Any, *lent: Any, rest: tuple[Any, ...]) -> Callable[..., Any]:
    """Return a kernel with the groups lent to it: what changes from call to call is the rest.

    Numba looks up the types of all arguments at every call, which for a group takes
    longer than many a batch. Here they are given once; a call goes straight to the
    machine code, so arguments of any other types would be misread.

    Parameters
    ----------
    kernel : function
        Compiled by `schemas.jit.kernel`, on the first call.
    *lent
        Its first arguments, as `lend` returned them.
    rest : tuple of numba types
        Of its further arguments.
    """
    entry: Any = None

    # A function and no object: what walks over an object's attributes, to measure or to
    # copy it, must not walk on into the compiler.
    def run(*arguments: Any) -> Any:
        nonlocal entry
        if entry is None:
            entry = _compiled(kernel, lent, rest)
        return entry(*lent, *arguments)

    return run


def _compiled(kernel: Any, lent: tuple[Any, ...], rest: tuple[Any, ...]) -> Any:
    """Return the machine code of a kernel for arguments of these types, as Python calls it."""
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return kernel
    return kernel.compile((*(group.type for group in lent), *rest))


def _without_shapes() -> Any:
    """Build the kernel intrinsic that lets a group's known lengths be read from its table."""

    def unshaped(typing_context: Any, group: BorrowedGroup) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return arguments[0]

        return BorrowedGroup(group.title, group.fields, {})(group), generate

    return intrinsic(unshaped)


def _itself(group: Any) -> Any:
    """Return the group: uncompiled, no length is ever a constant."""
    return group


unshaped = _itself if numba.config.DISABLE_JIT else _without_shapes()  # type: ignore[attr-defined]


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


def table_of(arrays: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Return addresses and shapes of arrays that the caller keeps alive.

    Parameters
    ----------
    arrays : sequence of ndarray, of contiguous rows
        Of one dimension (a single row) or two.

    Returns
    -------
    ndarray of int64, shape (len(arrays), 4)
        Address, rows, columns and elements from row to row of each; itself to be kept alive.
    """
    table = np.zeros((len(arrays), len(_LINE)), np.int64)
    for at, array in enumerate(arrays):
        matrix = np.atleast_2d(array)
        stride, item = matrix.itemsize * matrix.shape[-1], matrix.itemsize
        # NumPy makes up strides where there is nothing to step over.
        if len(matrix) > 1 and matrix.size:
            stride = matrix.strides[0]
        contiguous = matrix.shape[-1] <= 1 or not matrix.size or matrix.strides[-1] == item
        if matrix.ndim != 2 or not contiguous or stride < 0 or stride % item:
            raise ValueError("only arrays of one or two dimensions of contiguous rows are lent")
        place = matrix.__array_interface__["data"][0]
        table[at] = place, *matrix.shape, stride // item
    return table
