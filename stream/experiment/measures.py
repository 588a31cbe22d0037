"""What an experiment compares: names of measures, and their values of one replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.errors import InputFileError
from stream.evaluation import handbook
from stream.evaluation.daily import quality
from stream.replay import Replay

Values = dict[str, float | None]


@dataclass(frozen=True)
class Measure:
    """One figure of a run.

    Attributes
    ----------
    words : str
        For a person; {k} is the budget.
    lower_is_better : bool
    """

    words: str
    lower_is_better: bool = False


# By what they are about; {days} is the length of the warm-up.
PARTS: dict[str, dict[str, Measure]] = {
    "the Handbook's protocol, mean of its test weeks": {
        "protocol.auc": Measure("AUC ROC"),
        "protocol.ap": Measure("average precision"),
        "protocol.cp100": Measure("card precision@100"),
    },
    "all days but the first {days}": {
        "whole.auc": Measure("AUC ROC"),
        "whole.ap": Measure("average precision"),
        "whole.card_precision": Measure("card precision@{k}"),
        "whole.budget_precision": Measure("precision@{k} payments"),
        "whole.alert_precision": Measure("precision of all alerts"),
        "whole.card_value_recall": Measure("value recall@{k} cards"),
        "whole.calibration_error": Measure("calibration error", lower_is_better=True),
        "whole.log_loss": Measure("log loss", lower_is_better=True),
    },
    "speed": {"events_per_cpu_s": Measure("events/s of processor time")},
}
MEASURES = {name: measure for part in PARTS.values() for name, measure in part.items()}


def measured(replay: Replay, report: dict[str, Any], warm_up_days: int) -> dict[str, Any]:
    """Return the measures of a replay that has run.

    Parameters
    ----------
    replay : Replay
    report : dict
        What its `run` returned.
    warm_up_days : int
        Days of the stream, from its first on, that only the protocol looks at.

    Returns
    -------
    dict
        ``measures`` by name, None where one is not defined; ``protocol_missing``, why there is
        no protocol, or None; ``payments`` and ``frauds``, judged after the warm-up; ``seconds``
        and ``cpu_s``.

    Raises
    ------
    InputFileError
        If no payment is left to judge.
    """
    decisions = replay.ledger.decisions().judged()
    values: Values = dict.fromkeys(MEASURES)
    missing = None
    try:
        mean = handbook.judge(decisions, replay.path.name).mean()
        values |= {f"protocol.{name}": value for name, value in mean.items()}
    except InputFileError as error:
        missing = str(error)
    day = decisions.day
    late = decisions.take(day >= day.min() + warm_up_days) if len(decisions) else decisions
    if not len(late):
        days = int(day.max() - day.min()) + 1 if len(decisions) else 0
        raise InputFileError(
            f"{replay.path.name}: nothing is left to judge of its {days} days whose truth is known "
            f"once the first {warm_up_days} are left out: shorten --warm-up"
        )
    whole = quality(late, replay.config.replay.alert_budget).whole
    values |= {f"whole.{name}": value for name, value in whole.shares().items()}
    values["events_per_cpu_s"] = report["events"] / report["cpu_s"] if report["cpu_s"] else None
    return {
        "measures": {name: values[name] for name in MEASURES},
        "protocol_missing": missing,
        "payments": len(late),
        "frauds": int(late.is_fraud.sum()),
        "seconds": report["seconds"],
        "cpu_s": report["cpu_s"],
    }
