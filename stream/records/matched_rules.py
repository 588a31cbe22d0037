"""Matched rules in records, written by kernels: their ids in decisions, all of them in alerts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.jit import kernel, uncounted
from schemas.writing import (
    DOUBLE_BYTES,
    VARINT_BYTES_MAX,
    Pieces,
    pieces_of,
    string_bytes,
    write_optional_double,
    write_piece,
    write_varint,
)
from stream.rules.matched import MatchedRules, NamedRules


class RulePieces(NamedTuple):
    """What of rules is the same in every record.

    Attributes
    ----------
    ids, heads, tails : Pieces
        Of each rule: its id; what an alert says before its mode, and behind it.
    names : Pieces
        Of each number that is looked at.
    starts : ndarray of int64, shape (n_rules + 1,)
        Where each rule's numbers begin.
    reads : ndarray of int64
        Which they are.
    """

    ids: Pieces
    heads: Pieces
    tails: Pieces
    names: Pieces
    starts: NDArray[np.int64]
    reads: NDArray[np.int64]


class RuleBytes(NamedTuple):
    """Pieces of a set of rules, and how long a record may grow by one that matched.

    Attributes
    ----------
    digest : str
        Of the set.
    pieces : RulePieces
    id_bytes_max, rule_bytes_max : int
        In a decision, and in an alert.
    """

    digest: str
    pieces: RulePieces
    id_bytes_max: int
    rule_bytes_max: int


class RulesFound(NamedTuple):
    """What kernels write of the rules that matched.

    Attributes
    ----------
    pieces : RulePieces
    matched : MatchedRules
    read : ndarray of float64, shape (n_alerts, n_reads)
        What rules looked at.
    """

    pieces: RulePieces
    matched: MatchedRules
    read: NDArray[np.float64]


# The bytes of the lengths of arrays that have something in them.
ARRAY_BYTES_MAX = 2 * VARINT_BYTES_MAX + 2


def rule_bytes(named: NamedRules) -> RuleBytes:
    """Return what kernels write of a set of rules."""
    rules = named.rules
    ids = [string_bytes(rule.id) for rule in rules]
    heads = [
        string_bytes(rule.id) + string_bytes(rule.version) + bytes([2 * rule.action])
        for rule in rules
    ]
    tails = [string_bytes(rule.reason_code) + string_bytes(rule.text) for rule in rules]
    names = [string_bytes(name) for name in named.reads]
    reads = [number for rule in rules for number in rule.reads]
    starts = np.cumsum([0, *(len(rule.reads) for rule in rules)], dtype=np.int64)
    pieces = RulePieces(
        pieces_of(ids),
        pieces_of(heads),
        pieces_of(tails),
        pieces_of(names),
        starts,
        np.array(reads, np.int64),
    )
    value = max(map(len, names), default=0) + DOUBLE_BYTES + VARINT_BYTES_MAX
    most = max((len(rule.reads) for rule in rules), default=0)
    texts = max(map(len, heads), default=0) + max(map(len, tails), default=0)
    rule = texts + most * value + ARRAY_BYTES_MAX
    return RuleBytes(named.digest, pieces, max(map(len, ids), default=0), rule)


@uncounted
@kernel
def write_rule_ids(out, at, pieces, matched, row, live):
    """Write the array of the ids of the rules that matched a row live, or in shadow."""
    first, behind = matched.starts[row], matched.starts[row + 1]
    known = 0
    for k in range(first, behind):
        known += matched.live[k] == live
    if known > 0:
        at = write_varint(out, at, known)
        for k in range(first, behind):
            if matched.live[k] == live:
                at = write_piece(out, at, pieces.ids, matched.rules[k])
    return write_varint(out, at, 0)


@uncounted
@kernel
def write_rules(out, at, found, row, words, i):
    """Write the array of the rules that matched a row, each with the numbers it looked at.

    The row is that of the i-th alert; `words` hold what all of them looked at.
    """
    pieces, matched = found.pieces, found.matched
    first, behind = matched.starts[row], matched.starts[row + 1]
    if behind > first:
        at = write_varint(out, at, behind - first)
    for k in range(first, behind):
        rule = matched.rules[k]
        at = write_piece(out, at, pieces.heads, rule)
        at = write_varint(out, at, matched.live[k])
        at = write_piece(out, at, pieces.tails, rule)
        start, stop = pieces.starts[rule], pieces.starts[rule + 1]
        if stop > start:
            at = write_varint(out, at, stop - start)
        for j in range(start, stop):
            read = pieces.reads[j]
            at = write_piece(out, at, pieces.names, read)
            at = write_optional_double(out, at, found.read[i, read], words[i, read])
        at = write_varint(out, at, 0)
    return write_varint(out, at, 0)


def bytes_of(matched: MatchedRules, rows: NDArray[np.intp], each: int) -> int:
    """Return how many bytes the matched rules of some rows take at most, if each takes so many."""
    if not len(matched.rules):
        return 0
    return each * int((matched.starts[rows + 1] - matched.starts[rows]).sum())
