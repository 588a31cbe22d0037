"""What is done before the first record, so that none waits for it: pages touched, garbage gone."""

from __future__ import annotations

import gc
import mmap
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def touch(arrays: Iterable[NDArray[np.generic]]) -> int:
    """Have the system give memory for all of some arrays; return how many bytes they have.

    Zeros that were never written have none yet, and the first record on each page would wait
    for it. Those that are mapped from files are left alone.
    """
    size = 0
    for array in arrays:
        if not isinstance(array, np.memmap) and array.flags.c_contiguous and array.ndim:
            # Writing what is there already counts as written.
            array.reshape(-1).view(np.uint8)[:: mmap.PAGESIZE] |= 0
            size += array.nbytes
    return size


def collect() -> None:
    """Free what nobody holds, and spare later collections what is still held.

    What lives now, modules above all, lives on, and a payment would wait while it is looked
    through. What is dropped of it later is freed by the next call.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
