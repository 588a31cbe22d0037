"""How one champion follows another: by an order, or back again because the canary says so.

All of it is a function of the input. Orders are journaled like payments, and the canary is
judged at learning barriers, so a replay crowns whom the first run crowned, at the same payment.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from stream.budget.control import AlertBudget
from stream.champion.lineup import Lineup, ModelOrder, read_model_order
from stream.champion.reigns import Cause, Reign
from stream.engine.control import ControlEffects, ControlKind, OrderRefusedError, Way
from stream.engine.counters import Counters
from stream.labels.waiting import WaitingRows
from stream.promotion.gate import Gate
from stream.promotion.parameters import PromotionParameters

# Payments on which a challenger must show that it can decide.
_PROBED = 16
# Who ordered it, where nobody did.
CANARY = "canary"


class Succession:
    """Exchanges the champion, and whatever is about its scores.

    Parameters
    ----------
    lineup : Lineup
    parameters : PromotionParameters
    budget : AlertBudget or None
    waiting : WaitingRows
    counters : Counters
    now_us : callable
        Returns the time of the latest learning barrier.

    Attributes
    ----------
    gate : Gate or None
        Compares challengers with the champion; None: there are none.
    """

    def __init__(
        self,
        lineup: Lineup,
        parameters: PromotionParameters,
        budget: AlertBudget | None,
        waiting: WaitingRows,
        counters: Counters,
        now_us: Callable[[], int],
    ) -> None:
        self.gate = Gate(lineup.names, parameters) if len(lineup.names) > 1 else None
        self._lineup = lineup
        self._budget = budget
        self._waiting = waiting
        self._counters = counters
        self._now_us = now_us

    def ways(self) -> dict[ControlKind, Way]:
        """Return how orders about models are taken."""
        return {
            ControlKind.PROMOTE: Way(read_model_order, self._take_promotion),
            ControlKind.DISABLE: Way(read_model_order, self._disable),
            ControlKind.ENABLE: Way(read_model_order, self._enable),
        }

    def go_back(self) -> list[Reign]:
        """Let the former champion decide again if this one does worse in its canary.

        Returns
        -------
        list of Reign
            That which begins; empty: nothing changed.
        """
        lineup, former = self._lineup, self._lineup.former
        if self.gate is None or former is None or lineup.reigns[-1].cause != Cause.ORDER:
            return []
        worse = self.gate.should_go_back(former)
        if worse is None or not lineup.challengers[former].ready:
            return []
        why = f"its Brier score was higher by {worse.low:.3g} to {worse.high:.3g} in the canary"
        with suppress(OrderRefusedError):
            return self._promote(former, Cause.ROLLBACK, CANARY, why)
        return []

    def _take_promotion(self, order: ModelOrder, effects: ControlEffects) -> None:
        """Let a challenger decide; back to the champion before this one is a rollback."""
        back = order.model == self._lineup.former
        cause = Cause.ROLLBACK if back else Cause.ORDER
        effects.promoted.extend(self._promote(order.model, cause, order.by, order.why))

    def _disable(self, order: ModelOrder, _: ControlEffects) -> None:
        self._lineup.disable(order.model, order.why)

    def _enable(self, order: ModelOrder, _: ControlEffects) -> None:
        self._lineup.enable(order.model)

    def _promote(self, model: str, cause: Cause, by: str, why: str) -> list[Reign]:
        reign = Reign(model, self._now_us(), self._waiting.admitted, cause.value, by, why)
        if not self._lineup.promote(reign, self._waiting.latest(_PROBED)):
            return []
        slot = self._lineup.at
        if self._budget is not None:
            self._budget.promote(slot)
        if self.gate is not None:
            self.gate.begin(slot, reign.since_us)
        self._counters.promotions += 1
        self._counters.rollbacks += cause == Cause.ROLLBACK
        return [reign]
