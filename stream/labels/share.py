"""A share of the payments that nobody labelled stands for all of them.

Nearly every payment is genuine, and nearly every one is learned because nobody labelled it. Of
those a share drawn at random is enough, if each weighs as much as those that it stands for: the
expected gradient, and the expected counts in a leaf, stay what they were (Horvitz & Thompson
1952, section 3). What it costs is variance, in proportion to 1 / share, and only of the class
of which there is plenty.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.draws import uniform

# Draws for this use; those for the alert budget have another.
_USE = np.uint64(0xD1B54A32D192ED03)


def weights_of(keys: NDArray[np.uint64], share: float) -> NDArray[np.float64]:
    """Return what each payment weighs that counts as genuine by nobody's word.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n,)
        Keyed hashes of the payments' ids.
    share : float
        Above 0 to 1.

    Returns
    -------
    ndarray of float64, shape (n,)
        1 / share where the payment was drawn, 0 where it is not to be learned.
    """
    return np.where(uniform(keys, _USE) < share, 1.0 / share, 0.0)
