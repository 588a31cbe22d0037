"""Features that are made of verdicts, in plain words; `stream.features.explain` fills them in."""

from __future__ import annotations

LATE = (
    "Lateness makes no difference: what counts is when a verdict came. Values given before are not "
    "changed."
)
EVENTS = (
    "events of the same {one} that are remembered (windows.events_max) when their verdict comes: a "
    "label, or none until labels.maturity, which counts as genuine; whatever is known when this "
    "event is scored. A label that says the opposite of what was known moves its event to the "
    "other side."
)

_NO_GENUINE = "NaN as long as no payment of any {one} is known to be genuine."
_ODDS = (
    "log-odds of the share of fraud among the known payments of the {one}{decays}, with one "
    "payment at the overall rate of every {one} beside them"
)
_SURPRISE = (
    "sum over the known payments of the {one} of what each turned out to be, 1 for fraud and 0 "
    "else, less its score when it was decided{decays}; where there was no score, less the overall "
    "rate of fraud"
)
_MEAN = (
    "mean of the amount over the payments of the {one} known to be genuine{decays}, with one "
    "payment like all genuine ones of every {one} beside them"
)
_STD = (
    "standard deviation of the amount over the payments of the {one} known to be genuine{decays}, "
    "with one payment like all genuine ones of every {one} beside them, which is spread by half "
    "its amount; at least a twentieth of the mean"
)

# Of each value: what it is, its unit, when it is not known.
OF_VERDICTS = {
    "known_fraud_odds": (_ODDS, "log-odds", ""),
    "known_frauds": ("payments of the {one} known to be fraud{decays}", "count", ""),
    "known_count": ("payments of the {one} whose verdict is known{decays}", "count", ""),
    "surprise": (_SURPRISE, "count", ""),
    "genuine_mean": (_MEAN, "money", _NO_GENUINE),
    "genuine_std": (_STD, "money", _NO_GENUINE),
    "known_fraud_run": (
        "how many of the latest verdicts on the {one}, without a break, said fraud",
        "count",
        "",
    ),
    "seconds_since_genuine": (
        "time since the latest payment of the {one} that is known to be genuine",
        "seconds",
        "NaN if there is none, or it is later than this event.",
    ),
}
AT_FRAUD = "{of} as it was at the latest payment of the {one} that became known to be fraud"
NULL_AT_FRAUD = (
    "NaN if no fraud is known, if a payment became known to be genuine since, and if it was NaN "
    "then."
)
