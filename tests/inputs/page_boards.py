"""Boards as a worker might make them: made up from a seed, different every second, plausible."""

from __future__ import annotations

import math
import random
from typing import Any

from stream.page.board import (
    VERSION,
    Alert,
    AlertRule,
    Board,
    ContenderRow,
    Disagreement,
    Distribution,
    Marker,
    Point,
    Quality,
    QualityWindow,
    ReliabilityBin,
    RuleRow,
    Rules,
    Segment,
    Traffic,
)

START_MS = 1_790_000_000_000
WINDOW_MS = 20_000
WINDOWS = 24
MATURITY_MS = 120_000
RATE = 1200.0
REVIEW = 0.137
BUDGET_PER_DAY = 30_000.0
FEATURES = (
    "amount",
    "hour_sin",
    "hour_cos",
    "input.card_present",
    "input.category",
    "card.count_1h",
    "card.amount_mean_1h",
    "card.amount_zscore_10m",
    "card.seconds_since_last",
    "card.distinct_merchant_1m",
    "card.new_terminal",
    "merchant.count_10m",
    "merchant.amount_mean_10m",
    "merchant.fraud_rate_10m",
    "terminal.count_1h",
    "terminal.fraud_rate_7d",
    "device.count_10m",
    "device.distinct_card_1h",
)
DRIFTED = {"card.amount_mean_1h": 0.9, "merchant.count_10m": 0.6}
# As long as an id may be.
LONG_ID = "new-terminal-at-night-with-an-amount-that-nobody-ever-pays-there"
REASONS = {
    "card.amount_zscore_10m": ("R101", "amount is far from what this card pays"),
    "merchant.fraud_rate_10m": ("R204", "frauds at this merchant in the last 10 minutes"),
    "card.count_1h": ("R110", "many payments of this card in an hour"),
    "device.distinct_card_1h": ("R302", "many cards on this device in an hour"),
    "card.new_terminal": ("R120", "first payment of this card at this terminal"),
}


class Boards:
    """Boards of a stream that began before the page was opened.

    Parameters
    ----------
    seed : int
        The same gives the same boards.
    ran_s : int
        For how long the stream has run at second 0.
    """

    def __init__(self, seed: int = 1, ran_s: int = 900) -> None:
        self._seed = seed
        self._ran_s = ran_s

    def _random(self, *what: object) -> random.Random:
        return random.Random(f"{self._seed}:{what}")

    def now_ms(self, second: int) -> int:
        """Return when a board is made."""
        return START_MS + (self._ran_s + second) * 1000

    def board(self, second: int, **parts: Any) -> Board:
        """Return the board of a second, with some of its parts as they are given."""
        now = self.now_ms(second)
        board: Board = {
            "version": VERSION,
            "now_ms": now,
            "about": {
                "release": "0.1.0",
                "group": "fraudstream",
                "bootstrap": "127.0.0.1:9092",
                "started_ms": START_MS,
                "ready": True,
                "model": "logistic, 48,211 labels",
                "policy_version": "9f3a71c2",
            },
            "traffic": self._traffic(second),
            "drift": {
                "window_ms": 600_000,
                "reference_rows": 50_000,
                "reference_from_ms": START_MS - 86_400_000,
                "reference_to_ms": START_MS - 43_200_000,
                "pinned": True,
                "current_rows": 12_000 + 7 * second,
                "current_from_ms": now - 600_000,
                "score": self._score(second),
                "features": [self._feature(name, second) for name in FEATURES],
            },
            "quality": self._quality(now),
            "contenders": self._contenders(second),
            "disagreements": self._disagreements(second),
            "segments": self._segments(second),
            "alerts": [self._alert(second, n) for n in range(12)],
            "rules": self._rules(second),
            "markers": self._markers(),
        }
        board.update(parts)  # type: ignore[typeddict-item]
        return board

    def point(self, second: int) -> Point:
        """Return the point of the history of a second."""
        traffic = self._traffic(second)
        return {
            "time_ms": self.now_ms(second),
            "decisions_per_s": traffic["decisions_per_s"],
            "alerts_per_s": traffic["alerts_per_s"],
            "lag_records": traffic["lag_records"],
            "p50_ms": traffic["p50_ms"],
            "p99_ms": traffic["p99_ms"],
            "p999_ms": traffic["p999_ms"],
        }

    def history(self, seconds: int = 600) -> list[Point]:
        """Return points of the seconds before second 0."""
        return [self.point(second) for second in range(-seconds, 0)]

    def _traffic(self, second: int) -> Traffic:
        chance = self._random("traffic", second)
        rate = RATE * (1 + 0.15 * math.sin(second / 90)) + chance.gauss(0, 40)
        p50 = 2.1 + abs(chance.gauss(0, 0.2))
        stall = 6.0 if second % 97 == 0 else 1.0
        seen = RATE * (self._ran_s + second)
        return {
            "records_per_s": rate * 1.01,
            "decisions_per_s": rate,
            "alerts_per_s": float(chance.choice((0, 0, 0, 1, 1, 2))),
            "labels_per_s": rate * 0.9,
            "lag_records": int(abs(chance.gauss(12, 9)) * stall),
            "watermark_delay_ms": 640,
            "p50_ms": p50,
            "p99_ms": (p50 * 3.2 + chance.random()) * stall,
            "p999_ms": (p50 * 8 + 5 * chance.random()) * stall,
            "totals": {
                "records": int(seen * 1.01),
                "decisions": int(seen),
                "alerts": int(seen / 2400),
                "labels": int(seen * 0.9),
            },
            "dead_letters": {
                "too_late": 212 + second,
                "amount is negative": 17,
                "unknown schema id": 3,
            },
        }

    def _distribution(
        self, name: str, second: int, reference: list[float], edges: list[float], shift: float
    ) -> Distribution:
        chance = self._random(name, second)
        bins = len(reference)
        weights = [
            share * math.exp(shift * (at / bins - 0.5)) * chance.uniform(0.97, 1.03)
            for at, share in enumerate(reference)
        ]
        current = [each / sum(weights) for each in weights]
        psi = sum(
            (one - other) * math.log(one / other)
            for one, other in zip(current, reference, strict=True)
        )
        noise = 0.0021
        windows = self._random(name, "history")
        history = [psi * windows.uniform(0.3, 1.0) for _ in range(11)]
        return {
            "name": name,
            "psi": psi,
            "psi_null": noise,
            "js": psi / 8,
            "ks": abs(shift) * 0.12 + 0.01,
            "p_value": 1e-9 if shift > 0.3 else chance.uniform(0.05, 1),
            "drifted": shift > 0.3,
            "since_ms": self.now_ms(0) - 240_000 if shift > 0.3 else None,
            "missing": 0.031 if name.startswith("device") else 0.0,
            "missing_reference": 0.012 if name.startswith("device") else 0.0,
            "unseen": 0.004 if name == "input.category" else 0.0,
            "edges": edges,
            "reference": reference,
            "current": current,
            "history": [*history, psi],
        }

    def _feature(self, name: str, second: int) -> Distribution:
        edges = [float(f"{2.2**at:.3g}") for at in range(9)]
        return self._distribution(name, second, [0.1] * 10, edges, DRIFTED.get(name, 0.0))

    def _score(self, second: int) -> Distribution:
        edges = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
        reference = [0.42, 0.24, 0.14, 0.09, 0.06, 0.03, 0.012, 0.006, 0.002]
        return self._distribution("score", second, reference, edges, 0.12)

    def _quality(self, now: int) -> Quality:
        last = now // WINDOW_MS
        horizon = now - MATURITY_MS
        return {
            "maturity_ms": MATURITY_MS,
            "horizon_ms": horizon,
            "budget_per_day": BUDGET_PER_DAY,
            "review_threshold": REVIEW,
            "windows": [
                self._window(n * WINDOW_MS, horizon, now)
                for n in range(last - WINDOWS + 1, last + 1)
            ],
            "reliability": self._reliability(),
        }

    def _window(self, start: int, horizon: int, now: int) -> QualityWindow:
        chance = self._random("window", start)
        begun = min(1.0, (now - start) / WINDOW_MS)
        known = min(1.0, max(0.0, (horizon - start) / WINDOW_MS))
        decisions = int(RATE * WINDOW_MS / 1000 * begun)
        alerts = round(chance.uniform(4, 10) * begun)
        frauds = round(decisions * 0.0021 * known)
        precision, recall = chance.uniform(0.6, 0.9), chance.uniform(0.5, 0.8)
        mature, young = known > 0, known < 1
        return {
            "from_ms": start,
            "to_ms": start + WINDOW_MS,
            "decisions": decisions,
            "alerts": alerts,
            "mature": int(decisions * known),
            "mature_alerts": round(alerts * known),
            "frauds": frauds,
            "precision": precision if mature else None,
            "recall": recall if mature else None,
            "value_recall": min(1.0, recall * 1.15) if mature else None,
            "calibration": [0.0021, frauds / max(1, int(decisions * known))] if mature else None,
            "estimated_precision": min(1, precision * chance.uniform(0.9, 1.1)) if young else None,
            "estimated_recall": recall * chance.uniform(0.9, 1.1) if young else None,
            "estimated_value_recall": recall * chance.uniform(1.0, 1.2) if young else None,
        }

    def _reliability(self) -> list[ReliabilityBin]:
        counts = (80_000, 9_000, 2_100, 700, 260, 120, 70, 50, 40, 30)
        chance = self._random("reliability")
        said = [0.002, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.78, 0.92]
        return [
            {"said": one, "was": min(1.0, one * chance.uniform(0.85, 1.2)), "count": n}
            for one, n in zip(said, counts, strict=True)
        ]

    def _contenders(self, second: int) -> list[ContenderRow]:
        rows: list[ContenderRow] = []
        for name, better, cost in (("logistic", 0, 0.4), ("forest", 1, 3.1), ("additive", 2, 0.6)):
            rows.append(
                {
                    "name": name,
                    "ready": True,
                    "judged": 900_000 + 1000 * second,
                    "precision": 0.71 + 0.02 * better,
                    "recall": 0.62 + 0.015 * better,
                    "log_loss": 0.0102 - 0.0004 * better,
                    "brier": 0.0016,
                    "calibration_error": 0.0009 - 0.0001 * better,
                    "predict_us": cost,
                }
            )
        return rows

    def _disagreements(self, second: int) -> list[Disagreement]:
        found: list[Disagreement] = []
        for n in range(8):
            chance = self._random("disagreement", second - 3 * n)
            low, high = chance.uniform(0.01, 0.13), chance.uniform(0.2, 0.8)
            champion_alerts = chance.random() < 0.5
            found.append(
                {
                    "time_ms": self.now_ms(second - 3 * n),
                    "challenger": chance.choice(("forest", "additive")),
                    "champion_score": high if champion_alerts else low,
                    "challenger_score": low if champion_alerts else high,
                }
            )
        return found

    def _segments(self, second: int) -> list[Segment]:
        rows: list[Segment] = []
        for feature, value, mature, wronged in (
            ("input.card_present", "0", 41_000, 0.0011),
            ("input.card_present", "1", 98_000, 0.0004),
            ("input.category", "grocery", 52_000, 0.0003),
            ("input.category", "travel", 8_400, 0.0021),
            ("input.category", "electronics", 12_100, 0.0008),
        ):
            rows.append(
                {
                    "feature": feature,
                    "value": value,
                    "decisions": mature + 10_000 + second,
                    "alerts": int(mature * wronged * 3),
                    "mature": mature,
                    "frauds": int(mature * 0.002),
                    "false_positive_rate": wronged,
                    "recall": 0.66,
                    "said": 0.0021,
                    "was": 0.002,
                }
            )
        return rows

    def _alert(self, second: int, n: int) -> Alert:
        at = second - 2 * n
        chance = self._random("alert", at)
        score = chance.uniform(REVIEW, 0.97)
        names = chance.sample(sorted(REASONS), 3)
        return {
            "alert_id": f"{chance.getrandbits(64):016x}",
            "transaction_id": f"tx-{chance.getrandbits(48):012x}",
            "time_ms": self.now_ms(at),
            "outcome": "BLOCK" if score > 0.6 else "CHALLENGE" if score > 0.4 else "REVIEW",
            "score": score,
            "amount": f"{chance.uniform(5, 900):.2f} EUR",
            "reasons": [
                {
                    "code": REASONS[name][0],
                    "text": REASONS[name][1],
                    "feature": name,
                    "value": chance.uniform(0, 12),
                    "normal": 2.0 if place == 0 else None,
                    "said": "9.4, usual 2" if place == 0 else "9.4",
                    "contribution": chance.uniform(2.0, 3.5) / (place + 1),
                }
                for place, name in enumerate(names)
            ],
            "rules": _matched(n),
            "counterfactual": "would not alert if card.count_1h were 3 or less (score 0.121)",
            "grouped": 2,
        }

    def _rules(self, second: int) -> Rules:
        seen = self._ran_s + second
        rows = (
            ("refund-loop", "review", "tripped", 1.0, 301, 40 + second, 0),
            ("card-testing", "block", "live", 1.0, 3 * seen, 0, 0),
            ("far-from-home", "challenge", "live", 0.25, seen, 3 * seen, 17),
            ("known-good", "allow", "live", 1.0, 2 * seen, 0, 0),
            (LONG_ID, "review", "shadow", 1.0, 0, 5 * seen, 3),
            ("last-christmas", "block", "expired", 1.0, 12, 0, 0),
        )
        names = tuple(RuleRow.__annotations__)
        return {
            "in_force": len(rows),
            "shown": [RuleRow(**dict(zip(names, row, strict=True))) for row in rows],  # type: ignore[typeddict-item]
            "lists": [
                {"name": "stolen", "entries": 1240, "entries_max": 100_000, "changes": 31},
                {"name": "vip", "entries": 9, "entries_max": 1000, "changes": 1},
            ],
            "snoozes": 4,
            "by_cooldown": 36,
            "by_snooze": 2,
        }

    def _markers(self) -> list[Marker]:
        said = (
            (-880, "start", "started, with the state of 14:02:11"),
            (-420, "model", "champion is logistic, 40,000 labels"),
            (-360, "rules", "rules 5a3f0c are in force: 6, 4 of them live; 1 new"),
            (-330, "breaker", "refund-loop matched too much: it is in shadow"),
            (-300, "promotion", "forest decides, by Anna: better for two weeks"),
            (-280, "rollback", "logistic decides again, by canary: it was better"),
            (-260, "lists", "stolen was changed 3 times and has 1,240 entries"),
            (-240, "drift", "card.amount_mean_1h drifted: PSI 0.07, noise reaches 0.002"),
            (-60, "policy", "policy 9f3a71c2: review from 0.137"),
        )
        return [
            {
                "time_ms": self.now_ms(at),
                "event_ms": self.now_ms(at),
                "kind": kind,
                "text": text,
            }
            for at, kind, text in said
        ]


def _matched(n: int) -> list[AlertRule]:
    """Return the rules that matched an alert: a live one, one in shadow, or none."""
    rule: AlertRule = {
        "id": "card-testing",
        "code": "CARD_TESTING",
        "text": "many small payments of one card",
        "action": "BLOCK",
        "live": n % 3 == 0,
        "said": "card.count_10m 14, amount 1.20",
    }
    return [rule] if n % 3 < 2 else []


def empty(now_ms: int = START_MS, first_ms: int | None = None) -> dict[str, Any]:
    """Return the parts of a board of a worker that has just begun.

    Parameters
    ----------
    now_ms : int
    first_ms : int, optional
        When its first window of event time began, if there is one.
    """
    window = Boards()._window(START_MS, START_MS - 1, START_MS + WINDOW_MS)
    windows = (
        [] if first_ms is None else [window | {"from_ms": first_ms, "to_ms": first_ms + 10_000}]
    )
    nothing = {"total": 0}
    return {
        "now_ms": now_ms,
        "about": Boards().board(0)["about"] | {"ready": False, "started_ms": now_ms},
        "traffic": Boards().board(0)["traffic"] | {"totals": nothing, "dead_letters": {}},
        "drift": {
            "window_ms": 600_000,
            "reference_rows": 0,
            "reference_from_ms": None,
            "reference_to_ms": None,
            "pinned": False,
            "current_rows": 0,
            "current_from_ms": None,
            "score": None,
            "features": [],
        },
        "quality": {
            "maturity_ms": 4000,
            "horizon_ms": None,
            "budget_per_day": None,
            "review_threshold": 0.1,
            "windows": windows,
            "reliability": [],
        },
        "contenders": [],
        "disagreements": [],
        "segments": [],
        "alerts": [],
        "rules": {
            "in_force": 0,
            "shown": [],
            "lists": [],
            "snoozes": 0,
            "by_cooldown": 0,
            "by_snooze": 0,
        },
        "markers": [],
    }
