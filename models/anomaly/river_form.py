"""What River's half-space trees have learned, as arrays and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from river.tree.padded import PaddedBranch, PaddedLeaf

from models.river.classes import Arrays, Form, Header, childless, numbers_of
from models.states.restoring import array, count, names, require, require_within
from models.states.snapshot import State

WHOLE_RANGE = (0.0, 1.0)


def _parameters(detector: Any) -> Header:
    # River writes down 0 to 1 for each feature that it was not told of.
    told = {name: limits for name, limits in detector.limits.items() if limits != WHOLE_RANGE}
    lows, _ = numbers_of("limits", told)
    return {
        "n_trees": detector.n_trees,
        "height": detector.height,
        "window_size": detector.window_size,
        "seed": detector.seed,
        "limits": {name: list(map(float, told[name])) for name in sorted(lows["limits"])},
    }


def _levels(root: Any, height: int) -> Iterator[list[Any]]:
    level = [root]
    yield level
    for _ in range(height):
        level = [child for node in level for child in node.children]
        yield level


def _learned(detector: Any) -> tuple[Header, Arrays]:
    trees = [list(_levels(root, detector.height)) for root in detector.trees]
    nodes = [[node for level in tree for node in level] for tree in trees]
    branches = [[node for level in tree[:-1] for node in level] for tree in trees]
    asked = sorted({node.feature for tree in branches for node in tree})
    header, _ = numbers_of("features", dict.fromkeys(asked, 0.0))
    place = {name: at for at, name in enumerate(asked)}
    n_branches = 2**detector.height - 1
    shape = (len(trees), n_branches)
    _, key, _ = detector.rng.getstate()
    return (
        header | {"counter": detector.counter, "first_window": detector._first_window},
        {
            "places": np.array(
                [[place[node.feature] for node in tree] for tree in branches], np.int32
            ).reshape(shape),
            "thresholds": np.array(
                [[node.threshold for node in tree] for tree in branches], np.float64
            ).reshape(shape),
            "masses": np.array(
                [[(node.l_mass, node.r_mass) for node in tree] for tree in nodes], np.int64
            ).reshape(len(trees), 2 * n_branches + 1, 2),
            # The generator of the trees: 624 words and the place of the next one.
            "generator": np.array(key, np.uint32),
        },
    )


def _planned(detector: Any, state: State) -> Callable[[], None]:
    asked = names(state, "features")
    counter = count(state, "counter", 0, max(detector.window_size - 1, 0))
    first_window = state.header.get("first_window")
    require(state, type(first_window) is bool, f"first_window is {first_window!r}")
    found = state.arrays.get("places")
    n_trees = detector.n_trees if found is not None and found.size else 0
    n_branches = 2**detector.height - 1
    places = array(state, "places", np.int32, (n_trees, n_branches))
    require_within(state, "places", places, 0, len(asked) - 1)
    thresholds = array(state, "thresholds", np.float64, (n_trees, n_branches))
    masses = array(state, "masses", np.int64, (n_trees, 2 * n_branches + 1, 2))
    require_within(state, "masses", masses, 0, detector.window_size)
    generator = array(state, "generator", np.uint32, (625,))
    require_within(state, "generator", generator[-1:], 0, 624)
    # The lower 31 bits of the first word are no part of what moves.
    moves = bool(generator[1:-1].any()) or int(generator[0]) >= 2**31
    require(state, moves, "generator is all zeros, which never moves")

    def tree(number: int, node: int) -> Any:
        present, before = masses[number, node].tolist()
        if node >= n_branches:
            return PaddedLeaf(l_mass=present, r_mass=before)
        return PaddedBranch(
            tree(number, 2 * node + 1),
            tree(number, 2 * node + 2),
            feature=asked[places[number, node]],
            threshold=float(thresholds[number, node]),
            l_mass=present,
            r_mass=before,
        )

    trees = [tree(number, 0) for number in range(n_trees)]

    def put() -> None:
        detector.trees = trees
        detector._tree_nodes = [list(root.iter_dfs()) for root in trees]
        detector.counter = counter
        detector._first_window = first_window
        detector.rng.setstate((3, tuple(generator.tolist()), None))

    return put


FORM = Form("river_half_space_trees/1", _parameters, childless, _learned, _planned)
