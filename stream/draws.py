"""Draws that nobody can foresee and everybody can repeat: numbers made of keyed hashes.

The key of a transaction is a keyed hash of its id already, so a number mixed from it is as good
as a random one to whoever has not the key, and the same whenever the stream is replayed, however
it was cut into batches.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def uniform(keys: NDArray[np.uint64], use: np.uint64 | NDArray[np.uint64]) -> NDArray[np.float64]:
    """Mix each key into a number from 0 to below 1 (SplitMix64: Steele, Lea & Flood 2014).

    Parameters
    ----------
    keys : ndarray of uint64, shape (n,)
    use : uint64, or ndarray of uint64 of shape (n,)
        What the draw is for: an odd constant of its own, so that its draws tell nothing of those
        for another use.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    mixed = keys + use
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    mixed ^= mixed >> np.uint64(31)
    # Of the upper 53 bits only, so that none rounds up to 1.
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
