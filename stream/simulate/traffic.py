"""Seeded live card traffic with fraud, for the demo and for load.

Genuine traffic. Payments arrive as a Poisson process; each picks a card by its activity
weight and a merchant mostly from those the card prefers, now and then another one of the
home city or, rarely, one anywhere. Amounts are log-normal around the card's mean times the
merchant's level. Online payments carry one of the customer's devices, rarely a new one, and
no position; some payments are made by phone. See `stream.simulate.world` for cards, homes
and merchants.

Fraud. Episodes of four kinds interleave with genuine traffic in order of time and start at
once; see `stream.simulate.episodes`. Each payment has a hidden truth: whether it is fraud,
and of which kind. When somebody finds out is the caller's business.

Laws. No clock, no I/O, no global randomness: parameters, seed and start decide every byte
(under one version of numpy, which may change how it draws), however the stream is cut into
`take` calls. Work is done in internal blocks of a fixed number of genuine payments, which
`take` only cuts up.

A velocity is only as unusual as the traffic makes it: 2,000 cards at 500 payments a second
pay every four seconds each. Where velocity has to tell fraud, raise `cards` or lower
`rate_per_s`; episodes keep their own pace, which `episode_scale` sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream.simulate.drifts import Drift
from stream.simulate.episodes import Episodes, FraudPlan, Payments
from stream.simulate.live_drift import LiveDrift
from stream.simulate.world import (
    ACCOUNT_TAKEOVER,
    CHANNELS,
    COMPROMISED_TERMINAL,
    DEVICE_RANGE,
    GENUINE,
    KINDS,
    MINIMUM_MERCHANTS,
    NOBODY,
    ONLINE,
    PAYMENT,
    PHONE,
    Indices,
    World,
    build_world,
)

_SMALLEST_BLOCK, _LARGEST_BLOCK = 8_192, 262_144
_BLOCK_SECONDS: Final = 0.25
_TRAVEL_SHARE: Final = 0.01
_PHONE_SHARE: Final = 0.01
_SECOND_DEVICE_SHARE, _NEW_DEVICE_SHARE = 0.2, 0.005
_PREFERENCE: Final = np.cumsum((0.40, 0.22, 0.15, 0.10, 0.08))
_PREFERENCE_ONLINE: Final = np.cumsum((0.6, 0.25))
_CHANNEL_NAMES: Final = np.array(CHANNELS, dtype=object)


@dataclass(frozen=True)
class TrafficParameters:
    """What the traffic is like.

    Attributes
    ----------
    rate_per_s
        All payments a second of event time, on average.
    cards
        Number of cards; about three cards in ten are a customer's second.
    merchants
        Number of merchants, at least 40; 15 % of them are online.
    online_share
        Share of genuine payments that are made online, within (0, 1).
    fraud_share
        Share of all payments that are fraud, on average, from 0 to 0.2.
    kind_mix
        How fraudulent payments divide into card_testing, stolen_card, compromised_terminal
        and account_takeover; scaled to the sum 1. A zero leaves the kind out.
    episode_scale
        Factor on all durations of episodes; below 1 they pass faster.
    typical_amount_minor
        Median of the cards' mean amounts, in minor units.
    activity_tail
        How steeply activity falls from busy to quiet cards; 0 makes all alike.
    wander_share
        Share of genuine payments made at a merchant the card does not prefer.
    """

    rate_per_s: float = 500.0
    cards: int = 2_000
    merchants: int = 400
    online_share: float = 0.25
    fraud_share: float = 0.01
    kind_mix: tuple[float, float, float, float] = (0.35, 0.20, 0.20, 0.25)
    episode_scale: float = 1.0
    typical_amount_minor: float = 3_500.0
    activity_tail: float = 0.9
    wander_share: float = 0.12

    def __post_init__(self) -> None:
        mix = self.kind_mix
        checks = {
            "rate_per_s must be in (0, 1e6]": 0.0 < self.rate_per_s <= 1e6,
            "cards must be at least 1": self.cards >= 1,
            f"merchants must be at least {MINIMUM_MERCHANTS}": self.merchants >= MINIMUM_MERCHANTS,
            "online_share must be within (0, 1)": 0.0 < self.online_share < 1.0,
            "fraud_share must be in [0, 0.2]": 0.0 <= self.fraud_share <= 0.2,
            "kind_mix must be four shares, not all zero": len(mix) == ACCOUNT_TAKEOVER
            and all(0.0 <= part < math.inf for part in mix)
            and sum(mix) > 0.0,
            "episode_scale must be in (0, 1000]": 0.0 < self.episode_scale <= 1e3,
            "typical_amount_minor must be in [100, 1e6]": 1e2 <= self.typical_amount_minor <= 1e6,
            "activity_tail must be in [0, 3]": 0.0 <= self.activity_tail <= 3.0,
            "wander_share must be in [0, 1]": 0.0 <= self.wander_share <= 1.0,
        }
        for message, holds in checks.items():
            if not holds:
                raise ValueError(message)


@dataclass(frozen=True, slots=True, eq=False)
class TrafficBlock:
    """Consecutive payments of a stream, as columns.

    Attributes
    ----------
    payments
        (n,) rows of type `PAYMENT`, in order of time; `payments["card"]` is a column.
    world
        What the indices in the columns refer to.
    seed
        The stream's seed.
    first
        Number of the first payment, counted from the start of the stream.
    """

    payments: Payments
    world: World
    seed: int
    first: int

    def __len__(self) -> int:
        return self.payments.size

    @property
    def event_time_us(self) -> NDArray[np.int64]:
        """(n,) times of the payments in microseconds, never decreasing."""
        return np.asarray(self.payments["event_time_us"])

    @property
    def amount_minor(self) -> NDArray[np.int64]:
        """(n,) amounts in minor units."""
        return np.asarray(self.payments["amount_minor"])

    @property
    def is_fraud(self) -> NDArray[np.bool_]:
        """(n,) the hidden truth."""
        return np.asarray(self.payments["kind"] != GENUINE)

    @property
    def kind(self) -> NDArray[np.int8]:
        """(n,) indices into `KINDS`."""
        return np.asarray(self.payments["kind"])

    @property
    def kinds(self) -> list[str]:
        """N names out of `KINDS`."""
        return [KINDS[index] for index in self.kind.tolist()]

    @property
    def episode(self) -> NDArray[np.int64]:
        """(n,) number of the fraud episode each payment belongs to, -1 for none."""
        return np.asarray(self.payments["episode"])

    @property
    def transaction_ids(self) -> list[str]:
        """N ids `t-<seed>-<number>`, unique within the stream and between seeds."""
        return [f"t-{self.seed}-{self.first + index}" for index in range(len(self))]

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield n records of the contract `transaction.avsc`, `event_time` as int."""
        for (
            transaction_id,
            event_time_us,
            amount_minor,
            card_id,
            customer_id,
            merchant_id,
            terminal_id,
            device,
            channel,
            category_code,
            country,
            latitude,
            longitude,
            present,
        ) in zip(self.transaction_ids, *self._values(), strict=True):
            yield {
                "transaction_id": transaction_id,
                "event_time": event_time_us,
                "amount_minor": amount_minor,
                "currency": "EUR",
                "card_id": card_id,
                "customer_id": customer_id,
                "merchant_id": merchant_id,
                "terminal_id": terminal_id,
                "device_id": None if device == NOBODY else f"device-{device:015x}",
                "channel": channel,
                "category_code": category_code,
                "country": country,
                "latitude": latitude,
                "longitude": longitude,
                "card_present": present,
            }

    def _values(self) -> tuple[list[Any], ...]:
        """One list of Python objects for each column of a record that is not constant."""
        rows, world = self.payments, self.world
        merchant, channel = rows["merchant"], rows["channel"]
        present = (channel != ONLINE) & (channel != PHONE)
        place = np.where(present, merchant, NOBODY)
        columns: tuple[NDArray[Any], ...] = (
            rows["event_time_us"],
            rows["amount_minor"],
            world.card_names[rows["card"]],
            world.customer_names[rows["card"]],
            world.merchant_names[merchant],
            world.terminal_names[rows["terminal"]],
            rows["device"],
            _CHANNEL_NAMES[channel],
            world.categories[merchant],
            world.countries[merchant],
            world.latitudes[place],
            world.longitudes[place],
            present,
        )
        return tuple(column.tolist() for column in columns)


class Traffic:
    """An endless stream of payments, the same for the same arguments.

    Parameters
    ----------
    parameters
        What the traffic is like.
    seed
        Decides everything that is drawn; from 0 to 2**64 - 1.
    start_time_us
        Event time of offset 0, in microseconds since 1970.
    drift
        What changes, and from when on; None: nothing.
    """

    def __init__(
        self,
        parameters: TrafficParameters,
        seed: int,
        start_time_us: int = 0,
        drift: Drift | None = None,
    ) -> None:
        if not 0 <= seed < 1 << 64:
            raise ValueError("seed must be in [0, 2**64)")
        if not 0 <= start_time_us < 1 << 62:
            raise ValueError("start_time_us must be in [0, 2**62)")
        sources = [
            np.random.Generator(np.random.PCG64(sequence))
            for sequence in np.random.SeedSequence(seed).spawn(4)
        ]
        self.parameters = parameters
        self.seed = seed
        self.start_time_us = start_time_us
        self.world = build_world(
            parameters.cards,
            parameters.merchants,
            parameters.online_share,
            parameters.typical_amount_minor,
            parameters.activity_tail,
            sources[0],
        )
        self._generator = sources[1]
        plan = _fraud_plan(parameters)
        self._episodes = Episodes(self.world, plan, sources[2])
        self._drift = None if drift is None else LiveDrift(drift, self.world, plan, sources[3])
        self._gap_us = 1e6 / plan.genuine_rate_per_s
        self._block = int(
            min(max(parameters.rate_per_s * _BLOCK_SECONDS, _SMALLEST_BLOCK), _LARGEST_BLOCK)
        )
        self._elapsed_us = 0.0
        self._ready: Payments = np.empty(0, PAYMENT)
        self._taken = 0

    def take(self, n: int) -> TrafficBlock:
        """Give the next n payments.

        Parameters
        ----------
        n
            How many, 0 or more.

        Returns
        -------
        TrafficBlock
            Exactly n payments, none earlier than those of the call before.
        """
        if n < 0:
            raise ValueError("n must not be negative")
        parts, missing = [self._ready], n - self._ready.size
        while missing > 0:
            parts.append(self._next_block())
            missing -= parts[-1].size
        rows = np.concatenate(parts) if len(parts) > 1 else self._ready
        self._ready = rows[n:]
        block = TrafficBlock(rows[:n], self.world, self.seed, self._taken)
        self._taken += n
        return block

    def _next_block(self) -> Payments:
        """All payments up to and including a fixed number of genuine ones, in order."""
        arrivals = self._elapsed_us + np.cumsum(
            self._generator.exponential(self._gap_us, self._block)
        )
        self._elapsed_us = float(arrivals[-1])
        genuine = self._genuine(self._block)
        genuine["event_time_us"] = arrivals
        # Episodes give what lies strictly before the last genuine payment: whatever has its
        # very microsecond comes with the next block, so order holds across blocks.
        added = self._episodes.advance(int(self._elapsed_us))
        self._episodes.compromise(genuine)
        rows = np.concatenate((genuine, added))
        rows = rows[np.argsort(rows["event_time_us"], kind="stable")]
        if self._drift is not None:
            rows = self._drift.change(rows, int(self._elapsed_us))
        rows["event_time_us"] += self.start_time_us
        return rows

    def _genuine(self, n: int) -> Payments:
        """(n,) genuine payments, without their time."""
        random, world = self._generator, self.world
        rows = np.empty(n, PAYMENT)
        card = np.searchsorted(world.activity, random.random(n), side="right")
        online = random.random(n) < world.online[card]
        merchant = self._choose_merchant(card, online)
        phone = ~online & (random.random(n) < _PHONE_SHARE)
        channel = np.where(online, ONLINE, world.pick_present_channel(merchant, random.random(n)))
        channel = np.where(phone, PHONE, channel)
        terminal = world.pick_terminal(merchant, random.random(n))
        rows["card"] = card
        rows["merchant"] = merchant
        rows["channel"] = channel
        rows["terminal"] = np.where(phone, NOBODY, terminal)
        rows["device"] = np.where(online, self._choose_device(card), NOBODY)
        rows["amount_minor"] = self._choose_amount(card, merchant)
        rows["kind"] = GENUINE
        rows["episode"] = NOBODY
        return rows

    def _choose_merchant(self, card: Indices, online: NDArray[np.bool_]) -> Indices:
        """(n,) merchants for (n,) cards, online ones where asked for."""
        random, world, n = self._generator, self.world, card.size
        mood, liking, other = random.random(n), random.random(n), random.random(n)
        favourite = world.preferred[card, np.searchsorted(_PREFERENCE, liking)]
        city = world.city[card]
        nearby = world.first_in_city[city] + _below(other, world.merchants_in_city[city])
        place = np.where(mood < self.parameters.wander_share, nearby, favourite)
        place = np.where(mood > 1.0 - _TRAVEL_SHARE, _below(other, world.physical), place)
        site = world.preferred_online[card, np.searchsorted(_PREFERENCE_ONLINE, liking)]
        other_site = world.physical + _below(other, world.level.size - world.physical)
        site = np.where(mood < self.parameters.wander_share, other_site, site)
        return np.where(online, site, place)

    def _choose_device(self, card: Indices) -> Indices:
        """(n,) devices of the owners of (n,) cards, rarely a new one."""
        luck = self._generator.random(card.size)
        own = self.world.devices[
            self.world.customer[card], (luck < _SECOND_DEVICE_SHARE).astype(np.int64)
        ]
        new = self._generator.integers(0, DEVICE_RANGE, card.size)
        return np.where(luck > 1.0 - _NEW_DEVICE_SHARE, new, own)

    def _choose_amount(self, card: Indices, merchant: Indices) -> Indices:
        """(n,) amounts in minor units."""
        world = self.world
        spread = world.spread[card]
        # Minus half the variance, so that the mean and not the median is the card's mean.
        noise = np.exp(spread * self._generator.standard_normal(card.size) - spread**2 / 2.0)
        return world.settle(world.mean_minor[card] * world.level[merchant] * noise, merchant)


def _below(uniform: NDArray[np.float64], count: Indices | int) -> Indices:
    """(n,) indices below `count` from (n,) uniform numbers."""
    return np.asarray((uniform * count).astype(np.int64))


def _fraud_plan(parameters: TrafficParameters) -> FraudPlan:
    """Divide the fraud among the kinds; terminals turn genuine payments, the others add."""
    total = sum(parameters.kind_mix)
    first, second, third, fourth = (
        parameters.fraud_share * part / total for part in parameters.kind_mix
    )
    shares = (first, second, third, fourth)
    added = sum(shares) - shares[COMPROMISED_TERMINAL - 1]
    return FraudPlan(
        rate_per_s=parameters.rate_per_s,
        genuine_rate_per_s=parameters.rate_per_s * (1.0 - added),
        shares=shares,
        scale=parameters.episode_scale,
    )
