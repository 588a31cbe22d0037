"""From files of rules to a set of them: all that is wrong is told at once, with its place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from schemas.errors import RuleError
from stream.rules.condition import read_condition
from stream.rules.fields import Fields
from stream.rules.names import RuleInputs
from stream.rules.own_tests import OwnTest, failures, read_tests
from stream.rules.places import File, Problem
from stream.rules.rule import Rule, RuleSet

RULES_MAX = 4096
_TABLES = "rule"
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_rules(texts: Mapping[str, str], inputs: RuleInputs) -> RuleSet:
    """Read and check rules, and run their own tests.

    Parameters
    ----------
    texts : mapping of str to str
        TOML by the name of its file.
    inputs : RuleInputs

    Raises
    ------
    RuleError
        Every problem of all files at once, in the order of their lines.
    """
    rules, problems = examine_rules(texts, inputs)
    if problems:
        told = "".join(f"\n  - {problem}" for problem in problems)
        raise RuleError(f"the rules cannot be used:{told}")
    return rules


def examine_rules(
    texts: Mapping[str, str], inputs: RuleInputs
) -> tuple[RuleSet, tuple[Problem, ...]]:
    """Read rules, and find all that is wrong with them.

    Returns
    -------
    rules : RuleSet
        Those with which nothing is wrong.
    problems : tuple of Problem
        In the order of files and lines.
    """
    reader = _Reader(inputs)
    for name in sorted(texts):
        reader.read(name, texts[name])
    return reader.found()


class _Reader:
    def __init__(self, inputs: RuleInputs) -> None:
        self.inputs = inputs
        self.problems: list[Problem] = []
        self.rules: list[Rule] = []
        self.tests: list[OwnTest] = []
        self._first: dict[str, Problem] = {}  # Where each id stands.

    def read(self, name: str, text: str) -> None:
        """Read a file."""
        try:
            table = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            self.problems.append(_not_toml(name, text, str(error)))
            return
        file = File(name, text)
        for key in table:
            if key != _TABLES:
                self.problems.append(file.problem((key,), f"no such key '{key}': write [[rule]]"))
        tables = table.get(_TABLES, [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            self.problems.append(file.problem((_TABLES,), "rules are tables: write [[rule]]"))
            return
        for at, each in enumerate(tables):
            self._rule(file, at, each)

    def found(self) -> tuple[RuleSet, tuple[Problem, ...]]:
        """Run the rules' own tests; return what is right and what is wrong."""
        rules = RuleSet(tuple(self.rules))
        if len(rules) > RULES_MAX:
            text = f"{len(rules):,} rules are more than {RULES_MAX:,}"
            self.problems.append(Problem("", 0, 0, text))
            return RuleSet(), tuple(self.problems)
        failed = failures(rules, self.tests, self.inputs)
        wrong = {test.rule for test, _ in failed}
        self.problems += [problem for _, problem in failed]
        right = RuleSet(tuple(rule for rule in self.rules if rule.id not in wrong))
        return right, tuple(sorted(self.problems))

    def _rule(self, file: File, at: int, table: dict[str, Any]) -> None:
        fields = Fields(file, (_TABLES, at), table)
        rule = fields.rule()
        when = table.get("when")
        if isinstance(when, str):
            for wrong in read_condition(when, self.inputs)[1]:
                fields.wrong_in("when", wrong.at, wrong.problem)
        if fields.id is not None:
            self._refuse_repeated(file, at, fields.id, fields)
        tests = read_tests(file, (_TABLES, at, "tests"), fields.id or "", table, self.inputs)
        fields.problems += tests.problems
        if rule is not None and not fields.problems:
            self.rules.append(rule)
            self.tests += tests.tests
        self.problems += fields.problems

    def _refuse_repeated(self, file: File, at: int, rule_id: str, fields: Fields) -> None:
        here = file.problem((_TABLES, at, "id"), "")
        first = self._first.setdefault(rule_id, here)
        if first is not here:
            place = f"{first.file}:{first.line}"
            fields.wrong("id", f"'{rule_id}' is a rule already, in {place}: give it another id")


def _not_toml(name: str, text: str, error: str) -> Problem:
    """Say where a file is no TOML; what is missing at its end is missing there."""
    match = _PLACE.search(error)
    last = text.split("\n")
    line, column = len(last), len(last[-1]) + 1
    if match and match[1]:
        line, column = int(match[1]), int(match[2])
    why = error[: match.start()] if match else error
    return Problem(name, line, column, f"this is not TOML: {why}")
