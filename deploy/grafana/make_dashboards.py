"""Write the dashboards that Grafana is provisioned with.

python deploy/grafana/make_dashboards.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).with_name("dashboards")
DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
# Grafana's own: four times the interval of scrapes at least.
RATE = "$__rate_interval"
WORKERS = 'instance=~"$instance"'
COLUMNS = 24
# Of the JSON model, as Grafana 12 and 13 write it.
SCHEMA = 41


class Panel(NamedTuple):
    """A panel: its title, what it says in words, its queries by legend, and how it is drawn."""

    title: str
    says: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    red_from: float | None = None
    stacked: bool = False


LIVE, SHADOW = 'mode="live"', 'mode="shadow"'


def rate(name: str, by: str = "", where: str = "") -> str:
    """Return the rate of a counter, summed up by some labels."""
    within = ", ".join(part for part in (WORKERS, where) if part)
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (rate({name}{{{within}}}[{RATE}]))"


def quantiles(name: str) -> dict[str, str]:
    """Return the quantiles of a histogram that matter."""
    buckets = rate(f"{name}_bucket", "le")
    return {
        f"p{share * 100:g}": f"histogram_quantile({share}, {buckets})"
        for share in (0.5, 0.99, 0.999)
    }


def of_workers(name: str, where: str = "") -> str:
    """Return a gauge of the chosen workers."""
    return f"{name}{{{', '.join(part for part in (WORKERS, where) if part)}}}"


OPERATIONS = {
    "Is it well?": (
        Panel(
            "Ready",
            "Workers that have partitions and their state, of all that answer.",
            {
                "ready": f"sum({of_workers('fraud_ready')})",
                "answer": 'sum(up{job="fraudstream"})',
            },
            kind="stat",
            width=4,
        ),
        Panel(
            "Records waiting",
            "Lag of all topics, by what the last fetches said.",
            {"lag": f"sum({of_workers('fraud_consumer_lag_records')})"},
            kind="stat",
            width=4,
            red_from=10_000,
        ),
        Panel(
            "p99, arrival to decision",
            "One payment in a hundred waits longer.",
            {"p99": f"histogram_quantile(0.99, {rate('fraud_end_to_end_seconds_bucket', 'le')})"},
            unit="s",
            kind="stat",
            width=4,
            red_from=0.5,
        ),
        Panel(
            "Without a score",
            "Share of payments that were decided without one.",
            {"share": f"{rate('fraud_unscored_total')} / {rate('fraud_scoring_seconds_count')}"},
            unit="percentunit",
            kind="stat",
            width=4,
            red_from=0.5,
        ),
        Panel(
            "Dead letters",
            "Share of all records.",
            {"share": f"{rate('fraud_dlq_total')} / {rate('fraud_events_total')}"},
            unit="percentunit",
            kind="stat",
            width=4,
            red_from=0.01,
        ),
        Panel(
            "Loop stands still for",
            "The slowest loop; ten times a second it comes round when nothing comes.",
            {"age": f"max({of_workers('fraud_loop_age_seconds')})"},
            unit="s",
            kind="stat",
            width=4,
            red_from=60,
        ),
    ),
    "Traffic": (
        Panel(
            "Records",
            "By topic.",
            {"{{topic}}": rate("fraud_events_total", "topic")},
            unit="reqps",
        ),
        Panel(
            "Payments by outcome",
            "What became of them.",
            {"{{outcome}}": rate("fraud_events_total", "topic, outcome", 'outcome!~"taken|held"')},
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Lag",
            "Records still to be read, by topic.",
            {"{{topic}}": f"sum by (topic) ({of_workers('fraud_consumer_lag_records')})"},
            red_from=10_000,
        ),
    ),
    "Latency": (
        Panel(
            "Arrival to decision",
            "From a payment's timestamp on its topic to when its decision was handed over.",
            quantiles("fraud_end_to_end_seconds"),
            unit="s",
        ),
        Panel(
            "In the worker",
            "From when a poll returned to when all that came of the batch was handed over.",
            quantiles("fraud_scoring_seconds"),
            unit="s",
        ),
        Panel(
            "Event time behind the clock",
            "It grows while nothing comes.",
            {"{{instance}}": of_workers("fraud_watermark_delay_seconds")},
            unit="s",
        ),
        Panel(
            "From one partition to the others",
            "What a partition told, until all of them had counted it; with topics.shared.",
            quantiles("fraud_shared_delay_seconds"),
            unit="s",
        ),
        Panel(
            "From a partition to the model of all",
            "What labels taught, until the first partition had learned it; with topics.training.",
            quantiles("fraud_training_delay_seconds"),
            unit="s",
        ),
        Panel(
            "From the model of all to the partitions",
            "A version, until partitions scored by it; with topics.models.",
            quantiles("fraud_model_adoption_delay_seconds"),
            unit="s",
        ),
    ),
    "What is remembered": (
        Panel(
            "How full",
            "Share of the room for each that is taken. What is full forgets the oldest.",
            {
                "{{kind}} {{type}}": f"sum by (kind, type) ({of_workers('fraud_state_entries')}) / "
                f"sum by (kind, type) ({of_workers('fraud_state_capacity')})"
            },
            unit="percentunit",
        ),
        Panel(
            "Lost for want of room",
            "Events that a window would still count; payments that nothing was learned from.",
            {
                "events": rate("fraud_evicted_total"),
                "payments": rate("fraud_examples_dropped_total", where='cause="lost"'),
            },
            unit="reqps",
        ),
        Panel(
            "Memory and processor",
            "Of the process: resident bytes.",
            {"{{instance}}": 'process_resident_memory_bytes{job="fraudstream", ' + WORKERS + "}"},
            unit="bytes",
        ),
        Panel(
            "Snapshots",
            "Since the state was taken that is on the disk, and the work a start would do again.",
            {
                "age {{instance}}": of_workers("fraud_snapshot_age_seconds"),
                "to be replayed {{instance}}": of_workers("fraud_replay_pending_seconds"),
            },
            unit="s",
        ),
        Panel(
            "The loop stood still for a snapshot",
            "How long, the last time.",
            {"{{instance}}": of_workers("fraud_snapshot_held_up_seconds")},
            unit="s",
        ),
        Panel(
            "Redis",
            "How long the oldest features that are not written yet have waited.",
            {"{{instance}}": of_workers("fraud_redis_behind_seconds")},
            unit="s",
        ),
    ),
    "What went wrong": (
        Panel(
            "Dead letters by reason",
            "See the topic's headers for each of them.",
            {"{{stage}}: {{error}}": rate("fraud_dlq_total", "stage, error")},
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Waits",
            "Pauses until brokers took the output, and labels held back for their payments.",
            {
                "for brokers": rate("fraud_pauses_total"),
                "labels": rate("fraud_labels_held_back_total"),
            },
            unit="reqps",
        ),
        Panel(
            "Begun anew",
            "Workers after a failed transaction, snapshots that were not written.",
            {
                "workers": rate("fraud_restarts_total"),
                "snapshots {{result}}": rate(
                    "fraud_snapshots_total", "result", 'result!="written"'
                ),
            },
            unit="reqps",
        ),
    ),
}
ASIDE = of_workers("fraud_model_aside")
DECISIONS = {
    "Alerts": (
        Panel(
            "Alerts in a day, and their budget",
            "Of the last 24 hours; no budget is shown as 0.",
            {
                "alerts": f"sum(increase(fraud_alerts_total{{{WORKERS}}}[1d])) - "
                f"sum(increase(fraud_alerts_held_total{{{WORKERS}}}[1d]))",
                "budget": f"max({of_workers('fraud_alert_budget_per_day')})",
            },
        ),
        Panel(
            "Alerts by decision",
            "A second, those that were held back among them.",
            {"{{decision}}": rate("fraud_alerts_total", "decision")},
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Review threshold",
            "Score from which a payment is reviewed; with a budget it moves.",
            {"{{instance}}": of_workers("fraud_review_threshold")},
        ),
        Panel(
            "Held back",
            "Alerts that nobody was told of: of an entity that was just alerted, or snoozed.",
            {"{{cause}}": rate("fraud_alerts_held_total", "cause")},
            unit="reqps",
            width=12,
            stacked=True,
        ),
        Panel(
            "Snoozes",
            "Those that are not over.",
            {"snoozes": f"max({of_workers('fraud_snoozes')})"},
            width=12,
        ),
    ),
    "Rules and lists": (
        Panel(
            "Matches of live rules",
            "The ten that match most, payments a second.",
            {"{{rule}}": f"topk(10, {rate('fraud_rule_matches_total', 'rule', LIVE)})"},
            unit="reqps",
        ),
        Panel(
            "Matches in shadow",
            "The ten that match most; they decide nothing.",
            {"{{rule}}": f"topk(10, {rate('fraud_rule_matches_total', 'rule', SHADOW)})"},
            unit="reqps",
        ),
        Panel(
            "Payments on which rules fail",
            "A value was missing, or could not be reckoned with; the ten that fail most.",
            {"{{rule}}": f"topk(10, {rate('fraud_rule_errors_total', 'rule')})"},
            unit="reqps",
        ),
        Panel(
            "Tripped",
            "Rules that matched too much: in shadow until rules are applied again.",
            {"{{rule}}": f"max by (rule) ({of_workers('fraud_rule_tripped')}) == 1"},
            kind="table",
        ),
        Panel(
            "Rules in force",
            "Live, in shadow, tripped, expired; and how many tripped in the last hour.",
            {
                "{{mode}}": f"max by (mode) ({of_workers('fraud_rules')})",
                "tripped in an hour": f"sum(increase(fraud_rule_trips_total{{{WORKERS}}}[1h]))",
            },
        ),
        Panel(
            "How full lists are",
            "Share of the entries that a list may have; one that is full refuses more.",
            {
                "{{list}}": f"max by (list) ({of_workers('fraud_list_entries')}) / "
                f"max by (list) ({of_workers('fraud_list_capacity')})"
            },
            unit="percentunit",
        ),
        Panel(
            "Changes of lists",
            "In all their life, by orders and erasures.",
            {"{{list}}": f"max by (list) ({of_workers('fraud_list_version')})"},
            width=24,
        ),
    ),
    "Scores": (
        Panel(
            "Scores",
            "How many payments got which score, over time; the champion's.",
            {"{{le}}": rate("fraud_score_bucket", "le")},
            kind="heatmap",
            width=12,
        ),
        Panel(
            "Without a score",
            "Payments a second, by cause.",
            {"{{cause}}": rate("fraud_unscored_total", "cause")},
            unit="reqps",
            width=12,
        ),
    ),
    "Labels and learning": (
        Panel(
            "Labels",
            "That found their payment, and what was not plain news.",
            {
                "joined": rate("fraud_label_delay_seconds_count"),
                "{{fate}}": rate("fraud_labels_total", "fate"),
            },
            unit="reqps",
        ),
        Panel(
            "From a payment to its label",
            "By their own times.",
            quantiles("fraud_label_delay_seconds"),
            unit="s",
        ),
        Panel(
            "Learned",
            "From labels, and as genuine because none came in time.",
            {"{{source}}": rate("fraud_learn_total", "source")},
            unit="reqps",
        ),
        Panel(
            "For review",
            "Labels that somebody should look at, by why.",
            {"{{why}}": rate("fraud_label_reviews_total", "why")},
            unit="reqps",
        ),
        Panel(
            "Models",
            "Ready to give scores: 1.",
            {"{{model}}": f"min by (model) ({of_workers('fraud_model_ready')})"},
        ),
        Panel(
            "At work",
            "Kind and policy of each model.",
            {"{{model}} {{kind}} {{version}}": of_workers("fraud_model_info")},
            kind="table",
        ),
        Panel(
            "Who decides",
            "1 for the champion, by its name in the configuration.",
            {"{{model}}": f"max by (model) ({of_workers('fraud_model_champion')})"},
        ),
        Panel(
            "Became champion",
            "In the last hour: by an order, back again by an order, or by the canary.",
            {"{{cause}}": f"sum by (cause) (increase(fraud_promotions_total{{{WORKERS}}}[1h]))"},
        ),
        Panel(
            "Set aside",
            "Models that are asked nothing: disabled, or failed.",
            {"{{model}} {{cause}}": f"max by (model, cause) ({ASIDE}) == 1"},
            kind="table",
        ),
    ),
    "Drift": (
        Panel(
            "PSI by feature",
            "Against the reference. What it is by chance depends on how many payments there were: "
            "see the live page, or the panel beside.",
            {"{{feature}}": f"max by (feature) ({of_workers('fraud_feature_psi')})"},
            width=16,
        ),
        Panel(
            "Drifted",
            "Features that differ by more than chance, all of them taken into account.",
            {"{{feature}}": f"max by (feature) ({of_workers('fraud_feature_drifted')}) == 1"},
            kind="table",
        ),
    ),
}


def dashboard(uid: str, title: str, rows: dict[str, tuple[Panel, ...]]) -> dict[str, Any]:
    """Return a dashboard as Grafana's JSON."""
    return {
        "uid": uid,
        "title": title,
        "tags": ["fraudstream"],
        "schemaVersion": SCHEMA,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "15s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_workers()]},
        "annotations": {
            "list": [
                _note(
                    "Starts",
                    "changes(process_start_time_seconds{of}[1m])",
                    "blue",
                    "{{instance}} started",
                ),
                _note(
                    "Rules",
                    "increase(fraud_rules_applied_total{of}[1m])",
                    "purple",
                    "other rules in force",
                ),
                _note(
                    "Trips",
                    "increase(fraud_rule_trips_total{of}[1m])",
                    "red",
                    "a rule matched too much",
                ),
                _note(
                    "Promotions",
                    "increase(fraud_promotions_total{of}[1m])",
                    "orange",
                    "another champion: {{cause}}",
                ),
            ]
        },
        "panels": list(_placed(rows)),
    }


def _workers() -> dict[str, Any]:
    """Return the choice of workers."""
    return {
        "name": "instance",
        "label": "Worker",
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": "label_values(fraud_ready, instance)", "refId": "instance"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _note(name: str, query: str, colour: str, says: str) -> dict[str, Any]:
    """Return marks on every panel, where a query of the chosen workers has a value."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": colour,
        "expr": query.replace("{of}", f"{{{WORKERS}}}") + " > 0",
        "titleFormat": says,
    }


def _placed(rows: dict[str, tuple[Panel, ...]]) -> Iterator[dict[str, Any]]:
    """Yield headings and panels, each with its place."""
    number, y = 0, 0
    for heading, panels in rows.items():
        number += 1
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        yield {
            "id": number,
            "type": "row",
            "title": heading,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        x, y = 0, y + 1
        height = 4 if panels[0].kind == "stat" else 8
        for panel in panels:
            if x + panel.width > COLUMNS:
                x, y = 0, y + height
            number += 1
            place = {"h": height, "w": panel.width, "x": x, "y": y}
            yield {"id": number, "gridPos": place, **_drawn(panel)}
            x += panel.width
        y += height


def _drawn(panel: Panel) -> dict[str, Any]:
    custom: dict[str, Any] = {}
    if panel.kind == "timeseries":
        custom = {"fillOpacity": 10, "showPoints": "never", "lineWidth": 1}
        if panel.stacked:
            custom["stacking"] = {"mode": "normal", "group": "A"}
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_from is not None:
        steps.append({"color": "red", "value": panel.red_from})
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": DATASOURCE,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "custom": custom,
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": _options(panel.kind),
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": DATASOURCE,
                "expr": query,
                "legendFormat": legend,
                "format": {"heatmap": "heatmap", "table": "table"}.get(panel.kind, "time_series"),
                "instant": panel.kind in ("stat", "table"),
                "range": panel.kind not in ("stat", "table"),
            }
            for at, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def _options(kind: str) -> dict[str, Any]:
    if kind == "stat":
        return {"colorMode": "value", "reduceOptions": {"calcs": ["lastNotNull"]}}
    if kind == "timeseries":
        return {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return {}


def written() -> dict[str, str]:
    """Return the files and what is in them."""
    found = {
        "operations": dashboard("fraudstream-operations", "fraudstream: operations", OPERATIONS),
        "decisions": dashboard("fraudstream-decisions", "fraudstream: decisions", DECISIONS),
    }
    return {f"{name}.json": json.dumps(each, indent=2) + "\n" for name, each in found.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in written().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
