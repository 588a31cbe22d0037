"""The rules among the examples are in order, by the configuration that nobody wrote."""

from pathlib import Path

import pytest

from stream.commands.rules import rule_inputs, texts_of
from stream.config.configuration import load
from stream.rules.reading import read_rules

EXAMPLES = Path(__file__).parents[2] / "examples" / "rules"
DOCUMENT = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_examples_are_in_order_and_bring_tests():
    texts = texts_of(EXAMPLES)
    rules = read_rules(texts, rule_inputs(load()))
    assert len(rules) >= 5
    assert all(text.count("tests = [") == text.count("[[rule]]") for text in texts.values())
    assert {rule.action.name for rule in rules.rules} == {"ALLOW", "REVIEW", "CHALLENGE", "BLOCK"}


def blocks():
    """Every block of TOML in the document that is a rule."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return [part.partition("```")[0] for part in text.split("```toml\n")[1:] if "[[rule]]" in part]


@pytest.mark.parametrize("text", blocks())
def test_a_rule_of_the_document_is_in_order(text):
    assert len(read_rules({"docs/rules.md": text}, rule_inputs(load()))) >= 1
