"""Rules over batches of payments, beside CEL's own implementation, a payment at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import BenchmarkError, Result, Run, benchmark
from schemas.columns import AMOUNT_MINOR, EVENT_TIME_US, Layout, Transactions
from schemas.siphash import hash_texts
from stream.decide import Outcome
from stream.features.grammar import Inputs
from stream.rules.evaluate import Evaluator
from stream.rules.names import RuleInputs
from stream.rules.rule import Mode, Rule, RuleSet

RULES, FEATURES, LISTS, LISTED = 500, 45, 10, 1_000
UNIT = "us/event"

_KEY = bytes(range(16))
_ENTITIES = ("card", "merchant")
_NAMES = tuple(
    f"{entity}.{what}_{hours}h"
    for entity in _ENTITIES
    for what in ("count", "amount_sum", "amount_mean")
    for hours in range(1, 9)
)[:FEATURES]
_INPUTS = RuleInputs(Inputs(entities=_ENTITIES), _NAMES)
_BATCHES = {"rules_500": 256}
_MORE = {"rules_500_one": 1, "rules_500_1024": 1024}

Payment = dict[str, Any]


@benchmark(*_BATCHES, unit=UNIT, takes_s=20)
def rules_vs_cel(run: Run) -> list[Result]:
    """Run 500 rules of five comparisons and a list each; CEL's library runs them one by one."""
    return _vs_cel(run, _BATCHES)


@benchmark(*_MORE, unit=UNIT, takes_s=40, full=True)
def rules_by_size(run: Run) -> list[Result]:
    """The same in other batches."""
    return _vs_cel(run, _MORE)


def _vs_cel(run: Run, batches: Mapping[str, int]) -> list[Result]:
    rules = _rules(run.rng)
    lists = _Lists(run.rng)
    results = []
    for name, size in batches.items():
        if name not in run.wanted:
            continue
        payments = [_payment(run.rng) for _ in range(size)]
        evaluator = Evaluator(rules, _INPUTS, _KEY, size)
        batch, X, scores = _batch(payments)
        ours = partial(evaluator, batch, slice(None), X, scores, lists)
        reference = _reference(rules, lists.texts)
        some = payments[:4]
        assert ours().results[:, : len(some)].T.tolist() == [reference(each) for each in some]
        measured = run.paired(
            ours,
            partial(reference, payments[0]),
            items=size,
            reference_items=1,
        )
        told = {"batch": size, "rules": RULES}
        results.append(measured.result(name, UNIT, **told))
    return results


def _rules(rng: np.random.Generator) -> RuleSet:
    """Return rules as people write them; each constant is seldom another rule's too."""

    def one() -> str:
        names = rng.choice(_NAMES, 4, replace=False)
        signs = rng.choice([">", ">=", "<", "<="], 4)
        parts = [
            f"{name} {sign} {rng.integers(1, 20_000) / 10}"
            for name, sign in zip(names, signs, strict=True)
        ]
        entity = rng.integers(2)
        parts.append(f"amount > {rng.integers(1, 2_000) / 2}")
        parts.append(f"{_ENTITIES[entity]} in lists.l{2 * rng.integers(LISTS // 2) + entity}")
        return " && ".join(parts)

    made = (Rule(f"r{at:03}", one(), Outcome.REVIEW, Mode.LIVE) for at in range(RULES))
    return RuleSet(tuple(made))


class _Lists:
    """Lists of cards and of merchants by turns, looked up by bisection."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.texts: dict[str, list[str]] = {}
        self._keys: dict[str, NDArray[np.uint64]] = {}
        for at in range(LISTS):
            entity = _ENTITIES[at % 2][0]
            texts = [f"{entity}{number}" for number in rng.choice(10_000, LISTED, replace=False)]
            self.texts[f"l{at}"] = texts
            self._keys[f"l{at}"] = np.sort(hash_texts(texts, _KEY))

    def members(
        self, name: str, keys: NDArray[np.uint64], event_time_us: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which keys are in a list."""
        held = self._keys[name]
        return held[np.minimum(np.searchsorted(held, keys), len(held) - 1)] == keys


def _payment(rng: np.random.Generator) -> Payment:
    """Make a payment up: a twentieth of its features is missing."""
    values: Payment = {
        name: float(value)
        for name, value in zip(_NAMES, rng.uniform(0, 2_000, len(_NAMES)), strict=True)
        if rng.random() > 0.05
    }
    values |= {"amount": int(rng.integers(1, 100_000)) / 100}
    return values | {name: f"{name[0]}{rng.integers(10_000)}" for name in _ENTITIES}


def _batch(
    payments: list[Payment],
) -> tuple[Transactions, NDArray[np.float64], NDArray[np.float64]]:
    n, layout = len(payments), Layout(_ENTITIES)
    longs = np.zeros((layout.width, n), np.int64)
    batch = Transactions(layout, longs, np.zeros(0, np.uint8))
    longs[EVENT_TIME_US] = 1_700_000_000_000_000
    longs[AMOUNT_MINOR] = [round(payment["amount"] * 100) for payment in payments]
    for column, name in zip(batch.entities, _ENTITIES, strict=True):
        column[:] = hash_texts([payment[name] for payment in payments], _KEY)
    X = np.array([[payment.get(name, np.nan) for name in _NAMES] for payment in payments])
    return batch, X, np.full(n, 0.1)


def _reference(rules: RuleSet, lists: dict[str, list[str]]) -> Callable[[Payment], list[int]]:
    """Return what gives CEL's results of one payment."""
    try:
        from cel_expr_python import cel
    except ImportError as error:
        raise BenchmarkError("CEL itself is not installed: pip install cel-expr-python") from error
    of = cel.Type
    variables = dict.fromkeys(("amount", *_NAMES), of.DOUBLE)
    variables |= dict.fromkeys(_ENTITIES, of.STRING)
    # A list in CEL is walked from its beginning; a map is looked up.
    variables |= {f"lists.{name}": of.Map(of.STRING, of.BOOL) for name in lists}
    held = {f"lists.{name}": dict.fromkeys(texts, True) for name, texts in lists.items()}
    environment = cel.NewEnv(variables=variables)
    compiled = [environment.compile(rule.when) for rule in rules.rules]

    def results(payment: Payment) -> list[int]:
        activation = environment.Activation({**held, **payment})
        said = [expression.eval(activation) for expression in compiled]
        return [int(it.value()) if it.type() == of.BOOL else -1 for it in said]

    return results
