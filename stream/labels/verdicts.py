"""What one label does to its row: it is taken, overrides, repeats, or is withheld.

The label of the later time stands, the later arrival where times are equal. One that
says the same changes nothing but who said so last, and is an example for the learner of its
kind if that has learned nothing of the row. One that says otherwise is a correction: of an
example that still waits, in place, else by another example that names what the learners were
told before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.jit import kernel
from stream.event_time import BEGINNING_US
from stream.keytable import NOWHERE, find
from stream.labels.caps import count_in, over_cap
from stream.labels.examples import HEAD, NEVER_TAUGHT, TAIL
from stream.labels.fates import Fate
from stream.labels.places import LABELLED, MATURED, UNLABELLED, WITHHELD

_TAKEN, _CORRECTED, _REPEATED = int(Fate.TAKEN), int(Fate.CORRECTED), int(Fate.REPEATED)
_SUPERSEDED, _BEFORE_EVENT = int(Fate.SUPERSEDED), int(Fate.BEFORE_EVENT)
_NO_ROW, _REFUSED = int(Fate.NO_ROW), int(Fate.REFUSED)
_LOW_CONFIDENCE, _BACKLOG = int(Fate.LOW_CONFIDENCE), int(Fate.BACKLOG)


class Stood(NamedTuple):
    """The label that stood before each of some, BEGINNING_US the time of none."""

    verdicts: NDArray[np.int8]
    sources: NDArray[np.int8]
    times_us: NDArray[np.int64]


def nothing_stood(n: int) -> Stood:
    """Make room for n."""
    return Stood(np.zeros(n, np.int8), np.zeros(n, np.int8), np.full(n, BEGINNING_US))


@kernel
def take_verdicts(
    ring, queue, caps, kind_of, keys, times_us, verdicts, sources, sure, take, fates, places, stood
):
    """Give labels to their rows, in order.

    Writes the fate and the row's place of each, and into `stood` what was known of the
    row before: verdict, source and time of its label.
    """
    for i in range(keys.shape[0]):
        fates[i], places[i] = _REFUSED, NOWHERE
        if not take[i]:
            continue
        place = find(ring.buckets, 0, keys[i])
        places[i] = place
        if place == NOWHERE:
            fates[i] = _NO_ROW
            continue
        stood.verdicts[i] = ring.verdicts[place]
        stood.sources[i] = ring.sources[place]
        stood.times_us[i] = ring.label_times_us[place]
        fate = fate_of(ring, queue, place, times_us[i], verdicts[i], sure[i])
        if fate in (_TAKEN, _CORRECTED):
            fate = max(fate, over_cap(caps, sources[i], ring.entities[place]))
        fates[i] = fate
        changes, kind = fate in (_TAKEN, _CORRECTED), kind_of[sources[i]]
        if changes:
            count_in(caps, sources[i], ring.entities[place])
            teach(ring, queue, place, verdicts[i], fate == _CORRECTED, kind)
            ring.states[place] = LABELLED
            ring.verdicts[place] = verdicts[i]
        elif fate == _REPEATED and sure[i] and not ring.kinds[place] & kind:
            # It says nothing new, so that no cap is for it; a full queue can do without.
            if has_room(ring, queue, place):
                teach(ring, queue, place, verdicts[i], True, kind)
        elif fate >= _LOW_CONFIDENCE and verdicts[i] == 1 and ring.states[place] == UNLABELLED:
            ring.states[place] = WITHHELD
        stands = changes or (fate == _REPEATED and sure[i])
        if stands and times_us[i] >= ring.label_times_us[place]:
            ring.label_times_us[place] = times_us[i]
            ring.sources[place] = sources[i]


@kernel
def fate_of(ring, queue, place, time_us, verdict, sure):
    """Decide what becomes of a label that has found its row."""
    if time_us < ring.times_us[place]:
        return _BEFORE_EVENT
    known = ring.states[place] == LABELLED or ring.states[place] == MATURED
    if known and verdict == ring.verdicts[place]:
        return _REPEATED
    if known and time_us < ring.label_times_us[place]:
        return _SUPERSEDED
    if not sure:
        return _LOW_CONFIDENCE
    if not has_room(ring, queue, place):
        return _BACKLOG
    return _CORRECTED if known else _TAKEN


@kernel
def has_room(ring, queue, place):
    """Tell whether the row's example waits on the queue, or one more may."""
    waits = ring.examples[place] >= queue.cursors[HEAD]
    return waits or queue.cursors[TAIL] - queue.cursors[HEAD] < queue.verdicts.shape[0]


@kernel
def teach(ring, queue, place, verdict, corrects, kind):
    """Put the row's example on the queue, or mend the one that waits there."""
    length = queue.verdicts.shape[0]
    example = ring.examples[place]
    if example < queue.cursors[HEAD]:
        # It was learned, as what it counted for until now; or nobody learned anything of it.
        example = queue.cursors[TAIL]
        queue.taught[example % length] = ring.verdicts[place] if corrects else NEVER_TAUGHT
        queue.told[example % length] = ring.kinds[place] if corrects else 0
        ring.examples[place] = example
        queue.cursors[TAIL] = example + 1
    ring.kinds[place] |= kind
    queue.verdicts[example % length] = verdict
    queue.kinds[example % length] = ring.kinds[place]
