"""Verdicts on alerts that a page shows: what is shown can be judged, and nothing else."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from schemas.errors import FraudError
from stream.app import codec_of, connection_of, registry_of
from stream.audit_trail.chain import Act, Step, canonical_json
from stream.cases.administration import audit_log_of
from stream.cases.desk import Desk, Handed
from stream.cases.verdict import Case, Verdict
from stream.config.configuration import Config

CASES_MAX = 1_000


class NotShownError(FraudError):
    """An alert is not among those that are shown."""


class VerdictGiven(NamedTuple):
    """What came of a verdict.

    Attributes
    ----------
    verdict : Verdict
        That which stands.
    handed : Handed or None
        None: it had been said before, and nothing was sent.
    """

    verdict: Verdict
    handed: Handed | None


class ShownAlerts:
    """Alerts that may be judged, and what was said of them here.

    Noted by the worker's thread, judged by others.

    Parameters
    ----------
    hand_in : callable
        Sends a verdict.
    note_change : callable
        Notes a verdict that says otherwise than the one before it, before it is sent.
    cases_max : int
        Beyond it the oldest can be judged no more.
    """

    def __init__(
        self,
        hand_in: Callable[[Case, Verdict], Handed],
        note_change: Callable[[Verdict, Verdict], None],
        cases_max: int = CASES_MAX,
    ) -> None:
        self._hand_in = hand_in
        self._note_change = note_change
        self._max = cases_max
        self._cases: OrderedDict[str, Case] = OrderedDict()
        self._said: dict[str, Verdict] = {}
        # One verdict at a time: of two on one alert the second must see the first.
        self._judging = threading.Lock()
        self._lock = threading.Lock()

    def note(self, case: Case) -> None:
        """Take an alert that is shown from now on; it waits for no verdict that is being sent."""
        with self._lock:
            self._cases[case.alert_id] = case
            while len(self._cases) > self._max:
                gone, _ = self._cases.popitem(last=False)
                self._said.pop(gone, None)

    def said(self, alert_id: str) -> str:
        """Return what was said of an alert, in words; empty: nothing yet."""
        verdict = self._said.get(alert_id)
        return "" if verdict is None else f"{verdict.word}, by {verdict.by}"

    def judge(self, verdict: Verdict) -> VerdictGiven:
        """Send a verdict, unless it says what was said.

        Raises
        ------
        NotShownError
        BrokerError, DeliveryError
            If the brokers did not take it; to say it again does no harm.
        """
        with self._judging:
            with self._lock:
                case = self._cases.get(verdict.alert_id)
                before = self._said.get(verdict.alert_id)
            if case is None:
                raise NotShownError(
                    f"no alert {verdict.alert_id} is shown here: use `fraudstream verdict`"
                )
            if before is not None and before.is_fraud == verdict.is_fraud:
                return VerdictGiven(before, None)
            if before is not None:
                self._note_change(before, verdict)
            handed = self._hand_in(case, verdict)
            with self._lock:
                if verdict.alert_id in self._cases:
                    self._said[verdict.alert_id] = verdict
        return VerdictGiven(verdict, handed)


def shown_alerts_of(config: Config) -> ShownAlerts | None:
    """Return where the page's verdicts go; None: it takes none."""
    if not config.admin.verdicts:
        return None
    registry = registry_of(config)
    with closing(registry):
        codec = codec_of(registry, "label", config.topics.labels)
    desk = Desk(connection_of(config), config.topics.labels, codec)

    def note_change(before: Verdict, after: Verdict) -> None:
        log = audit_log_of(config)
        if log is None:
            return
        texts = [canonical_json({"verdict": each.word, "by": each.by}) for each in (before, after)]
        subject = f"alert {after.alert_id}"
        with closing(log):
            log.append(
                Act(
                    after.by,
                    "verdict",
                    Step.ORDERED,
                    str(uuid.uuid4()),
                    subject,
                    texts[0],
                    texts[1],
                )
            )

    return ShownAlerts(lambda case, verdict: desk.hand_in([(case, verdict)])[0], note_change)
