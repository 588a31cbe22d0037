"""What rules may name: every field and every feature, in one way at least."""

import pytest

from stream.features.declare import declare, default_names
from stream.features.grammar import Inputs
from stream.rules.condition import read_condition
from stream.rules.names import Kind, RuleInputs, Source
from stream.rules.syntax import name_text

FIELDS = Inputs(
    entities=("card", "score", "package"),
    numeric=("age", "lists", "hour", "event_time"),
    categorical=("hour", "country", "math"),
)


def named(inputs, name):
    value = inputs.values[name]
    return value.kind, value.source, value.place


def test_a_field_has_its_plain_name_unless_another_has_it():
    inputs = RuleInputs(FIELDS)
    assert named(inputs, "age") == named(inputs, "input.age") == (Kind.DOUBLE, Source.NUMBER, 0)
    assert (
        named(inputs, "country") == named(inputs, "key.country") == (Kind.KEY, Source.CATEGORY, 1)
    )
    assert inputs.values["input.age"].name == "age"
    # The payment's own values keep their names.
    assert named(inputs, "score") == (Kind.DOUBLE, Source.SCORE, 0)
    assert named(inputs, "key.score") == (Kind.KEY, Source.ENTITY, 1)
    assert named(inputs, "event_time")[0] is Kind.TIME
    assert named(inputs, "input.event_time") == (Kind.DOUBLE, Source.NUMBER, 3)
    assert "lists" not in inputs.values
    assert named(inputs, "input.lists") == (Kind.DOUBLE, Source.NUMBER, 1)


def test_a_name_of_two_fields_is_refused_with_both_of_their_names():
    inputs = RuleInputs(FIELDS)
    assert "hour" not in inputs.values
    assert inputs.unknown("hour") == "'hour' is two fields: write input.hour or key.hour"


def test_every_feature_can_be_named_in_a_rule():
    inputs = Inputs(entities=("card", "merchant"), numeric=("age",), categorical=("country",))
    names = [
        *default_names(inputs),
        "card+merchant.count_1h",
        "card.distinct_merchant_1d",
        "log(amount)",
        "ratio(amount, card.amount_mean_1d)",
        "card.seconds_since_fraud",
        "card.fraud_rate_7d_delay_1d",
        "is_night",
        "card.new_merchant",
        "at_fraud(card, amount)",
    ]
    declared = tuple(map(str, declare(names, inputs)))
    over = RuleInputs(inputs, declared)
    for name in declared:
        term, problems = read_condition(f"{name_text(name)} > 1.0", over)
        assert not problems, name
        assert term is not None
        kind = (Source.AMOUNT, 0) if name == "amount" else (Source.FEATURE, declared.index(name))
        value = term.operands[0].payload
        assert (value.source, value.place) == kind or name == "input.age"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("card.count_1h", "card.count_1h"),
        ("card+merchant.count_1h", "`card+merchant.count_1h`"),
        ("package.count_1h", "`package.count_1h`"),
        ("log(amount)", "`log(amount)`"),
        ("in", "`in`"),
    ],
)
def test_a_name_that_cel_would_not_read_is_quoted(name, text):
    assert name_text(name) == text


def test_a_feature_written_otherwise_is_told_its_name():
    inputs = RuleInputs(Inputs(entities=("card",)), ("card.count_1h", "log(amount)"))
    assert inputs.unknown("card.count_60m").endswith("is written card.count_1h")
    assert inputs.unknown("log( amount )").endswith("is written `log(amount)`")
