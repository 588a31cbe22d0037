"""Live traffic with a drift in it; before that it stays as it was, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stream.simulate.drifts import Drift, DriftKind
from stream.simulate.episodes import Episodes, FraudPlan, Payments
from stream.simulate.world import GENUINE, NOBODY, SMALL_AMOUNTS, World

# Of this share, the smallest of all payments, are the frauds of a concept drift.
_SMALL_SHARE = 0.05
# Episodes of a drift have numbers from here on.
_FIRST_EPISODE = 1 << 32


class LiveDrift:
    """Changes blocks of traffic, one after the other.

    Parameters
    ----------
    drift : Drift
    world : World
    plan : FraudPlan
        How much fraud there is without the drift.
    generator : numpy.random.Generator
        Source of all that is drawn here, and of nothing else.
    """

    def __init__(
        self, drift: Drift, world: World, plan: FraudPlan, generator: np.random.Generator
    ) -> None:
        self._drift = drift
        self._world = world
        self._generator = generator
        self._fraud_share = sum(plan.shares)
        more = tuple(share * max(drift.size - 1.0, 0.0) for share in plan.shares)
        self._more = Episodes(world, replace(plan, shares=more), generator)  # type: ignore[arg-type]

    def change(self, rows: Payments, end_us: int) -> Payments:
        """Return a block as the drift leaves it.

        Parameters
        ----------
        rows : ndarray of PAYMENT, shape (n,)
            In order; times count from the beginning of the stream.
        end_us : int
            What comes later comes in a later block.
        """
        match self._drift.kind:
            case DriftKind.COVARIATE:
                return self._grown(rows)
            case DriftKind.MISSING:
                return self._without_device(rows)
            case DriftKind.CONCEPT:
                return self._another_kind(rows)
            case DriftKind.PRIOR:
                return self._with_more_fraud(rows, end_us)

    def _after(self, rows: Payments) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.asarray(rows["event_time_us"] >= self._drift.at_us)

    def _grown(self, rows: Payments) -> Payments:
        at = np.flatnonzero(self._after(rows) & (rows["kind"] == GENUINE))
        grown = rows["amount_minor"][at] * self._drift.size
        rows["amount_minor"][at] = self._world.settle(grown, rows["merchant"][at])
        return rows

    def _without_device(self, rows: Payments) -> Payments:
        lost = self._after(rows) & (self._generator.random(rows.size) < self._drift.size)
        rows["device"][lost] = NOBODY
        return rows

    def _another_kind(self, rows: Payments) -> Payments:
        after = self._after(rows)
        rows = rows[~after | (rows["kind"] == GENUINE)]
        candidates = np.flatnonzero(self._after(rows))
        small = rows["amount_minor"][candidates]
        candidates = candidates[np.argsort(small, kind="stable")]
        n = candidates.size
        candidates = candidates[: round(_SMALL_SHARE * n)]
        wanted = self._generator.binomial(n, min(self._fraud_share * self._drift.size, 1.0))
        chosen = self._generator.choice(
            candidates, min(int(wanted), candidates.size), replace=False
        )
        rows["kind"][chosen] = SMALL_AMOUNTS
        return rows

    def _with_more_fraud(self, rows: Payments, end_us: int) -> Payments:
        added = self._more.advance(end_us)
        added = added[self._after(added)]
        added["episode"] += _FIRST_EPISODE
        after = self._after(rows)
        changed = rows[after]
        genuine = changed["kind"] == GENUINE
        self._more.compromise(changed)
        changed["episode"][genuine & (changed["kind"] != GENUINE)] += _FIRST_EPISODE
        rows[after] = changed
        rows = np.concatenate((rows, added))
        return rows[np.argsort(rows["event_time_us"], kind="stable")]
