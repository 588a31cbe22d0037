"""Hostile logs of transactions and labels, and what an engine makes of them.

The batches are built as decoded blocks: what is hostile here got past the decoder,
or is a row that the decoder refused and left in the batch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.compiler import compile as compile_model
from models.feedback_delayed import FeedbackAndDelayed
from models.river.adapter import RiverLearner, logistic_pipeline
from models.sampling import SampledLearner
from models.states.snapshot import pack
from models.trees.estimators import ARFClassifier
from schemas.columns import (
    AMOUNT_MINOR,
    ARRIVAL_TIME_US,
    EVENT_TIME_US,
    ID_START,
    ID_STOP,
    MISSING,
    OFFSET,
    PARTITION,
    REASON,
    Layout,
    Reason,
    Transactions,
)
from schemas.roles import CONTROL_ROLES, LABEL_ROLES
from schemas.siphash import hash_texts
from stream.admission.snoozes import SCORE
from stream.champion.reigns import Reign
from stream.decide import Thresholds
from stream.engine.control import ControlKind
from stream.engine.engine import Engine
from stream.engine.parameters import EngineParameters, Keep
from stream.features.declare import declare
from stream.features.feature_set import FeatureSet
from stream.features.grammar import Inputs
from stream.labels.examples import Examples
from stream.labels.fates import Departed, Review, Source
from stream.labels.label_kinds import LabelKind
from stream.labels.memory import Allocate, in_memory
from stream.labels.parameters import LabelParameters
from stream.lists.declaration import ListDeclaration
from stream.lists.orders import TIME_MIN_US
from stream.monitor.events import DriftEvent
from stream.monitor.parameters import MonitorParameters
from stream.rules.breaker import Tripped
from stream.rules.in_force import BreakerParameters
from stream.rules.names import RuleInputs
from stream.rules.orders import rules_order
from stream.rules.reading import read_rules
from stream.rules.rule import RuleSet

SECOND = 1_000_000
LAYOUT = Layout(("card", "merchant"), ("ratio", "distance"))
LABEL_LAYOUT = LABEL_ROLES.layout
CONTROL_LAYOUT = CONTROL_ROLES.layout
HASH_KEY = bytes(16)
SOURCE_KEYS = hash_texts([source.name for source in Source], HASH_KEY).tolist()
# An hour at which neither sine nor cosine of the time of day stands still.
START_US = 1_780_000_000 * SECOND
LATENESS_US = 5 * SECOND
WILD_TIMES_US = (MISSING, -(2**62), 0, 2**62, np.iinfo(np.int64).max)


@dataclass(frozen=True)
class Log:
    """Transactions and labels in one order of arrival: True in `order` is a label.

    Erasures are (number of the arrival before which they come, name of an entity, key),
    promotions (that number, name of a model), other orders (that number, kind, text).
    """

    transactions: Transactions
    labels: Transactions
    order: tuple[bool, ...]
    erasures: tuple[tuple[int, str, int], ...] = ()
    orders: tuple[tuple[int, ControlKind, str], ...] = ()
    promotions: tuple[tuple[int, str], ...] = ()

    def pieces(self, cuts: frozenset[int] = frozenset()) -> Iterator[tuple[bool, int, int]]:
        """Yield (whether labels, start, stop): as few batches as the order and the cuts allow."""
        cuts = cuts | {at for at, *_ in (*self.erasures, *self.orders, *self.promotions)}
        taken = [0, 0]
        starts = [0, 0]
        for at, is_label in enumerate(self.order):
            if at and (self.order[at - 1] != is_label or at in cuts):
                before = self.order[at - 1]
                yield before, starts[before], taken[before]
                starts = taken.copy()
            taken[is_label] += 1
        if self.order:
            yield self.order[-1], starts[self.order[-1]], taken[self.order[-1]]

    def head(self, n: int) -> Log:
        """Keep the first n arrivals."""
        order = self.order[:n]
        return Log(
            rows(self.transactions, 0, len(order) - sum(order)),
            rows(self.labels, 0, sum(order)),
            order,
            tuple(each for each in self.erasures if each[0] < n),
            tuple(each for each in self.orders if each[0] < n),
            tuple(each for each in self.promotions if each[0] < n),
        )


def rows(batch: Transactions, start: int, stop: int) -> Transactions:
    """Copy some rows of a batch into one of their own."""
    return Transactions(batch.layout, batch.longs[:, start:stop].copy(), batch.data)


def block(layout: Layout, columns: list[dict[str, Any]]) -> Transactions:
    """Build a batch from one dict a row."""
    longs = np.zeros((layout.width, len(columns)), np.int64)
    batch = Transactions(layout, longs, np.zeros(0, np.uint8))
    for i, row in enumerate(columns):
        longs[EVENT_TIME_US, i] = row["time_us"]
        longs[AMOUNT_MINOR, i] = row.get("amount", 0)
        batch.transaction_key[i] = row["key"]
        longs[REASON, i] = row.get("reason", Reason.OK)
        longs[ARRIVAL_TIME_US, i] = row.get("arrival_us", row["time_us"])
        longs[PARTITION, i] = row.get("partition", 0)
        longs[OFFSET, i] = i
        batch.entities[:, i] = row.get("entities", ())
        batch.numeric[:, i] = row.get("numeric", ())
        batch.categorical[:, i] = row.get("categorical", ())
    return batch


def hostile_log(rng: np.random.Generator, n: int) -> Log:
    """Make n transactions with everything that can go wrong, and labels of every kind."""
    pools = [rng.integers(1, 2**64, size, np.uint64) for size in (12, 5)]
    # Alike in their low bits: probing sequences collide.
    pools[0] = pools[0] & ~np.uint64(0xFF) | np.uint64(0xFE)
    now_us, payments, verdicts, order = START_US, [], [], []
    due: list[tuple[int, dict[str, Any]]] = []
    for i in range(n):
        now_us += int(rng.choice([0, 0, 300_000, SECOND, 3 * SECOND, 40 * SECOND], p=_GAPS))
        payment = _payment(rng, i / n, now_us, pools, payments)
        payments.append(payment)
        labels = _labels(rng, payment)
        if rng.random() < 0.1:  # Known before it comes.
            verdicts += labels
            order += [True] * len(labels)
            labels = []
        order.append(False)
        due += [(i + int(rng.integers(0, 80)), label) for label in labels]
        # Labels come in bursts, so that batches of transactions lie between them.
        if rng.random() < 0.06:
            ready = [label for at, label in due if at <= i]
            due = [(at, label) for at, label in due if at > i]
            verdicts += ready
            order += [True] * len(ready)
    return Log(block(LAYOUT, payments), block(LABEL_LAYOUT, verdicts), tuple(order))


_GAPS = (0.2, 0.2, 0.3, 0.19, 0.1, 0.01)


def _payment(
    rng: np.random.Generator,
    progress: float,
    now_us: int,
    pools: list[NDArray[np.uint64]],
    earlier: list[dict[str, Any]],
) -> dict[str, Any]:
    late = rng.random()
    behind = 0
    if late < 0.2:
        behind = int(rng.integers(0, LATENESS_US))
    elif late < 0.25:
        behind = LATENESS_US + int(rng.integers(-1, 2))
    elif late < 0.3:
        behind = int(rng.integers(LATENESS_US, 6 * LATENESS_US))
    partitions = [0, 1] if progress < 0.3 else [0, 1, 2, 5]
    if 0.5 < progress < 0.8:
        partitions.remove(1)  # It falls silent, and wakes up later.
    fraud = rng.random() < 0.25
    card = pools[0][rng.integers(0, 3) if fraud else rng.integers(2, len(pools[0]))]
    entities = [int(card), int(rng.choice(pools[1]))]
    row = {
        "time_us": now_us - behind,
        "amount": int(rng.lognormal(10 if fraud else 8, 1)),
        "key": int(rng.integers(1, 2**64, dtype=np.uint64)),
        "arrival_us": now_us + int(rng.integers(0, 2 * SECOND)),
        "partition": int(rng.choice(partitions)),
        "entities": [0 if rng.random() < 0.1 else e for e in entities],
        "numeric": rng.normal(2.0 if fraud else 0.0, 1.0, 2).tolist(),
        "fraud": fraud,
    }
    for i in range(2):
        if rng.random() < 0.1:
            row["numeric"][i] = float(rng.choice([np.nan, np.nan, np.inf, -np.inf, 1e308, -1e308]))
    if rng.random() < 0.01:
        row["amount"] = int(rng.choice([0, 10**12]))
    known = [payment for payment in earlier if payment["key"]]
    if known and rng.random() < 0.1:
        # Sent again: just now or long ago, as it was or with other contents.
        back = int(rng.integers(1, len(known) + 1 if rng.random() < 0.5 else 6))
        again = known[-min(back, len(known))]
        row = {**row, "key": again["key"]} if rng.random() < 0.5 else {**again}
    if rng.random() < 0.08:
        row["reason"] = int(rng.choice([r for r in Reason if 0 < r < Reason.EVENT_TOO_LATE]))
        row["time_us"] = int(rng.choice(WILD_TIMES_US))
        row["amount"] = int(rng.integers(-(2**63), 2**63 - 1))
        row["entities"] = rng.integers(0, 2**64, 2, np.uint64).tolist()
        row["key"] = 0 if rng.random() < 0.5 else row["key"]
    return row


def label_row(key: int, time_us: int, verdict: float, **more: Any) -> dict[str, Any]:
    """Describe a label for `block`; `source` is the place of one, `confidence` how sure it is."""
    source, confidence = more.pop("source", Source.CHARGEBACK), more.pop("confidence", 1.0)
    row = {"key": key, "time_us": time_us, "numeric": [verdict, confidence]}
    # A source of a later contract is nobody's here.
    return {**row, "categorical": [SOURCE_KEYS[source] if source < 5 else 2**63 + 1], **more}


def _labels(rng: np.random.Generator, payment: dict[str, Any]) -> list[dict[str, Any]]:
    """Labels of one payment: none, one, several that disagree, and such as fit nothing."""
    verdict = float(payment["fraud"])
    paid_us = START_US if "reason" in payment else payment["time_us"]

    def label(said: float = verdict, at_us: int | None = None, **more: Any) -> dict[str, Any]:
        at_us = paid_us + int(rng.integers(0, 60 * SECOND)) if at_us is None else at_us
        more = {"source": int(rng.integers(0, 6)), **more}
        if rng.random() < 0.1:
            more["confidence"] = float(rng.choice([0.49, 0.5, 0.01, 0.0, 1.1, -1.0, np.nan]))
        return label_row(payment["key"], at_us, said, **more)

    luck, labels = rng.random(), []
    if luck < 0.7:
        labels.append(label())
    if luck < 0.1:
        labels.append(label(1.0 - verdict))
    if luck < 0.06:
        labels += [label(float(rng.integers(0, 2))) for _ in range(int(rng.integers(1, 4)))]
    if 0.1 < luck < 0.15:
        labels.append(label(1.0 - verdict, paid_us - 1))
    if 0.15 < luck < 0.2:
        labels.append({**label(), "key": int(rng.integers(1, 2**64, dtype=np.uint64))})
    if 0.2 < luck < 0.25:
        labels.insert(0, label(np.nan, reason=int(Reason.BAD_BOOLEAN)))
    if 0.25 < luck < 0.3:
        labels.append({**label(), "key": 0})
    if 0.3 < luck < 0.35:
        # At one moment: the one that arrives later stands.
        labels += [label(at_us=paid_us), label(1.0 - verdict, paid_us)]
    return labels


def examples(
    X: NDArray[np.float64],
    y: NDArray[np.bool_],
    news: Any = True,
    kinds: Any = LabelKind.DELAYED,
    scores: NDArray[np.float64] | None = None,
) -> Examples:
    """Make examples that correct nothing; `news` and `kinds` are one for all, or one each."""
    n = len(y)
    return Examples(
        X,
        np.zeros((n, 1)) if scores is None else scores,
        y,
        np.zeros(n, np.bool_),
        np.broadcast_to(np.asarray(news), n),
        np.broadcast_to(np.asarray(kinds, np.uint8), n),
    )


INPUTS = Inputs(LAYOUT.entities, LAYOUT.numeric)
# Some of every kind, over windows that the logs fill and leave.
NAMES = (
    "amount",
    "{hour_sin,hour_cos}",
    "input.{ratio,distance}",
    "{card,merchant}.{count,amount_sum,amount_mean}_{1s,10s,90s}",
    "{card,merchant}.seconds_since_last",
    "card.{amount_std,amount_max,ratio_min,distinct_merchant,same_amount}_90s",
    "card.{rate,amount_decayed_mean}_10s",
    "card.new_merchant",
    "merchant.{frauds,fraud_rate}_90s",
    "merchant.{count,fraud_rate}_60s_delay_5s",
    "card.seconds_since_fraud",
    "merchant.{known_fraud_odds,known_count}_90s",
    "merchant.seconds_since_genuine",
    "card.known_fraud_run",
    "at_fraud(merchant, amount)",
    "ratio(amount, card.amount_mean_90s)",
)


def feature_set(names: Iterable[str] = NAMES) -> FeatureSet:
    """Declare features over the logs' layout."""
    return FeatureSet(declare(names, INPUTS), LAYOUT, INPUTS)


def with_erasures(rng: np.random.Generator, log: Log) -> Log:
    """Erase some of the cards and merchants of a log, some of them twice."""
    share, found = float(rng.choice([0.01, 0.05, 0.2])), []
    for at in np.flatnonzero(rng.random(len(log.order)) < share).tolist():
        entity = int(rng.integers(2))
        keys = log.transactions.entities[entity]
        key = int(rng.choice(keys[log.transactions.reason == Reason.OK]))
        if key:
            found += [(at, LAYOUT.entities[entity], key)] * int(rng.integers(1, 3))
    return replace(log, erasures=tuple(found))


def with_orders(rng: np.random.Generator, log: Log) -> Log:
    """Put other rules in force, and cards on a list; some orders are refused."""
    keys, found = log.transactions.entities[0], []
    for at in np.flatnonzero(rng.random(len(log.order)) < 0.03).tolist():
        if rng.random() < 0.3:
            text = rules_order(random_rules(rng), "somebody", "")
            found.append((at, ControlKind.RULES, text))
            continue
        added = np.unique(rng.choice(keys[keys != 0], 3)).tolist()
        until_us = int(rng.choice([TIME_MIN_US, 2 * TIME_MIN_US]))
        entries = [{"key": f"{key:016x}", "until": until_us} for key in added]
        if rng.random() < 0.3:
            until_us = int(rng.choice(log.transactions.event_time_us))
            rule = str(rng.choice([*RULES, SCORE]))
            card = f"{int(rng.choice(keys[keys != 0])):016x}"
            snooze = {"rule": rule, "entity": "card", "key": card, "until": until_us, "by": "y"}
            found.append((at, ControlKind.SNOOZE, json.dumps(snooze)))
            continue
        name = "watched" if rng.random() < 0.9 else "unknown"
        order = {"list": name, "add": entries, "reason": "x", "by": "y"}
        found.append((at, ControlKind.LISTS, json.dumps(order)))
    return replace(log, orders=tuple(found))


def order_of(kind: ControlKind, text: str) -> Transactions:
    """Build a batch of one order that is no erasure, as the decoder would."""
    batch = orders_of([("", 1)])
    batch.data = np.frombuffer(text.encode(), np.uint8)
    batch.longs[ID_STOP] = len(batch.data)
    batch.categorical[0] = hash_texts([kind.name], HASH_KEY)
    return batch


def with_promotions(rng: np.random.Generator, log: Log) -> Log:
    """Promote one model after the other, now and then one that is not there."""
    ats = np.flatnonzero(rng.random(len(log.order)) < rng.choice([0.01, 0.05])).tolist()
    names = [*CONTENDERS, "nobody"]
    return replace(log, promotions=tuple((at, str(rng.choice(names))) for at in ats))


def model_orders(kind: str, *models: str) -> Transactions:
    """Build a batch of orders about models, as the decoder would."""
    texts = [json.dumps({"model": name, "by": "somebody"}).encode() for name in models]
    longs = np.zeros((CONTROL_LAYOUT.width, len(texts)), np.int64)
    batch = Transactions(CONTROL_LAYOUT, longs, np.frombuffer(b"".join(texts), np.uint8))
    longs[ID_STOP] = np.cumsum([len(text) for text in texts])
    longs[ID_START, 1:] = longs[ID_STOP, :-1]
    batch.categorical[0] = hash_texts([kind], HASH_KEY)
    batch.categorical[1] = hash_texts([""], HASH_KEY)
    return batch


def orders_of(erasures: Iterable[tuple[str, int]]) -> Transactions:
    """Build a batch of orders to erase, as the decoder would."""
    texts = [(name, f"{key:016x}".encode()) for name, key in erasures]
    longs = np.zeros((CONTROL_LAYOUT.width, len(texts)), np.int64)
    data = np.frombuffer(b"".join(text for _, text in texts), np.uint8)
    batch = Transactions(CONTROL_LAYOUT, longs, data)
    longs[ID_START] = 16 * np.arange(len(texts))
    longs[ID_STOP] = longs[ID_START] + 16
    longs[OFFSET] = np.arange(len(texts))
    batch.categorical[0] = hash_texts(["ERASE"], HASH_KEY)
    batch.categorical[1] = hash_texts([name for name, _ in texts], HASH_KEY)
    return batch


def random_parameters(rng: np.random.Generator) -> EngineParameters:
    """Choose parameters of every size, down to memories that are always full."""
    batch_rows_max = int(rng.choice([1, 7, 64]))
    return EngineParameters(
        features=feature_set(),
        thresholds=Thresholds(review=0.35, challenge=0.6, block=0.9),
        calibrate=bool(rng.random() < 0.7),
        # It counts, and moves nothing before a day.
        alerts_per_day=float(rng.choice([0.0, 100.0])),
        events_max=int(rng.choice([9, 60, 10_000])),
        entities_max=int(rng.choice([3, 8, 1_000])),
        waiting_max=2 * batch_rows_max + int(rng.choice([0, 30, 10_000])),
        allowed_lateness_us=LATENESS_US,
        idle_after_us=int(rng.choice([4, 15])) * SECOND,
        labels=LabelParameters(
            maturity_us=int(rng.choice([20, 120])) * SECOND,
            correctable_us=int(rng.choice([0, 0, 60])) * SECOND,
            genuine_share=float(rng.choice([1.0, 0.3])),
            learn_max=int(rng.choice([2, 10_000])),
            queue_max=int(rng.choice([7, 10_000])),
            early_max=int(rng.choice([0, 4, 1_000])),
            early_hold_us=int(rng.choice([10, 200])) * SECOND,
            source_max_per_day=int(rng.choice([0, 9])),
            entity_max_per_day=int(rng.choice([0, 12])),
            capped_entity=1,
        ),
        learn_interval_us=int(rng.choice([1, 7])) * SECOND,
        batch_rows_max=batch_rows_max,
        monitor=random_monitor(rng) if rng.random() < 0.7 else None,
    )


def with_rules(rng: np.random.Generator, parameters: EngineParameters) -> EngineParameters:
    """Begin with some rules and an empty list."""
    return replace(
        parameters,
        lists=(ListDeclaration("watched", "card"),),
        rules=random_rules(rng) if rng.random() < 0.7 else RuleSet(),
        cooldown_us=int(rng.choice([0, 10])) * SECOND,
        cooldown_entity=str(rng.choice(["", "merchant"])),
        breaker=BreakerParameters(*(int(n) for n in rng.choice([(20, 6), (1_000, 300)]))),
    )


def rule_inputs() -> RuleInputs:
    """Return what rules over the logs may name."""
    return RuleInputs(INPUTS, feature_set().names, ("watched",))


def random_rules(rng: np.random.Generator) -> RuleSet:
    """Return some of these rules, some of them live for some payments."""
    names = [name for name in RULES if rng.random() < 0.7]
    modes = rng.choice(["live", "live", "shadow", "40%"], len(names)).tolist()
    tables = [
        f'[[rule]]\nid = "{name}"\nmode = "{mode}"\n{RULES[name]}\n'
        for name, mode in zip(names, modes, strict=True)
    ]
    return read_rules({"rules": "".join(tables)}, rule_inputs())


# Some that match much, some little, and one that fails where a value is missing.
RULES = {
    "many": 'when = "card.count_10s >= 3.0"\naction = "review"',
    "large": 'when = "amount > 100.0 && ratio > 0.0"\naction = "block"\ntext = "large"',
    "known": 'when = "score < 0.7 && amount < 50.0"\naction = "allow"\npriority = 2',
    "hash": 'when = "card in lists.watched || has(distance)"\naction = "challenge"',
    "old": 'when = "true"\naction = "review"\nexpires = 1970-01-02',
}


def random_monitor(rng: np.random.Generator) -> MonitorParameters:
    """Watch so closely that something is always said."""
    return MonitorParameters(
        window_us=int(rng.choice([5, 30])) * SECOND,
        reference_windows=2,
        warm_up_us=int(rng.choice([0, 20])) * SECOND,
        rows_min=int(rng.choice([1, 10])),
        psi_min=0.0,
        false_alarms=0.9,
        level_detectors=some_detectors(rng),
        adwin_delta=0.9,
        adwin_change_min=0.0,
        page_hinkley_values_min=int(rng.choice([1, 10])),
        page_hinkley_delta=0.0,
        page_hinkley_threshold=0.05,
        kswin_alpha=0.5,
        kswin_window=int(rng.choice([8, 20])),
        kswin_newest=int(rng.choice([2, 4])),
        quality_windows=int(rng.choice([2, 50])),
        segments=("input.ratio", "amount") if rng.random() < 0.5 else (),
    )


def some_detectors(rng: np.random.Generator) -> tuple[str, ...]:
    """Return some of those that watch value by value, in any order."""
    names = rng.permutation(["adwin", "page_hinkley", "kswin"])
    return tuple(names[: rng.integers(0, 4)].tolist())


# By slot.
CONTENDERS = ("model", "river", "forest", "feedback apart")


def build_engine(parameters: EngineParameters, allocate: Allocate = in_memory) -> Engine:
    """Build an engine with the default model, which is soon ready and keeps its features.

    River's own objects challenge the compiled ones, half of the rows a small forest, and all of
    them two regressions, one of feedback.
    """
    names = parameters.features.names
    enough = {"frauds_min": 3, "genuine_min": 10}
    champion = compile_model(logistic_pipeline(), names, **enough)
    forest = ARFClassifier(2, max_features=None, grace_period=20, seed=1)
    members = [compile_model(logistic_pipeline(), names, 3, 3) for _ in range(2)]
    challengers = {
        "river": RiverLearner(logistic_pipeline(), names, **enough),
        "forest": SampledLearner(compile_model(forest, names, **enough), 0.5),
        "feedback apart": FeedbackAndDelayed(*members),
    }
    return Engine(parameters, champion, Keep.STATES, challengers, allocate)


@dataclass
class Run:
    """All that an engine said about a log, a row a transaction or label."""

    engine: Engine
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    alerts: list[tuple[int, float, tuple[tuple[str, float, float], ...]]] = field(
        default_factory=list
    )
    thresholds: list[float] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    grouped: list[int] = field(default_factory=list)
    matrices: list[NDArray[np.float64]] = field(default_factory=list)
    value_states: list[NDArray[np.uint8]] = field(default_factory=list)
    label_reasons: list[int] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    departed: list[Departed] = field(default_factory=list)
    drifts: list[DriftEvent] = field(default_factory=list)
    watermarks_us: list[int] = field(default_factory=list)
    ruled: list[tuple[int, list[tuple[int, bool]]]] = field(default_factory=list)
    tripped: list[Tripped] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    promoted: list[Reign] = field(default_factory=list)
    examples: list[tuple[int, bytes]] = field(default_factory=list)
    versions: list[tuple[int, bytes]] = field(default_factory=list)
    order_reasons: list[int] = field(default_factory=list)

    @property
    def features(self) -> NDArray[np.float64]:
        """The feature matrix, shape (n, n_features)."""
        width = len(self.engine.parameters.features.names)
        return np.concatenate([np.empty((0, width)), *self.matrices])

    def said(self) -> dict[str, Any]:
        """Return all that reached the outside, and what was counted and learned."""
        contenders = self.engine.contenders
        calibrators = [each.calibrator for each in contenders]
        return {
            **{name: column.tobytes() for name, column in self.columns.items()},
            "features": self.features.tobytes(),
            "value_states": b"".join(states.tobytes() for states in self.value_states),
            "alerts": repr(self.alerts),
            "label_reasons": self.label_reasons,
            # A label's place in its batch is where the cut was.
            "reviews": repr([review[1:] for review in self.reviews]),
            "departed": repr(self.departed),
            "drifts": repr(self.drifts),
            "promoted": repr(self.promoted),
            "examples": repr(self.examples),
            "versions": repr(self.versions),
            "order_reasons": self.order_reasons,
            "lineup": self.engine.lineup.header(),
            "gate": self.engine.gate and pack(self.engine.gate.state()),
            "monitor": self.engine.monitor and pack(self.engine.monitor.state()),
            "counters": asdict(self.engine.counters),
            "quality": repr([each.prequential for each in contenders]),
            "reliability": [
                np.concatenate([x.count, x.frauds, x.said, [x.brier_sum]]).tobytes()
                for x in (each.prequential.reliability for each in contenders)
            ],
            "models": [pack(each.shadow_state()) for each in contenders],
            "calibrators": [pack(x.state()) for x in calibrators if x is not None],
            "rules": pack(self.engine.rules.state()),
            "ruled": repr(self.ruled),
            "tripped": repr(self.tripped),
            "orders": self.orders,
            "lists": pack(self.engine.lists.state()),
            "admission": pack(self.engine.admission.state()),
            "budget": self.engine.budget and pack(self.engine.budget.state()),
            "thresholds": self.thresholds,
            "probabilities": self.probabilities,
            "grouped": self.grouped,
        }

    def said_of_challengers(self) -> dict[str, Any]:
        """Return what waits of what all contenders said, and who was set aside."""
        waiting, slots = self.engine.waiting, self.engine.contenders
        return {
            "scores": waiting.scores.tobytes(),
            "aside": [each.aside for each in slots],
            "quality": repr([each.prequential for each in slots]),
        }

    def state(self) -> dict[str, bytes]:
        """Return the bytes of every array that the engine keeps."""
        engine = self.engine
        parts = {"waiting": engine.waiting, "clock": engine.clock, "queue": engine.book.queue}
        kept = {f"features.{name}": array for name, array in engine.features.arrays().items()}
        for part, owner in parts.items():
            arrays = vars(owner).items()
            kept |= {f"{part}.{name}": x for name, x in arrays if isinstance(x, np.ndarray)}
        kept |= {f"caps.{name}": x for name, x in engine.book.caps.counts._asdict().items()}
        early = {"early": pack(engine.book.early.state())}
        return {name: array.tobytes() for name, array in kept.items()} | early


def run(parameters: EngineParameters, log: Log, cuts: frozenset[int] = frozenset()) -> Run:
    """Run a log through a new engine."""
    return run_engine(build_engine(parameters), log, cuts)


def run_engine(engine: Engine, log: Log, cuts: frozenset[int] = frozenset()) -> Run:
    """Run a log through an engine."""
    result = Run(engine)
    said: list[dict[str, NDArray[Any]]] = []
    arrived = 0
    for is_label, start, stop in log.pieces(cuts):
        erased = [each[1:] for each in log.erasures if each[0] == arrived]
        if erased:
            orders = result.engine.control(orders_of(erased))
            assert orders.erased == erased
            result.departed += orders.departed
        for at, kind, text in log.orders:
            if at == arrived:
                result.orders += result.engine.control(order_of(kind, text)).reasons.tolist()
        for model in [name for at, name in log.promotions if at == arrived]:
            ordered = result.engine.control(model_orders("PROMOTE", model))
            result.promoted += ordered.promoted
            result.order_reasons += ordered.reasons.tolist()
        arrived += stop - start
        if is_label:
            became = result.engine.label(rows(log.labels, start, stop))
            result.label_reasons += became.reasons.tolist()
            result.reviews += became.reviews
            result.departed += became.departed
            continue
        effects = result.engine.step(rows(log.transactions, start, stop))
        said.append({k: v for k, v in vars(effects).items() if isinstance(v, np.ndarray)})
        result.reviews += effects.label_reviews
        result.departed += effects.departed_labels
        result.drifts += effects.drifts
        result.promoted += effects.promoted
        for offset, told in effects.examples:
            columns = b"|".join(b"" if each is None else each.tobytes() for each in told)
            result.examples.append((offset, columns))
        result.versions += [(each.offset, pack(each.state)) for each in effects.versions]
        alerts = effects.alerts
        reasons = alerts.contributions(result.engine.parameters.features.names)
        result.alerts += [
            (row + start, base, tuple(each[:3] for each in raised))
            for row, base, raised in zip(
                alerts.rows.tolist(), alerts.bases.tolist(), reasons, strict=True
            )
        ]
        result.thresholds += alerts.thresholds.tolist()
        result.probabilities += alerts.probabilities.tolist()
        result.grouped += alerts.grouped.tolist()
        result.ruled += [
            (row + start, ruled)
            for row in range(stop - start)
            if (ruled := effects.matched.of(row))
        ]
        result.tripped += [each._replace(row=each.row + start) for each in effects.tripped]
        result.matrices.append(effects.readings.matrix)
        result.value_states.append(effects.readings.value_states)
        result.watermarks_us.append(result.engine.clock.watermark_us)
    for name in said[0] if said else ():
        result.columns[name] = np.concatenate([columns[name] for columns in said])
    return result


def random_cuts(rng: np.random.Generator, log: Log) -> frozenset[int]:
    """Choose where batches begin: nowhere more, here and there, or at every arrival."""
    share = float(rng.choice([0.01, 0.1, 0.5, 1.0]))
    return frozenset(np.flatnonzero(rng.random(len(log.order)) < share).tolist())


def digest(seed: int) -> str:
    """Run the log of a seed and return a digest of all that was said and is kept."""
    rng = np.random.default_rng(seed)
    parameters = with_rules(rng, random_parameters(rng))
    log = with_orders(rng, with_erasures(rng, hostile_log(rng, 300)))
    result = run(parameters, with_promotions(rng, log))
    text = repr((result.said(), result.state())).encode()
    return hashlib.sha256(text).hexdigest()
