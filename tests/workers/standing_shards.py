"""States of a worker that stand as a test says: what is looked at once a second, and no more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from stream.admission.admission import Admission
from stream.champion.reigns import Reign
from stream.config.configuration import load
from stream.decide import Outcome
from stream.rules.rule import Mode, Rule, RuleSet

# Whose models those of a `StandingShard` are.
TWO_MODELS = load(model={"challengers": {"other": {"kind": "forest"}}})


def rule(name: str, mode: Mode = Mode.LIVE, limit: float = 1.0, **more: Any) -> Rule:
    """Return a rule of payments above a limit."""
    return Rule(name, f"amount > {limit}", Outcome.BLOCK, mode, **more)


def rule_set(*rules: Rule) -> RuleSet:
    return RuleSet(rules)


class StandingRules:
    """Rules in force that matched what they are told."""

    def __init__(self, rules: RuleSet) -> None:
        self.replace(rules)

    def replace(self, rules: RuleSet) -> None:
        self.rules = rules
        self.counts = np.zeros((len(rules), 3), np.int64)
        self.tripped: list[str] = []

    def match(self, name: str, live: int = 0, shadow: int = 0, failed: int = 0) -> None:
        at = [each.id for each in self.rules.rules].index(name)
        self.counts[at] += live, shadow, failed


class StandingShard:
    """A state, with two models and one list."""

    def __init__(self, *rules: Rule) -> None:
        self.schemas_seen: tuple[int, ...] = ()
        self.rules = StandingRules(rule_set(*rules))
        self.contenders = [
            SimpleNamespace(aside=None, ready=False, learner=SimpleNamespace(learned=n))
            for n in (10, 4)
        ]
        self.lineup = SimpleNamespace(
            names=("model", "other"),
            at=0,
            contenders=self.contenders,
            reigns=[Reign("model", 0, 0)],
        )
        self.sizes, self.versions = {"stolen": 0}, {"stolen": 0}
        lists = SimpleNamespace(
            declared={"stolen": SimpleNamespace(entries_max=100)},
            sizes=lambda: dict(self.sizes),
            versions=lambda: dict(self.versions),
        )
        self.clock = SimpleNamespace(watermark_us=0)
        self.admission = Admission(("card",))
        self.engine = SimpleNamespace(
            rules=self.rules,
            lists=lists,
            lineup=self.lineup,
            clock=self.clock,
            admission=self.admission,
        )

    def crown(self, reign: Reign) -> None:
        self.lineup.at = self.lineup.names.index(reign.model)
        self.lineup.reigns = [*self.lineup.reigns, reign]
