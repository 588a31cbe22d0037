"""What the page shows, as plain values: the contract of the worker's side and the browser's.

Times are milliseconds since 1970-01-01 UTC, as browsers count them. ``None`` is what is not
known, or not yet; shares are from 0 to 1.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

VERSION = 1


class Board(TypedDict):
    """How things stand; one is made every second."""

    version: int
    now_ms: int
    about: About
    traffic: Traffic
    drift: Drift
    quality: Quality
    contenders: list[ContenderRow]
    disagreements: list[Disagreement]
    segments: list[Segment]
    alerts: list[Alert]
    rules: Rules
    markers: list[Marker]


class About(TypedDict):
    """Who is asked; ``verdicts`` is whether readers may say what an alert was.

    ``left`` says of a board that no worker made which snapshots it is of: what only a running
    worker knows is empty there.
    """

    release: str
    group: str
    bootstrap: str
    started_ms: int
    ready: bool
    model: str
    policy_version: str
    verdicts: NotRequired[bool]
    left: NotRequired[str]


class Traffic(TypedDict):
    """What went through since the last board, and all in all.

    ``lag_records`` are those that wait on the brokers; latency is from a record's arrival at the
    brokers to when its decision was handed over, of the last second.
    """

    records_per_s: float | None
    decisions_per_s: float | None
    alerts_per_s: float | None
    labels_per_s: float | None
    lag_records: int | None
    watermark_delay_ms: int | None
    p50_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    totals: dict[str, int]
    dead_letters: dict[str, int]


class Distribution(TypedDict):
    """One number's distribution now, beside that of the reference.

    ``psi_null`` is what the PSI stays below 95 times in 100 where nothing has changed, for as
    many rows as were seen; ``p_value`` is that of the chi-squared test on the same bins, and
    ``drifted`` what is left of it after the correction for all features. ``edges`` are the upper
    ends of the bins but for the last; ``reference`` and ``current`` are shares of those rows that
    have a value. ``unseen`` is the share of values outside of everything that the reference saw.
    ``history`` is the PSI of the last closed windows, oldest first.
    """

    name: str
    psi: float | None
    psi_null: float | None
    js: float | None
    ks: float | None
    p_value: float | None
    drifted: bool
    since_ms: int | None
    missing: float | None
    missing_reference: float | None
    unseen: float | None
    edges: list[float]
    reference: list[float]
    current: list[float]
    history: list[float | None]


class Drift(TypedDict):
    """Features and scores now, beside the reference; by event time."""

    window_ms: int
    reference_rows: int
    reference_from_ms: int | None
    reference_to_ms: int | None
    pinned: bool
    current_rows: int
    current_from_ms: int | None
    score: Distribution | None
    features: list[Distribution]


class QualityWindow(TypedDict):
    """Payments of one window of event time, by what is known of them by now.

    Precision, recall and value recall are those of mature payments alone, and ``None`` before any
    is mature; ``mature``, ``mature_alerts`` and ``frauds`` say of how many payments. The estimates
    are of those that are not, by what their scores say, were they right. ``calibration`` is what
    was said and what was, of mature payments: mean score, share of fraud.
    """

    from_ms: int
    to_ms: int
    decisions: int
    alerts: int
    mature: int
    mature_alerts: int
    frauds: int
    precision: float | None
    recall: float | None
    value_recall: float | None
    calibration: list[float] | None
    estimated_precision: float | None
    estimated_recall: float | None
    estimated_value_recall: float | None


class ReliabilityBin(TypedDict):
    """Mature payments with scores of one bin."""

    said: float
    was: float
    count: int


class Quality(TypedDict):
    """How good decisions were, and what is not known yet.

    What lies behind ``horizon_ms`` is not mature. ``budget_per_day`` is that of alerts.
    """

    maturity_ms: int
    horizon_ms: int | None
    budget_per_day: float | None
    review_threshold: float
    windows: list[QualityWindow]
    reliability: list[ReliabilityBin]


class ContenderRow(TypedDict):
    """The champion, then the challengers: by labels so far, with what they said beforehand."""

    name: str
    ready: bool
    judged: int
    precision: float | None
    recall: float | None
    log_loss: float | None
    brier: float | None
    calibration_error: float | None
    predict_us: float | None


class Disagreement(TypedDict):
    """A payment that the champion and a challenger do not decide alike; the latest first."""

    time_ms: int
    challenger: str
    champion_score: float
    challenger_score: float


class Segment(TypedDict):
    """Mature payments that have the same value of a feature; for fairness.

    ``false_positive_rate`` is the share of genuine payments that were alerted.
    """

    feature: str
    value: str
    decisions: int
    alerts: int
    mature: int
    frauds: int
    false_positive_rate: float | None
    recall: float | None
    said: float | None
    was: float | None


class Reason(TypedDict):
    """What raised an alert's score; a contribution is in log-odds.

    ``normal`` is what is usual for the entity itself; ``said`` has both with their unit.
    """

    code: str
    text: str
    feature: str
    value: float | None
    normal: float | None
    said: str
    contribution: float


class AlertRule(TypedDict):
    """A rule that matched an alert's payment: ``live``, or in shadow, where it decided nothing.

    ``said`` has the numbers that it looked at, each with its name and unit.
    """

    id: str
    code: str
    text: str
    action: str
    live: bool
    said: str


class Alert(TypedDict):
    """One alert, the latest first; what events carry is text of strangers.

    ``score`` is None where the model could not say, such as where a rule alone asks for the alert.
    ``verdict`` is what was said of it on this page, in words.
    ``counterfactual`` says what one change would have kept it from being raised; empty if none.
    ``grouped`` reviews of the same entity were held back since its alert before this one.
    """

    alert_id: str
    transaction_id: str
    time_ms: int
    outcome: str
    score: float | None
    amount: str
    reasons: list[Reason]
    rules: list[AlertRule]
    counterfactual: str
    grouped: int
    verdict: NotRequired[str]


class RuleRow(TypedDict):
    """A rule in force, and how many payments it matched since it came in force.

    ``mode`` is live; shadow; tripped, in shadow because it matched too much; or expired.
    ``share`` is that of payments for which a live one decides; ``failed`` are payments on which it
    had no result.
    """

    id: str
    action: str
    mode: str
    share: float
    live: int
    shadow: int
    failed: int


class ListRow(TypedDict):
    """A list: its entries, how many it may have, and how often it was changed in all."""

    name: str
    entries: int
    entries_max: int
    changes: int


class Rules(TypedDict):
    """What people have the worker do beside the model.

    Of ``in_force`` rules those are ``shown`` that tripped, and those that matched most.
    ``by_cooldown`` and ``by_snooze`` are alerts that were held back since the start.
    """

    in_force: int
    shown: list[RuleRow]
    lists: list[ListRow]
    snoozes: int
    by_cooldown: int
    by_snooze: int


class Marker(TypedDict):
    """Something that happened: a start, a promotion, a drift; shown on every chart.

    ``kind`` is one of `stream.page.markers.KINDS`. ``event_ms`` is the event time that the stream
    had come to: where charts are by event time the marker stands there.
    """

    time_ms: int
    event_ms: int | None
    kind: str
    text: str


class Point(TypedDict):
    """One point of the history that is kept, by wall-clock time; seconds to hours apart."""

    time_ms: int
    decisions_per_s: float | None
    alerts_per_s: float | None
    lag_records: float | None
    p50_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
