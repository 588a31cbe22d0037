"""The card of a model: what it is for, what is known of it and what is not, for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from stream.model_registry.plots import CALIBRATION, RANKING, SCORES
from stream.plurals import several


def card_of(manifest: Mapping[str, Any]) -> str:
    """Return the card of a manifest, as Markdown."""
    parts = [
        f"# {manifest['name']}, version {manifest['version']}",
        _purpose(manifest),
        _data(manifest),
        _quality(manifest["metrics"]),
        _compared(manifest.get("comparison")),
        "## Thresholds\n\nWhat a threshold on its calibrated scores would have done, of the "
        "payments whose truth is known; intervals hold 95 % (Wilson).\n\n"
        f"![Precision beside recall, threshold by threshold]({RANKING})\n\n"
        + _table(
            ("threshold", "payments", "share", "precision", "recall"),
            [
                (
                    f"{row['threshold']:.4g}",
                    f"{row['payments']:,}",
                    f"{row['share']:.2%}",
                    _share(row["precision"], row["precision_interval"]),
                    _share(row["recall"], row["recall_interval"]),
                )
                for row in manifest["thresholds"]
            ],
        ),
        f"## Calibration\n\n![What was said beside what was true]({CALIBRATION})\n\n"
        + _table(
            ("said", "was", "payments"),
            [
                (f"{row['said']:.2%}", _share(row["was"], row["interval"]), f"{row['payments']:,}")
                for row in manifest["calibration"]
            ],
        ),
        f"## Scores\n\n![Scores of frauds and of genuine payments, as shares of each]({SCORES})",
        _segments(manifest["segments"]),
        _limits(manifest),
        "## Made with\n\n"
        + _table(
            ("what", "version"),
            [("fraudstream", manifest["code_version"]), *manifest["libraries"].items()],
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _purpose(manifest: Mapping[str, Any]) -> str:
    kind = manifest["kind"]
    return (
        f"A model of kind `{kind}` that says of each payment how probable fraud is, online: it "
        "scores a payment before its truth is known and learns when it is. It was made to rank "
        "payments for an alert budget; it is no ground to refuse anybody anything without a "
        "person who looks.\n\n"
        + _table(
            ("", ""),
            [
                ("role when it was exported", manifest["role"]),
                ("exported", manifest["created"]),
                ("snapshot", f"number {manifest['source']['snapshot']}"),
                ("features", f"{len(manifest['features']['names'])}"),
                ("their digest", manifest["features"]["sha256"][:16]),
            ],
        )
    )


def _data(manifest: Mapping[str, Any]) -> str:
    until = manifest["trained_until_us"]
    when = "nothing yet"
    if until is not None and until > 0:
        when = datetime.fromtimestamp(until / 1e6, UTC).isoformat(timespec="seconds")
    return (
        "## Data\n\n"
        f"It learned {several(manifest['learned'], 'label')}, up to event time {when}. Payments "
        "that nobody labelled count as genuine after "
        f"{manifest['maturity_us'] / 86_400_000_000:g} days."
    )


def _quality(metrics: Mapping[str, Any]) -> str:
    rows = [
        ("payments judged", f"{metrics['judged']:,}"),
        ("frauds among them", f"{metrics['frauds']:,}"),
        ("precision of its alerts", _share(metrics["precision"], metrics["precision_interval"])),
        ("recall", _share(metrics["recall"], metrics["recall_interval"])),
        ("log loss", _number(metrics["log_loss"])),
        ("Brier score", _number(metrics["brier"])),
        ("calibration error", _number(metrics["calibration_error"])),
    ]
    return (
        "## Quality\n\nBy the scores of decision time, each judged when its truth became known. "
        "An alert is a score at or above the threshold of its time.\n\n" + _table(("", ""), rows)
    )


def _compared(comparison: Mapping[str, Any] | None) -> str:
    if comparison is None:
        return ""
    span = f"{several(comparison['frauds'], 'fraud')} on {several(comparison['days'], 'day')}"
    return (
        f"## Beside the champion\n\nThe gate says **{comparison['answer'].replace('_', ' ')}**: "
        f"{comparison['why']}. Compared were {comparison['payments']:,} mature payments with "
        f"{span}. The interval may be looked "
        "at at any time: docs/promotion.md."
    )


def _segments(segments: Sequence[Mapping[str, Any]]) -> str:
    if not segments:
        return (
            "## By segment\n\nNot known: the monitor watches the champion's decisions, and only "
            "those of `monitor.segments`."
        )
    rows = [
        (
            each["feature"],
            each["value"],
            f"{each['decisions']:,}",
            f"{each['frauds']:,}",
            _share(each["recall"], None),
            _share(each["false_positive_rate"], None),
        )
        for each in segments
    ]
    head = ("feature", "value", "decisions", "frauds", "recall", "false alerts")
    return "## By segment\n\nOf the champion's decisions.\n\n" + _table(head, rows)


def _limits(manifest: Mapping[str, Any]) -> str:
    lines = [
        "Its quality is that of the payments it saw. Fraud changes, and this with it.",
        "A truth that nobody told is not known: what was never looked at counts as genuine.",
        "Labels of alerts come sooner than others, so recall is known later than precision.",
    ]
    if manifest["metrics"]["frauds"] < 100:
        lines.append("Fewer than 100 frauds were judged: the intervals say how little that is.")
    if manifest["sample"] < 1:
        lines.append(f"It scored and learned a share of {manifest['sample']:g} of the payments.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: Any) -> str:
    # What a feature or a model is called was chosen by somebody.
    return str(value).replace("|", "\\|").replace("\n", " ")


def _share(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" + (f" ({interval[0]:.1%} to {interval[1]:.1%})" if interval else "")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
