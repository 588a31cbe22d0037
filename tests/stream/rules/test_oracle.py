"""What the kernel says of made-up rules: beside plain recursion, and beside CEL itself."""

from __future__ import annotations

import naive_rules
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inputs.rule_streams import (
    HASH_KEY,
    INPUTS,
    FixedLists,
    batch_of,
    cel_data,
    cel_environment,
    cel_text,
    cel_verdict,
    conditions,
    lists,
    rows,
)

from stream.decide import Outcome
from stream.rules.evaluate import Evaluator
from stream.rules.parser import parse
from stream.rules.rule import Mode, Rule, RuleSet
from stream.rules.syntax import written

ROWS_MAX = 16


def rule_set(nodes):
    return RuleSet(
        tuple(
            Rule(f"r{at:03}", written(node), Outcome.REVIEW, Mode.LIVE)
            for at, node in enumerate(nodes)
        )
    )


def verdicts(nodes, payments, held):
    evaluator = Evaluator(rule_set(nodes), INPUTS, HASH_KEY, ROWS_MAX)
    batch, X, scores = batch_of(payments)
    found = evaluator(batch, slice(None), X, scores, FixedLists(held))
    assert found.matches.tolist() == (found.results == 1).sum(axis=1).tolist()
    assert found.errors.tolist() == (found.results == -1).sum(axis=1).tolist()
    return found.results.tolist()


def many(what, most):
    return st.lists(what, min_size=1, max_size=most)


SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@SETTINGS
@given(many(conditions(), 6), many(rows(), ROWS_MAX), lists())
def test_the_kernel_says_what_plain_recursion_says(nodes, payments, held):
    naive = [[naive_rules.verdict(node, row, held) for row in payments] for node in nodes]
    assert verdicts(nodes, payments, held) == naive


@SETTINGS
@given(many(conditions(), 6), many(rows(), ROWS_MAX), lists())
def test_plain_recursion_says_what_cel_says(nodes, payments, held):
    pytest.importorskip(
        "cel_expr_python", reason="CEL ITSELF IS NOT INSTALLED: rules are not compared with it"
    )
    environment = cel_environment()
    data = [cel_data(row, held) for row in payments]
    for node in nodes:
        expression = environment.compile(cel_text(node))
        expected = [cel_verdict(expression, each) for each in data]
        assert [naive_rules.verdict(node, row, held) for row in payments] == expected, cel_text(
            node
        )


@SETTINGS
@given(conditions(4))
def test_what_is_written_is_read_as_the_same_tree(node):
    assert repr(without_places(parse(written(node)))) == repr(node)


def without_places(node):
    from dataclasses import fields, replace

    changes = {"at": 0}
    for each in fields(node):
        inner = getattr(node, each.name)
        if hasattr(inner, "at"):
            changes[each.name] = without_places(inner)
        elif isinstance(inner, tuple):
            changes[each.name] = tuple(map(without_places, inner))
    return replace(node, **changes)
