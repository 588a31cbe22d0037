"""The Handbook's features from their definitions: binary search and integer sums, nothing of ours.

Source: Fraud Detection Handbook, chapter 3, "Baseline feature transformation". Of each
customer the number and the mean amount of the payments in (t - w, t], and of each terminal
the number and the share of frauds of the payments in (t - 7d - w, t - 7d], 0 where there are
none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DAY_S = 86_400
DELAY_DAYS = 7
WINDOWS = (1, 7, 30)

Columns = dict[str, NDArray[Any]]


class Grouped:
    """The payments of one entity after the other, each entity's in order of time, then file."""

    def __init__(self, key: NDArray[Any], seconds: NDArray[np.int64]) -> None:
        self.order = np.argsort(key, kind="stable")
        # Entities lie so far apart that no window reaches from one into another.
        self.at = key[self.order].astype(np.int64) * 2**40 + seconds[self.order]

    def until(self, days: int) -> NDArray[np.int64]:
        """Count, for each payment, what comes before or at t less some days."""
        return np.searchsorted(self.at, self.at - days * DAY_S, side="right")

    def sums(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the sums over what comes before each place, shape (n + 1,)."""
        return np.concatenate([[0], np.cumsum(values[self.order])])

    def in_file_order(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.empty_like(values)
        found[self.order] = values
        return found


def exact(columns: Columns) -> Columns:
    """Compute the features by definition, under our names."""
    times = columns["TX_DATETIME"].astype("datetime64[s]").astype(np.int64)
    assert (np.diff(times) >= 0).all(), "the stream is not in order"
    cents = np.rint(columns["TX_AMOUNT"] * 100).astype(np.int64)
    day = times // DAY_S
    found = {
        "amount": columns["TX_AMOUNT"],
        "is_weekend": ((day + 3) % 7 >= 5).astype(np.float64),  # 1970-01-01 was a Thursday.
        "is_night": (times % DAY_S // 3600 <= 6).astype(np.float64),
    }
    customers = Grouped(columns["CUSTOMER_ID"], times)
    sums, here = customers.sums(cents), np.arange(len(times)) + 1
    for days in WINDOWS:
        first = customers.until(days)
        count = (here - first).astype(np.float64)
        mean = (sums[here] - sums[first]) / count / 100
        found[f"customer.count_{days}d"] = customers.in_file_order(count)
        found[f"customer.amount_mean_{days}d"] = customers.in_file_order(mean)
    terminals = Grouped(columns["TERMINAL_ID"], times)
    sums, last = terminals.sums(columns["TX_FRAUD"].astype(np.int64)), terminals.until(DELAY_DAYS)
    for days in WINDOWS:
        first = terminals.until(DELAY_DAYS + days)
        count = (last - first).astype(np.float64)
        risk = (sums[last] - sums[first]) / np.maximum(count, 1)
        found[f"terminal.count_{days}d_delay_7d"] = terminals.in_file_order(count)
        found[f"terminal.fraud_rate_{days}d_delay_7d"] = terminals.in_file_order(risk)
    return found
