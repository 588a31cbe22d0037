"""What Prometheus is told: every metric with its labels, and how it is read off the figures.

`METRICS` is all of it; the table in docs/operations.md is made from it. No label ever holds what
came with a payment: labels are names of the configuration, ids of rules in force, and words of our
own.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from stream.admin import steering_metrics
from stream.admin.described import Buckets, Cut, Described, Moment, Samples, counts_of, one
from stream.admin.versions import versions
from stream.telemetry.figures import Figures, Latency, Phase
from stream.telemetry.standing import COUNTS
from stream.telemetry.tally import SCORE_BOUNDS

SCORING_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
END_TO_END_BOUNDS_S = (*SCORING_BOUNDS_S, 5, 10, 30, 60, 300)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
LABEL_DELAY_BOUNDS_S = (
    *(1, 10, _MINUTE, 10 * _MINUTE, _HOUR, 6 * _HOUR),
    *(n * _DAY for n in (1, 2, 4, 7, 14, 30, 60, 90, 180)),
)
_US = 1e6


def _latency(read: Callable[[Figures], Latency | None]) -> Cut:
    """Return what cuts latencies into buckets."""

    def values(figures: Figures, bounds: tuple[float, ...]) -> tuple[list[int], float] | None:
        latency = read(figures)
        if latency is None:
            return None
        up_to = latency.histogram.at_most([bound * _US for bound in bounds])
        return [*up_to, len(latency.histogram)], latency.sum_us / _US

    return values


def _scores(figures: Figures, _: tuple[float, ...]) -> tuple[list[int], float] | None:
    return (list(accumulate(figures.scores)), figures.score_sum) if figures.scores else None


def _delay_s(moment: Moment) -> float | None:
    watermark_us = moment.figures.watermark_us
    return None if watermark_us is None else max(0, moment.now_us - watermark_us) / _US


def _snapshot(name: str) -> Callable[[Moment], Samples]:
    def read(moment: Moment) -> float | None:
        snapshots = moment.figures.snapshots
        return None if snapshots is None else getattr(snapshots, name)

    return one(read)


def _models(moment: Moment) -> Samples:
    version = moment.figures.policy_version
    return [((model.name, model.kind, version), 1) for model in moment.figures.models]


def _fills(name: str) -> Callable[[Moment], Samples]:
    return lambda moment: [
        ((each.kind, each.type), getattr(each, name)) for each in moment.figures.fills
    ]


COUNTERS = (
    Described(
        "events",
        "counter",
        COUNTS["events"],
        "Records taken, by topic and by what became of them: a payment's outcome, or duplicate, "
        "too_late or refused; a label or an order was taken, held for its payment, or refused.",
        counts_of("events"),
    ),
    Described(
        "alerts",
        "counter",
        COUNTS["alerts"],
        "Payments decided review or stricter, by decision; fraud_alerts_held_total of them were "
        "told to nobody.",
        counts_of("alerts"),
    ),
    Described(
        "unscored",
        "counter",
        COUNTS["unscored"],
        "Payments decided without a score: the model had learned too little, or gave none.",
        counts_of("unscored"),
    ),
    Described(
        "late",
        "counter",
        (),
        "Payments that came late and were counted as of their own time.",
        counts_of("late"),
    ),
    Described(
        "dlq",
        "counter",
        COUNTS["dlq"],
        "Dead letters, by the stage that refused them and its reason.",
        counts_of("dlq"),
    ),
    Described(
        "labels",
        "counter",
        COUNTS["labels"],
        "Labels that were no plain news: corrected an earlier one, repeated it, came behind it, "
        "or were withheld for review.",
        counts_of("labels"),
    ),
    Described(
        "label_reviews",
        "counter",
        COUNTS["label_reviews"],
        "Labels that somebody should look at, by why.",
        counts_of("label_reviews"),
    ),
    Described(
        "learn",
        "counter",
        COUNTS["learn"],
        "Payments learned: from a label, or as genuine because none came in time.",
        counts_of("learn"),
    ),
    Described(
        "examples_dropped",
        "counter",
        COUNTS["examples_dropped"],
        "Payments that nothing was learned from: lost for want of room, or the model raised.",
        counts_of("examples_dropped"),
    ),
    Described(
        "evicted",
        "counter",
        (),
        "Events forgotten for want of room that a window would still have counted.",
        counts_of("evicted"),
    ),
    Described("erasures", "counter", (), "Entities erased by order.", counts_of("erasures")),
    Described(
        "pauses",
        "counter",
        (),
        "Times that no input was taken until the brokers had taken the output.",
        counts_of("pauses"),
    ),
    Described(
        "labels_held_back",
        "counter",
        (),
        "Times that labels were left unread until their payments had been read.",
        counts_of("labels_held_back"),
    ),
    Described(
        "restarts",
        "counter",
        (),
        "Times that the worker began anew in its process after a failed transaction.",
        counts_of("restarts"),
    ),
    Described(
        "snapshots",
        "counter",
        COUNTS["snapshots"],
        "Snapshots written, failed, or postponed because brokers did not acknowledge.",
        counts_of("snapshots"),
    ),
    Described(
        "redis_entities",
        "counter",
        COUNTS["redis_entities"],
        "Entities whose features were written to Redis or dropped; calls that failed.",
        counts_of("redis_entities"),
    ),
    *steering_metrics.COUNTERS,
)
GAUGES = (
    Described(
        "build_info",
        "gauge",
        tuple(versions()),
        "1, with the versions of what is at work.",
        lambda _: [(tuple(versions().values()), 1)],
    ),
    Described(
        "consumer_lag_records",
        "gauge",
        ("topic", "partition"),
        "Records still to be read, by what the last fetch said of the partition's end.",
        lambda moment: [
            ((topic, str(partition)), lag)
            for (topic, partition), lag in moment.figures.lags.items()
        ],
    ),
    Described(
        "watermark_delay_seconds",
        "gauge",
        (),
        "How far event time is behind the clock: the slowest state that is not idle. It grows "
        "while nothing comes.",
        one(_delay_s),
    ),
    Described(
        "partitions_assigned",
        "gauge",
        (),
        "Partitions that the group has given this worker, of all topics.",
        one(lambda moment: moment.figures.assigned),
    ),
    Described(
        "ready",
        "gauge",
        (),
        "1 while partitions are assigned and the state is restored, as /readyz says.",
        one(lambda moment: moment.figures.ready),
    ),
    Described(
        "phase",
        "gauge",
        ("phase",),
        "1 for what the worker is about: starting, recovering, running or stopping.",
        lambda moment: [((each.value,), each is moment.figures.phase) for each in Phase],
    ),
    Described(
        "loop_age_seconds",
        "gauge",
        (),
        "Since the loop came round last; it does so ten times a second when nothing comes.",
        one(lambda moment: max(0.0, moment.now_s - moment.turned_s)),
    ),
    Described(
        "state_entries",
        "gauge",
        ("kind", "type"),
        "What is remembered: events, entities by type, payments that wait for a label, labels "
        "that wait for their payment, examples that wait to be learned.",
        _fills("entries"),
    ),
    Described(
        "state_capacity",
        "gauge",
        ("kind", "type"),
        "How much of each there is room for.",
        _fills("capacity"),
    ),
    Described(
        "model_info",
        "gauge",
        ("model", "kind", "version"),
        "1 for each model at work: its name in the configuration, its kind, the version of the "
        "policy.",
        _models,
    ),
    Described(
        "model_ready",
        "gauge",
        ("model",),
        "1 if a model has learned enough to give scores.",
        lambda moment: [((model.name,), model.ready) for model in moment.figures.models],
    ),
    Described(
        "model_labels_learned",
        "gauge",
        ("model",),
        "Payments that a model has learned from in all its life.",
        lambda moment: [((model.name,), model.learned) for model in moment.figures.models],
    ),
    Described(
        "review_threshold",
        "gauge",
        (),
        "Score from which a payment is reviewed now; the mean where each partition has its own.",
        one(lambda moment: moment.figures.threshold),
    ),
    Described(
        "alert_budget_per_day",
        "gauge",
        (),
        "Alerts a day that are wanted (decision.alerts_per_day); 0: any number.",
        one(lambda moment: moment.figures.budget),
    ),
    Described(
        "feature_psi",
        "gauge",
        ("feature",),
        "Population stability index of a feature against its reference.",
        lambda moment: [((name,), each.psi) for name, each in moment.figures.drift.items()],
    ),
    Described(
        "feature_drifted",
        "gauge",
        ("feature",),
        "1 where that is more than chance would do, with all features taken into account.",
        lambda moment: [((name,), each.drifted) for name, each in moment.figures.drift.items()],
    ),
    Described(
        "snapshot_age_seconds",
        "gauge",
        (),
        "Since the state was taken that is on the disk, the oldest of all; before the first "
        "snapshot since the start.",
        _snapshot("age_s"),
    ),
    Described(
        "snapshot_bytes",
        "gauge",
        (),
        "Size of the last snapshot, of all states.",
        _snapshot("size"),
    ),
    Described(
        "snapshot_held_up_seconds",
        "gauge",
        (),
        "How long the loop stood still for the last snapshot.",
        _snapshot("held_up_s"),
    ),
    Described(
        "replay_pending_seconds",
        "gauge",
        (),
        "Work that a start after a kill would do again.",
        _snapshot("replay_s"),
    ),
    Described(
        "recovery_seconds",
        "gauge",
        (),
        "What this start took to take up what the last worker left.",
        _snapshot("recovery_s"),
    ),
    Described(
        "replay_mismatch_steps",
        "gauge",
        (),
        "Steps that came to another end when this start replayed them; 0 unless on another kind "
        "of processor.",
        _snapshot("mismatches"),
    ),
    Described(
        "redis_up",
        "gauge",
        (),
        "1 while online features are written without delay; there only where redis.url is set.",
        one(lambda moment: None if moment.figures.redis is None else moment.figures.redis.well),
    ),
    Described(
        "redis_behind_seconds",
        "gauge",
        (),
        "For how long the oldest features that are not in Redis yet have waited.",
        one(lambda moment: None if moment.figures.redis is None else moment.figures.redis.behind_s),
    ),
    *steering_metrics.GAUGES,
)
HISTOGRAMS = (
    Buckets(
        "scoring_seconds",
        "For each payment from when the poll that brought it returned to when all that came of "
        "its batch was handed to the Kafka client.",
        SCORING_BOUNDS_S,
        _latency(lambda figures: figures.scoring),
    ),
    Buckets(
        "end_to_end_seconds",
        "For each payment from its timestamp on the input topic to when its decision was handed "
        "to the Kafka client.",
        END_TO_END_BOUNDS_S,
        _latency(lambda figures: figures.end_to_end),
    ),
    Buckets(
        "label_delay_seconds",
        "From a payment to its label, by their own times; of labels whose payment waited.",
        LABEL_DELAY_BOUNDS_S,
        _latency(lambda figures: figures.label_delay),
    ),
    Buckets(
        "shared_delay_seconds",
        "From when a partition told of payments to when the windows of this worker's partitions "
        "had counted them, for each record of topics.shared.",
        END_TO_END_BOUNDS_S,
        _latency(lambda figures: figures.shared_delay),
    ),
    Buckets(
        "training_delay_seconds",
        "From when a partition told what labels teach to when the model of all partitions had "
        "learned it here, for each record of topics.training.",
        END_TO_END_BOUNDS_S,
        _latency(lambda figures: figures.training_delay),
    ),
    Buckets(
        "model_adoption_delay_seconds",
        "From when the trainer of all partitions published what it has learned to when the "
        "partitions here scored by it, for each record of topics.models.",
        END_TO_END_BOUNDS_S,
        _latency(lambda figures: figures.adoption_delay),
    ),
    Buckets(
        "score",
        "Scores of payments decided for the first time, by the model that decided.",
        SCORE_BOUNDS,
        _scores,
    ),
)
METRICS = (*COUNTERS, *HISTOGRAMS, *GAUGES)
