"""What becomes of payments: what rules say of them, and what the model says.

A rule that is live, has not expired and matches speaks at its priority, the model at 0. An ALLOW
silences the model and every rule of lower priority; of what is not silenced the strictest wins.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.decide import Outcome
from stream.draws import uniform
from stream.rules.evaluate import Findings
from stream.rules.registers import MATCHES
from stream.rules.rule import Mode, RuleSet

NO_RULE = -1
_NEVER_US = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Judged:
    """What became of some payments, and the rules that matched them.

    Matches are sorted by payment, and of one payment by the order of the rules.

    Attributes
    ----------
    outcomes : ndarray of int8, shape (n,)
        What is done with each payment.
    deciding : ndarray of int64, shape (n,)
        The rule that decided, -1 where the model did alone; of several that say the same the
        one of the highest priority, and of these the first.
    rows, rules : ndarray of int64, shape (n_matches,)
        Which payment was matched by which rule.
    live : ndarray of bool, shape (n_matches,)
        Whether the rule was live for this payment, or in shadow.
    """

    outcomes: NDArray[np.int8]
    deciding: NDArray[np.int64]
    rows: NDArray[np.int64]
    rules: NDArray[np.int64]
    live: NDArray[np.bool_]

    def of(self, row: int, live: bool) -> list[int]:
        """Return the rules that matched a payment live, or in shadow."""
        start, stop = np.searchsorted(self.rows, [row, row + 1])
        chosen = self.live[start:stop] == live
        return self.rules[start:stop][chosen].tolist()


class Judge:
    """The law by which rules and the model come to one outcome.

    Parameters
    ----------
    rules : RuleSet
    """

    def __init__(self, rules: RuleSet) -> None:
        each = rules.rules
        self._live = np.array([rule.mode is Mode.LIVE for rule in each], np.bool_)
        self._shares = np.array([rule.share for rule in each], np.float64)
        self._uses = np.array([_use_of(rule.id) for rule in each], np.uint64)
        self._actions = np.array([rule.action for rule in each], np.int64)
        self._priorities = np.array([rule.priority for rule in each], np.int64)
        ends = [_NEVER_US if rule.expires_us is None else rule.expires_us for rule in each]
        self._ends_us = np.array(ends, np.int64)

    def __call__(
        self,
        findings: Findings,
        outcomes: NDArray[np.int8],
        event_time_us: NDArray[np.int64],
        transaction_keys: NDArray[np.uint64],
    ) -> Judged:
        """Judge some payments.

        Parameters
        ----------
        findings : Findings
        outcomes : ndarray of int8, shape (n,)
            What the model says.
        event_time_us : ndarray of int64, shape (n,)
        transaction_keys : ndarray of uint64, shape (n,)
            By which it is drawn for whom a rule is live.
        """
        rows, rules, live = self.matches(findings, event_time_us, transaction_keys)
        final, deciding = self.decide(rows[live], rules[live], outcomes)
        return Judged(final, deciding, rows, rules, live)

    def matches(
        self,
        findings: Findings,
        event_time_us: NDArray[np.int64],
        transaction_keys: NDArray[np.uint64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return rows, rules and whether they are live of all matches; see `Judged`."""
        matched = np.flatnonzero(findings.matches)
        if not len(matched):
            none = np.zeros(0, np.int64)
            return none, none, none.astype(np.bool_)
        rows, at = np.nonzero(findings.results[matched].T == MATCHES)
        rules = matched[at]
        current = event_time_us[rows] < self._ends_us[rules]
        rows, rules = rows[current], rules[current]
        live = self._live[rules]
        partly = np.flatnonzero(live & (self._shares[rules] < 1.0))
        drawn = uniform(transaction_keys[rows[partly]], self._uses[rules[partly]])
        live[partly] = drawn < self._shares[rules[partly]]
        return rows, rules, live

    def decide(
        self, rows: NDArray[np.int64], rules: NDArray[np.int64], outcomes: NDArray[np.int8]
    ) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Return final outcomes, and the rules that decided, from live matches."""
        n = len(outcomes)
        if not len(rows):
            return outcomes.copy(), np.full(n, NO_RULE)
        actions, priorities = self._actions[rules], self._priorities[rules]
        allows = actions == Outcome.ALLOW
        # The highest priority that allows; the model speaks unless there is one.
        silenced = np.zeros(n, np.int64)
        np.maximum.at(silenced, rows[allows], priorities[allows])
        heard = priorities >= np.where(silenced == 0, np.iinfo(np.int64).min, silenced)[rows]
        rows, rules, actions = rows[heard], rules[heard], actions[heard]
        final = np.where(silenced > 0, Outcome.ALLOW, outcomes).astype(np.int8)
        strictest = np.full(n, Outcome.ALLOW, np.int64)
        np.maximum.at(strictest, rows, actions)
        # A rule that says what the model says decides it too, unless both let it pass.
        by_rule = (strictest >= final) & ((strictest > Outcome.ALLOW) | (silenced > 0))
        final[by_rule] = strictest[by_rule]
        deciding = np.full(n, NO_RULE)
        decides = by_rule[rows] & (actions == strictest[rows])
        rows, rules = rows[decides], rules[decides]
        # The last that is written stays: the highest priority, and of these the first rule.
        order = np.lexsort((-rules, self._priorities[rules]))
        deciding[rows[order]] = rules[order]
        return final, deciding


def _use_of(rule_id: str) -> int:
    """Return what draws for a rule are mixed with: odd, and its own as long as its id is."""
    digest = hashlib.blake2b(rule_id.encode(), digest_size=8, person=b"rule share").digest()
    return int.from_bytes(digest, "little") | 1
