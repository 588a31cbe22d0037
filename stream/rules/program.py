"""From checked rules to one program: what is equal in all of them is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from schemas.siphash import hash_texts
from stream.rules.names import Kind, Source, Value
from stream.rules.operations import Op
from stream.rules.registers import FALSE, STEP, TRUE
from stream.rules.terms import Constant, Payload, Term

_INPUTS = (Op.NUMBER, Op.KEY, Op.TIME)
# Their number is part of the step.
_OF_A_NUMBER = (Op.LESS_THAN, Op.AT_MOST, Op.MORE_THAN, Op.AT_LEAST, Op.EQUAL_TO)
_SOURCES = tuple(Source)
_OF_A_TABLE = (Op.AMONG, Op.INT_AMONG, Op.KEY_AMONG)


@dataclass(frozen=True)
class Program:
    """How to compute what all rules say.

    Attributes
    ----------
    steps : ndarray of int64, shape (n_steps, STEP)
        In order.
    table : ndarray of int64
        What steps compare with: the bits of doubles, integers, keyed hashes.
    inputs : tuple of Value
        What must be in the first registers, in this order.
    members : tuple of (int, str)
        Of which input in which list it must be asked whether its keys are there.
    constants : ndarray of int64, shape (n_constants, 2)
        Registers behind the inputs that hold the same bits for every row: which, and what.
    true_and_false : ndarray of int64, shape (2,)
        The registers of flags that are always true and always false, -1 for none.
    n_cells, n_flags : int
        Registers of numbers and keys, and of flags.
    """

    steps: NDArray[np.int64]
    table: NDArray[np.int64]
    inputs: tuple[Value, ...]
    members: tuple[tuple[int, str], ...]
    constants: NDArray[np.int64]
    true_and_false: NDArray[np.int64]
    n_cells: int
    n_flags: int


@dataclass(frozen=True)
class _Node:
    """An operation on others by their numbers."""

    op: Op
    kind: Kind
    operands: tuple[int, ...]
    payload: Payload


class _Numbering:
    """Gives every different operation one number."""

    def __init__(self) -> None:
        self.nodes: list[_Node] = []
        self._numbers: dict[object, int] = {}

    def number(self, term: Term) -> int:
        """Return the number of a term; that of an equal one, if there is one."""
        operands = tuple(map(self.number, term.operands))
        payload = term.payload
        # Written out, 0.0 and -0.0 are two, and so are 1 and 1.0.
        what = (payload.source, payload.place) if isinstance(payload, Value) else repr(payload)
        key = (term.op, term.kind, operands, what)
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.nodes)
            self.nodes.append(_Node(term.op, term.kind, operands, payload))
        return found

    def say(self, rule: int, term: Term) -> None:
        """Add the end of a rule."""
        self.nodes.append(_Node(Op.SAY, Kind.BOOL, (self.number(term),), rule))


class _Registers:
    """Registers of one sort: one that is needed no more is given out again, the lowest first."""

    def __init__(self, kept: int) -> None:
        self.count = kept
        self._kept = kept
        self._free: list[int] = []

    def take(self) -> int:
        """Return a register that is free."""
        if self._free:
            return heappop(self._free)
        self.count += 1
        return self.count - 1

    def give(self, register: int) -> None:
        """Take a register back, unless it is one that is kept for all of the program."""
        if register >= self._kept:
            heappush(self._free, register)


def compile_program(rules: Sequence[Term], hash_key: bytes) -> Program:
    """Compile checked rules.

    Parameters
    ----------
    rules : sequence of Term
    hash_key : bytes
        16 bytes, the decoder's: literals are compared by their keyed hashes.
    """
    numbering = _Numbering()
    for rule, term in enumerate(rules):
        numbering.say(rule, term)
    return _Assembler(numbering.nodes, hash_key).program()


class _Assembler:
    """Gives every node a register, and writes the steps."""

    def __init__(self, nodes: list[_Node], hash_key: bytes) -> None:
        self.nodes = nodes
        self.hash_key = hash_key
        self.table: list[int] = []
        self.members: dict[tuple[int, str], int] = {}
        self.at: dict[int, int] = {}  # Node to register.
        inputs = sorted(
            (number for number, node in enumerate(nodes) if node.op in _INPUTS), key=self._order
        )
        held = [number for number, node in enumerate(nodes) if node.op is Op.CONSTANT]
        flags = [number for number in held if nodes[number].kind is Kind.BOOL]
        numbers = [number for number in held if nodes[number].kind is not Kind.BOOL]
        self.inputs, self.held, self.held_flags = inputs, numbers, flags
        self.at.update({number: at for at, number in enumerate([*inputs, *numbers])})
        self.at.update({number: at for at, number in enumerate(flags)})
        self.cells = _Registers(len(inputs) + len(numbers))
        self.flags = _Registers(len(flags))
        self.last_use: dict[int, int] = {}
        for number, node in enumerate(nodes):
            self.last_use.update(dict.fromkeys(node.operands, number))

    def program(self) -> Program:
        """Return it whole."""
        steps = [self._step(number) for number in self.inputs]
        for number, node in enumerate(self.nodes):
            if node.op in _INPUTS or node.op is Op.CONSTANT:
                continue
            # Before the operands are given back: no step writes into what it reads, so that its
            # loop can take many rows at a time.
            if node.op is not Op.SAY:
                self.at[number] = self._registers(node).take()
            steps.append(self._step(number))
            for operand in dict.fromkeys(node.operands):
                if self.last_use[operand] == number:
                    self._registers(self.nodes[operand]).give(self.at[operand])
        values = [self.nodes[number].payload for number in self.inputs]
        constants = [
            (self.at[number], _bits_of(self.nodes[number].payload)) for number in self.held
        ]
        which = {self.nodes[number].payload: self.at[number] for number in self.held_flags}
        return Program(
            np.array(steps, np.int64).reshape(-1, STEP),
            np.array(self.table, np.int64),
            tuple(value for value in values if isinstance(value, Value)),
            tuple(self.members),
            np.array(constants, np.int64).reshape(-1, 2),
            np.array([which.get(True, -1), which.get(False, -1)]),
            self.cells.count,
            self.flags.count,
        )

    def _order(self, number: int) -> tuple[int, int]:
        """Sort inputs by where they come from, so that columns are copied side by side."""
        value = self.nodes[number].payload
        return _SOURCES.index(value.source), value.place  # type: ignore[union-attr]

    def _registers(self, node: _Node) -> _Registers:
        return self.flags if node.kind is Kind.BOOL else self.cells

    def _step(self, number: int) -> list[int]:
        node = self.nodes[number]
        operands = [self.at[operand] for operand in node.operands]
        if node.op in _OF_A_NUMBER:
            operands.append(self._listed([node.payload]))
        elif node.op in _OF_A_TABLE and isinstance(node.payload, tuple):
            start = self._listed(node.payload, node.op is Op.KEY_AMONG)
            operands += [start, start + len(node.payload)]
        elif node.op is Op.MEMBER:
            asked = (operands[0], str(node.payload))
            operands.append(self.members.setdefault(asked, len(self.members)))
        out = node.payload if node.op is Op.SAY else self.at[number]
        step = [int(node.op), out if isinstance(out, int) else 0, *operands]
        return step + [0] * (STEP - len(step))

    def _listed(self, values: Sequence[Payload], keys: bool = False) -> int:
        """Put literals into the table; return where they begin."""
        start = len(self.table)
        if keys:
            texts = [value for value in values if isinstance(value, (str, int))]
            self.table += hash_texts(texts, self.hash_key).view(np.int64).tolist()
        else:
            self.table += [_bits_of(value) for value in values]
        return start


def _bits_of(number: Payload) -> int:
    """Return a number as a register holds it."""
    if isinstance(number, float):
        return int(np.array([number]).view(np.int64)[0])
    return number if isinstance(number, int) else 0


def fill_constants(program: Program, cells: NDArray[np.int64], flags: NDArray[np.uint8]) -> None:
    """Write what is the same for every row, once for all batches.

    Parameters
    ----------
    program : Program
    cells : ndarray of int64, shape (program.n_cells, rows)
    flags : ndarray of uint8, shape (program.n_flags, rows)
        Both written.
    """
    for register, bits in program.constants.tolist():
        cells[register] = bits
    for register, flag in zip(program.true_and_false.tolist(), (TRUE, FALSE), strict=True):
        if register >= 0:
            flags[register] = flag


def literals_of(terms: Sequence[Term]) -> tuple[Constant, ...]:
    """Return the texts and integers that rules compare categories and entities with."""
    found: dict[Constant, None] = {}
    for term in terms:
        _collect(term, found)
    return tuple(found)


def _collect(term: Term, found: dict[Constant, None]) -> None:
    if term.op is Op.KEY_AMONG and isinstance(term.payload, tuple):
        found.update(dict.fromkeys(term.payload))
    for operand in term.operands:
        _collect(operand, found)
