"""The measures of decisions by plain loops, straight from their definitions.

Lists in, numbers out; nothing imported from what is checked here. A score is a float or
None, a card is any integer and 0 nobody.
"""

from __future__ import annotations

import math
from fractions import Fraction


def plain(scores):
    return [None if math.isnan(score) else score for score in scores]


def below(one, other):
    """Whether a score ranks below another; none ranks below all."""
    if one is None or other is None:
        return one is None and other is not None
    return one < other


def auc(scores, is_fraud):
    """The share of pairs of a fraud and a genuine payment in the right order."""
    pairs = [
        Fraction(1) if below(bad, good) else Fraction(0) if below(good, bad) else Fraction(1, 2)
        for good, fraud in zip(scores, is_fraud, strict=True)
        if fraud
        for bad, other in zip(scores, is_fraud, strict=True)
        if not other
    ]
    return float(sum(pairs) / len(pairs)) if pairs else None


def average_precision(scores, is_fraud):
    """For each fraud the precision of all that rank no lower; their mean."""
    found = []
    for score, fraud in zip(scores, is_fraud, strict=True):
        if fraud:
            taken = [y for s, y in zip(scores, is_fraud, strict=True) if not below(s, score)]
            found.append(Fraction(sum(taken), len(taken)))
    return float(sum(found) / len(found)) if found else None


def first_places(scores, k):
    """The places of the k greatest, one at a time, the earlier of equals first."""
    left = [place for place, score in enumerate(scores) if score is not None]
    taken = []
    while left and len(taken) < k:
        best = left[0]
        for place in left:
            if below(scores[best], scores[place]):
                best = place
        left.remove(best)
        taken.append(best)
    return taken


def found(picked, is_fraud, money):
    """Precision, recall and value recall of some places."""
    frauds = [place for place, fraud in enumerate(is_fraud) if fraud]
    hits = [place for place in frauds if place in picked]
    total = sum(money[place] for place in frauds)
    return {
        "picked": len(picked),
        "hits": len(hits),
        "frauds": len(frauds),
        "precision": len(hits) / len(picked) if picked else None,
        "recall": len(hits) / len(frauds) if frauds else None,
        "value_recall": sum(money[place] for place in hits) / total if total else None,
    }


def by_card(cards, scores, is_fraud, money):
    """Rows of (card, score, is_fraud, money), by card."""
    rows = []
    for card in sorted({card for card in cards if card != 0}):
        mine = [place for place, other in enumerate(cards) if other == card]
        known = [scores[place] for place in mine if scores[place] is not None]
        rows.append(
            (
                card,
                max(known) if known else None,
                any(is_fraud[place] for place in mine),
                sum(money[place] for place in mine if is_fraud[place]),
            )
        )
    return rows


def card_precision(days, cards, scores, is_fraud, k, remove_detected):
    """By day: hits of the k first cards, and how many could have been found."""
    blocked = set()
    counts = []
    for day in sorted(set(days)):
        mine = [i for i, other in enumerate(days) if other == day and cards[i] not in blocked]
        part = [[column[i] for i in mine] for column in (cards, scores, is_fraud)]
        rows = by_card(*part, [0] * len(mine))
        picked = [rows[i] for i in first_places([row[1] for row in rows], k)]
        caught = {row[0] for row in picked if row[2]}
        counts.append((day, len(caught), sum(row[2] for row in rows)))
        if remove_detected:
            blocked |= caught
    return counts


def losses(scores, is_fraud):
    """Mean square and logarithmic loss of what has a score."""
    pairs = [(s, y) for s, y in zip(scores, is_fraud, strict=True) if s is not None]
    if not pairs:
        return None, None
    logs = []
    for score, fraud in pairs:
        p = min(max(score, 1e-15), 1 - 1e-15)
        logs.append(-math.log(p) if fraud else -math.log1p(-p))
    squares = [(score - fraud) ** 2 for score, fraud in pairs]
    return math.fsum(squares) / len(pairs), math.fsum(logs) / len(pairs)


def calibration(scores, is_fraud, edges):
    """Errors over bins (edge before, edge], the first from the beginning, the last to the end."""
    bins = {}
    for score, fraud in zip(scores, is_fraud, strict=True):
        if score is not None:
            bins.setdefault(sum(edge < score for edge in edges), []).append((score, fraud))
    total = sum(map(len, bins.values()))
    if not total:
        return None, None
    absolute = square = 0.0
    for pairs in bins.values():
        n = len(pairs)
        score, rate = sum(p for p, _ in pairs) / n, sum(y for _, y in pairs) / n
        absolute += n / total * abs(score - rate)
        square += n / total * ((score - rate) ** 2 - rate * (1 - rate) / max(n - 1, 1))
    return absolute, math.sqrt(max(square, 0.0))


def fading(days, values, half_life):
    """The weighted mean of all values up to each day, from scratch."""
    averages = []
    for now in range(len(days)):
        pairs = [
            # Against the last day that has a value, so that no weight of all is 0.
            (days[i], values[i])
            for i in range(now + 1)
            if values[i] is not None
        ]
        weights = [0.5 ** ((pairs[-1][0] - day) / half_life) for day, _ in pairs]
        total = sum(w * value for w, (_, value) in zip(weights, pairs, strict=True))
        averages.append(total / sum(weights) if pairs else None)
    return averages


def handbook_test(days, cards, is_fraud, start):
    """Rows of the Handbook's test week after a week of training from `start` on, and a week's wait.

    As the book does it: a growing set of known customers, filled before each day of test.
    """
    n = range(len(days))
    known = {cards[i] for i in n if is_fraud[i] and start <= days[i] < start + 7}
    rows = []
    for step in range(7):
        known |= {cards[i] for i in n if is_fraud[i] and days[i] == start + 7 + step - 1}
        known.discard(0)
        rows += [i for i in n if days[i] == start + 14 + step and cards[i] not in known]
    return sorted(rows)
