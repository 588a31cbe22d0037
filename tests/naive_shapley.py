"""Shapley values by their definition: every set of features, one after the other."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import factorial, isnan

NIL, FEATURE, LEFT = -1, 0, 1


class NaiveTree:
    """A tree as nested dictionaries, read from the arrays of a dense one."""

    def __init__(self, trees, root=0):
        self.top = _read(trees, root)

    def expected(self, x, known):
        """Return the share of fraud that is expected where only some features are known."""
        return _expected(self.top, x, known)

    def shapley(self, x):
        """Return what each feature changes, in the mean over all orders of becoming known."""
        n = len(x)
        parts = []
        for feature in range(n):
            others = [each for each in range(n) if each != feature]
            total = Fraction(0)
            for size in range(n):
                weight = Fraction(factorial(size) * factorial(n - 1 - size), factorial(n))
                for known in combinations(others, size):
                    with_it = self.expected(x, {*known, feature})
                    total += weight * (with_it - self.expected(x, set(known)))
            parts.append(float(total))
        return parts


def _read(trees, node):
    column = int(trees.links[node, FEATURE])
    if column == NIL:
        genuine, fraud = map(Fraction, trees.weights[node].tolist())
        return {"share": fraud / (genuine + fraud) if genuine + fraud else Fraction(0)}
    left = int(trees.links[node, LEFT])
    return {
        "asks": column,
        "threshold": float(trees.threshold[node]),
        "weights": [Fraction(each) for each in trees.under[node].tolist()],
        "ways": [_read(trees, left), _read(trees, left + 1)],
    }


def _expected(node, x, known):
    if "share" in node:
        return node["share"]
    left, right = node["weights"]
    if node["asks"] in known:
        value = x[node["asks"]]
        goes = int(left < right) if isnan(value) else int(value > node["threshold"])
        return _expected(node["ways"][goes], x, known)
    total = left + right
    shares = [left / total, right / total] if total else [Fraction(1, 2)] * 2
    ways = zip(shares, node["ways"], strict=True)
    return sum((share * _expected(way, x, known) for share, way in ways), Fraction(0))
