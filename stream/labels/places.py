"""How rows get into the ring of those that wait for a label, are found there, and leave it."""

from __future__ import annotations

from enum import IntEnum

from numba import uint64

from schemas.jit import kernel
from stream.keytable import NOWHERE, find, insert, remove
from stream.labels.label_kinds import DELAYED


class Waiting(IntEnum):
    """What is known about a row."""

    FREE = 0
    UNLABELLED = 1
    LABELLED = 2
    # Nobody labelled it in time: it was learned as genuine.
    MATURED = 3
    # Called fraud by a label that was not believed: learned neither as this nor as that.
    WITHHELD = 4
    # Nobody's any more: its place is taken until it is the oldest, and nothing is in it.
    ERASED = 5


FREE, UNLABELLED, LABELLED, MATURED, WITHHELD, ERASED = (int(state) for state in Waiting)
# Places in the array of cursors: rows ever admitted, rows ever released, rows
# released without having been learned from, rows that ever became mature.
ADMITTED, RELEASED, LOST, MATURE = range(4)


@kernel
def _release_oldest(buckets, keys, states, cursors):
    place = cursors[RELEASED] % keys.shape[0]
    if states[place] != ERASED:
        remove(buckets, 0, keys[place])
    states[place] = FREE
    cursors[RELEASED] += 1
    cursors[MATURE] = max(cursors[MATURE], cursors[RELEASED])


@kernel
def admit_rows(
    buckets,
    keys,
    times_us,
    states,
    cursors,
    rows_max,
    new_keys,
    new_times_us,
    take,
    timely,
    places,
    repeated,
):
    """Give each timely row a place, or find the place of the row that it repeats."""
    for row in range(new_keys.shape[0]):
        if not take[row]:
            continue
        place = find(buckets, 0, new_keys[row])
        if place != NOWHERE:
            repeated[row] = True
            places[row] = place
            continue
        if not timely[row]:
            continue
        if cursors[ADMITTED] - cursors[RELEASED] == rows_max:
            if states[cursors[RELEASED] % keys.shape[0]] == UNLABELLED:
                cursors[LOST] += 1
            _release_oldest(buckets, keys, states, cursors)
        place = cursors[ADMITTED] % keys.shape[0]
        cursors[ADMITTED] += 1
        insert(buckets, 0, new_keys[row], place)
        keys[place] = new_keys[row]
        times_us[place] = new_times_us[row]
        states[place] = UNLABELLED
        places[row] = place


@kernel
def mature_rows(
    buckets, keys, times_us, states, kinds, cursors, before_us, release_us, out, ripe, untold
):
    """Let rows up to one time mature, and release those up to an earlier one.

    Writes the places of those that nobody labelled, of all that were not withheld or erased,
    and of those of these that the delayed learner was not told of; returns how many of each.
    """
    n, n_ripe, n_untold = 0, 0, 0
    while cursors[MATURE] < cursors[ADMITTED]:
        place = cursors[MATURE] % keys.shape[0]
        if times_us[place] > before_us:
            break
        if states[place] != WITHHELD and states[place] != ERASED:
            ripe[n_ripe] = place
            n_ripe += 1
            if not kinds[place] & DELAYED:
                untold[n_untold] = place
                n_untold += 1
        if states[place] == UNLABELLED:
            states[place] = MATURED
            out[n] = place
            n += 1
        # Whatever is said of it from now on is the delayed learner's to hear.
        kinds[place] |= DELAYED
        cursors[MATURE] += 1
    while cursors[RELEASED] < cursors[MATURE]:
        if times_us[cursors[RELEASED] % keys.shape[0]] > release_us:
            break
        _release_oldest(buckets, keys, states, cursors)
    return n, n_ripe, n_untold


@kernel
def look_up(buckets, keys, places):
    """Find the place of each key, or NOWHERE."""
    for i in range(keys.shape[0]):
        places[i] = NOWHERE if keys[i] == uint64(0) else find(buckets, 0, keys[i])


@kernel
def forget_keys(buckets, keys):
    """Take keys that are in the table out of it."""
    for i in range(keys.shape[0]):
        remove(buckets, 0, keys[i])


@kernel
def enter_all(buckets, keys, states, first, places):
    """Fill an empty table with rows from number `first` on; False for a key twice, or 0.

    An erased row has no key, and only such a row.
    """
    for i in range(keys.shape[0]):
        if states[i] == ERASED:
            if keys[i] != uint64(0):
                return False
            continue
        if keys[i] == uint64(0) or find(buckets, 0, keys[i]) != NOWHERE:
            return False
        insert(buckets, 0, keys[i], (first + i) % places)
    return True
