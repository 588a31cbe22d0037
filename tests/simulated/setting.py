"""Which topics there are, how a worker is configured, and what of it all workers share."""

from __future__ import annotations

from functools import cache
from typing import Any

from stream.app import codecs_of, decoders_of, registry_of
from stream.config.configuration import Config, load
from stream.recovery.code_version import release
from stream.recovery.identity import Identity

IN, LABELS, CONTROL = "fraud.transactions", "fraud.labels", "fraud.control"
SHARED, TRAINING, MODEL_VERSIONS = "fraud.shared", "fraud.training", "fraud.models"
BESIDE = (SHARED, TRAINING, MODEL_VERSIONS)
ALERTS, DECISIONS, DEAD, REVIEWS, DRIFT = (
    "fraud.alerts",
    "fraud.decisions",
    "fraud.dead_letters",
    "fraud.label_reviews",
    "fraud.drift",
)
KEY = b"sixteen bytes ok"
PARTITIONS = 3
# A fixed moment, and not a whole second.
START_MS = 1_700_000_000_250
OVERRIDES: dict[str, dict[str, Any]] = {
    "topics": {"decisions": DECISIONS, "control": CONTROL, "partitions": PARTITIONS},
    "features": {
        "names": (
            "amount",
            "{card,merchant}.{count,amount_mean}_{2s,10s}",
            "card.seconds_since_last",
            "merchant.fraud_rate_10s",
        )
    },
    "windows": {"events_max": 300, "entities_max": 40, "allowed_lateness": "1s"},
    "labels": {
        "maturity": "20s",
        "waiting_max": 2048,
        "learn_interval": "500ms",
        "early_max": 5,
        "early_hold": "5s",
    },
    "model": {"frauds_min": 2, "genuine_min": 3},
    "decision": {"review": 0.25, "block": 0.6},
    # So that something is always said to drift.
    "monitor": {
        "window": "2s",
        "reference_windows": 2,
        "warm_up": "0s",
        "rows_min": 2,
        "psi_min": 0,
        "false_alarms": 0.9,
        "level_detectors": ["adwin", "page_hinkley", "kswin"],
        "adwin_delta": 0.9,
        "adwin_change_min": 0,
        "page_hinkley_delta": 0,
        "page_hinkley_threshold": 0.05,
        "kswin_alpha": 0.5,
        "kswin_window": 8,
        "kswin_newest": 4,
    },
    "worker": {"commit_interval": "1us", "batch_rows_max": 64},
}

# What is added to it, so that all that a state can hold is held by some worker's.
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "plain": {},
    # Unlabelled payments mature, a share of them is learned, and every bound is reached.
    "scarce": {
        "labels": {
            "maturity": "2s",
            "correctable": "2s",
            "genuine_share": 0.5,
            "learn_max": 5,
            "queue_max": 12,
            "early_max": 2,
            "early_hold": "1s",
            "source_max_per_day": 30,
            "entity_max_per_day": 8,
        }
    },
    "budget": {
        "labels": {"maturity": "6h"},
        "decision": {"alerts_per_day": 6, "explore": 0.2},
    },
    "feedback apart": {"labels": {"maturity": "3s"}, "model": {"feedback": "separate"}},
    "all": {
        "labels": {"maturity": "4h", "genuine_share": 0.3, "source_max_per_day": 40},
        "decision": {"alerts_per_day": 9, "explore": 0.1},
        "model": {"feedback": "separate"},
    },
    # One model after the other decides.
    "challenged": {
        "labels": {"maturity": "2s"},
        "model": {
            "frauds_min": 2,
            "genuine_min": 3,
            "challengers": {
                "second": {"kind": "additive", "frauds_min": 2, "genuine_min": 3},
                "third": {"kind": "logistic", "sample": 0.5, "frauds_min": 1, "genuine_min": 1},
            },
        },
        "promotion": {"days_min": 1, "frauds_min": 1},
    },
    # What partitions tell each other of merchants is counted by all.
    "shared": {
        "topics": {"shared": SHARED},
        "worker": {"state": "per_partition"},
        "fields": {"key": "card"},
        "features": {
            "names": (
                "amount",
                "{card,merchant}.{count,amount_mean}_{2s,10s}",
                "merchant.distinct_card_10s",
                "card.seconds_since_last",
                "card.fraud_rate_10s",
            )
        },
    },
    # The first partition learns for all, and others score by what it has learned.
    "one model": {
        "topics": {"training": TRAINING, "models": MODEL_VERSIONS},
        "worker": {"state": "per_partition", "partial_features": True},
        "fields": {"key": "card"},
        "labels": {"maturity": "2s", "genuine_share": 0.5},
        "model": {
            "version_interval": "2s",
            "challengers": {
                "second": {"kind": "additive", "frauds_min": 2, "genuine_min": 3},
                "third": {"feedback": "separate", "frauds_min": 1, "genuine_min": 1},
            },
        },
    },
}
MODELS = ("model", "second", "third")

# Between payments, in the mean; a budget looks at days.
PACE_MS = {"budget": 1_800_000, "all": 1_200_000}


def configured(setting: str) -> dict[str, dict[str, Any]]:
    """Return the configuration of a setting."""
    more = SETTINGS[setting]
    names = {**OVERRIDES, **more}
    return {name: {**OVERRIDES.get(name, {}), **more.get(name, {})} for name in names}


@cache
def parts(
    setting: str = "plain", exactly_once: bool = False
) -> tuple[Config, tuple[Any, Any], Any, Any]:
    """Return what is the same for every worker: configuration, decoders, codecs, that of orders."""
    config = load(None, **configured(setting))
    if exactly_once:
        worker = config.worker.model_copy(update={"guarantee": "exactly_once"})
        config = config.model_copy(update={"worker": worker})
    registry = registry_of(config)
    decoders = decoders_of(config, registry, KEY)
    codecs = codecs_of(config, registry)
    registry.close()
    return config, (decoders.transactions, decoders.labels), codecs, decoders.control


def identity(setting: str = "plain", code: str = "old") -> Identity:
    """Return who a worker is; by default who all of them are."""
    of_orders = CONTROL, parts()[3].schema_ids
    ids = *schema_ids(), *of_orders
    exchange = parts(setting)[0].exchange()
    return Identity(f"{release()}+{code}", "configuration", IN, LABELS, *ids, exchange)


def schema_ids() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the ids of both inputs' schemas."""
    _, decoders, _, _ = parts()
    return decoders[0].schema_ids, decoders[1].schema_ids
