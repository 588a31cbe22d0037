"""What is tried: put in force by orders, and in the place of those of the time."""

from __future__ import annotations

import json

import pytest
from inputs.streams import HASH_KEY, INPUTS, order_of

from schemas.columns import Reason
from schemas.errors import ConfigError
from stream.backtest.change import BACKTEST, Change
from stream.engine.control import ControlKind
from stream.rules.names import RuleInputs
from stream.rules.reading import read_rules

RULE = '[[rule]]\nid = "a"\nwhen = "amount > 1.0"\naction = "review"\nmode = "live"\n'


def rules_of(text=RULE):
    return read_rules({"rules": text}, RuleInputs(INPUTS, (), ()))


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        (Change(), ()),
        (Change(rules_of()), (ControlKind.RULES,)),
        (Change(model="m"), (ControlKind.PROMOTE,)),
        (Change(rules_of(), "m"), (ControlKind.RULES, ControlKind.PROMOTE)),
    ],
)
def test_orders_that_it_stands_for_are_refused_and_no_others(change, replaced):
    assert bool(change) == bool(replaced)
    for kind in ControlKind:
        batch = order_of(kind, "{}")
        adapted = change.adapted(batch, HASH_KEY)
        refused = kind in replaced
        expected = Reason.CONTROL_UNKNOWN_KIND if refused else Reason.OK
        assert adapted.reason.tolist() == [expected], kind
        assert batch.reason.tolist() == [Reason.OK], "the other side takes it as it came"


def test_no_rules_at_all_are_a_change():
    assert Change(rules_of(""))


class Refusing:
    """An engine that notes what it is ordered, and refuses it."""

    class parameters:
        hash_key = HASH_KEY

    class lineup:
        names = ("model", "other")

    def control(self, batch):
        self.ordered = batch.transaction_id(0)
        batch.reason[:] = Reason.CONTROL_UNKNOWN_MODEL
        self.reasons = batch.reason
        return self


def test_it_is_ordered_as_a_worker_would_be_and_a_refusal_is_an_error():
    engine = Refusing()
    with pytest.raises(ConfigError, match=r"^the rules cannot be put in force: "):
        Change(rules_of()).begin(engine)
    assert json.loads(engine.ordered) == {"rules": rules_of().text(), "by": BACKTEST, "why": ""}
    with pytest.raises(ConfigError, match=r"--model x \(there are model, other\) cannot be put"):
        Change(model="x").begin(engine)
    assert json.loads(engine.ordered) == {"model": "x", "by": BACKTEST}
