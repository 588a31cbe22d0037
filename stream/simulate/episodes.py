"""Fraud episodes: what four kinds of fraudsters do to the cards and terminals of a world.

card_testing. Somebody bought a stolen card number. One online merchant sees 6 to 15 tiny
amounts on it within a minute, then one or two large ones follow at another web shop, all
from one new device.

stolen_card. Somebody holds the card itself: 4 to 8 large payments at physical merchants of
one city far from the owner's home, within 3 to 8 minutes.

compromised_terminal. For 2 to 6 minutes one physical terminal is in wrong hands: a third
of the genuine payments made there, by whoever pays, turn into fraud with raised amounts.
No payment is added.

account_takeover. Somebody pays as the customer: 4 to 8 online payments from one new device
within 5 to 12 minutes, each larger than the one before.

Episodes of a kind start as a Poisson process, as often as the kind's share of the payments
asks for; the process began before the stream did, so the stream opens with episodes in full
swing (of those only the rest is seen), and one more of each kind starts at offset 0. All
durations are multiplied by the episode scale; the share of fraud does not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream.simulate.world import (
    ACCOUNT_TAKEOVER,
    CARD_TESTING,
    COMPROMISED_TERMINAL,
    DEVICE_RANGE,
    GENUINE,
    NOBODY,
    ONLINE,
    PAYMENT,
    STOLEN_CARD,
    Indices,
    Numbers,
    World,
)

Payments = NDArray[np.void]

_MINUTE_US: Final = 60_000_000.0
_TESTS, _HAULS = (6, 15), (1, 2)
_STOLEN, _TAKEOVER = (4, 8), (4, 8)
_TESTING_MINUTES, _HAUL_MINUTES = (0.4, 1.0), 0.5
_STOLEN_MINUTES, _TAKEOVER_MINUTES = (3.0, 8.0), (5.0, 12.0)
_TERMINAL_MINUTES: Final = (2.0, 6.0)
_FRAUD_AT_TERMINAL: Final = 1.0 / 3.0


@dataclass(frozen=True, slots=True)
class FraudPlan:
    """How much fraud there is.

    Attributes
    ----------
    rate_per_s
        All payments a second.
    genuine_rate_per_s
        Those that are not added by episodes, a second.
    shares
        Share of all payments by kind, in the order of `KINDS` without the first.
    scale
        Factor on all durations.
    """

    rate_per_s: float
    genuine_rate_per_s: float
    shares: tuple[float, float, float, float]
    scale: float


class Episodes:
    """Plans episodes ahead and hands out their payments in order of time.

    Times are offsets in microseconds from the start of the stream. `advance` is called with
    growing ends, each followed by `compromise` for the genuine payments up to that end.

    Parameters
    ----------
    world
        Whose cards and terminals are attacked.
    plan
        How often.
    generator
        Source of all randomness.
    """

    def __init__(self, world: World, plan: FraudPlan, generator: np.random.Generator) -> None:
        self._world = world
        self._generator = generator
        self._scaled_minute_us = plan.scale * _MINUTE_US
        self._per_us = _starts_per_us(world, plan)
        self._planned_to: float | None = None
        self._episodes = 0
        self._pending: Payments = np.empty(0, PAYMENT)
        terminals = world.physical_terminals
        self._bad_from = np.zeros(terminals)
        self._bad_until = np.full(terminals, -np.inf)
        self._bad_episode = np.full(terminals, NOBODY, np.int64)

    def advance(self, end_us: int) -> Payments:
        """Payments before `end_us` not handed out yet, in no particular order."""
        begin_us = self._planned_to
        planned = [self._pending]
        planners: tuple[tuple[int, float, Callable[[Numbers], Payments]], ...] = (
            (CARD_TESTING, _TESTING_MINUTES[1] + _HAULS[1] * _HAUL_MINUTES, self._card_testing),
            (STOLEN_CARD, _STOLEN_MINUTES[1], self._stolen_card),
            (ACCOUNT_TAKEOVER, _TAKEOVER_MINUTES[1], self._account_takeover),
        )
        for kind, longest_minutes, planner in planners:
            rows = planner(self._starts(kind, longest_minutes, begin_us, end_us))
            planned.append(rows[rows["event_time_us"] >= 0])
        self._corrupt_terminals(
            self._starts(COMPROMISED_TERMINAL, _TERMINAL_MINUTES[1], begin_us, end_us), begin_us
        )
        self._planned_to = end_us
        rows = np.concatenate(planned)
        due = rows["event_time_us"] < end_us
        self._pending = rows[~due]
        return np.asarray(rows[due])

    def compromise(self, rows: Payments) -> None:
        """Turn a third of the genuine payments at terminals in wrong hands into fraud, in place.

        Parameters
        ----------
        rows
            (n,) payments that the last `advance` has planned for.
        """
        at_terminal = (rows["terminal"] >= 0) & (rows["terminal"] < self._bad_from.size)
        terminal = np.where(at_terminal, rows["terminal"], 0)
        time_us = rows["event_time_us"]
        bad = at_terminal & (self._bad_from[terminal] <= time_us)
        bad &= (time_us < self._bad_until[terminal]) & (rows["kind"] == GENUINE)
        hit = np.flatnonzero(bad)
        hit = hit[self._generator.random(hit.size) < _FRAUD_AT_TERMINAL]
        raised = rows["amount_minor"][hit] * self._generator.uniform(3.0, 8.0, hit.size)
        rows["amount_minor"][hit] = self._world.settle(raised, rows["merchant"][hit])
        rows["kind"][hit] = COMPROMISED_TERMINAL
        rows["episode"][hit] = self._bad_episode[terminal[hit]]

    def _starts(
        self, kind: int, longest_minutes: float, begin_us: float | None, end_us: int
    ) -> Numbers:
        """(e,) starts of new episodes of a kind: a Poisson process, and one opening episode."""
        per_us = self._per_us[kind]
        if per_us == 0.0:
            return np.empty(0)
        opening = np.zeros(1 if begin_us is None else 0)
        if begin_us is None:
            begin_us = -longest_minutes * self._scaled_minute_us
        count = self._generator.poisson(per_us * (end_us - begin_us))
        return np.concatenate((opening, self._generator.uniform(begin_us, end_us, count)))

    def _corrupt_terminals(self, starts: Numbers, begin_us: float | None) -> None:
        """Let an episode begin at a terminal for each start, unless one is still going on there."""
        terminal = self._generator.integers(0, self._bad_from.size, starts.size)
        minutes = self._generator.uniform(*_TERMINAL_MINUTES, starts.size)
        until = starts + minutes * self._scaled_minute_us
        now_us = 0.0 if begin_us is None else begin_us
        free = (self._bad_until[terminal] <= now_us) & (until > now_us)
        terminal = terminal[free]
        self._bad_from[terminal] = starts[free]
        self._bad_until[terminal] = until[free]
        self._bad_episode[terminal] = self._number(starts.size)[free]

    def _card_testing(self, starts: Numbers) -> Payments:
        random, world = self._generator, self._world
        tests = random.integers(_TESTS[0], _TESTS[1] + 1, starts.size)
        hauls = random.integers(_HAULS[0], _HAULS[1] + 1, starts.size)
        rows, of, step = self._victims(CARD_TESTING, tests + hauls)
        span = random.uniform(*_TESTING_MINUTES, starts.size)[of]
        later, jitter = step - tests[of], random.random(of.size)
        minutes = np.where(
            later < 0, span * (step + jitter) / tests[of], span + (later + jitter) * _HAUL_MINUTES
        )
        web = random.integers(world.physical, world.level.size, (2, starts.size))
        large = world.mean_minor[rows["card"]] * random.uniform(8.0, 25.0, of.size)
        tiny = random.integers(50, 251, of.size)
        amounts = np.where(later < 0, tiny, large)
        self._pay_online(rows, of, np.where(later < 0, web[0, of], web[1, of]), amounts)
        return self._timed(rows, starts[of], minutes)

    def _stolen_card(self, starts: Numbers) -> Payments:
        random, world = self._generator, self._world
        rows, of, step = self._victims(STOLEN_CARD, self._between(_STOLEN, starts.size))
        far = world.far_cities[world.city[rows["card"]]]
        city = far[np.arange(of.size), random.integers(0, far.shape[1], starts.size)[of]]
        skip = (random.random(of.size) * world.merchants_in_city[city]).astype(np.int64)
        merchant = world.first_in_city[city] + skip
        rows["merchant"] = merchant
        rows["terminal"] = world.pick_terminal(merchant, random.random(of.size))
        rows["channel"] = world.pick_present_channel(merchant, random.random(of.size))
        large = world.mean_minor[rows["card"]] * random.uniform(4.0, 12.0, of.size)
        rows["amount_minor"] = world.settle(large, merchant)
        span = random.uniform(*_STOLEN_MINUTES, starts.size)[of]
        part = (step + random.random(of.size)) / np.bincount(of, minlength=starts.size)[of]
        return self._timed(rows, starts[of], span * part)

    def _account_takeover(self, starts: Numbers) -> Payments:
        random, world = self._generator, self._world
        rows, of, step = self._victims(ACCOUNT_TAKEOVER, self._between(_TAKEOVER, starts.size))
        merchant = random.integers(world.physical, world.level.size, of.size)
        first = world.mean_minor[rows["card"]] * random.uniform(0.5, 1.5, starts.size)[of]
        growth = random.uniform(1.5, 2.2, starts.size)[of]
        self._pay_online(rows, of, merchant, first * growth**step)
        span = random.uniform(*_TAKEOVER_MINUTES, starts.size)[of]
        part = (step + random.random(of.size)) / np.bincount(of, minlength=starts.size)[of]
        return self._timed(rows, starts[of], span * part)

    def _between(self, bounds: tuple[int, int], count: int) -> Indices:
        """(count,) integers within bounds, both included."""
        return np.asarray(self._generator.integers(bounds[0], bounds[1] + 1, count))

    def _victims(self, kind: int, sizes: Indices) -> tuple[Payments, Indices, Indices]:
        """Rows of (e,) episodes of given sizes, one card each.

        Returns
        -------
        tuple
            The rows with kind, episode and card filled in; (n,) the episode among e that
            each belongs to; (n,) its position within that episode.
        """
        of = np.repeat(np.arange(sizes.size), sizes)
        step = np.arange(of.size) - (np.cumsum(sizes) - sizes)[of]
        rows = np.zeros(of.size, PAYMENT)
        rows["kind"] = kind
        rows["episode"] = self._number(sizes.size)[of]
        rows["card"] = self._generator.integers(0, self._world.customer.size, sizes.size)[of]
        rows["device"] = NOBODY
        return rows, of, step

    def _number(self, count: int) -> Indices:
        """(count,) numbers for new episodes."""
        self._episodes += count
        return np.arange(self._episodes - count, self._episodes)

    def _pay_online(self, rows: Payments, of: Indices, merchant: Indices, amounts: Numbers) -> None:
        """Fill in (n,) online payments, one new device for each episode."""
        episodes = int(of[-1]) + 1 if of.size else 0
        rows["device"] = self._generator.integers(0, DEVICE_RANGE, episodes)[of]
        rows["merchant"] = merchant
        rows["terminal"] = self._world.pick_terminal(merchant, self._generator.random(of.size))
        rows["channel"] = ONLINE
        rows["amount_minor"] = self._world.settle(amounts, merchant)

    def _timed(self, rows: Payments, start_us: Numbers, minutes: Numbers) -> Payments:
        """Rows at (n,) unscaled minutes after (n,) starts."""
        rows["event_time_us"] = np.floor(start_us + minutes * self._scaled_minute_us)
        return rows


def _starts_per_us(world: World, plan: FraudPlan) -> tuple[float, ...]:
    """Episodes a microsecond by kind that give each kind its share on average."""
    at_a_terminal_per_s = (
        plan.genuine_rate_per_s * world.physical_share / world.physical_terminals
    ) * _FRAUD_AT_TERMINAL
    mean = {
        CARD_TESTING: (sum(_TESTS) + sum(_HAULS)) / 2.0,
        STOLEN_CARD: sum(_STOLEN) / 2.0,
        COMPROMISED_TERMINAL: at_a_terminal_per_s * 60.0 * plan.scale * sum(_TERMINAL_MINUTES) / 2,
        ACCOUNT_TAKEOVER: sum(_TAKEOVER) / 2.0,
    }
    frauds_per_us = [plan.rate_per_s * share / 1e6 for share in plan.shares]
    return (0.0, *(rate / mean[kind] for kind, rate in enumerate(frauds_per_us, start=1)))
