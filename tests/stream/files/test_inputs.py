"""The same payments from every kind of file give the same decisions, and bad ones a reason."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from schemas import containers
from schemas.columns import Reason, Transactions
from schemas.compiler import compile_schema
from schemas.decoder import Decoder
from schemas.errors import ConfigError, InputFileError, SchemaError
from schemas.records import RecordCodec, builtin
from stream.config.configuration import Config, load
from stream.files.inputs import FileBlock, joined, open_file, row_kind
from stream.replay import REPLAY_HASH_KEY, Replay, ReplayOutputs
from stream.simulate.payments import traffic_payments
from stream.simulate.traffic import Traffic, TrafficParameters

NO_DUCKDB = "DuckDB (the [offline] extra) is not installed: Parquet NOT tested"
START_US = 1_750_000_000_000_000
PAYMENTS = list(
    islice(
        traffic_payments(Traffic(TrafficParameters(20, 300, fraud_share=0.2), 5, START_US)), 1_200
    )
)
RECORDS = [payment.record for payment in PAYMENTS]
FIELDS: dict[str, Any] = {
    "entities": {"card": "card_id", "device": "device_id"},
    "numeric": {"latitude": "latitude"},
    "categorical": {"channel": "channel"},
}
QUICK: dict[str, Any] = {
    "windows": {"events_max": 5_000, "entities_max": 1_000, "allowed_lateness": "0s"},
    "labels": {"maturity": "2s", "waiting_max": 4_096, "learn_interval": "1s"},
    "model": {"frauds_min": 3, "genuine_min": 20},
    "decision": {"review": 0.05, "challenge": 0.2},
}


def configured(label: str = "", **fields: Any) -> Config:
    replay = {"label": label, "label_delay": "1s"}
    return load(fields={**FIELDS, **fields}, replay=replay, **QUICK)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    duckdb = pytest.importorskip("duckdb", reason=NO_DUCKDB)
    lines = path.with_suffix(".of-parquet.jsonl")
    write_jsonl(lines, rows)
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * from read_json('{lines}', format='newline_delimited')) "
            f"to '{path}' (format parquet)"
        )


def write_avro(path: Path, rows: list[dict[str, Any]]) -> None:
    containers.write(path, builtin("transaction"), rows)


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
    "avro": write_avro,
}


def outcome(path: Path, config: Config) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Replay a file; return its report and alerts, without what names the file or its fields."""
    alerts = path.with_suffix(".alerts")
    report = Replay(path, config, ReplayOutputs(alerts)).run()
    timing = ("file", "seconds", "cpu_s", "compile_s", "events_per_s", "model_costs")
    # A policy names the fields it is made of, and an alert's id its policy.
    lines = [json.loads(line) for line in alerts.read_bytes().splitlines()]
    kept = [{k: v for k, v in a.items() if k not in ("alert_id", "policy_version")} for a in lines]
    return {k: v for k, v in report.items() if k not in timing}, kept


def decoded(path: Path, config: Config) -> list[tuple[Transactions, FileBlock]]:
    file = open_file(path, config, REPLAY_HASH_KEY, 500)
    return [(file.decoder.decode(b.values, 2**62), b) for b in file.blocks]


# The same payments through each kind of file.


@pytest.fixture(scope="module")
def from_jsonl(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    path = tmp_path_factory.mktemp("jsonl") / "payments.jsonl"
    write_jsonl(path, [{**p.record, "truth": p.is_fraud} for p in PAYMENTS])
    return outcome(path, configured("truth"))


def test_the_payments_make_alerts_and_the_model_learns(
    from_jsonl: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    report, alerts = from_jsonl
    assert report["events"] == report["decisions"] == len(PAYMENTS)
    assert report["labels_learned"] > 50
    assert report["alerts"] == len(alerts) > 50


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_table_gives_the_same_decisions_scores_and_reports(
    tmp_path: Path, from_jsonl: tuple[dict[str, Any], list[dict[str, Any]]], kind: str
) -> None:
    path = tmp_path / f"payments.{kind}"
    WRITERS[kind](path, [{**p.record, "truth": int(p.is_fraud)} for p in PAYMENTS])
    report, alerts = outcome(path, configured("truth"))
    assert report == from_jsonl[0]
    assert alerts == from_jsonl[1]


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_gives_the_same_columns_without_labels_too(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"payments.{kind}"
    WRITERS[kind](path, RECORDS)
    batches = decoded(path, configured())
    assert [len(batch) for batch, _ in batches] == [500, 500, 200]
    expected = iter(RECORDS)
    reference = Decoder(batches[0][0].layout, *_reference_program(configured()), REPLAY_HASH_KEY)
    codec = RecordCodec(builtin("transaction"), 1)
    for batch, block in batches:
        rows = list(islice(expected, len(batch)))
        wanted = reference.decode([codec.encode(row) for row in rows], 2**62)
        assert set(block.is_fraud) == {None}
        assert set(block.readable) == {True}
        for name in ("event_time_us", "amount_minor", "transaction_key", "entities", "reason"):
            assert getattr(batch, name).tolist() == getattr(wanted, name).tolist(), name
        assert batch.numeric.tobytes() == wanted.numeric.tobytes()
        assert batch.categorical.tolist() == wanted.categorical.tolist()
        ids = [batch.transaction_id(row) for row in range(len(batch))]
        assert ids == [row["transaction_id"] for row in rows]


def _reference_program(config: Config) -> tuple[dict[int, Any]]:
    return ({1: compile_schema(builtin("transaction"), config.roles())},)


def test_an_avro_file_is_decided_as_a_table_without_labels_is(tmp_path: Path) -> None:
    write_avro(tmp_path / "payments.avro", RECORDS)
    write_csv(tmp_path / "payments.csv", RECORDS)
    quick = configured()
    assert outcome(tmp_path / "payments.avro", quick) == outcome(tmp_path / "payments.csv", quick)


def test_nested_fields_of_json_are_reached_by_dotted_names(
    tmp_path: Path, from_jsonl: tuple[dict[str, Any], list[dict[str, Any]]]
) -> None:
    nested = [
        {
            "head": {"id": p.record["transaction_id"], "at": p.record["event_time"]},
            "money": {"minor": p.record["amount_minor"]},
            "who": {"card": {"id": p.record["card_id"]}, "device": p.record["device_id"]},
            "latitude": p.record["latitude"],
            "channel": p.record["channel"],
            "truth": p.is_fraud,
        }
        for p in PAYMENTS
    ]
    write_jsonl(tmp_path / "nested.jsonl", nested)
    config = configured(
        "truth",
        transaction_id="head.id",
        event_time="head.at",
        amount="money.minor",
        entities={"card": "who.card.id", "device": "who.device"},
    )
    assert outcome(tmp_path / "nested.jsonl", config) == from_jsonl


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_every_unit_of_time_means_the_same_moments(tmp_path: Path, unit: str, kind: str) -> None:
    over, times = {"s": (10**6, 1), "ms": (10**3, 1), "us": (1, 1), "ns": (1, 10**3)}[unit]
    rows = [{**r, "event_time": r["event_time"] * times // over} for r in RECORDS[:50]]
    path = tmp_path / f"payments.{kind}"
    WRITERS[kind](path, rows)
    ((batch, _),) = decoded(path, configured(event_time_unit=unit))
    assert batch.reason.tolist() == [Reason.OK] * 50
    expected = [r["event_time"] // over * over for r in RECORDS[:50]]
    assert batch.event_time_us.tolist() == expected


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_amounts_in_units_are_exact_in_minor_units(tmp_path: Path, kind: str) -> None:
    cents = [0, 1, 99, 100, 101, 115, 435, 1_005, 28_999, 10**9 + 7, 99_999_999_999]
    rows = [{**RECORDS[i], "amount_minor": float(f"{c / 100:.2f}")} for i, c in enumerate(cents)]
    path = tmp_path / f"payments.{kind}"
    WRITERS[kind](path, rows)
    ((batch, _),) = decoded(path, configured(amount_unit="major"))
    assert batch.amount_minor.tolist() == cents


# Hostile cells.


HOSTILE: list[tuple[str, Any, Reason]] = [
    ("transaction_id", "", Reason.ID_EMPTY),
    ("transaction_id", "x" * 65, Reason.ID_TOO_LONG),
    ("event_time", "", Reason.EVENT_TIME_MISSING),
    ("event_time", "yesterday", Reason.UNREADABLE_FIELD),
    ("event_time", "1999-12-31", Reason.EVENT_TIME_TOO_EARLY),
    ("event_time", -1, Reason.EVENT_TIME_TOO_EARLY),
    ("event_time", START_US // 1000, Reason.EVENT_TIME_TOO_EARLY),
    ("event_time", 10**30, Reason.EVENT_TIME_IN_FUTURE),
    ("event_time", "1e400", Reason.EVENT_TIME_IN_FUTURE),
    ("amount_minor", "", Reason.AMOUNT_MISSING),
    ("amount_minor", "free", Reason.UNREADABLE_FIELD),
    ("amount_minor", "nan", Reason.AMOUNT_NOT_FINITE),
    ("amount_minor", "1e400", Reason.AMOUNT_NOT_FINITE),
    ("amount_minor", 10**400, Reason.AMOUNT_NOT_FINITE),
    ("amount_minor", -5, Reason.AMOUNT_NEGATIVE),
    ("amount_minor", 10**13, Reason.AMOUNT_TOO_LARGE),
    ("card_id", "x" * 5_000, Reason.OVERSIZE),
    ("card_id", "", Reason.OK),
    ("card_id", "\0'\";--\u202e", Reason.OK),
    ("latitude", "north", Reason.UNREADABLE_FIELD),
    ("latitude", "", Reason.OK),
    ("latitude", "nan", Reason.OK),
    ("device_id", "nan", Reason.OK),
]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_hostile_cell_is_a_dead_letter_with_its_reason_and_stops_nothing(
    tmp_path: Path, kind: str
) -> None:
    rows = [{**RECORDS[i], name: value} for i, (name, value, _) in enumerate(HOSTILE)]
    rows.append(RECORDS[len(HOSTILE)])
    path, letters = tmp_path / f"hostile.{kind}", tmp_path / "letters.avro"
    WRITERS[kind](path, rows)
    report = Replay(path, configured(), ReplayOutputs(dead_letters=letters)).run()
    codec = RecordCodec(builtin("dead_letter"), 5)
    found = {
        letter["offset"]: letter["reason"]
        for letter in (codec.decode(value) for value in containers.records(letters, 5))
    }
    expected = {
        i: reason.name.lower() for i, (_, _, reason) in enumerate(HOSTILE) if reason != Reason.OK
    }
    assert found == expected
    assert report["decisions"] == len(rows) - len(expected)


def test_a_wrong_unit_is_told_by_its_reason_and_never_moves_event_time(tmp_path: Path) -> None:
    rows = [dict(record) for record in RECORDS[:20]]
    rows[3]["event_time"] *= 1_000
    write_csv(tmp_path / "payments.csv", rows)
    report, _ = outcome(tmp_path / "payments.csv", configured())
    assert report["dead_letters_by_reason"] == {"event_time_in_future": 1}
    assert report["too_late"] == 0


def test_numbers_of_parquet_that_are_nan_are_nobody_and_not_an_entity(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason=NO_DUCKDB)
    path = tmp_path / "payments.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select 'a' as transaction_id, timestamp '2024-04-03' as event_time, "
            "5 as amount_minor, 'nan'::double as card_id, 7.0::double as device_id, "
            "'nan'::double as latitude, null as channel) "
            f"to '{path}' (format parquet)"
        )
    ((batch, _),) = decoded(path, configured())
    assert batch.reason.tolist() == [Reason.OK]
    assert batch.entities[0].tolist() == [0]
    assert batch.entities[1].tolist() != [0]


# Files that cannot be read at all.


def replayed(path: Path, config: Config | None = None) -> dict[str, Any]:
    return Replay(path, config or configured(), ReplayOutputs()).run()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "avro"])
def test_a_missing_or_an_empty_file_is_a_clear_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    with pytest.raises(InputFileError, match=f"x.{kind}: no such file"):
        replayed(path)
    path.touch()
    with pytest.raises(InputFileError, match=f"x.{kind}"):
        replayed(path)


@pytest.mark.parametrize("kind", ["parquet", "avro"])
def test_a_truncated_file_is_a_clear_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    WRITERS[kind](path, RECORDS)
    whole = path.read_bytes()
    for length in (3, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputFileError, match=f"x.{kind}"):
            replayed(path)


def test_an_unknown_kind_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(b"x")
    with pytest.raises(InputFileError, match="unknown kind of file"):
        open_file(tmp_path / "x.xlsx", configured(), REPLAY_HASH_KEY, 10)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_column_that_is_missing_is_named_with_what_there_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    WRITERS[kind](path, RECORDS[:5])
    with pytest.raises(InputFileError, match="no column truth; it has transaction_id, event_time"):
        replayed(path, configured("truth"))


def test_a_field_that_an_avro_file_lacks_is_named(tmp_path: Path) -> None:
    write_avro(tmp_path / "x.avro", RECORDS[:5])
    with pytest.raises(SchemaError, match="acount"):
        replayed(tmp_path / "x.avro", configured(entities={"account": "acount"}))


def test_an_avro_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.avro"
    containers.write(path, builtin("dead_letter"), [])
    with pytest.raises(SchemaError, match="transaction_id"):
        replayed(path)


def test_the_truth_cannot_be_a_field_of_an_avro_file(tmp_path: Path) -> None:
    write_avro(tmp_path / "x.avro", RECORDS[:5])
    with pytest.raises(ConfigError, match=r"replay\.label"):
        open_file(tmp_path / "x.avro", configured("truth"), REPLAY_HASH_KEY, 10)


@pytest.mark.parametrize("kind", ["csv", "avro", "parquet"])
def test_a_file_without_rows_gives_a_report_of_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    if kind == "csv":
        path.write_text(",".join(RECORDS[0]) + "\n")
    elif kind == "avro":
        write_avro(path, [])
    else:
        duckdb = pytest.importorskip("duckdb", reason=NO_DUCKDB)
        write_csv(tmp_path / "one.csv", RECORDS[:1])
        with duckdb.connect() as connection:
            connection.execute(
                f"copy (select * from '{tmp_path / 'one.csv'}' limit 0) to '{path}' "
                "(format parquet)"
            )
    report = replayed(path)
    assert (report["events"], report["decisions"], report["dead_letters"]) == (0, 0, 0)


def test_the_number_of_rows_is_known_where_it_costs_nothing(tmp_path: Path) -> None:
    for kind, known in (("csv", None), ("jsonl", None), ("avro", None), ("parquet", 7)):
        path = tmp_path / f"x.{kind}"
        WRITERS[kind](path, RECORDS[:7])
        assert open_file(path, configured(), REPLAY_HASH_KEY, 3).rows == known


# Categories that are integers.


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_an_integer_category_is_the_same_in_a_table_as_live(tmp_path: Path, kind: str) -> None:
    """Conditions compare hashes, and that of 5 is not that of its digits."""
    rows = [{**record, "code": i % 7} for i, record in enumerate(RECORDS[:20])]
    WRITERS[kind](tmp_path / f"x.{kind}", rows)
    fields = {**FIELDS, "categorical": {"code": "code"}}
    conditions = {"five": {"field": "code", "values": [5]}}
    config = load(fields=fields, features={"conditions": conditions}, **QUICK)
    assert row_kind(config).integers == {"code"}
    ((batch, _),) = decoded(tmp_path / f"x.{kind}", config)
    schema = builtin("transaction")
    schema = {**schema, "fields": [*schema["fields"], {"name": "code", "type": "int"}]}
    codec = RecordCodec(schema, 1)
    program = compile_schema(schema, config.roles())
    live = Decoder(config.roles().layout, {1: program}, REPLAY_HASH_KEY)
    wanted = live.decode([codec.encode(row) for row in rows], 2**62)
    assert batch.categorical.tolist() == wanted.categorical.tolist()


def test_a_category_is_an_integer_only_if_all_its_conditions_say_so() -> None:
    fields = {**FIELDS, "categorical": {"a": "a", "b": "b", "c": "c"}}
    conditions = {
        "one": {"field": "a", "values": [1, 2]},
        "two": {"field": "b", "values": [1, "x"]},
        "three": {"field": "c", "values": ["y"]},
        "four": {"hours": "1-2"},
    }
    config = load(fields=fields, features={"conditions": conditions}, **QUICK)
    assert row_kind(config).integers == {"a"}


def test_blocks_are_joined_in_order(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    write_jsonl(path, RECORDS[:9])

    def read(rows: int) -> FileBlock:
        return joined(open_file(path, configured(), REPLAY_HASH_KEY, rows).blocks)

    assert read(2) == read(9) == read(100)
    assert joined([]) == FileBlock([], [], [])
