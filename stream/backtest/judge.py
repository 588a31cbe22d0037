"""How good decisions were, of payments that are old enough for their labels to have come."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.interval import wilson
from stream.backtest.ledger import Decided, Payments
from stream.decide import Outcome
from stream.evaluation.ledger import DAY_US

Mask = NDArray[np.bool_]

# Other rules that are named beside one that matches the same payments.
_OVERLAPS_MAX = 3


class Known(NamedTuple):
    """What is known of n payments.

    Attributes
    ----------
    payments : Payments
    judged : ndarray of bool, shape (n,)
        Old enough that a fraud would have been found.
    fraud : ndarray of bool, shape (n,)
        Judged, and a fraud.
    """

    payments: Payments
    judged: Mask
    fraud: Mask


def known_of(
    payments: Payments, labels: NDArray[np.int8], until_us: int, maturity_us: int
) -> Known:
    """Return what is known: young payments are not judged, even if one has a label already.

    Frauds are found sooner than genuine payments are known to be; to judge young ones would
    find too much fraud among them.

    Parameters
    ----------
    payments : Payments
    labels : ndarray of int8, shape (n,)
        `stream.backtest.truths.Truths.of`; a truth that the payments bring themselves goes
        before it.
    until_us : int
        Labels up to this time are known.
    maturity_us : int
        An older payment without a label is genuine.
    """
    told = payments.truths >= 0
    old = payments.event_time_us <= until_us - maturity_us
    fraud = np.where(told, payments.truths == 1, labels == 1)
    judged = told | old
    return Known(payments, judged, judged & fraud)


def alerted(decided: Decided) -> Mask:
    """Tell which payments somebody or something was to look at."""
    return decided.outcomes > Outcome.ALLOW


def measures(known: Known, found: Mask) -> dict[str, Any]:
    """Judge a choice of payments.

    Parameters
    ----------
    known : Known
    found : ndarray of bool, shape (n,)

    Returns
    -------
    dict
        Payments, how many of them are judged, how many of these are frauds and how many
        genuine; precision with its 95 % interval, recall and value recall; amounts in minor
        units. None where nothing is judged.
    """
    judged, frauds = found & known.judged, found & known.fraud
    n, hits, all_frauds = int(judged.sum()), int(frauds.sum()), int(known.fraud.sum())
    amounts = known.payments.amount_minor
    value, all_value = int(amounts[frauds].sum()), int(amounts[known.fraud].sum())
    return {
        "payments": int(found.sum()),
        "judged": n,
        "frauds": hits,
        "genuine": n - hits,
        "precision": hits / n if n else None,
        "precision_95": list(wilson(hits, n)) if n else None,
        "recall": hits / all_frauds if all_frauds else None,
        "fraud_minor": value,
        "genuine_minor": int(amounts[judged & ~frauds].sum()),
        "value_recall": value / all_value if all_value else None,
    }


def days_of(known: Known, decided: Decided) -> list[dict[str, Any]]:
    """Return payments, alerts that went out, and frauds that were found, by day of event time."""
    day = known.payments.event_time_us // DAY_US
    days, place = np.unique(day, return_inverse=True)
    caught = known.fraud & alerted(decided)
    counts = (np.bincount(place, each, len(days)) for each in (decided.told, caught, known.fraud))
    told, found, frauds = (each.astype(np.int64).tolist() for each in counts)
    names = np.datetime_as_string(days.astype("datetime64[D]")).tolist()
    rows = zip(
        names, np.bincount(place, minlength=len(days)).tolist(), told, found, frauds, strict=True
    )
    keys = ("day", "payments", "alerts", "frauds_caught", "frauds")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def rules_of(known: Known, decided: Decided, other: Decided | None) -> list[dict[str, Any]]:
    """Judge every rule that was in force.

    Parameters
    ----------
    known : Known
    decided : Decided
        Whose rules.
    other : Decided or None
        What was decided with what is compared; a match that was alerted there too is not new.

    Returns
    -------
    list of dict
        By the rules' ids: `measures` of what it matched, how much of that in shadow, how much
        was new, and which other rules match the same payments.
    """
    before = None if other is None else alerted(other)
    matches = _masks(decided, len(known.judged))
    live = np.bincount(decided.matches.rules[decided.matches.live], minlength=len(matches))
    rows, trips = [], decided.trips
    for (name, mask), n_live in sorted(zip(matches.items(), live.tolist(), strict=True), key=_id):
        found = measures(known, mask)
        new = None if before is None else mask & ~before
        rows.append(
            {
                "id": name,
                "action": decided.rules[name].name.lower(),
                **found,
                "in_shadow": found["payments"] - n_live,
                "new": None if new is None else int(new.sum()),
                "new_frauds": None if new is None else int((new & known.fraud).sum()),
                "overlaps": _overlaps(matches, name),
                "put_in_shadow": [_time(each.event_time_us) for each in trips if each.rule == name],
            }
        )
    return rows


def _id(row: tuple[tuple[str, Mask], int]) -> str:
    return row[0][0]


def _time(at_us: int) -> str:
    return f"{np.datetime64(at_us, 'us')}Z"


def _masks(decided: Decided, n: int) -> dict[str, Mask]:
    """Return which payments each rule matched, in the order of `Decided.rules`."""
    masks = {name: np.zeros(n, np.bool_) for name in decided.rules}
    for at, mask in enumerate(masks.values()):
        mask[decided.matches.payments[decided.matches.rules == at]] = True
    return masks


def _overlaps(matches: dict[str, Mask], name: str) -> list[dict[str, Any]]:
    """Return the rules that match most of what a rule matches, and their shares of it."""
    ours = matches[name]
    n = int(ours.sum())
    if not n:
        return []
    shared = {
        other: int((ours & theirs).sum()) for other, theirs in matches.items() if other != name
    }
    most = sorted(shared.items(), key=lambda pair: (-pair[1], pair[0]))[:_OVERLAPS_MAX]
    return [{"id": other, "share": count / n} for other, count in most if count]


def changes_of(known: Known, was: Decided, now: Decided) -> list[dict[str, Any]]:
    """Return how many payments went from each outcome to each other one, and what they were."""
    rows = []
    for before in Outcome:
        for after in Outcome:
            moved = (was.outcomes == before) & (now.outcomes == after)
            if before is after or not moved.any():
                continue
            found = measures(known, moved)
            names = ("payments", "judged", "frauds", "genuine", "fraud_minor", "genuine_minor")
            rows.append(
                {
                    "from": before.name.lower(),
                    "to": after.name.lower(),
                    **{name: found[name] for name in names},
                }
            )
    return rows
