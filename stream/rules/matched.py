"""Which rules matched the rows of a batch, in columns; and of which rules they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.decide import Outcome


@dataclass(frozen=True)
class NamedRule:
    """What is told of a rule wherever it matched.

    Attributes
    ----------
    id, version, reason_code, text : str
    action : Outcome
    reads : tuple of int
        Which of its set's numbers it looks at.
    """

    id: str
    version: str
    action: Outcome
    reason_code: str = ""
    text: str = ""
    reads: tuple[int, ...] = ()


@dataclass(frozen=True)
class NamedRules:
    """The rules of a set, by their numbers, and the numbers that they look at.

    Attributes
    ----------
    digest : str
        Equal sets have equal ones.
    rules : tuple of NamedRule
    reads : tuple of str
        Names of what any of them looks at.
    """

    digest: str = ""
    rules: tuple[NamedRule, ...] = ()
    reads: tuple[str, ...] = ()


NO_RULES = NamedRules()


class MatchedRules(NamedTuple):
    """The rules that matched each row.

    Attributes
    ----------
    starts : ndarray of int64, shape (n + 1,)
        Where each row's rules begin; the last is m.
    rules : ndarray of int64, shape (m,)
        Their numbers in the set, ascending in each row.
    live : ndarray of bool, shape (m,)
        False: it matched in shadow, and decided nothing.
    """

    starts: NDArray[np.int64]
    rules: NDArray[np.int64]
    live: NDArray[np.bool_]

    def of(self, row: int) -> list[tuple[int, bool]]:
        """Return number and mode of each rule that matched a row."""
        found = slice(*self.starts[row : row + 2].tolist())
        return list(zip(self.rules[found].tolist(), self.live[found].tolist(), strict=True))


def none_matched(n: int) -> MatchedRules:
    """Return that no rule matched any of n rows."""
    return MatchedRules(np.zeros(n + 1, np.int64), _NONE, _NEVER)


def matched(matches: NDArray[np.bool_], live: NDArray[np.bool_]) -> MatchedRules:
    """Return which rules matched each row.

    Parameters
    ----------
    matches, live : ndarray of bool, shape (n_rules, n)
        Where a rule matched, and where it is live.
    """
    rows, rules = np.nonzero(matches.T)
    starts = np.searchsorted(rows, np.arange(matches.shape[1] + 1))
    return MatchedRules(starts, rules, live[rules, rows])


def one_behind_the_other(parts: Sequence[tuple[int, MatchedRules]], n: int) -> MatchedRules:
    """Lay parts of a batch of n rows together, each with the row at which it begins.

    Nothing matched in rows that no part speaks of.
    """
    counts = np.zeros(n + 1, np.int64)
    for first, part in parts:
        counts[first + 1 : first + len(part.starts)] = np.diff(part.starts)
    if not counts.any():
        return none_matched(n)
    rules = np.concatenate([part.rules for _, part in parts])
    return MatchedRules(np.cumsum(counts), rules, np.concatenate([part.live for _, part in parts]))


_NONE, _NEVER = np.zeros(0, np.int64), np.zeros(0, np.bool_)
