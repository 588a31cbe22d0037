"""What every rule says of every payment of a batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.columns import MISSING, NO_KEY, Transactions
from schemas.errors import RuleError
from schemas.siphash import hash_texts
from stream.rules.condition import read_condition
from stream.rules.kernel import run
from stream.rules.names import Kind, RuleInputs, Source, Value
from stream.rules.operations import Op
from stream.rules.program import compile_program, fill_constants, literals_of
from stream.rules.rule import RuleSet
from stream.rules.terms import Constant, Term, walk

Rows = NDArray[np.int64] | slice
ReadValue = float | int | bool | str | None


class Lists(Protocol):
    """Lists of categories and entities, such as stolen cards."""

    def members(
        self, name: str, keys: NDArray[np.uint64], event_time_us: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which keys were in a list when their payments were made.

        Parameters
        ----------
        name : str
        keys : ndarray of uint64, shape (n,)
            Keyed hashes; of nobody's, 0, it does not matter what is told.
        event_time_us : ndarray of int64, shape (n,)

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        ...


@dataclass(frozen=True)
class Findings:
    """What rules said of some payments.

    Attributes
    ----------
    results : ndarray of int8, shape (n_rules, n)
        1 matches, 0 does not, -1 failed: a value was missing, or there was no result.
    matches, errors : ndarray of int64, shape (n_rules,)
        How many payments each rule matched, and on how many it failed.
    cells : ndarray of int64, shape (n_inputs, n)
        The bits of what rules read, of `Evaluator.matched_values`.
    asked : ndarray of bool, shape (n_members, n)
        What lists told.
    """

    results: NDArray[np.int8]
    matches: NDArray[np.int64]
    errors: NDArray[np.int64]
    cells: NDArray[np.int64]
    asked: NDArray[np.bool_]


class Evaluator:
    """All rules as one program; another set of rules is another evaluator, and compiles nothing.

    Parameters
    ----------
    rules : RuleSet
    inputs : RuleInputs
        Those with which the rules were read.
    hash_key : bytes
        16 bytes, the decoder's.
    rows_max : int
        The most payments of a call; memory is taken for them once.

    Raises
    ------
    RuleError
        If a rule does not go with the inputs.
    """

    def __init__(self, rules: RuleSet, inputs: RuleInputs, hash_key: bytes, rows_max: int) -> None:
        self.rules = rules
        terms = [_term_of(rule.id, rule.when, inputs) for rule in rules.rules]
        program = self._program = compile_program(terms, hash_key)
        self._minor_per_unit = float(10**inputs.inputs.minor_digits)
        self._cells = np.zeros((max(program.n_cells, 1), rows_max), np.int64)
        self._doubles = self._cells.view(np.float64)
        self._missing = np.zeros(self._cells.shape, np.uint8)
        self._flags = np.zeros((max(program.n_flags, 1), rows_max), np.uint8)
        self._asked = np.zeros((max(len(program.members), 1), rows_max), np.bool_)
        self._results = np.zeros((max(len(rules), 1), rows_max), np.int8)
        fill_constants(program, self._cells, self._flags)
        columns = [value.place for value in program.inputs if value.source is Source.FEATURE]
        self._columns = np.array(columns, np.int64)
        literals = literals_of(terms)
        hashes = hash_texts([_hashable(literal) for literal in literals], hash_key)
        self._literals = dict(zip(hashes.tolist(), literals, strict=True))
        places = {(value.source, value.place): at for at, value in enumerate(program.inputs)}
        self._reads = [_reads(term, places, program.members) for term in terms]

    @property
    def rows_max(self) -> int:
        """The most payments of a call."""
        return self._cells.shape[1]

    def __call__(
        self,
        batch: Transactions,
        rows: Rows,
        X: NDArray[np.float64],
        scores: NDArray[np.float64],
        lists: Lists,
    ) -> Findings:
        """Run all rules over some payments.

        Parameters
        ----------
        batch : Transactions
        rows : ndarray of int64, shape (n,), or slice
            Which payments of the batch.
        X : ndarray of float64, shape (n, n_features)
            NaN where a value is missing.
        scores : ndarray of float64, shape (n,)
            NaN where there is none.
        lists : Lists

        Raises
        ------
        ValueError
            If there are more rows than memory was taken for.
        """
        n = len(scores)
        if n > self.rows_max:
            raise ValueError(f"{n} rows are more than the {self.rows_max} there is room for")
        program = self._program
        self._fill(batch, rows, X, scores, n)
        times = batch.event_time_us[rows]
        for at, (register, name) in enumerate(program.members):
            keys = self._cells[register, :n].view(np.uint64)
            self._asked[at, :n] = lists.members(name, keys, times)
        counts = np.zeros((2, len(self._results)), np.int64)
        run(
            program.steps,
            program.table,
            program.table.view(np.float64),
            self._cells,
            self._doubles,
            self._missing,
            self._flags,
            self._asked,
            self._results,
            counts,
            n,
        )
        n_rules = len(self.rules)
        return Findings(
            self._results[:n_rules, :n].copy(),
            counts[0, :n_rules],
            counts[1, :n_rules],
            self._cells[: len(program.inputs), :n].copy(),
            self._asked[: len(program.members), :n].copy(),
        )

    @property
    def read_names(self) -> tuple[str, ...]:
        """Names of the columns of `read`."""
        program = self._program
        inputs = tuple(value.name for value in program.inputs)
        return inputs + tuple(f"{inputs[at]} in lists.{name}" for at, name in program.members)

    @property
    def reads(self) -> list[tuple[int, ...]]:
        """Of each rule, which columns of `read` it looks at, in the order of its reading."""
        n = len(self._program.inputs)
        return [
            tuple(at if asked < 0 else n + asked for _, at, asked in each) for each in self._reads
        ]

    def read(self, findings: Findings, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return all that rules looked at of some rows as numbers, shape (n, n_reads).

        A time is in microseconds, what a list told 0 or 1; NaN for what is missing, and for texts.
        """
        inputs, n_inputs = self._program.inputs, len(self._program.inputs)
        found = np.empty((len(rows), n_inputs + len(findings.asked)))
        cells = findings.cells[:, rows]
        found[:, :n_inputs] = cells.view(np.float64).T
        for at, value in enumerate(inputs):
            if value.kind is Kind.KEY:
                found[:, at] = np.nan
            elif value.kind is Kind.TIME:
                found[:, at] = cells[at]
        found[:, n_inputs:] = findings.asked[:, rows].T
        return found

    def matched_values(self, findings: Findings, rule: int, row: int) -> dict[str, ReadValue]:
        """Return what a rule read of a payment, by name, in the order of its reading.

        Parameters
        ----------
        findings : Findings
        rule : int
            Place among the rules.
        row : int
            Place among the payments.

        Returns
        -------
        dict
            Numbers; a category or an entity as the literal that it equals, or the 16 digits of its
            keyed hash; an event time in microseconds; for a list, such as ``card in lists.stolen``,
            what it told. None for what is missing.
        """
        found: dict[str, ReadValue] = {}
        for name, at, asked in self._reads[rule]:
            if asked >= 0:
                nobody = findings.cells[at, row] == NO_KEY
                found[name] = None if nobody else bool(findings.asked[asked, row])
            else:
                found[name] = self._value(self._program.inputs[at], findings.cells[at, row])
        return found

    def _value(self, value: Value, bits: np.int64) -> ReadValue:
        if value.kind is Kind.KEY:
            key = int(bits.view(np.uint64))
            return self._literals.get(key, f"{key:016x}") if key != NO_KEY else None
        if value.kind is Kind.TIME:
            return int(bits) if bits != MISSING else None
        number = float(bits.view(np.float64))
        return None if math.isnan(number) else number

    def _fill(
        self,
        batch: Transactions,
        rows: Rows,
        X: NDArray[np.float64],
        scores: NDArray[np.float64],
        n: int,
    ) -> None:
        """Bring what rules read into the first registers."""
        for at, value in enumerate(self._program.inputs):
            if value.source is Source.AMOUNT:
                minor = batch.amount_minor[rows]
                known = np.where(minor == MISSING, np.nan, minor)
                self._doubles[at, :n] = known / self._minor_per_unit
            elif value.source is Source.EVENT_TIME:
                self._cells[at, :n] = batch.event_time_us[rows]
            elif value.source is Source.SCORE:
                self._doubles[at, :n] = scores
            elif value.source is Source.NUMBER:
                self._doubles[at, :n] = batch.numeric[value.place][rows]
            elif value.source is Source.ENTITY:
                self._cells[at, :n] = batch.entities[value.place][rows].view(np.int64)
            elif value.source is Source.CATEGORY:
                self._cells[at, :n] = batch.categorical[value.place][rows].view(np.int64)
            else:
                # Features come last, side by side.
                self._doubles[at : at + len(self._columns), :n] = X[:, self._columns].T
                return


def _term_of(name: str, when: str, inputs: RuleInputs) -> Term:
    term, problems = read_condition(when, inputs)
    if term is None:
        raise RuleError(f"the rule '{name}' cannot be used: {problems[0]}")
    return term


def _hashable(literal: Constant) -> str | int:
    return literal if isinstance(literal, (str, int)) else str(literal)


def _reads(
    term: Term, places: dict[tuple[Source, int], int], members: tuple[tuple[int, str], ...]
) -> list[tuple[str, int, int]]:
    """Return the name of each thing that a rule reads, its input, and its list or -1."""
    found: dict[str, tuple[str, int, int]] = {}
    for part in walk(term):
        if isinstance(part.payload, Value):
            value = part.payload
            found[value.name] = value.name, places[value.source, value.place], -1
        elif part.op is Op.MEMBER and isinstance(key := part.operands[0].payload, Value):
            at, name = places[key.source, key.place], str(part.payload)
            shown = f"{key.name} in lists.{name}"
            found[shown] = shown, at, members.index((at, name))
    return list(found.values())
