"""Which streams are watched, and when what happens in them; days count from their first."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from stream.simulate.drifts import Drift, DriftKind
from stream.simulate.handbook import PUBLISHED, HandbookParameters

DAY_US = 86_400_000_000
MATURITY_DAYS = 7
# The Handbook's world begins without fraud: terminals are taken over for 28 days, and the longest
# window sees 30 days after a delay of 7. Until then what the features say does change.
REFERENCE_FROM, REFERENCE_DAYS = 28 + 30 + 7, 7
DEFAULT_REFERENCE_FROM = 37
"""Where the reference begins if nobody says so: when the longest window is full."""
WATCHED_FROM = REFERENCE_FROM + REFERENCE_DAYS
HORIZON_DAYS = 30
"""A drift that is found later does not count as found."""
MONTH_DAYS = 30

SIZES = {
    DriftKind.COVARIATE: 1.25,
    DriftKind.PRIOR: 3.0,
    DriftKind.CONCEPT: 1.0,
    DriftKind.MISSING: 0.1,
}
_SCORES = ("score", "error")
AFFECTED: dict[DriftKind, tuple[str, ...]] = {
    DriftKind.COVARIATE: ("amount", "customer.amount_mean_", *_SCORES),
    DriftKind.PRIOR: ("terminal.fraud_rate_", *_SCORES),
    DriftKind.CONCEPT: ("terminal.fraud_rate_", *_SCORES),
    DriftKind.MISSING: ("terminal.", *_SCORES),
}
"""How the names begin of what a drift changes; an alarm about anything else does not find it."""

# Two fifths of the published customers and terminals: as many payments at each, as much fraud.
WORLD = replace(
    PUBLISHED, customers=2_000, terminals=4_000, terminals_per_day=1, customers_per_day=1, days=112
)
QUICK_WORLD = replace(WORLD, customers=500, terminals=1_000, days=88)


@dataclass(frozen=True)
class Task:
    """A stream to watch.

    Attributes
    ----------
    name : str
        ``undrifted``, the kind of the drift, or ``published``.
    seed : int
        Of the world; the drift draws by it too.
    at_day : int
        When a drift begins; without one, the moment to which it is compared.
    world : HandbookParameters
    drift : Drift or None
    """

    name: str
    seed: int
    at_day: int
    world: HandbookParameters
    drift: Drift | None

    @property
    def months(self) -> float:
        """How long is watched for alarms."""
        return (self.world.days - WATCHED_FROM) / MONTH_DAYS

    def as_json(self) -> dict[str, Any]:
        """Return what was run, as JSON takes it."""
        world = asdict(self.world) | {"start": self.world.start.isoformat()}
        drift = None if self.drift is None else asdict(self.drift)
        return {"name": self.name, "seed": self.seed, "at_day": self.at_day} | {
            "world": world,
            "drift": drift,
        }


def tasks(*, quick: bool, seed: int, seeds: int) -> list[Task]:
    """Return all streams of an experiment, the longest first."""
    world, at_day = (QUICK_WORLD, 76) if quick else (WORLD, 80)
    found = []
    if not quick:
        found.append(Task("published", 0, at_day, PUBLISHED, None))
    for each in range(seed, seed + (1 if quick else seeds)):
        seeded = _seeded(world, each)
        found.append(Task("undrifted", each, at_day, seeded, None))
        for kind, size in SIZES.items():
            drift = Drift(kind, at_day * DAY_US, size)
            found.append(Task(kind.value, each, at_day, seeded, drift))
    return found


def _seeded(world: HandbookParameters, seed: int) -> HandbookParameters:
    """Return a world of its own: customer c draws from a seed that no other world uses."""
    return replace(
        world, customer_seed=2 * seed, terminal_seed=2 * seed + 1, draw_seed=1_000_000 * seed
    )
