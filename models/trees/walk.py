"""A row's way down one tree."""

from __future__ import annotations

import math

from models.trees.nodes import FEATURE, LEFT, NIL
from schemas.jit import inlined, uncounted


@uncounted
@inlined
def descend(trees, root, X, row):
    """Return the leaf of a row, and whether every feature asked for was known.

    Where one is not known the way goes to the side with more weight, left if level.
    """
    links, threshold = trees.links, trees.threshold
    node, sure = root, True
    column = links[node, FEATURE]
    while column != NIL:
        value = X[row, column]
        left = links[node, LEFT]
        if math.isnan(value):
            sure = False
            node = left + (1 if trees.under[node, 0] < trees.under[node, 1] else 0)
        else:
            node = left + (1 if value > threshold[node] else 0)
        column = links[node, FEATURE]
    return node, sure
