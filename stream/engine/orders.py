"""What orders do to an engine."""

from __future__ import annotations

from typing import Any, Protocol

from schemas.columns import Reason
from stream.admission.admission import Admission
from stream.admission.snoozes import Snooze, SnoozeError, read_snooze
from stream.champion.succession import Succession
from stream.engine.control import (
    ControlEffects,
    ControlKind,
    Erased,
    ErasureReader,
    OrderRefusedError,
    Way,
)
from stream.engine.counters import Counters
from stream.event_time import EventClock
from stream.features.state import FeatureState
from stream.labels.book import LabelBook
from stream.lists.lists import Lists
from stream.lists.orders import ListsOrder, parse_lists_order
from stream.rules.in_force import RulesInForce
from stream.rules.orders import parse_rules_order
from stream.rules.rule import RuleSet


class Engine(Protocol):
    """What of an engine orders change; see `stream.engine.engine.Engine`."""

    parameters: Any
    counters: Counters
    clock: EventClock
    features: FeatureState
    book: LabelBook
    lists: Lists
    rules: RulesInForce
    admission: Admission
    succession: Succession


def ways_of(engine: Engine) -> dict[ControlKind, Way]:
    """Return what orders an engine takes, and how."""
    ways = _Ways(engine)
    return {
        ControlKind.ERASE: Way(ways.read_erasure, ways.erase),
        ControlKind.LISTS: Way(ways.read_lists, ways.change_list),
        ControlKind.RULES: Way(ways.read_rules, ways.put_rules),
        ControlKind.SNOOZE: Way(ways.read_snooze, ways.silence),
        **engine.succession.ways(),
    }


class _Ways:
    """Reads orders and carries them out."""

    def __init__(self, engine: Engine) -> None:
        parameters = engine.parameters
        self._engine = engine
        self._entities: tuple[str, ...] = parameters.features.layout.entities
        self.read_erasure = ErasureReader(self._entities, parameters.hash_key)

    def erase(self, erased: Erased, effects: ControlEffects) -> None:
        engine, (name, key) = self._engine, erased
        engine.features.erase(name, key)
        engine.lists.erase(name, key)
        engine.admission.erase(name, key)
        departed = engine.book.erase(self._entities.index(name), key)
        engine.counters.erasures += 1
        engine.counters.count_labels(departed, engine.book.counts)
        effects.erased.append(erased)
        effects.departed.extend(departed)

    def read_lists(self, _: int, text: str) -> ListsOrder:
        order = parse_lists_order(text)
        if isinstance(order, Reason):
            raise OrderRefusedError(order)
        return order

    def change_list(self, order: ListsOrder, _: ControlEffects) -> None:
        reason = self._engine.lists.take(order, self._engine.clock.watermark_us)
        if reason is not Reason.OK:
            raise OrderRefusedError(reason)

    def read_rules(self, _: int, text: str) -> RuleSet:
        found = parse_rules_order(text, self._engine.rules.inputs)
        if isinstance(found, Reason):
            raise OrderRefusedError(found)
        return found

    def put_rules(self, rules: RuleSet, effects: ControlEffects) -> None:
        self._engine.rules.replace(rules)
        effects.rules.append(rules.digest)

    def read_snooze(self, _: int, text: str) -> Snooze:
        try:
            return read_snooze(text, self._entities)
        except SnoozeError:
            raise OrderRefusedError(Reason.CONTROL_TEXT_INVALID) from None

    def silence(self, snooze: Snooze, _: ControlEffects) -> None:
        if not self._engine.admission.snooze(snooze, self._engine.clock.watermark_us):
            raise OrderRefusedError(Reason.CONTROL_SNOOZES_FULL)
