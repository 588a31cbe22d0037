"""The door between Python and the kernels: two addresses in, all arrays out."""

from __future__ import annotations

import numpy as np

from schemas.borrowed import borrower
from stream.keytable import BUCKET
from stream.windows.words import Memory, Plan

memory_at = borrower(
    Memory,
    (
        np.int64,
        np.float64,
        np.int32,
        np.int64,
        np.float64,
        np.float64,
        BUCKET,
        BUCKET,
        np.int64,
        np.int64,
        np.float64,
    ),
)
plan_at = borrower(
    Plan,
    (
        np.int64,
        np.int64,
        np.int64,
        np.int64,
        np.int64,
        np.int64,
        np.int64,
        np.float64,
        np.int64,
        np.int64,
    ),
)
