"""The static world that simulated payments happen in: cards, merchants and their places.

Cities. A fixed table of cities of the euro area (all amounts are EUR). Cards and merchants
are scattered a few kilometres around their city's centre, large cities hold more of them.

Merchants. Physical merchants come first in every array, sorted by city; online merchants
follow. Each has a category code, a level (how its amounts compare with a card's mean) and
one to three terminals; for an online merchant a terminal is a payment page.

Cards. A customer owns one or two cards, one home and two devices. A card has a log-normal
mean amount, a spread, an inclination to pay online, preferred merchants near home and an
activity weight that falls with the card's rank like a Zipf-Mandelbrot law: heavy tailed,
but the busiest card stays about ten times, not hundreds of times, as busy as the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CHANNELS: Final = ("UNKNOWN", "CHIP", "CONTACTLESS", "SWIPE", "ONLINE", "PHONE", "ATM")
CHIP, CONTACTLESS, SWIPE, ONLINE, PHONE, ATM = range(1, 7)

KINDS: Final = (
    "genuine",
    "card_testing",
    "stolen_card",
    "compromised_terminal",
    "account_takeover",
    "small_amounts",
)
GENUINE, CARD_TESTING, STOLEN_CARD, COMPROMISED_TERMINAL, ACCOUNT_TAKEOVER = range(5)
# Begins with a concept drift; see `stream.simulate.drifts`.
SMALL_AMOUNTS = 5

NOBODY: Final = -1
"""Index that stands for null; the name tables end with None so that it finds it."""

PAYMENT: Final = np.dtype(
    [
        ("event_time_us", np.int64),
        ("amount_minor", np.int64),
        ("device", np.int64),
        ("episode", np.int64),
        ("card", np.int32),
        ("merchant", np.int32),
        ("terminal", np.int32),
        ("channel", np.int8),
        ("kind", np.int8),
    ]
)
"""One row a payment. `device`, `episode` and `terminal` are `NOBODY` where there is none."""

AMOUNT_LIMIT: Final = 10_000_000
"""Every amount stays below this many minor units."""

MINIMUM_MERCHANTS: Final = 40
"""Fewer would leave a city without a merchant."""

DEVICE_RANGE: Final = 1 << 60
"""Devices are random numbers below this: a new one looks like any other, and is new."""

# Country, degrees north, degrees east, weight (about the population in hundred thousands).
_CITIES: Final = (
    ("DE", 52.520, 13.405, 37.0),
    ("DE", 53.551, 9.994, 18.0),
    ("DE", 48.137, 11.575, 15.0),
    ("DE", 50.938, 6.960, 11.0),
    ("FR", 48.857, 2.352, 60.0),
    ("FR", 45.764, 4.836, 15.0),
    ("FR", 43.296, 5.370, 16.0),
    ("ES", 40.417, -3.704, 33.0),
    ("ES", 41.385, 2.173, 30.0),
    ("ES", 39.470, -0.377, 8.0),
    ("IT", 41.903, 12.496, 28.0),
    ("IT", 45.464, 9.190, 31.0),
    ("IT", 40.852, 14.268, 20.0),
    ("NL", 52.370, 4.895, 12.0),
    ("BE", 50.850, 4.352, 12.0),
    ("AT", 48.208, 16.373, 19.0),
    ("PT", 38.722, -9.139, 16.0),
    ("PT", 41.158, -8.629, 9.0),
    ("IE", 53.349, -6.260, 13.0),
    ("FI", 60.170, 24.938, 13.0),
    ("GR", 37.984, 23.728, 30.0),
    ("HR", 45.815, 15.982, 8.0),
    ("SK", 48.149, 17.107, 5.0),
    ("LT", 54.687, 25.280, 6.0),
)
# Category code, level of its amounts (1 is the card's own mean), weight.
_SHOPS: Final = (
    (5411, 1.0, 30.0),
    (5812, 1.1, 15.0),
    (5814, 0.4, 12.0),
    (5541, 1.6, 9.0),
    (5912, 0.7, 8.0),
    (4111, 0.3, 8.0),
    (5651, 1.8, 7.0),
    (6011, 2.5, 5.0),
    (5732, 4.0, 3.0),
    (7011, 5.0, 3.0),
)
_WEB_SHOPS: Final = (
    (5311, 1.5, 30.0),
    (5942, 0.6, 20.0),
    (5816, 0.5, 20.0),
    (5968, 0.4, 15.0),
    (5732, 3.0, 10.0),
    (4722, 6.0, 5.0),
)
_CASH_CODE: Final = 6011
_CASH_STEP_MINOR: Final = 1_000
_ONLINE_MERCHANTS: Final = 0.15
_SCATTER_DEGREES: Final = 0.06
_PREFERRED, _PREFERRED_ONLINE, _CANDIDATES = 6, 3, 3
_CARDS_PER_CUSTOMER: Final = 1.3
_RANK_OFFSET: Final = 0.02

Indices = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Arrays over C cards, K customers, M merchants (the first P physical) and T terminals.

    Attributes
    ----------
    customer
        (C,) owner of each card.
    city
        (C,) index of the home city.
    home
        (C, 2) degrees north and east of the home.
    mean_minor, spread
        (C,) mean amount in minor units; standard deviation of its logarithm.
    activity
        (C,) cumulative activity weights, the last one 1.
    online
        (C,) share of a card's payments that are made online.
    preferred, preferred_online
        (C, 6) and (C, 3) merchants a card goes to, the most frequent first.
    devices
        (K, 2) devices of each customer.
    far_cities
        (cities, cities // 2) the far half of the other cities, for each city.
    first_in_city, merchants_in_city
        (cities,) where a city's physical merchants start, and how many there are.
    place
        (M, 2) degrees north and east of each merchant.
    level
        (M,) amounts at a merchant as a multiple of the card's mean.
    cash
        (M,) whether the merchant is a cash machine.
    first_terminal, terminals
        (M,) where a merchant's terminals start, and how many there are.
    physical, physical_terminals
        Number of physical merchants, and of their terminals; both come first.
    home_countries
        (C,) country of each card's home.
    card_names, customer_names
        (C,) the card's id, and its owner's.
    merchant_names, countries, categories, latitudes, longitudes
        (M + 1,) values for records; the last entry is None.
    terminal_names
        (T + 1,) likewise.
    """

    customer: Indices
    city: Indices
    home: Numbers
    mean_minor: Numbers
    spread: Numbers
    activity: Numbers
    online: Numbers
    preferred: Indices
    preferred_online: Indices
    devices: Indices
    far_cities: Indices
    first_in_city: Indices
    merchants_in_city: Indices
    place: Numbers
    level: Numbers
    cash: NDArray[np.bool_]
    first_terminal: Indices
    terminals: Indices
    physical: int
    physical_terminals: int
    home_countries: NDArray[Any]
    card_names: NDArray[Any]
    customer_names: NDArray[Any]
    merchant_names: NDArray[Any]
    countries: NDArray[Any]
    categories: NDArray[Any]
    latitudes: NDArray[Any]
    longitudes: NDArray[Any]
    terminal_names: NDArray[Any]

    @property
    def physical_share(self) -> float:
        """Expected share of genuine payments made at a physical merchant."""
        weights = np.diff(self.activity, prepend=0.0)
        return 1.0 - float(weights @ self.online)

    def pick_terminal(self, merchant: Indices, uniform: Numbers) -> Indices:
        """Pick a terminal of each of (n,) merchants with (n,) uniform numbers."""
        return self.first_terminal[merchant] + (uniform * self.terminals[merchant]).astype(np.int64)

    def pick_present_channel(self, merchant: Indices, uniform: Numbers) -> Indices:
        """Pick how the card is shown at (n,) physical merchants with (n,) uniform numbers."""
        by_share = np.searchsorted((0.03, 0.38), uniform, side="right")
        channel = np.array((SWIPE, CHIP, CONTACTLESS))[by_share]
        return np.where(self.cash[merchant], ATM, channel)

    def settle(self, amounts: Numbers, merchant: Indices) -> Indices:
        """Round (n,) amounts at (n,) merchants to minor units, cash to notes, within limits."""
        minor = np.clip(np.rint(amounts), 1, AMOUNT_LIMIT - 1).astype(np.int64)
        notes = np.maximum(minor // _CASH_STEP_MINOR, 1) * _CASH_STEP_MINOR
        return np.where(self.cash[merchant], notes, minor)


def build_world(
    cards: int,
    merchants: int,
    online_share: float,
    typical_amount_minor: float,
    activity_tail: float,
    generator: np.random.Generator,
) -> World:
    """Draw a world.

    Parameters
    ----------
    cards, merchants
        How many of each; at least `MINIMUM_MERCHANTS` merchants.
    online_share
        Mean share of a card's payments that are online, within (0, 1).
    typical_amount_minor
        Median of the cards' mean amounts, in minor units.
    activity_tail
        Exponent of the fall of activity with rank; 0 makes all cards alike.
    generator
        Source of all randomness.

    Returns
    -------
    World
        The same for the same arguments and state of the generator.
    """
    shops = _merchants(merchants, generator)
    customers = max(1, round(cards / _CARDS_PER_CUSTOMER))
    # Each customer has a first card; what is left over are second cards.
    second = generator.permutation(customers)[: cards - customers]
    customer = np.concatenate((np.arange(customers), second))
    customer_city = _by_weight([weight for *_, weight in _CITIES], customers, generator)
    customer_home = _scatter(customer_city, generator)
    city, home = customer_city[customer], customer_home[customer]
    near = _nearest_of_a_few(city, home, shops, generator)
    web = _skewed(generator.random((cards, _PREFERRED_ONLINE)), merchants - shops["physical"])
    return World(
        customer=customer,
        city=city,
        home=home,
        mean_minor=typical_amount_minor * np.exp(generator.normal(0.0, 0.5, cards)),
        spread=generator.uniform(0.3, 0.7, cards),
        activity=_activity(cards, activity_tail, generator),
        online=generator.beta(4.0 * online_share, 4.0 * (1.0 - online_share), cards),
        preferred=near,
        preferred_online=shops["physical"] + web,
        devices=generator.integers(0, DEVICE_RANGE, (customers, 2)),
        far_cities=_far_cities(),
        home_countries=np.array([country for country, *_ in _CITIES], dtype=object)[city],
        card_names=_table([f"card-{index:06d}" for index in range(cards)])[:-1],
        customer_names=_table([f"customer-{index:06d}" for index in range(customers)])[customer],
        **shops,
    )


def _merchants(count: int, generator: np.random.Generator) -> dict[str, Any]:
    """Everything of a `World` that is about merchants."""
    physical = count - round(_ONLINE_MERCHANTS * count)
    weights = [weight for *_, weight in _CITIES]
    # One for each city first, so that none is empty.
    drawn = _by_weight(weights, physical - len(_CITIES), generator)
    city = np.sort(np.concatenate((np.arange(len(_CITIES)), drawn)))
    in_city = np.bincount(city, minlength=len(_CITIES))
    seat = np.concatenate((city, _by_weight(weights, count - physical, generator)))
    place = _scatter(seat, generator)
    shop = _by_weight([weight for *_, weight in _SHOPS], physical, generator)
    web = _by_weight([weight for *_, weight in _WEB_SHOPS], count - physical, generator)
    code = np.array([s[0] for s in _SHOPS + _WEB_SHOPS])[np.append(shop, web + len(_SHOPS))]
    level = np.array([s[1] for s in _SHOPS + _WEB_SHOPS])[np.append(shop, web + len(_SHOPS))]
    terminals = generator.integers(1, 4, count)
    last_terminal = np.cumsum(terminals)
    return {
        "first_in_city": np.cumsum(in_city) - in_city,
        "merchants_in_city": in_city,
        "place": place,
        "level": level * np.exp(generator.normal(0.0, 0.2, count)),
        "cash": code == _CASH_CODE,
        "first_terminal": last_terminal - terminals,
        "terminals": terminals,
        "physical": physical,
        "physical_terminals": int(last_terminal[physical - 1]),
        "merchant_names": _table([f"merchant-{index:05d}" for index in range(count)]),
        "countries": _table([_CITIES[index][0] for index in seat]),
        "categories": _table(code.tolist()),
        "latitudes": _table(place[:, 0].round(5).tolist()),
        "longitudes": _table(place[:, 1].round(5).tolist()),
        "terminal_names": _table(
            [f"terminal-{m:05d}-{t}" for m in range(count) for t in range(terminals[m])]
        ),
    }


def _nearest_of_a_few(
    city: Indices, home: Numbers, shops: dict[str, Any], generator: np.random.Generator
) -> Indices:
    """(C, 6) preferred physical merchants: of a few candidates in the home city, the nearest."""
    uniform = generator.random((city.size, _PREFERRED, _CANDIDATES))
    candidates = shops["first_in_city"][city][:, None, None] + _skewed(
        uniform, shops["merchants_in_city"][city][:, None, None]
    )
    away = squared_distance(shops["place"][candidates], home[:, None, None, :])
    nearest = np.argmin(away, axis=-1)[..., None]
    return np.asarray(np.take_along_axis(candidates, nearest, axis=-1)[..., 0])


def _activity(cards: int, tail: float, generator: np.random.Generator) -> Numbers:
    """(C,) cumulative activity; ranks are dealt at random, so an id says nothing."""
    rank = generator.permutation(cards)
    weights = ((rank + 1.0) / cards + _RANK_OFFSET) ** -tail
    cumulative = np.cumsum(weights)
    return np.asarray(cumulative / cumulative[-1])


def _far_cities() -> Indices:
    """(cities, cities // 2) for each city the half of the cities that is farthest away."""
    centre = np.array([(north, east) for _, north, east, _ in _CITIES])
    away = squared_distance(centre[:, None, :], centre[None, :, :])
    return np.asarray(np.argsort(away, axis=1)[:, -(len(_CITIES) // 2) :])


def squared_distance(first: Numbers, second: Numbers) -> Numbers:
    """(...,) squared distance in degrees of latitude of points (..., 2), good for comparing."""
    north = first[..., 0] - second[..., 0]
    middle = np.radians((first[..., 0] + second[..., 0]) / 2.0)
    east = (first[..., 1] - second[..., 1]) * np.cos(middle)
    return np.asarray(north * north + east * east)


def _scatter(city: Indices, generator: np.random.Generator) -> Numbers:
    """(n, 2) positions around the centres of (n,) cities."""
    centre = np.array([(north, east) for _, north, east, _ in _CITIES])
    return np.asarray(centre[city] + generator.normal(0.0, _SCATTER_DEGREES, (city.size, 2)))


def _skewed(uniform: Numbers, count: Indices | int) -> Indices:
    """Turn uniform numbers into indices below `count`, low ones more often: busy shops."""
    return np.asarray((uniform * uniform * count).astype(np.int64))


def _by_weight(weights: list[float], count: int, generator: np.random.Generator) -> Indices:
    """(count,) indices drawn in proportion to weights."""
    share = np.array(weights) / sum(weights)
    return np.asarray(generator.choice(len(weights), count, p=share))


def _table(values: list[Any]) -> NDArray[Any]:
    """Values of records by index, with None at the end for the index `NOBODY`."""
    table = np.empty(len(values) + 1, dtype=object)
    table[:-1] = values
    return table
