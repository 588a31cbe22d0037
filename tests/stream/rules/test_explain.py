"""Rules in words."""

from inputs.rule_streams import INPUTS

from stream.decide import Outcome
from stream.rules.explain import explain_rule
from stream.rules.rule import Mode, Rule


def test_a_condition_is_set_in_under_what_it_belongs_to():
    when = """
    has(score) && !(country in ['DE', "FR"]) && card in lists.stolen
      ? amount > 2.0 * age || `card+merchant.count_1d` != 3
      : (amount > 1.0) == true
    """
    said = explain_rule(Rule("r", when, Outcome.BLOCK, Mode.LIVE), INPUTS)
    assert said.when == (
        "if:",
        "  all of these are true:",
        "    there is a value of score",
        "    this is not true:",
        '      country is one of "DE", "FR"',
        "    card is in the list stolen",
        "then:",
        "  at least one of these is true:",
        "    amount is more than 2.0 * age",
        "    `card+merchant.count_1d` is not 3",
        "otherwise:",
        "  amount > 1.0 is true",
    )
    assert said.lists == ("stolen",)
    assert [read.name for read in said.reads] == [
        "score",
        "country",
        "card",
        "amount",
        "age",
        "card+merchant.count_1d",
    ]
    assert all(read.meaning and read.unit and read.source for read in said.reads)


def test_what_becomes_of_a_payment_is_said_for_every_mode():
    def then(**changes):
        fields = {"action": Outcome.BLOCK, "mode": Mode.LIVE, **changes}
        return explain_rule(Rule("r", "true", **fields), INPUTS).then

    assert then().startswith("BLOCK, unless")
    assert "in shadow" in then(mode=Mode.SHADOW)
    assert "for 25% of payments" in then(share=0.25)
    assert "below 7 are silenced" in then(action=Outcome.ALLOW, priority=7)
