"""Times as people write and read them."""

from __future__ import annotations

import numpy as np


def shown(at_us: int) -> str:
    """Return a time in UTC to the second, of microseconds since 1970-01-01."""
    return f"{np.datetime64(at_us // 1_000_000, 's')}Z"
