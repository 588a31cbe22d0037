"""The rules that are in force: what they say of payments, and how others come in their place.

Other rules come between two batches, by an order, whole or not at all. What was counted of the
old ones goes with them; a rule that was put in shadow for matching too much is what its author
says again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import array, require, require_kind, require_within
from models.states.snapshot import State
from schemas.columns import Transactions
from schemas.errors import RuleError
from stream.decide import Outcome
from stream.rules.breaker import Breaker, Tripped
from stream.rules.evaluate import Evaluator, Findings, Lists, Rows
from stream.rules.matched import NO_RULES, MatchedRules, NamedRule, NamedRules
from stream.rules.names import RuleInputs
from stream.rules.outcomes import Judge
from stream.rules.reading import read_rules
from stream.rules.rule import RuleSet

_KIND = "rules in force/1"
_COUNT_MAX = 2**62
# What a set is called where its text is read again.
_ORIGIN = "rules"


@dataclass(frozen=True)
class BreakerParameters:
    """When a rule matches too much; see `stream.rules.breaker.Breaker`."""

    block: int = 1_000
    matches_max: int = 300


class Ruling(NamedTuple):
    """What rules made of some payments.

    Attributes
    ----------
    outcomes : ndarray of int8, shape (n,)
    asked : ndarray of bool, shape (n,)
        Whether a live rule asks that somebody looks at it, and is not silenced.
    matched : MatchedRules
    found : Findings
        What they looked at.
    tripped : list of Tripped
        Rules that were put in shadow.
    """

    outcomes: NDArray[np.int8]
    asked: NDArray[np.bool_]
    matched: MatchedRules
    found: Findings
    tripped: list[Tripped]

    def matched_of(self, rows: Rows, n: int) -> MatchedRules:
        """Return which rules matched each of n payments, of which these are `rows`."""
        if isinstance(rows, slice):
            return self.matched
        counts = np.zeros(n + 1, np.int64)
        counts[rows + 1] = np.diff(self.matched.starts)
        return self.matched._replace(starts=np.cumsum(counts))

    def tripped_of(self, rows: Rows, first: int) -> list[Tripped]:
        """Return the rules that were put in shadow, by rows of a batch in which `rows` are.

        The first of the payments that `rows` choose from is row `first` of it.
        """
        places = (
            range(first, first + len(self.outcomes)) if isinstance(rows, slice) else rows + first
        )
        return [each._replace(row=int(places[each.row])) for each in self.tripped]


class RulesInForce:
    """Rules at work.

    Parameters
    ----------
    rules : RuleSet
        Those at first.
    inputs : RuleInputs
        What rules may name.
    hash_key : bytes
        16 bytes, the decoder's.
    rows_max : int
        The most payments decided at once.
    breaker : BreakerParameters

    Attributes
    ----------
    inputs : RuleInputs
    rules : RuleSet
    named : NamedRules
        The same, as records tell of them.
    counts : ndarray of int64, shape (n_rules, 3)
        How often each decided something, matched in shadow, and failed.
    """

    def __init__(
        self,
        rules: RuleSet,
        inputs: RuleInputs,
        hash_key: bytes,
        rows_max: int,
        breaker: BreakerParameters,
    ) -> None:
        self.inputs = inputs
        self._hash_key = hash_key
        self._rows_max = rows_max
        self._limits = breaker
        self._put(rules)

    def __len__(self) -> int:
        return len(self.rules)

    @property
    def tripped(self) -> list[str]:
        """Ids of the rules that are in shadow for matching too much."""
        return [self.rules.rules[at].id for at in np.flatnonzero(self._breaker.tripped).tolist()]

    def replace(self, rules: RuleSet) -> None:
        """Put others in their place, which have matched nothing yet."""
        self._put(rules)

    def rule(
        self,
        batch: Transactions,
        rows: Rows,
        X: NDArray[np.float64],
        scores: NDArray[np.float64],
        outcomes: NDArray[np.int8],
        lists: Lists,
    ) -> Ruling:
        """Let the rules say what becomes of payments of which the model has said `outcomes`.

        Parameters
        ----------
        batch : Transactions
        rows : ndarray of int64, shape (n,), or slice
            Which payments of the batch.
        X : ndarray of float64, shape (n, n_features)
        scores : ndarray of float64, shape (n,)
            NaN where there is none.
        outcomes : ndarray of int8, shape (n,)
        lists : Lists
        """
        n = len(scores)
        found = self._evaluator(batch, rows, X, scores, lists)
        times_us, keys = batch.event_time_us[rows], batch.transaction_key[rows]
        of, rules, live = self._judge.matches(found, times_us, keys)
        live, tripped = self._breaker.count(of, rules, live, n)
        ruled, deciding = self._judge.decide(of[live], rules[live], outcomes)
        np.add.at(self.counts, (rules, np.where(live, 0, 1)), 1)
        self.counts[:, 2] += found.errors
        matched = MatchedRules(np.searchsorted(of, np.arange(n + 1)), rules, live)
        asked = (deciding >= 0) & (ruled > Outcome.ALLOW)
        return Ruling(ruled, asked, matched, found, tripped)

    def looked_at(self, ruling: Ruling, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what rules looked at of some rows, shape (k, n_reads).

        NaN where it was missing, or is a text.
        """
        return self._evaluator.read(ruling.found, rows)

    def asking(self, ruling: Ruling, rows: NDArray[np.int64]) -> list[tuple[str, ...]]:
        """Return the live rules that ask for somebody's eyes on each of some rows, by their ids."""
        rules = self.rules.rules
        return [
            tuple(
                rules[number].id
                for number, live in ruling.matched.of(row)
                if live and rules[number].action > Outcome.ALLOW
            )
            for row in rows.tolist()
        ]

    def state(self) -> State:
        """Return all that decides what is said next, and what was counted; a copy."""
        parts = {"breaker": self._breaker.state()}
        return State(_KIND, {"text": self.rules.text()}, {"counts": self.counts.copy()}, parts)

    def restore(self, state: State) -> None:
        """Go on with the rules of a state; SnapshotError, and no change, else."""
        require_kind(state, _KIND)
        text = state.header.get("text")
        require(state, isinstance(text, str), "it has no rules")
        try:
            rules = read_rules({_ORIGIN: str(text)}, self.inputs)
        except RuleError as error:
            require(state, False, f"its rules cannot be used here: {error}")
        evaluator = self._evaluator_of(rules)
        counts = array(state, "counts", np.int64, (len(rules), 3))
        require_within(state, "counts", counts, 0, _COUNT_MAX)
        breaker = self._breaker_of(rules)
        require(state, state.parts.keys() == {"breaker"}, "its parts are others")
        breaker.restore(state.parts["breaker"])
        self._put(rules, evaluator, breaker)
        self.counts[:] = counts

    def _put(
        self, rules: RuleSet, evaluator: Evaluator | None = None, breaker: Breaker | None = None
    ) -> None:
        self._evaluator = evaluator or self._evaluator_of(rules)
        self._breaker = breaker or self._breaker_of(rules)
        self._judge = Judge(rules)
        self.rules = rules
        self.named = named(rules, self._evaluator)
        self.counts = np.zeros((len(rules), 3), np.int64)

    def _evaluator_of(self, rules: RuleSet) -> Evaluator:
        return Evaluator(rules, self.inputs, self._hash_key, self._rows_max)

    def _breaker_of(self, rules: RuleSet) -> Breaker:
        return Breaker(len(rules), self._limits.block, self._limits.matches_max)


def named(rules: RuleSet, evaluator: Evaluator) -> NamedRules:
    """Return what records tell of rules."""
    if not len(rules):
        return NO_RULES
    told = tuple(
        NamedRule(each.id, each.version, each.action, each.reason_code, each.text, reads)
        for each, reads in zip(rules.rules, evaluator.reads, strict=True)
    )
    return NamedRules(rules.digest, told, evaluator.read_names)
