"""Rules that make no sense, and rows that they are said to have matched."""

import numpy as np

from stream.decide import Outcome
from stream.rules.matched import MatchedRules, NamedRule, NamedRules, matched

TEXTS = ["", "r", "a rule with ä€𝄞", "x" * 70, "\0"]


def named_rules(rng: np.random.Generator) -> NamedRules:
    """Return a set of up to twelve rules, some with names of nothing."""
    reads = tuple(f"{rng.choice(TEXTS)}{i}" for i in range(rng.integers(0, 7)))
    rules = tuple(
        NamedRule(
            *(f"{rng.choice(TEXTS)}{i}" for _ in range(2)),
            Outcome(int(rng.integers(len(Outcome)))),
            *(str(rng.choice(TEXTS)) for _ in range(2)),
            tuple(np.flatnonzero(rng.random(len(reads)) < 0.5).tolist()),
        )
        for i in range(rng.integers(0, 12))
    )
    return NamedRules(f"{rng.integers(2**60):x}", rules, reads)


def some_matched(rng: np.random.Generator, named: NamedRules, n: int) -> MatchedRules:
    """Return which of them matched n rows: most rows none, some all."""
    often = rng.choice([0.0, 0.0, 0.2, 1.0], n)
    matches = rng.random((len(named.rules), n)) < often
    return matched(matches, rng.random(matches.shape) < 0.5)
