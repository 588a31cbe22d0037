"""How the benchmarks are kept and how they are measured.

A benchmark is a function that `benchmark` registered. It is given a `Run` and
returns a list of `Result`. Everything that is timed goes through `paired`, which
runs ours and the reference in turn, so that a slow minute of the machine slows
both; a ratio from one run means something where two absolute times do not.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import math
import pkgutil
import statistics
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from types import ModuleType
from typing import Any, Literal, TypeAlias

import numpy as np

Work: TypeAlias = Callable[[], object]
"""What is timed: called without arguments, its answer thrown away."""

Clock = Literal["cpu", "thread", "wall"]
"""Processor time of the process, of the calling thread, or the time that passed."""

_CLOCKS: tuple[Clock, ...] = ("cpu", "thread", "wall")
_SCALES = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


class BenchmarkError(Exception):
    """A benchmark broke the harness's rules; the text says which and how."""


class UnknownBenchmarkError(BenchmarkError):
    """A name was asked for that no benchmark has; the text lists the nearest."""


@dataclass(frozen=True, slots=True)
class Result:
    """One number of a benchmark, beside its reference.

    Parameters
    ----------
    name, unit
        As they were registered.
    value, reference
        Ours and the reference's, both in `unit`; no reference where nothing can
        be compared.
    ratio
        How many times better ours is; above 1 is better.
    detail
        Whatever else is worth keeping, as JSON takes it.
    """

    name: str
    unit: str
    value: float
    reference: float | None = None
    ratio: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in ("value", "reference", "ratio"):
            number = getattr(self, key)
            if number is not None and not math.isfinite(number):
                raise BenchmarkError(f"{self.name}: {key} is {number}, not a finite number")

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON takes it."""
        numbers = {
            key: None if number is None else float(number)
            for key, number in (
                ("value", self.value),
                ("reference", self.reference),
                ("ratio", self.ratio),
            )
        }
        return {"name": self.name, "unit": self.unit, **numbers, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Times:
    """The same stretch of work by three clocks, in seconds."""

    cpu: float
    thread: float
    wall: float

    def __sub__(self, earlier: Times) -> Times:
        return Times(self.cpu - earlier.cpu, self.thread - earlier.thread, self.wall - earlier.wall)

    def __truediv__(self, number: float) -> Times:
        return Times(self.cpu / number, self.thread / number, self.wall / number)

    def by(self, clock: Clock) -> float:
        """Return the seconds of one clock."""
        return {"cpu": self.cpu, "thread": self.thread, "wall": self.wall}[clock]


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of several numbers, and their ends."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Paired:
    """What `paired` measured.

    Parameters
    ----------
    ours, reference
        Median seconds of one item, each clock by itself.
    ratio
        Reference over ours by `clock`, of every round; above 1 is better.
    clock
        The clock that the ratio and a `result` go by.
    rounds
        How many samples of each were taken.
    calls
        How many calls one sample of ours, and one of the reference, took.
    """

    ours: Times
    reference: Times
    ratio: Spread
    clock: Clock
    rounds: int
    calls: tuple[int, int]

    def result(self, name: str, unit: str, **detail: object) -> Result:
        """Return the measurement as a result.

        Parameters
        ----------
        name
            The benchmark's registered name.
        unit
            A time such as ``us/event``, or a rate such as ``events/s``.
        **detail
            Kept beside what the measurement itself tells.

        Raises
        ------
        BenchmarkError
            The unit is neither a time nor a rate.
        """
        ours, reference = self.ours.by(self.clock), self.reference.by(self.clock)
        scale = _SCALES.get(unit.partition("/")[0])
        if unit.endswith("/s"):
            value, other = 1 / ours, 1 / reference
        elif scale is not None:
            value, other = ours * scale, reference * scale
        else:
            raise BenchmarkError(
                f"{name}: {unit!r} is no time ({', '.join(_SCALES)}) and no rate (.../s)"
            )
        told = {
            "ratio_low": self.ratio.low,
            "ratio_high": self.ratio.high,
            "clock": self.clock,
            "rounds": self.rounds,
            "calls": list(self.calls),
            "seconds": {clock: self.ours.by(clock) for clock in _CLOCKS},
            "reference_seconds": {clock: self.reference.by(clock) for clock in _CLOCKS},
        }
        return Result(name, unit, value, other, self.ratio.median, {**told, **detail})


def read_clocks() -> Times:
    """Return what the three clocks say now."""
    return Times(time.process_time(), time.thread_time(), time.perf_counter())


def _sample(work: Work, calls: int, read: Callable[[], Times]) -> Times:
    # What earlier samples left behind is collected now, not inside this one.
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        start = read()
        for _ in repeat(None, calls):
            work()
        return read() - start
    finally:
        if was_enabled:
            gc.enable()


def _long_sample(
    work: Work, calls: int, min_time_s: float, read: Callable[[], Times]
) -> tuple[Times, int]:
    """Return a sample of at least `min_time_s`, and the calls that it took."""
    while True:
        taken = _sample(work, calls, read)
        if taken.wall >= min_time_s:
            return taken, calls
        # A quarter more than seems needed, or the next sample falls short by a hair; and
        # at most ten times as many, since a first short sample says little.
        wanted = 1.25 * calls * min_time_s / max(taken.wall, 1e-9)
        calls = max(calls + 1, math.ceil(min(wanted, 10.0 * calls)))


def paired(
    ours: Work,
    reference: Work,
    *,
    rounds: int,
    min_time_s: float,
    items: int = 1,
    reference_items: int | None = None,
    clock: Clock = "cpu",
    progress: Callable[[str], None] | None = None,
    read: Callable[[], Times] = read_clocks,
) -> Paired:
    """Time ours and the reference in turn: A B A B, and so on.

    Both are called once untimed, which compiles what compiles; then the number of
    calls a sample needs is found for each. The garbage collector rests inside samples.
    A call should take a microsecond or more: the loop around it is part of the time.

    Parameters
    ----------
    ours, reference
        What is timed.
    rounds
        How many samples of each to take.
    min_time_s
        The wall time that every sample takes at least.
    items, reference_items
        How many items one call handles; times are given for one item. The
        reference handles as many as ours unless it is told otherwise.
    clock
        The clock that the ratio goes by.
    progress
        Told before every round.
    read
        Reads the clocks; tests bring their own.

    Raises
    ------
    BenchmarkError
        The chosen clock did not move during a sample.
    ValueError
        A number above is out of its range.
    """
    others = items if reference_items is None else reference_items
    if rounds < 1 or not min_time_s > 0 or items < 1 or others < 1:
        raise ValueError("rounds, min_time_s, items and reference_items must be above 0")
    ours()
    reference()
    _, our_calls = _long_sample(ours, 1, min_time_s, read)
    _, their_calls = _long_sample(reference, 1, min_time_s, read)
    mine: list[Times] = []
    theirs: list[Times] = []
    for number in range(rounds):
        if progress is not None:
            progress(f"round {number + 1} of {rounds}")
        taken, our_calls = _long_sample(ours, our_calls, min_time_s, read)
        mine.append(taken / (our_calls * items))
        taken, their_calls = _long_sample(reference, their_calls, min_time_s, read)
        theirs.append(taken / (their_calls * others))
    return compared(mine, theirs, clock=clock, calls=(our_calls, their_calls))


def compared(
    mine: Sequence[Times], theirs: Sequence[Times], *, clock: Clock, calls: tuple[int, int]
) -> Paired:
    """Sum up the times of one item of ours and the reference's, a pair a round.

    Raises
    ------
    BenchmarkError
        The chosen clock did not move during a sample.
    """
    if min(times.by(clock) for times in (*mine, *theirs)) <= 0:
        raise BenchmarkError(f"the clock {clock!r} did not move during a sample; choose another")
    ratios = [b.by(clock) / a.by(clock) for a, b in zip(mine, theirs, strict=True)]
    return Paired(
        ours=_medians(mine),
        reference=_medians(theirs),
        ratio=Spread(statistics.median(ratios), min(ratios), max(ratios)),
        clock=clock,
        rounds=len(ratios),
        calls=calls,
    )


def _medians(samples: Sequence[Times]) -> Times:
    return Times(*(statistics.median(s.by(clock) for s in samples) for clock in _CLOCKS))


def _silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a benchmark is given.

    Parameters
    ----------
    quick
        Whether a rough answer soon is wanted: less data, fewer rounds.
    seed
        The seed of the whole run.
    rng
        Random numbers of this benchmark, the same whichever others run.
    progress
        Takes a line that says what is being done.
    wanted
        The names asked for, of those the function may answer.
    """

    quick: bool
    seed: int
    rng: np.random.Generator
    progress: Callable[[str], None] = _silent
    wanted: frozenset[str] = frozenset()

    def paired(
        self,
        ours: Work,
        reference: Work,
        *,
        items: int = 1,
        reference_items: int | None = None,
        clock: Clock = "cpu",
    ) -> Paired:
        """Call `paired` with the rounds and times that suit the run."""
        return paired(
            ours,
            reference,
            rounds=3 if self.quick else 11,
            min_time_s=0.02 if self.quick else 0.2,
            items=items,
            reference_items=reference_items,
            clock=clock,
            progress=self.progress,
        )


Function: TypeAlias = Callable[[Run], list[Result]]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A registered function.

    Parameters
    ----------
    units
        The unit of every name it answers to.
    function
        What measures.
    takes_s
        About how many seconds that takes on two quiet cores, without ``--quick``; 0 if nobody
        knows.
    full
        Whether it is left to a full run, and to whoever names it.
    """

    units: Mapping[str, str]
    function: Function
    takes_s: float = 0.0
    full: bool = False

    @property
    def title(self) -> str:
        """The first line of the function's docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]

    def run(
        self,
        *,
        quick: bool,
        seed: int,
        only: frozenset[str] = frozenset(),
        progress: Callable[[str], None] = _silent,
    ) -> list[Result]:
        """Run the function, hold it to what it registered, return what was asked for.

        Raises
        ------
        BenchmarkError
            The results' names or units are not the registered ones.
        """
        wanted = frozenset(self.units) & only if only else frozenset(self.units)
        first = next(iter(self.units))
        rng = np.random.default_rng([seed, zlib.crc32(first.encode())])
        results = self.function(Run(quick, seed, rng, progress, wanted))
        names = [result.name for result in results]
        if len(set(names)) != len(names):
            raise BenchmarkError(f"{first}: a name stands twice among its results: {names}")
        for result in results:
            registered = self.units.get(result.name)
            if registered is None:
                raise BenchmarkError(f"{first}: returned {result.name!r}, which is not registered")
            if registered != result.unit:
                raise BenchmarkError(
                    f"{result.name}: registered in {registered!r}, returned in {result.unit!r}"
                )
        if missing := wanted - set(names):
            raise BenchmarkError(f"{first}: returned nothing for {', '.join(sorted(missing))}")
        return [result for result in results if result.name in wanted]


class Registry:
    """The benchmarks there are, in the order in which they were registered."""

    def __init__(self) -> None:
        self._benchmarks: list[Benchmark] = []

    def __iter__(self) -> Iterator[Benchmark]:
        return iter(self._benchmarks)

    @property
    def units(self) -> dict[str, str]:
        """Every name with its unit."""
        return {name: unit for each in self._benchmarks for name, unit in each.units.items()}

    def benchmark(
        self,
        *names: str,
        unit: str | Mapping[str, str],
        takes_s: float = 0.0,
        full: bool = False,
    ) -> Callable[[Function], Function]:
        """Register a function under its names.

        Parameters
        ----------
        *names
            The names of the results that the function returns.
        unit
            The unit of all of them, or of each by name.
        takes_s, full
            See `Benchmark`.

        Raises
        ------
        BenchmarkError
            No name, a name that is taken, or a name without a unit.
        """
        if not names:
            raise BenchmarkError("a benchmark needs a name")
        units = dict.fromkeys(names, unit) if isinstance(unit, str) else dict(unit)
        if set(units) != set(names):
            raise BenchmarkError(f"give one unit for each of {', '.join(names)}")
        if taken := set(units) & set(self.units):
            raise BenchmarkError(f"registered twice: {', '.join(sorted(taken))}")

        def register(function: Function) -> Function:
            in_order = {name: units[name] for name in names}
            self._benchmarks.append(Benchmark(in_order, function, takes_s, full))
            return function

        return register

    def select(self, only: Sequence[str], *, full: bool = False) -> list[Benchmark]:
        """Return the benchmarks that answer to the names; for none, those of a usual run.

        Parameters
        ----------
        only
            Names.
        full
            Whether those that are left to a full run are meant too, if nothing is named.

        Raises
        ------
        UnknownBenchmarkError
            No benchmark has one of the names.
        """
        known = list(self.units)
        for name in only:
            if name not in known:
                raise UnknownBenchmarkError(
                    f"no benchmark is called {name!r}; {_near(name, known)}"
                )
        if only:
            return [each for each in self._benchmarks if set(only) & set(each.units)]
        return [each for each in self._benchmarks if full or not each.full]


def _near(name: str, known: list[str]) -> str:
    if not known:
        return "there are none at all"
    # The part before a dot names a family, and a misspelt one is near to no whole name.
    inside = [each for each in known if name in each]
    near = list(dict.fromkeys([*inside, *difflib.get_close_matches(name, known, 5, 0.5)]))
    if near:
        return f"did you mean {', '.join(near[:5])}?"
    return f"there are {', '.join(known)}"


REGISTRY = Registry()
"""Where the modules of this package register."""

benchmark = REGISTRY.benchmark


def discover(package: ModuleType) -> list[str]:
    """Import every module of the package that is called ``bench_*``; return their names."""
    names = sorted(
        module.name
        for module in pkgutil.iter_modules(package.__path__)
        if module.name.startswith("bench_")
    )
    for name in names:
        importlib.import_module(f"{package.__name__}.{name}")
    return names
