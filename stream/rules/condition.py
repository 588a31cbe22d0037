"""The text of a condition, read and checked."""

from __future__ import annotations

from stream.rules.checker import check
from stream.rules.names import RuleInputs
from stream.rules.parser import KEPT_MAX, parse
from stream.rules.terms import Term
from stream.rules.tokens import RuleTextError


def read_condition(text: str, inputs: RuleInputs) -> tuple[Term | None, list[RuleTextError]]:
    """Read the condition of a rule.

    Returns
    -------
    term : Term or None
        None if anything is wrong.
    problems : list of RuleTextError
        What is wrong: of the grammar the first mistake, of names and types all.
    """
    kept = inputs.kept_terms
    if text in kept:
        return kept[text], []
    try:
        node = parse(text)
    except RuleTextError as wrong:
        return None, [wrong]
    term, problems = check(node, inputs)
    if term is not None:
        if len(kept) >= KEPT_MAX:
            kept.clear()
        kept[text] = term
    return term, problems
