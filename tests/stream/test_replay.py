"""A file through the engine: the report adds up, labels are late, and the same file says the same.

The world is a small one of the Handbook's simulator.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inputs.published import published
from seeds import seeds
from sklearn.metrics import average_precision_score, roc_auc_score

from models.feedback_delayed import FeedbackAndDelayed
from schemas import containers
from schemas.columns import REASON_TEXT, Reason
from schemas.errors import ConfigError, InputFileError
from schemas.records import RecordCodec, builtin
from stream.config.configuration import Config, load
from stream.decide import Outcome
from stream.features.value_states import ValueState
from stream.files.rows import row_schema
from stream.monitor.events import Detector
from stream.replay import Replay, ReplayOutputs
from stream.simulate.handbook import HandbookParameters, HandbookStream, generate, write_csv
from stream.timed_learner import within

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "handbook.toml"
DATA_FILE = ROOT.parent / "shared" / "data" / "fdh_raw.parquet"
DAY_US = 86_400_000_000
HOUR_US = DAY_US // 24
SMALL = HandbookParameters(
    customers=60,
    terminals=40,
    days=25,
    radius=9.0,
    amount_limit=110.0,
    terminal_days=4,
    customer_days=6,
)
# All days of the Handbook's protocol, and customers that nobody robs.
LONG = HandbookParameters(
    customers=120,
    terminals=60,
    days=158,
    radius=15.0,
    max_daily_rate=1.0,
    terminals_per_day=1,
    terminal_days=3,
    customers_per_day=0,
)
QUICK = {"frauds_min": 3, "genuine_min": 100}
TIMING = ("seconds", "cpu_s", "compile_s", "events_per_s", "model_costs")


@pytest.fixture(scope="module")
def stream() -> HandbookStream:
    return generate(SMALL)


@pytest.fixture(scope="module")
def world(stream: HandbookStream, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "handbook.csv"
    write_csv(stream, path)
    return path


@pytest.fixture(scope="module")
def replayed(world: Path) -> tuple[dict[str, Any], bytes, bytes]:
    return replay(world, configured())


def configured(**sections: Any) -> Config:
    return load(EXAMPLE, **{"model": QUICK, **sections})


def replay(path: Path, config: Config) -> tuple[dict[str, Any], bytes, bytes]:
    """Return the report without its times, the alerts and the dead letters.

    The features are written too, beside the file.
    """
    alerts, letters = path.with_name("alerts.jsonl"), path.with_name("letters.avro")
    outputs = ReplayOutputs(alerts, letters, features_of(path), states=True)
    report = Replay(path, config, outputs).run()
    return (
        {name: value for name, value in report.items() if name not in TIMING},
        alerts.read_bytes(),
        letters.read_bytes(),
    )


def features_of(path: Path) -> Path:
    return path.with_name("features.csv")


def outlook(times_us: Any, is_fraud: Any, delay_us: int) -> dict[str, int]:
    """What comes of the labels of a file in order, with an hour between barriers.

    A label is there before the first row that is not earlier than it, and is learned at the
    next barrier; what nobody labelled is mature at a barrier.
    """
    due = times_us + delay_us
    hours = times_us // HOUR_US
    passing = times_us[1:][hours[1:] != hours[:-1]][-1]
    mature = due <= passing // HOUR_US * HOUR_US
    return {
        "labels_learned": int((is_fraud & (due <= passing)).sum()),
        "labels_not_yet_due": int((is_fraud & (due > times_us[-1])).sum()),
        "matured_as_genuine": int((~is_fraud & mature).sum()),
        "still_waiting": int((~mature).sum()),
    }


def letters_of(path: Path) -> list[dict[str, Any]]:
    codec = RecordCodec(builtin("dead_letter"), 5)
    return [codec.decode(value) for value in containers.records(path, 5)]


def edited(world: Path, folder: Path, edit: Any, end: int | None = None) -> Path:
    """Copy the world, letting `edit` change the list of its rows."""
    with world.open(newline="") as file:
        rows = list(csv.DictReader(file))[:end]
    names = list(rows[0])
    rows = edit(rows) or rows
    path = folder / "edited.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def hostile(seed: int) -> Any:
    """Shuffle rows a little, and break, repeat and post-date some of them."""
    rng = np.random.default_rng(seed)

    def edit(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        order = np.argsort(np.arange(len(rows)) + rng.integers(0, 40, len(rows)), kind="stable")
        rows = [rows[i] for i in order]
        for i in rng.choice(len(rows), 40, replace=False):
            name, value = [
                ("TX_AMOUNT", "-1"),
                ("TX_AMOUNT", "free"),
                ("TX_DATETIME", ""),
                ("TX_DATETIME", "2999-01-01"),
            ][int(rng.integers(4))]
            rows[i][name] = value
        for i in rng.choice(len(rows) - 1, 30, replace=False):
            rows[i + 1] = dict(rows[i])
        return rows

    return edit


# What the report says.


def test_every_event_is_a_decision_or_a_dead_letter(
    replayed: tuple[dict[str, Any], bytes, bytes], stream: HandbookStream
) -> None:
    report, alerts, _ = replayed
    assert report["file"] == "handbook.csv"
    # What is too late is decided and copied to the dead letters as well.
    both = report["dead_letters_by_reason"].get("event_too_late", 0)
    assert report["events"] == report["decisions"] + report["dead_letters"] - both == len(stream)
    assert report["frauds"] == stream.is_fraud.sum()
    assert report["alerts"] == alerts.count(b"\n") > 50
    assert report["late"] == report["too_late"] == report["duplicates"] == 0
    assert report["evicted_live"] == report["unlearned_lost"] == 0
    assert report["unscored"] == report["unlearned"] == 0


def test_a_fraud_is_learned_once_its_label_has_had_its_delay(
    replayed: tuple[dict[str, Any], bytes, bytes], stream: HandbookStream
) -> None:
    report, _, _ = replayed
    wanted = outlook(stream.event_time_us, stream.is_fraud, 7 * DAY_US)
    assert {name: report[name] for name in wanted} == wanted
    assert report["labels_refused"] == 0
    judged = wanted["labels_learned"] + wanted["matured_as_genuine"]
    assert report["prequential"]["judged"] == judged
    assert report["prequential"]["frauds"] == report["labels_learned"]


@pytest.mark.parametrize("delay", ["0s", "1h", "3d", "30d"])
def test_every_label_is_learned_refused_or_not_yet_due(
    world: Path, tmp_path: Path, stream: HandbookStream, delay: str
) -> None:
    path = edited(world, tmp_path, lambda rows: rows, 900)
    replay_section = {"label": "TX_FRAUD", "label_delay": delay}
    report, _, _ = replay(path, configured(replay=replay_section))
    parts = ("labels_learned", "labels_refused", "labels_not_yet_due")
    known = sum(report[name] for name in parts)
    # What came in the last hour was handed over, and is learned at the next barrier.
    last = stream.event_time_us[899]
    pending = (stream.is_fraud[:900] & (stream.event_time_us[:900] >= last - HOUR_US)).sum()
    assert report["frauds"] - pending <= known <= report["frauds"] == stream.is_fraud[:900].sum()
    if delay == "30d":
        assert report["labels_not_yet_due"] == report["frauds"]


def test_labels_later_than_maturity_are_refused_and_are_no_dead_letters(
    world: Path, tmp_path: Path
) -> None:
    sections = {"labels": {"maturity": "2d"}, "replay": {"label_delay": "5d"}}
    report, _, letters = replay(edited(world, tmp_path, lambda rows: rows), configured(**sections))
    assert report["labels_refused"] > 100
    assert report["labels_refused_by_reason"] == {
        "label_unknown_transaction": report["labels_refused"]
    }
    assert report["dead_letters"] == 0
    assert report["labels_learned"] == 0
    assert len(letters) > 0


def test_the_report_of_a_hostile_file_adds_up(world: Path, tmp_path: Path) -> None:
    path = edited(world, tmp_path, hostile(1))
    report, alerts, _ = replay(path, configured(windows={"allowed_lateness": "1h"}))
    # What is too late is decided and copied to the dead letters as well.
    both = report["dead_letters_by_reason"].get("event_too_late", 0)
    assert report["events"] == report["decisions"] + report["dead_letters"] - both
    assert report["dead_letters"] == sum(report["dead_letters_by_reason"].values()) > 20
    assert set(report["dead_letters_by_reason"]) == {
        *("amount_negative", "unreadable_field", "event_time_missing", "event_time_in_future"),
        "event_too_late",
    }
    assert report["too_late"] > 0
    assert report["late"] > 0
    assert report["duplicates"] > 0
    assert report["alerts"] == alerts.count(b"\n")
    judged = report["labels_learned"] + report["matured_as_genuine"]
    assert report["prequential"]["judged"] == judged


def test_progress_counts_the_rows_up_to_the_end(
    world: Path, monkeypatch: pytest.MonkeyPatch, stream: HandbookStream
) -> None:
    monkeypatch.setattr("stream.replay.BLOCK_ROWS", 500)
    seen: list[int] = []
    Replay(world, configured(), ReplayOutputs()).run(seen.append)
    assert seen == [500, 1_000, 1_500, len(stream)]


def test_a_model_that_learned_is_better_than_chance(
    replayed: tuple[dict[str, Any], bytes, bytes],
) -> None:
    quality = replayed[0]["prequential"]
    base_rate = quality["frauds"] / quality["judged"]
    assert quality["precision"] > 1.3 * base_rate


MOODY = """
from river import naive_bayes

class Moody(naive_bayes.GaussianNB):
    examples = 0

    def learn_one(self, x, y):
        self.examples += 1
        if self.examples % 3 == 0:
            raise ValueError("not this one")
        super().learn_one(x, y)

    def predict_proba_one(self, x):
        if x["amount"] > 60:
            raise ValueError("not this one either")
        return super().predict_proba_one(x)
"""


@pytest.mark.filterwarnings("ignore::models.compiler.UncompiledWarning")
def test_what_a_model_could_not_learn_and_not_score_is_counted(world: Path, tmp_path: Path) -> None:
    source = tmp_path / "moody.py"
    source.write_text(MOODY)
    config = configured(model={**QUICK, "kind": "river", "source": f"{source}:Moody"})
    run = Replay(world, config, ReplayOutputs())
    report = run.run()
    examples = report["labels_learned"] + report["matured_as_genuine"]
    assert report["unlearned"] == examples // 3 > 100
    assert report["unscored"] == run.engine.counters.unscored
    assert 100 < report["unscored"] < report["decisions"]


# Drift, and how far values can be trusted.

WATCHED = {
    "window": "2d",
    "reference_windows": 2,
    "warm_up": "0s",
    "rows_min": 2,
    "psi_min": 0.0,
    "false_alarms": 0.5,
    "level_detectors": ["page_hinkley", "kswin", "adwin"],
    "adwin_delta": 0.9,
    "adwin_change_min": 0.0,
    "page_hinkley_threshold": 0.5,
    "kswin_alpha": 0.1,
}


def test_drifts_are_written_and_counted_as_the_engine_says_them(
    world: Path, tmp_path: Path
) -> None:
    path = tmp_path / "drifts.jsonl"
    config = configured(monitor=WATCHED)
    report = Replay(world, config, ReplayOutputs(drifts=path)).run()
    written = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    again = Replay(world, config, ReplayOutputs())
    said = []
    for block in again.input.blocks:
        batch = again._decoded(block)
        for _, _, effects in again.playback.play(batch, block.readable, block.is_fraud):
            said += effects.drifts
    assert [
        (each["subject"], each["detector"], each["drifted"], each["since"], each["detected_at"])
        for each in written
    ] == [
        (each.subject, each.detector.name, each.drifted, each.since_us, each.detected_us)
        for each in said
    ]
    codec = RecordCodec(builtin("drift"), 19)
    assert [codec.decode(codec.encode_checked(each)) for each in written] == written
    assert len({each["drift_id"] for each in written}) == len(written) == report["drifts"]
    begun = {name: sum(by.values()) for name, by in report["drifts_begun"].items()}
    assert begun == {
        name: sum(each.drifted and each.detector.name.lower() == name for each in said)
        for name in ("psi", "adwin", "page_hinkley", "kswin")
    }
    assert min(begun.values()) >= 1
    # What has begun and is not over yet, in the order of the stream.
    open_ones: dict[str, bool] = {}
    for each in said:
        if each.detector is Detector.PSI:
            open_ones[each.subject] = each.drifted
    assert sorted(report["drifted_at_end"]) == sorted(k for k, on in open_ones.items() if on)


def test_nothing_is_said_of_drift_where_nothing_is_watched(world: Path) -> None:
    report = Replay(world, configured(monitor={"enabled": False}), ReplayOutputs()).run()
    assert (report["drifts"], report["drifts_begun"], report["drifted_at_end"]) == (0, {}, [])


def test_alerts_say_in_words_how_far_values_can_be_trusted(world: Path, tmp_path: Path) -> None:
    path = edited(world, tmp_path, hostile(1))
    _, lines, _ = replay(path, configured(windows={"allowed_lateness": "1h"}))
    alerts = [json.loads(line) for line in lines.splitlines()]
    with features_of(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    for alert in alerts:
        row = rows[alert["source_offset"]]
        states = {
            name.removeprefix("state(").removesuffix(")"): ValueState(int(value)).name
            for name, value in row.items()
            if name.startswith("state(")
        }
        told = alert["value_states"]
        assert told["counts"] == dict(Counter(states.values()))
        assert told["not_fresh"] == {
            name: state for name, state in states.items() if state != ValueState.FRESH.name
        }
    assert {len(alert["value_states"]["not_fresh"]) > 0 for alert in alerts} == {True, False}


# What was decided is judged by what was said when it was.


def test_the_ledger_holds_what_was_said_and_what_is_true(
    world: Path, tmp_path: Path, stream: HandbookStream
) -> None:
    path = edited(world, tmp_path, lambda rows: rows)
    alerts = tmp_path / "alerts.jsonl"
    run = Replay(path, configured(), ReplayOutputs(alerts=alerts))
    report = run.run()
    rows = run.ledger.decisions()
    assert rows.event_time_us.tolist() == stream.event_time_us.tolist()
    assert rows.amount_minor.tolist() == np.rint(stream.amount * 100).tolist()
    assert rows.truth.tolist() == stream.is_fraud.tolist()
    # A card is a customer: keys are hashes, one for each.
    pairs = set(zip(rows.card.tolist(), stream.customer_id.tolist(), strict=True))
    assert len(pairs) == len(set(stream.customer_id)) == len(set(rows.card.tolist())) > 10
    said = {
        alert["source_offset"]: alert["score"]
        for alert in map(json.loads, alerts.read_text().splitlines())
    }
    assert {
        row: score
        for row, score in enumerate(rows.score.tolist())
        if rows.outcome[row] >= Outcome.REVIEW
    } == said
    assert report["quality"]["whole"]["alerts"] == report["alerts"] == len(said) > 50
    assert report["quality"]["whole"]["unscored"] == np.isnan(rows.score).sum() > 0
    assert report["quality"]["judged"] == len(stream)


def test_a_score_is_judged_as_it_was_given_before_its_label_came(
    world: Path, tmp_path: Path
) -> None:
    """With labels that never come the model never says anything, and that is what is judged."""
    path = edited(world, tmp_path, lambda rows: rows)
    late = {"label": "TX_FRAUD", "label_delay": "30d"}
    quality = Replay(path, configured(replay=late), ReplayOutputs()).run()["quality"]
    whole = quality["whole"]
    assert whole["unscored"] == whole["payments"]
    assert (whole["auc"], whole["log_loss"], whole["alerts"]) == (0.5, None, 0)
    assert whole["ap"] == pytest.approx(whole["frauds"] / whole["payments"])
    assert whole["card_precision"] == whole["budget_recall"] == 0.0


def test_what_was_refused_or_repeated_is_not_judged(world: Path, tmp_path: Path) -> None:
    path = edited(world, tmp_path, hostile(5))
    config = configured(windows={"allowed_lateness": "1h"})
    run = Replay(path, config, ReplayOutputs())
    report = run.run()
    assert report["too_late"] > 0
    assert report["duplicates"] > 0
    # A repeat that comes too late is a repeat.
    assert len(run.ledger) == report["decisions"] - report["duplicates"]
    assert report["quality"]["judged"] == len(run.ledger)


def test_the_quality_is_that_of_the_ledger(
    replayed: tuple[dict[str, Any], bytes, bytes], world: Path, stream: HandbookStream
) -> None:
    quality = replayed[0]["quality"]
    run = Replay(world, configured(), ReplayOutputs())
    run.run()
    rows = run.ledger.decisions()
    days = rows.event_time_us // DAY_US
    assert [day["payments"] for day in quality["days"]] == np.bincount(days - days.min()).tolist()
    assert quality["days"][0]["day"] == "2018-04-01"
    assert (quality["card"], quality["budget"]) == ("customer", 100)
    below_all = np.where(np.isnan(rows.score), -1.0, rows.score)
    wanted = roc_auc_score(stream.is_fraud, below_all)
    assert quality["whole"]["auc"] == pytest.approx(wanted, rel=1e-12)
    day = days == days.max()
    wanted = average_precision_score(stream.is_fraud[day], below_all[day])
    assert quality["days"][-1]["ap"] == pytest.approx(wanted, rel=1e-12)
    assert quality["fading"]["7d"] == quality["days"][-1]["fading"]["7d"]
    assert quality["fading"]["7d"]["ap"] != quality["fading"]["30d"]["ap"]


def test_card_budget_and_half_lives_come_from_the_configuration(
    world: Path, stream: HandbookStream
) -> None:
    section = {
        "label": "TX_FRAUD",
        "card": "terminal",
        "alert_budget": 3,
        "half_lives": ["36h"],
    }
    run = Replay(world, configured(replay=section), ReplayOutputs())
    quality = run.run()["quality"]
    assert (quality["card"], quality["budget"]) == ("terminal", 3)
    assert list(quality["fading"]) == ["36h"]
    cards = run.ledger.decisions().card.tolist()
    pairs = set(zip(cards, stream.terminal_id.tolist(), strict=True))
    assert len(pairs) == len(set(cards)) == len(set(stream.terminal_id)) > 10
    assert {day["card_precision"] * 3 for day in quality["days"]} <= {0.0, 1.0, 2.0, 3.0}


def test_without_the_truth_nothing_is_judged_and_all_is_counted(world: Path) -> None:
    config = configured(replay={"label": ""})
    quality = Replay(world, config, ReplayOutputs()).run()["quality"]
    assert quality["judged"] == 0
    assert quality["truth_unknown"] > 1_000
    assert quality["days"] == []
    assert set(quality["fading"]["7d"].values()) == {None}
    with pytest.raises(ConfigError, match=r"replay\.label is empty.*the column that holds it"):
        Replay(world, config, ReplayOutputs(), protocol=True)


def test_the_handbooks_protocol_needs_its_days(world: Path) -> None:
    run = Replay(world, configured(), ReplayOutputs(), protocol=True)
    with pytest.raises(InputFileError, match=r"handbook\.csv: .*2018-07-25 to 2018-09-04"):
        run.run()


def test_the_handbooks_protocol_is_in_the_report(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    write_csv(generate(LONG), path)
    report = Replay(path, configured(), ReplayOutputs(), protocol=True).run()
    first = report["folds"][0]
    assert report["single"] == {name: first[name] for name in ("auc", "ap", "cp100")}
    assert set(report["folds_mean"]) == set(report["folds_std"]) == {"auc", "ap", "cp100"}
    assert [fold["first_test_day"] for fold in report["folds"]] == [
        "2018-08-08",
        "2018-08-15",
        "2018-08-22",
        "2018-08-29",
    ]
    assert first["payments"] > 100


def test_without_scoring_nothing_is_judged(world: Path) -> None:
    run = Replay(world, configured(), ReplayOutputs(), scoring=False)
    assert "quality" not in run.run()
    assert len(run.ledger) == 0


# The same file says the same.


def test_replaying_twice_gives_the_same_bytes(
    world: Path, replayed: tuple[dict[str, Any], bytes, bytes]
) -> None:
    assert replay(world, configured()) == replayed


def test_a_budget_moves_the_threshold_and_is_reported(world: Path) -> None:
    decision = {"alerts_per_day": 3, "block": 2.0}
    report, alerts, _ = replay(world, configured(decision=decision))
    budget = report["budget"]
    assert budget["active"]
    assert budget["alerts_per_day_so_far"] == pytest.approx(3, rel=0.4)
    assert budget["alerts_judged"] > 0
    low, high = budget["precision_interval"]
    assert low <= budget["precision"] <= high
    records = [json.loads(line) for line in alerts.splitlines()]
    assert len(records) == report["alerts"]
    assert len({record["threshold"] for record in records}) > 3
    assert all(record["score"] >= record["threshold"] for record in records)
    assert (
        report["calibration"]["labels"]
        == report["prequential"]["judged"] - (report["prequential"]["unscored"])
    )


def test_analysts_teach_the_learner_of_feedback_and_alerts_say_who_was_drawn(world: Path) -> None:
    config = configured(
        model={**QUICK, "feedback": "separate"},
        decision={"alerts_per_day": 6, "block": 2.0, "explore": 0.5},
        replay={"label": "TX_FRAUD", "analyst_delay": "12h"},
    )
    outputs = ReplayOutputs(world.with_name("analysts.jsonl"))
    replay = Replay(world, config, outputs)
    report = replay.run()
    *_, model = within(replay.engine.learner)
    assert isinstance(model, FeedbackAndDelayed)
    alerts = [json.loads(line) for line in outputs.alerts.read_text().splitlines()]  # type: ignore[union-attr]
    # All but those of the last half day, and none twice; what matures is the other learner's.
    verdicts = model.members["feedback"].learned
    assert len(alerts) - 12 < verdicts <= len(alerts) == report["alerts"]
    assert model.members["delayed"].learned > report["matured_as_genuine"]
    assert report["labels_learned"] > verdicts
    drawn = [alert for alert in alerts if alert["selection_probability"] < 1]
    assert 0 < len(drawn) <= report["budget"]["drawn"] < len(alerts)
    assert all(alert["score"] < alert["threshold"] for alert in drawn)
    by_score = [alert for alert in alerts if alert["selection_probability"] == 1]
    assert any(alert["score"] >= alert["threshold"] for alert in by_score)


def test_without_a_budget_and_calibration_nothing_is_said_of_them(world: Path) -> None:
    report, _, _ = replay(world, configured(decision={"calibrate": False}))
    assert (report["budget"], report["calibration"]) == ({}, {})


@pytest.mark.parametrize("rows", [1, 7, 4096])
@pytest.mark.parametrize("delay", ["0s", "20m", "2d"])
def test_the_size_of_a_block_changes_nothing(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, delay: str
) -> None:
    """Law b, on a file out of order whose labels come at once, soon and late."""
    path = edited(world, tmp_path, hostile(2), 700)
    config = configured(
        # Learning falls between the barriers at which labels are handed over.
        windows={"allowed_lateness": "11h"},
        labels={"learn_interval": "7h", "maturity": "2d"},
        replay={"label_delay": delay},
    )
    monkeypatch.setattr("stream.replay.BLOCK_ROWS", 2**20)
    whole, table = replay(path, config), features_of(path).read_bytes()
    assert whole[0]["labels_learned"] > 50
    assert whole[0]["alerts"] > 0
    monkeypatch.setattr("stream.replay.BLOCK_ROWS", rows)
    assert replay(path, config) == whole
    assert features_of(path).read_bytes() == table


@pytest.mark.slow
@seeds(5)
def test_the_size_of_a_block_changes_nothing_whatever_the_seed(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    path = edited(world, tmp_path, hostile(seed), 600)
    config = configured(
        windows={"allowed_lateness": str(rng.choice(["0s", "11h", "355m"]))},
        labels={"learn_interval": str(rng.choice(["1s", "7h", "1h"])), "maturity": "2d"},
        replay={"label_delay": str(rng.choice(["0s", "1s", "45m", "1d", "3d"]))},
    )
    results = []
    for rows in (int(rng.integers(1, 50)), int(rng.integers(50, 500)), 4096):
        monkeypatch.setattr("stream.replay.BLOCK_ROWS", rows)
        results.append((*replay(path, config), features_of(path).read_bytes()))
    assert results[0] == results[1] == results[2]


# Alerts and dead letters.


def test_alerts_fit_the_contract_and_name_their_rows(
    replayed: tuple[dict[str, Any], bytes, bytes], stream: HandbookStream
) -> None:
    codec = published("alert")
    alerts = [json.loads(line) for line in replayed[1].splitlines()]
    for alert in alerts:
        # JSON has no NaN: an unknown value is null there. Nor has it bytes: states are words.
        assert len(alert["value_states"]["counts"]) >= 1
        alert["value_states"] = b""
        for reason in alert["reasons"]:
            reason["value"] = np.nan if reason["value"] is None else reason["value"]
        codec.encode(alert)
        row = alert["source_offset"]
        assert alert["transaction_id"] == str(stream.transaction_id[row])
        assert alert["event_time"] == stream.event_time_us[row]
        assert alert["amount_minor"] == round(stream.amount[row] * 100)
        assert set(alert["entities"]) == {"customer", "terminal"}
    assert len({alert["alert_id"] for alert in alerts}) == len(alerts)


def test_a_dead_letter_holds_the_bytes_as_they_were_refused(world: Path, tmp_path: Path) -> None:
    def edit(rows: list[dict[str, str]]) -> None:
        rows[3]["TX_AMOUNT"] = "-7.25"
        rows[8]["TRANSACTION_ID"] = ""
        rows[9]["TX_DATETIME"] = "noon"

    path = edited(world, tmp_path, edit, 20)
    config = configured()
    report, _, _ = replay(path, config)
    letters = letters_of(tmp_path / "letters.avro")
    found = {
        letter["offset"]: (letter["reason"], letter["stage"], letter["topic"]) for letter in letters
    }
    assert found == {
        3: ("amount_negative", "validate", "edited.csv"),
        8: ("id_empty", "validate", "edited.csv"),
        9: ("unreadable_field", "decode", "edited.csv"),
    }
    assert letters[0]["message"] == REASON_TEXT[Reason.AMOUNT_NEGATIVE]
    assert report["dead_letters_by_reason"] == Counter(letter["reason"] for letter in letters)
    rows = RecordCodec(row_schema(config.roles()), 1)
    assert rows.decode(letters[0]["value"])["amount"] == -7.25
    assert rows.decode(letters[1]["value"])["transaction_id"] == ""
    assert rows.decode(letters[2]["value"])["transaction_id"] == "9"


def test_a_dead_letter_of_an_avro_file_holds_the_records_own_bytes(tmp_path: Path) -> None:
    path = tmp_path / "payments.avro"
    record = {
        "transaction_id": "a",
        "event_time": 1_750_000_000_000_000,
        "amount_minor": -5,
        "card_id": "c",
        "merchant_id": "m",
    }
    containers.write(path, builtin("transaction"), [record])
    replay(path, load())
    (letter,) = letters_of(tmp_path / "letters.avro")
    assert [letter["value"]] == list(containers.records(path, 1))
    assert letter["reason"] == "amount_negative"


def test_without_outputs_nothing_is_written(world: Path, tmp_path: Path) -> None:
    path = edited(world, tmp_path, lambda rows: rows, 50)
    Replay(path, configured(), ReplayOutputs()).run()
    assert [file.name for file in tmp_path.iterdir()] == ["edited.csv"]


def test_an_output_is_never_the_input_nor_the_other_output(world: Path, tmp_path: Path) -> None:
    path = edited(world, tmp_path, lambda rows: rows, 50)
    before = path.read_bytes()
    same = tmp_path / "sub" / ".." / "edited.csv"
    (tmp_path / "sub").mkdir()
    other = tmp_path / "x"
    for outputs in (
        ReplayOutputs(alerts=same),
        ReplayOutputs(dead_letters=same),
        ReplayOutputs(other, other),
        ReplayOutputs(features=same),
        ReplayOutputs(alerts=other, features=other),
        ReplayOutputs(drifts=same),
        ReplayOutputs(alerts=other, drifts=other),
    ):
        with pytest.raises(ConfigError, match="name another file"):
            Replay(path, configured(), outputs)
    with pytest.raises(ConfigError, match="no folder"):
        Replay(path, configured(), ReplayOutputs(features=tmp_path / "y" / "x.csv"))
    assert path.read_bytes() == before


# Features.


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_of_a_hostile_file_is_in_the_table_with_what_became_of_it(
    world: Path, tmp_path: Path
) -> None:
    path = edited(world, tmp_path, hostile(3))
    report, _, _ = replay(path, configured(windows={"allowed_lateness": "6h"}))
    rows, table = table_of(path), table_of(features_of(path))
    assert len(table) == len(rows) == report["events"]
    why = Counter(row["not_taken"] for row in table)
    assert why.pop("duplicate") == report["duplicates"] > 0
    assert why.pop("") > 1_000
    assert why["event_too_late"] > 10
    assert why == report["dead_letters_by_reason"]
    for given, row in zip(rows, table, strict=True):
        if not row["not_taken"]:
            assert row["transaction_id"] == given["TRANSACTION_ID"]
            assert row["event_time"].startswith(given["TX_DATETIME"])
            assert abs(float(row["amount"]) - float(given["TX_AMOUNT"])) < 0.01
            assert "" not in {value for name, value in row.items() if name != "not_taken"}
        assert row["is_fraud"] == given["TX_FRAUD"]
    states = {name for name in table[0] if name.startswith("state(")}
    # What came late is marked in the rows that it changed.
    assert {row[name] for row in table for name in states} == {"0", "1", "2"}


def test_a_label_is_in_the_features_as_soon_as_it_is_due(
    world: Path, tmp_path: Path, stream: HandbookStream
) -> None:
    """Also between learning barriers, and to the microsecond."""
    features = {"names": ["terminal.frauds_30d"]}
    delay = {"label": "TX_FRAUD", "label_delay": "20m"}
    path = edited(world, tmp_path, lambda rows: rows)
    labels = {"learn_interval": "1d"}
    replay(path, configured(features=features, replay=delay, labels=labels))
    found = [float(row["terminal.frauds_30d"]) for row in table_of(features_of(path))]
    times, terminals = stream.event_time_us, stream.terminal_id
    known = stream.is_fraud & (terminals == terminals[:, None])
    known &= (times + 20 * 60 * 10**6 <= times[:, None]) & (times > times[:, None] - 30 * DAY_US)
    assert found == known.sum(axis=1).tolist()
    assert 0.1 < (np.array(found) > 0).mean() < 0.9


def test_without_scoring_the_features_are_the_same(world: Path, tmp_path: Path) -> None:
    path = edited(world, tmp_path, hostile(4), 900)
    config = configured(
        windows={"allowed_lateness": "11h"},
        labels={"maturity": "2d"},
        replay={"label_delay": "2d"},
    )
    scored, _, _ = replay(path, config)
    built = path.with_name("built.csv")
    outputs = ReplayOutputs(features=built, states=True)
    report = Replay(path, config, outputs, scoring=False).run()
    assert built.read_bytes() == features_of(path).read_bytes()
    same = ("events", "frauds", "dead_letters_by_reason", "late", "too_late", "duplicates")
    assert {name: report[name] for name in same} == {name: scored[name] for name in same}
    assert report["alerts"] == 0 < scored["alerts"]


def test_a_file_that_breaks_in_the_middle_leaves_no_table(world: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(world.read_bytes()[:20_000] + b"\n\xff\xff\n")
    table = tmp_path / "features.csv"
    with pytest.raises(InputFileError):
        Replay(path, configured(), ReplayOutputs(features=table)).run()
    assert list(tmp_path.iterdir()) == [path]


# The published data set.


@pytest.mark.slow
@pytest.mark.parametrize("days", [7, 2])
def test_the_start_of_the_published_data_set_is_replayed(tmp_path: Path, days: int) -> None:
    if not DATA_FILE.is_file():
        why = f"THE PUBLISHED DATA SET WAS NOT REPLAYED: {DATA_FILE} is not there"
        print(f"\n{why}")
        pytest.skip(why)
    duckdb = pytest.importorskip("duckdb", reason="DuckDB ([offline]) is missing: NOT replayed")
    path, n = tmp_path / "head.parquet", 60_000
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * from read_parquet('{DATA_FILE}') limit {n}) to '{path}' "
            "(format parquet)"
        )
        columns = connection.read_parquet(str(path)).fetchnumpy()
    is_fraud = columns["TX_FRAUD"].astype(bool)
    times = columns["TX_DATETIME"].astype("datetime64[us]").astype(np.int64)
    wanted = outlook(times, is_fraud, days * DAY_US)
    delay = f"{days}d"
    config = load(EXAMPLE, labels={"maturity": delay}, replay={"label_delay": delay})
    report, alerts, _ = replay(path, config)
    assert report["events"] == report["decisions"] == n
    assert report["frauds"] == is_fraud.sum() > 100
    assert report["dead_letters"] == report["duplicates"] == report["too_late"] == 0
    assert report["evicted_live"] == report["unlearned_lost"] == report["labels_refused"] == 0
    # 60,000 rows are six days: with the example's seven, nothing is known yet.
    assert {name: report[name] for name in wanted} == wanted
    assert report["alerts"] == alerts.count(b"\n")
    assert (report["alerts"] > 0) == (days == 2)


def test_a_file_that_breaks_in_the_middle_is_an_error_of_the_file(
    world: Path, tmp_path: Path
) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(world.read_bytes()[:20_000] + b"\n\xff\xff\n")
    with pytest.raises(InputFileError, match=r"broken\.csv cannot be read"):
        replay(path, configured())
