"""The tests that rules bring along: run when they are read, by what runs them later."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.columns import AMOUNT_MINOR, EVENT_TIME_US, MISSING, Layout, Transactions
from schemas.siphash import hash_texts
from stream.features.grammar import nearest
from stream.rules.evaluate import Evaluator, Findings
from stream.rules.names import LISTS, Kind, RuleInputs, Source, Value
from stream.rules.places import File, Problem
from stream.rules.registers import FAILS, MATCHES
from stream.rules.rule import RuleSet
from stream.rules.times import microseconds_of
from stream.toml.lines import KeyPath

_KEYS = ("when", "matches")
_HASH_KEY = bytes(16)  # Nothing of a test leaves it.
_ROWS = 256

Given = float | int | str


@dataclass(frozen=True)
class OwnTest:
    """A made-up payment, and whether a rule matches it.

    Attributes
    ----------
    rule : str
        Its id.
    values : mapping of Value to float, int or str
        What is not in it is missing.
    lists : mapping of str to tuple of str or int
        What is in the lists that are named; others are empty.
    matches : bool
    problem : Problem
        Where it stands.
    """

    rule: str
    values: Mapping[Value, Given]
    lists: Mapping[str, tuple[str | int, ...]]
    matches: bool
    problem: Problem


@dataclass
class ReadTests:
    """The tests of a rule, and what is wrong with them."""

    tests: list[OwnTest] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_tests(
    file: File, path: KeyPath, rule: str, table: Mapping[str, Any], inputs: RuleInputs
) -> ReadTests:
    """Read the tests of a rule.

    Parameters
    ----------
    file : File
    path : tuple of str or int
        To the tests.
    rule : str
        The rule's id.
    table : mapping
        The rule's table.
    inputs : RuleInputs
    """
    found = ReadTests()
    tests = table.get("tests", [])
    if not isinstance(tests, list) or not all(isinstance(test, dict) for test in tests):
        text = "tests: a list of tables, such as [{ when = { amount = 900 }, matches = true }]"
        found.problems.append(file.problem(path, text))
        return found
    for at, test in enumerate(tests):
        _Test(file, (*path, at), inputs, found).read(rule, test)
    return found


class _Test:
    """Reads one test."""

    def __init__(self, file: File, path: KeyPath, inputs: RuleInputs, found: ReadTests) -> None:
        self.file, self.path, self.inputs, self.found = file, path, inputs, found
        self.values: dict[Value, Given] = {}
        self.lists: dict[str, tuple[str | int, ...]] = {}

    def read(self, rule: str, test: Mapping[str, Any]) -> None:
        """Note the test, or what is wrong with it."""
        problems = len(self.found.problems)
        for key in test:
            if key not in _KEYS:
                self._wrong((key,), f"no such key '{key}'{nearest(key, _KEYS)}")
        when, matches = test.get("when"), test.get("matches")
        if not isinstance(when, dict):
            self._wrong((), "the test has no 'when': a table such as { amount = 900 }")
            return
        if not isinstance(matches, bool):
            self._wrong((), "the test has no 'matches': write true or false")
            return
        for path, value in _leaves(when):
            self._read_value(path, ".".join(path), value)
        if len(self.found.problems) == problems:
            place = self.file.problem(self.path, "")
            self.found.tests.append(OwnTest(rule, self.values, self.lists, matches, place))

    def _wrong(self, path: KeyPath, text: str) -> None:
        self.found.problems.append(self.file.problem((*self.path, *path), text))

    def _read_value(self, path: KeyPath, name: str, given: Any) -> None:
        listed = name.removeprefix(f"{LISTS}.")
        if listed != name:
            self._read_list(path, listed, given)
            return
        value = self.inputs.values.get(name)
        if value is None:
            self._wrong(("when", *path), self.inputs.unknown(name))
            return
        read = _read(value, given, self.inputs.inputs.minor_digits)
        if isinstance(read, _Wrong):
            self._wrong(("when", *path), f"{name}: {read.text}")
        else:
            self.values[value] = read

    def _read_list(self, path: KeyPath, listed: str, given: Any) -> None:
        known = self.inputs.lists
        if known is not None and listed not in known:
            self._wrong(("when", *path), f"no list '{listed}'{nearest(listed, known, LISTS)}")
        elif not isinstance(given, list) or not all(isinstance(it, (str, int)) for it in given):
            self._wrong(("when", *path), "what a list holds is a list of texts or whole numbers")
        else:
            self.lists[listed] = tuple(given)


def _leaves(table: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield names and values: `card.count_1h = 7` without quotes is a table in a table."""
    for key, value in table.items():
        here = (*(str(part) for part in path), key)
        if isinstance(value, dict):
            yield from _leaves(value, here)
        else:
            yield here, value


@dataclass(frozen=True)
class _Wrong:
    text: str


def _read(value: Value, given: Any, minor_digits: int) -> Given | _Wrong:
    """Read what a test gives for a value."""
    if value.kind is Kind.TIME:
        time_us = microseconds_of(given)
        return (
            _Wrong("a date with a time, such as 2026-11-22T23:30:00Z")
            if time_us is None
            else time_us
        )
    if value.kind is Kind.KEY:
        plain = isinstance(given, (str, int)) and given != ""
        return given if plain else _Wrong(f"a text or a whole number is wanted, not {given!r}")
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        return _Wrong(f"a number is wanted, not {given!r}")
    if value.source is Source.AMOUNT:
        minor = float(given) * 10**minor_digits
        if given < 0 or abs(minor - round(minor)) > 1e-4:
            return _Wrong(
                f"money has {minor_digits} decimals and is not negative, unlike {given!r}"
            )
    return float(given)


def failures(
    rules: RuleSet, tests: Sequence[OwnTest], inputs: RuleInputs
) -> list[tuple[OwnTest, Problem]]:
    """Run tests; return those that fail, and what to say of them.

    Raises
    ------
    RuleError
        If a rule does not go with the inputs.
    """
    if not tests:
        return []
    places = {rule.id: at for at, rule in enumerate(rules.rules)}
    evaluator = Evaluator(rules, inputs, _HASH_KEY, min(len(tests), _ROWS))
    failed = []
    for start in range(0, len(tests), _ROWS):
        some = tests[start : start + _ROWS]
        batch, X, scores = _payments(some, inputs)
        findings = evaluator(batch, slice(None), X, scores, _GivenLists(some))
        for row, test in enumerate(some):
            rule = places[test.rule]
            result = findings.results[rule, row]
            if bool(result == MATCHES) is not test.matches:
                failed.append((test, _told(evaluator, findings, test, rule, row)))
    return failed


def _told(evaluator: Evaluator, findings: Findings, test: OwnTest, rule: int, row: int) -> Problem:
    """Say how a test failed."""
    wanted = "the rule should match this payment" if test.matches else "the rule should not match"
    found = "it does"
    if test.matches:
        found = "it does not"
        if findings.results[rule, row] == FAILS:
            values = evaluator.matched_values(findings, rule, row)
            missing = ", ".join(name for name, value in values.items() if value is None)
            found = f"it fails: {f'no value for {missing}' if missing else 'a number cannot be'}"
    place = test.problem
    text = f"a test of '{test.rule}': {wanted}, and {found}"
    return Problem(place.file, place.line, place.column, text)


class _GivenLists:
    """Lists as each test gives them: a row each."""

    def __init__(self, tests: Sequence[OwnTest]) -> None:
        self._tests = tests

    def members(
        self, name: str, keys: NDArray[np.uint64], event_time_us: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell whether each row's key is in the list of its test."""
        held = [hash_texts(test.lists.get(name, ()), _HASH_KEY) for test in self._tests]
        return np.array([key in of for key, of in zip(keys, held, strict=True)], np.bool_)


def _payments(
    tests: Sequence[OwnTest], inputs: RuleInputs
) -> tuple[Transactions, NDArray[np.float64], NDArray[np.float64]]:
    """Return the payments of tests as the engine has them: a batch, X and scores."""
    n, of = len(tests), inputs.inputs
    layout = Layout(tuple(of.entities), tuple(of.numeric), tuple(of.categorical))
    longs = np.zeros((layout.width, n), np.int64)
    longs[AMOUNT_MINOR] = longs[EVENT_TIME_US] = MISSING
    batch = Transactions(layout, longs, np.zeros(0, np.uint8))
    batch.numeric[:] = np.nan
    X, scores = np.full((n, len(inputs.features)), np.nan), np.full(n, np.nan)
    for row, test in enumerate(tests):
        for value, given in test.values.items():
            if value.kind is Kind.KEY:
                keys = batch.entities if value.source is Source.ENTITY else batch.categorical
                keys[value.place, row] = hash_texts([_as_hashed(given)], _HASH_KEY)[0]
            elif value.source is Source.EVENT_TIME:
                longs[EVENT_TIME_US, row] = int(given)
            elif value.source is Source.AMOUNT:
                longs[AMOUNT_MINOR, row] = round(float(given) * 10**of.minor_digits)
            elif value.source is Source.SCORE:
                scores[row] = given
            elif value.source is Source.NUMBER:
                batch.numeric[value.place, row] = given
            else:
                X[row, value.place] = given
    return batch, X, scores


def _as_hashed(given: Given) -> str | int:
    return given if isinstance(given, str) else int(given)
