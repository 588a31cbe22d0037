"""What came of a backtest, as one value for scripts; tables and pages are made of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from stream.backtest.change import Change
from stream.backtest.judge import (
    Known,
    alerted,
    changes_of,
    days_of,
    known_of,
    measures,
    rules_of,
)
from stream.backtest.ledger import Decided, Ledger
from stream.backtest.times import shown
from stream.backtest.truths import Truths
from stream.decide import Outcome


def report_of(
    ledger: Ledger,
    truths: Truths,
    change: Change,
    until_us: int,
    maturity_us: int,
    alerts_per_day: float,
) -> dict[str, Any]:
    """Return what was decided, what would have been, and how good either is.

    Parameters
    ----------
    ledger : Ledger
    truths : Truths
    change : Change
    until_us : int
        Labels up to this time are known.
    maturity_us : int
        An older payment without a label is genuine.
    alerts_per_day : float
        What was planned; 0: nothing was.
    """
    payments, live, candidate = ledger.payments(), ledger.live(), ledger.candidate()
    labels = truths.of(payments.keys, payments.event_time_us)
    known = known_of(payments, labels, until_us, maturity_us)
    times_us = payments.event_time_us
    return {
        "payments": len(ledger),
        "first": shown(int(times_us.min())) if len(ledger) else None,
        "last": shown(int(times_us.max())) if len(ledger) else None,
        "judged": int(known.judged.sum()),
        "frauds": int(known.fraud.sum()),
        "labels_known_until": shown(until_us) if until_us > 0 else None,
        "alerts_per_day_planned": alerts_per_day or None,
        "change": {
            "rules": None if change.rules is None else change.rules.digest,
            "model": change.model,
        },
        "live": _side(known, live, candidate),
        "candidate": None if candidate is None else _side(known, candidate, live),
        "changes": [] if candidate is None else changes_of(known, live, candidate),
        "examples": [] if candidate is None else _examples(known, live, candidate, ledger.names),
    }


def _side(known: Known, decided: Decided, other: Decided | None) -> dict[str, Any]:
    """Return what one side decided, and how good that was."""
    counts = np.bincount(decided.outcomes, minlength=len(Outcome)).tolist()
    days = days_of(known, decided)
    told = [each["alerts"] for each in days]
    return {
        "outcomes": {outcome.name.lower(): counts[outcome] for outcome in Outcome},
        "unscored": int(np.isnan(decided.scores).sum()),
        "alerts": int(decided.told.sum()),
        "alerts_per_day": {
            "mean": sum(told) / len(told) if told else None,
            "most": max(told, default=None),
        },
        "found": measures(known, alerted(decided)),
        "blocked": measures(known, decided.outcomes == Outcome.BLOCK),
        "rules": rules_of(known, decided, other),
        "days": days,
    }


def _examples(
    known: Known, live: Decided, candidate: Decided, names: dict[int, str]
) -> list[dict[str, Any]]:
    """Return some payments that were decided otherwise."""
    rules, found = list(candidate.rules), []
    of = candidate.matches
    for place, name in names.items():
        here = slice(*np.searchsorted(of.payments, [place, place + 1]).tolist())
        matched = zip(of.rules[here].tolist(), of.live[here].tolist(), strict=True)
        judged = bool(known.judged[place])
        found.append(
            {
                "transaction_id": name,
                "event_time": shown(int(known.payments.event_time_us[place])),
                "amount_minor": int(known.payments.amount_minor[place]),
                "from": Outcome(int(live.outcomes[place])).name.lower(),
                "to": Outcome(int(candidate.outcomes[place])).name.lower(),
                "score": _known(candidate.scores[place]),
                "rules": [rules[rule] for rule, is_live in matched if is_live],
                "fraud": bool(known.fraud[place]) if judged else None,
            }
        )
    return found


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
