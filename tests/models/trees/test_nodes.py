"""Nodes and slots are taken, given back and taken again; nothing is lost or given twice."""

import numpy as np
from seeds import seeds

from models.trees.nodes import (
    ACTIVE,
    FEATURE,
    LEFT,
    NIL,
    NODES_IN_USE,
    OBSERVED,
    PARENT,
    SLOTS_IN_USE,
    fell,
    fraud_first,
    knows,
    make_leaf,
    met,
    reserved,
    slot_of,
    take_pair,
    widened,
    wipe,
)


def under(trees, root):
    nodes, queue = [], [root]
    while queue:
        node = queue.pop()
        nodes.append(node)
        if trees.links[node, FEATURE] != NIL:
            queue += [int(trees.links[node, LEFT]), int(trees.links[node, LEFT]) + 1]
    return nodes


def sprout(trees, node):
    """Make a leaf a branch, as a split does."""
    pair = take_pair(trees)
    if pair == NIL:
        return False
    wipe(trees, node)
    make_leaf(trees, pair, node, 1)
    make_leaf(trees, pair + 1, node, 1)
    trees.links[node, FEATURE], trees.links[node, LEFT] = 0, pair
    return True


@seeds(3)
def test_every_node_and_slot_has_one_owner(seed):
    rng = np.random.default_rng(seed)
    trees = reserved(61, 3, 2, sampled=True)
    refused = 0
    for _ in range(400):
        root = int(rng.integers(3))
        leaves = [n for n in under(trees, root) if trees.links[n, FEATURE] == NIL]
        leaf = int(rng.choice(leaves))
        action = rng.random()
        if action < 0.5:
            slot = slot_of(trees, leaf, int(rng.integers(2)))
            assert not trees.gauss[slot].any() or trees.gauss[slot, 0, 0] == leaf + 1
            trees.gauss[slot] = leaf + 1
        elif action < 0.9:
            refused += not sprout(trees, leaf)
        elif action < 0.97:
            wipe(trees, leaf)
        else:
            fell(trees, root)
            assert under(trees, root) == [root]
        alive = [node for root in range(3) for node in under(trees, root)]
        assert len(set(alive)) == len(alive) == trees.counts[NODES_IN_USE] <= 61
        slots = trees.slots[alive][trees.slots[alive] != NIL].tolist()
        assert len(set(slots)) == len(slots) == trees.counts[SLOTS_IN_USE]
        for node in alive:
            if trees.links[node, FEATURE] != NIL:
                left = trees.links[node, LEFT]
                assert trees.links[left : left + 2, PARENT].tolist() == [node, node]
    assert refused > 0


def test_all_that_is_reserved_can_be_used():
    trees = reserved(21, 1, 4, sampled=False)
    leaves = [0]
    while sprout(trees, leaves[0]):
        left = int(trees.links[leaves.pop(0), LEFT])
        leaves += [left, left + 1]
    assert trees.counts[NODES_IN_USE] == 21
    slots = {int(slot_of(trees, leaf, c)) for leaf in leaves for c in range(2)}
    assert len(slots) == 22
    assert max(slots) < len(trees.gauss)


def test_a_wiped_leaf_has_observed_nothing_and_still_observes():
    trees = reserved(3, 1, 2, sampled=False)
    trees.gauss[slot_of(trees, 0, 1)] = 9.0
    wipe(trees, 0)
    assert trees.marks[0, OBSERVED] == 0
    assert trees.marks[0, ACTIVE] == 1
    assert not trees.gauss[slot_of(trees, 0, 0)].any()


def test_classes_keep_the_order_in_which_they_were_met():
    for classes in ((), (0,), (1,), (0, 1), (1, 0), (0, 0, 1, 1), (1, 1, 0)):
        order = 0
        for c in classes:
            order = met(order, c)
        assert [bool(knows(order, c)) for c in range(2)] == [c in classes for c in range(2)]
        assert bool(fraud_first(order)) == (classes[:1] == (1,))


def test_wider_observers_keep_what_they_observed():
    trees = reserved(5, 1, 2, sampled=False)
    trees.gauss[slot_of(trees, 0, 1)] = 3.0
    wider = widened(trees, 4)
    slot = slot_of(wider, 0, 1)
    assert wider.gauss[slot, :2].tolist() == [[3.0] * 5] * 2
    assert not wider.gauss[slot, 2:].any()
    assert not wider.gauss[slot_of(wider, 0, 0)].any()
