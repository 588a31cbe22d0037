"""Where everything lies: the words of an event, of its links, and of an entity.

Whatever is needed together lies together in memory. An event is one row of 64-bit
words, its links in every entity type included; an entity is one row of its type:

    event:  time | columns | links in type 0 | links in type 1 | ...
    entity: header | window 0 | window 1 | ... | delayed window 0 | ...

Rows are whole cache lines, allocated once. Times are microseconds, events and entities
are named by their place in the arrays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NIL = -1
# Before and after any event; far enough from the limits that differences do not overflow.
BEGINNING_US = -(2**60)
NEVER_US = 2**60

# An event: its time, then the columns of `stream.features.columns`.
TIME_US = 0

# Its links in an entity type: the entity, and its neighbours there by event time. Two
# more for each peak (older and younger member of its stack) and for each distinct
# count (older and younger event of the same value).
OWNER, BEFORE, AFTER = range(3)
N_LINKS = 3
POPPED = -2  # Stands for the younger member in an event that has left the stack.

# The header of an entity.
KEY = 0
NEWEST = 1
OLDEST = 2
NOW_US = 3  # Greatest event time seen: the windows are kept as of this.
LAST_SEEN = 4  # Number of the event that arrived last; NIL once that is forgotten.
FIRST_US = 5
REORDERED_US = 6  # Latest event that came out of order.
FORGOTTEN_US = 7  # Latest event that was forgotten; the carried state is as of it.
BORN_US = 8  # What lies before this may have been evicted before the entity became known.
FRAUD_US = 9  # Latest event known to be fraud.
HEADER = 10
LINE = 8  # Words of a cache line; a row is padded to whole lines.
# An entity without remembered events is asleep, chained by the same words.
FRESHER, STALER = NEWEST, OLDEST

# A window: its oldest event, how many are inside; then sums, distinct counts, peaks.
TAIL_US, TAIL, COUNT = range(3)
WINDOW = 3
# A delayed window also knows the first event that is too young for it.
HEAD_US, HEAD = 3, 4
DELAYED = 5

# What is known of an entity by verdicts: the latest known event, the latest that is known
# to be genuine, verdicts of fraud in a row; then sums for each half-life.
KNOWN_LAST_US, GENUINE_US, RUN = range(3)
AFTER_KNOWN = 3
KNOWN_SUMS = 6

# The control words of an entity type.
USED, HAND, STALEST, FRESHEST, EVICTED_NOW_US, EVICTED, EVICTED_LIVE, LATE_INSERTS = range(8)
N_CONTROL = 8

# What is read at every event; then windows, delayed windows and running values.
(
    KNOWN,
    GAP_US,
    SINCE_FIRST_US,
    SINCE_FRAUD_US,
    IS_NEW,
    IS_LATE,
    IS_BORN_LATE,
    COMPLETE_AGE_US,
    REORDERED_AGE_US,
) = range(9)
N_READ = 9


class Memory(NamedTuple):
    """The arrays of one entity type; `lines` and `events` belong to all of them.

    Attributes
    ----------
    lines : ndarray of int64, shape (places, words)
        All that is kept of an event.
    events : ndarray of int64, shape (places, 1 + columns)
        The beginning of `lines`.
    doubles : ndarray of float64
        The same bytes.
    links : ndarray of int32, shape (places, N_LINKS + 2 * (peaks + distinct))
        Those bytes of `lines` that are this type's.
    rows : ndarray of int64, shape (capacity, width)
    running : ndarray of float64, shape (places, states)
        Running values as of each event.
    carried : ndarray of float64, shape (capacity, states)
        Running values as of the latest forgotten event of each entity.
    known : ndarray of float64, shape (capacity, 0 or Plan.known)
        What is known of each entity by verdicts; see `stream.windows.known`.
    totals : ndarray of float64, shape (1, KNOWN_SUMS)
        The same sums over all entities, of any age.
    parts : ndarray of uint64, shape (capacity, parts)
        Of a pair, the keys of those of its parts that are entities; of one that was kept
        before they were, 0. An entity by itself has none.
    buckets : ndarray of BUCKET, shape (1, buckets)
        Key of an entity to its row.
    same : ndarray of BUCKET, shape (distinct, buckets)
        Entity and value to the youngest event that has them.
    control : ndarray of int64, shape (1, N_CONTROL)
    read : ndarray of int64, shape (reads, rows of a batch)
        What was read at each event of the latest batch, column by column.
    reading : ndarray of float64
        The same bytes.
    """

    lines: NDArray[np.int64]
    events: NDArray[np.int64]
    doubles: NDArray[np.float64]
    links: NDArray[np.int32]
    rows: NDArray[np.int64]
    running: NDArray[np.float64]
    carried: NDArray[np.float64]
    known: NDArray[np.float64]
    totals: NDArray[np.float64]
    parts: NDArray[np.uint64]
    buckets: NDArray[np.void]
    same: NDArray[np.void]
    control: NDArray[np.int64]
    read: NDArray[np.int64]
    reading: NDArray[np.float64]


class Plan(NamedTuple):
    """What one entity type keeps; columns are those of `Memory.events`.

    Attributes
    ----------
    windows_us : ndarray of int64, shape (1, W)
    sums : ndarray of int64, shape (1, M)
        Columns that every window sums.
    distinct : ndarray of int64, shape (1, D)
        Columns of keys whose distinct values every window counts.
    peaks : ndarray of int64, shape (T, 2)
        Column, and 1 for its greatest or -1 for its least value in every window.
    delayed_us : ndarray of int64, shape (V, 2)
        Length and delay.
    delayed_sums : ndarray of int64, shape (1, N)
    decays : ndarray of int64, shape (Q, 3)
        Half-life, column and column of whether it is known; both NIL for a rate.
    scales : ndarray of float64, shape (1, Q)
        What one unit of each decayed column is.
    location : ndarray of int64, shape (1, 0 or 2)
        Columns of latitude and longitude.
    fraud : ndarray of int64, shape (1, 0 or 1)
        Column of the verdict.
    known_us : ndarray of int64, shape (1, K)
        Half-lives of what is known by verdicts.
    known_amount : ndarray of int64, shape (1, 0 or 1)
        Column of the amount where anything is known by verdicts.
    known_unit : ndarray of float64, shape (1, 1)
        What one unit of it is.
    known_verdict : ndarray of int64, shape (1, 0 or 2)
        Columns of known fraud and of whether there is a verdict.
    known_at : ndarray of int64, shape (1, 1)
        Where it is read.
    at_fraud : ndarray of int64, shape (1, R)
        Features whose value at the latest known fraud is kept.
    """

    windows_us: NDArray[np.int64]
    sums: NDArray[np.int64]
    distinct: NDArray[np.int64]
    peaks: NDArray[np.int64]
    delayed_us: NDArray[np.int64]
    delayed_sums: NDArray[np.int64]
    decays: NDArray[np.int64]
    scales: NDArray[np.float64]
    location: NDArray[np.int64]
    fraud: NDArray[np.int64]
    known_us: NDArray[np.int64]
    known_amount: NDArray[np.int64]
    known_unit: NDArray[np.float64]
    known_verdict: NDArray[np.int64]
    known_at: NDArray[np.int64]
    at_fraud: NDArray[np.int64]

    @property
    def longest_us(self) -> int:
        """How far back the oldest window reaches."""
        return max([*self.windows_us[0].tolist(), *self.delayed_us.sum(1).tolist(), 0])

    @property
    def row_words(self) -> int:
        """Words of one entity."""
        window = WINDOW + self.sums.size + self.distinct.size + len(self.peaks)
        delayed = DELAYED + self.delayed_sums.size
        words = HEADER + self.windows_us.size * window + len(self.delayed_us) * delayed
        return int(-(-words // LINE) * LINE)

    @property
    def links(self) -> int:
        """Links of one event."""
        return int(N_LINKS + 2 * (len(self.peaks) + self.distinct.size))

    @property
    def states(self) -> int:
        """Running values of one event: rates take one, moments and a location three."""
        moments = int((self.decays[:, 1] != NIL).sum())
        return len(self.decays) + 2 * moments + (3 if self.location.size else 0)

    @property
    def known(self) -> int:
        """Numbers that are known of an entity by verdicts."""
        words = AFTER_KNOWN + KNOWN_SUMS * self.known_us.size + self.at_fraud.size
        return int(words) if self.known_amount.size else 0

    @property
    def reads(self) -> int:
        """Values read at every event."""
        window = 1 + self.sums.size + self.distinct.size + len(self.peaks)
        delayed = 1 + self.delayed_sums.size
        running = self.states + (1 if self.location.size else 0)
        # Of what is known, one number less: the time of the latest known event.
        running += max(self.known - 1, 0)
        windows = self.windows_us.size * window
        return int(N_READ + windows + len(self.delayed_us) * delayed + running)
