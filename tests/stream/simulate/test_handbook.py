"""The Handbook's stream: equal to the published data, and its rules on a small world."""

import csv
import datetime as dt
import hashlib
import math
import random
import sys
import zlib
from dataclasses import astuple, fields, replace
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import ConfigError, InputFileError
from stream.simulate.handbook import (
    HandbookParameters,
    HandbookStream,
    _order_by_time,
    generate,
    write_csv,
    write_parquet,
)

DATA_FILE = Path(__file__).resolve().parents[4] / "shared" / "data" / "fdh_raw.parquet"
# Over the bytes of all columns of the published data, in the order of the stream.
PUBLISHED_SHA256 = "440be052eb43d8aaa19396955026099faef9ad224c71647d8f1438d5ef36462f"
NO_DUCKDB = "DuckDB (the [offline] extra) is not installed: Parquet NOT tested"

DAY_S = 86_400
SMALL = HandbookParameters(
    customers=60,
    terminals=40,
    days=25,
    start=dt.date(2020, 2, 20),
    radius=9.0,
    amount_limit=110.0,
    terminal_days=4,
    customer_days=6,
)
HONEST = replace(SMALL, amount_limit=math.inf, terminals_per_day=0, customers_per_day=0)


@pytest.fixture(scope="module")
def published() -> HandbookStream:
    return generate()


@pytest.fixture(scope="module")
def small() -> HandbookStream:
    return generate(SMALL)


@pytest.fixture(scope="module")
def honest() -> HandbookStream:
    """The small world before its frauds: the same rows in the same order."""
    return generate(HONEST)


def same(left: HandbookStream, right: HandbookStream) -> bool:
    pairs = zip(astuple(left), astuple(right), strict=True)
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


def days_of(stream: HandbookStream) -> list[int]:
    return [(us - stream.start_us) // (DAY_S * 1_000_000) for us in stream.event_time_us.tolist()]


def expected_frauds(p: HandbookParameters, before: HandbookStream) -> tuple[list, list]:
    """Amounts and scenarios, by plain loops over the rows before any fraud."""
    amount, day = before.amount.tolist(), days_of(before)
    customer, terminal = before.customer_id.tolist(), before.terminal_id.tolist()
    scenario = [1 if a > p.amount_limit else 0 for a in amount]
    for first in range(max(day)):
        draws = np.random.RandomState(first).permutation(p.terminals)
        taken = draws[: p.terminals_per_day].tolist()
        for i, d in enumerate(day):
            if first <= d < first + p.terminal_days and terminal[i] in taken:
                scenario[i] = 2
    for first in range(max(day)):
        draws = np.random.RandomState(first).permutation(p.customers)
        robbed = draws[: p.customers_per_day].tolist()
        candidates = [
            i
            for i, d in enumerate(day)
            if first <= d < first + p.customer_days and customer[i] in robbed
        ]
        for i in random.Random(first).sample(candidates, k=int(len(candidates) / 3)):
            amount[i] = amount[i] * p.customer_factor
            scenario[i] = 3
    return amount, scenario


def expected_draws(p: HandbookParameters) -> list[tuple[int, int, int, float]]:
    """Rows (second, customer, terminal, amount), by one plain scalar draw after another."""
    rng = np.random.RandomState(p.customer_seed)
    customers = [
        (rng.uniform(0, 100), rng.uniform(0, 100), rng.uniform(5, 100), rng.uniform(0, 4))
        for _ in range(p.customers)
    ]
    rng = np.random.RandomState(p.terminal_seed)
    terminals = [(rng.uniform(0, 100), rng.uniform(0, 100)) for _ in range(p.terminals)]
    rows = []
    for customer, (x, y, mean, rate) in enumerate(customers):
        near = [
            t
            for t, (tx, ty) in enumerate(terminals)
            if math.sqrt((tx - x) ** 2 + (ty - y) ** 2) < p.radius
        ]
        rng, choices = np.random.RandomState(customer), random.Random(customer)
        for day in range(p.days):
            for _ in range(rng.poisson(rate)):
                second = int(rng.normal(DAY_S / 2, 20_000))
                if 0 < second < DAY_S:
                    amount = rng.normal(mean, mean / 2)
                    if amount < 0:
                        amount = rng.uniform(0, mean * 2)
                    if near:
                        terminal = choices.choice(near)
                        cents = float(np.round(amount, 2))
                        rows.append((day * DAY_S + second, customer, terminal, cents))
    return rows


@pytest.mark.slow
def test_the_published_counts(published: HandbookStream) -> None:
    assert len(published) == 1_754_155
    assert int(published.is_fraud.sum()) == 14_681
    assert np.bincount(published.scenario).tolist() == [1_739_474, 973, 9_077, 4_631]


@pytest.mark.slow
def test_the_published_digest(published: HandbookStream) -> None:
    """Every bit of the published data, known here without its 19 MB."""
    digest = hashlib.sha256()
    for field in fields(published):
        digest.update(np.asarray(getattr(published, field.name)).tobytes())
    assert digest.hexdigest() == PUBLISHED_SHA256


@pytest.mark.slow
def test_equal_to_the_published_data_row_for_row(published: HandbookStream) -> None:
    duckdb = pytest.importorskip("duckdb", reason=NO_DUCKDB)
    if not DATA_FILE.exists():
        pytest.skip(f"{DATA_FILE} is absent: the stream was NOT compared with the published data")
    with duckdb.connect() as connection:
        data = connection.read_parquet(str(DATA_FILE)).fetchnumpy()
    seconds = (published.event_time_us - published.start_us) // 1_000_000
    ours = {
        "TRANSACTION_ID": published.transaction_id,
        "TX_DATETIME": published.event_time_us.astype("datetime64[us]"),
        "CUSTOMER_ID": published.customer_id,
        "TERMINAL_ID": published.terminal_id,
        "TX_AMOUNT": published.amount,
        "TX_TIME_SECONDS": seconds,
        "TX_TIME_DAYS": seconds // DAY_S,
        "TX_FRAUD": published.is_fraud,
        "TX_FRAUD_SCENARIO": published.scenario,
    }
    assert list(ours) == list(data)
    different = {name: int(np.sum(ours[name] != data[name])) for name in ours}
    assert different == dict.fromkeys(ours, 0)
    # Equality of floats would let -0.0 pass for 0.0; this is equality of bits.
    assert ours["TX_AMOUNT"].tobytes() == np.asarray(data["TX_AMOUNT"]).tobytes()


@pytest.mark.slow
def test_the_published_file_is_written_again(published: HandbookStream, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason=NO_DUCKDB)
    if not DATA_FILE.exists():
        pytest.skip(f"{DATA_FILE} is absent: the written file was NOT compared with it")
    path = tmp_path / "handbook.parquet"
    write_parquet(published, path)
    with duckdb.connect() as connection:
        ours = connection.read_parquet(str(path))
        data = connection.read_parquet(str(DATA_FILE))
        assert list(zip(ours.columns, ours.types, strict=True)) == list(
            zip(data.columns, data.types, strict=True)
        )
        ours_columns, data_columns = ours.fetchnumpy(), data.fetchnumpy()
    for name, column in data_columns.items():
        np.testing.assert_array_equal(ours_columns[name], column, err_msg=name)


def test_equal_times_keep_the_order_of_the_published_data() -> None:
    """Pinned with the NumPy whose order equals the data's; another sort moves frauds."""
    seconds = np.arange(20_000) ** 2 % 997
    order = _order_by_time(seconds)
    assert (np.diff(seconds[order]) >= 0).all()
    assert zlib.crc32(order.astype("<i8").tobytes()) == 988190800


def test_every_draw_in_the_published_order(honest: HandbookStream) -> None:
    seconds = (honest.event_time_us - honest.start_us) // 1_000_000
    rows = zip(
        seconds.tolist(),
        honest.customer_id.tolist(),
        honest.terminal_id.tolist(),
        honest.amount.tolist(),
        strict=True,
    )
    expected = expected_draws(SMALL)
    assert len({customer for _, customer, _, _ in expected}) < SMALL.customers, (
        "the world must have a customer out of reach of all terminals"
    )
    assert sorted(rows) == sorted(expected)


def test_an_honest_world_has_no_frauds(honest: HandbookStream) -> None:
    assert not honest.is_fraud.any()
    assert not honest.scenario.any()


def test_the_scenarios_by_plain_loops(small: HandbookStream, honest: HandbookStream) -> None:
    for name in ("transaction_id", "event_time_us", "customer_id", "terminal_id"):
        assert getattr(small, name).tolist() == getattr(honest, name).tolist()
    amount, scenario = expected_frauds(SMALL, honest)
    assert set(scenario) == {0, 1, 2, 3}
    assert small.scenario.tolist() == scenario
    assert small.amount.tolist() == amount
    assert small.is_fraud.tolist() == [s > 0 for s in scenario]


def test_an_amount_at_the_limit_is_no_fraud(honest: HandbookStream) -> None:
    largest = float(honest.amount.max())
    assert not generate(replace(HONEST, amount_limit=largest)).is_fraud.any()
    below = generate(replace(HONEST, amount_limit=math.nextafter(largest, 0.0)))
    assert below.scenario.tolist() == [int(a == largest) for a in honest.amount.tolist()]


@pytest.mark.parametrize(
    ("second", "kept"),
    [(0.0, False), (0.9, False), (1.0, True), (86_399.9, True), (86_400.0, False), (-0.5, False)],
)
def test_midnight_belongs_to_no_day(second: float, kept: bool) -> None:
    stream = generate(replace(HONEST, time_mean_s=second, time_std_s=0.0))
    assert (len(stream) > 0) == kept
    times = (stream.event_time_us - stream.start_us) // 1_000_000 % DAY_S
    assert set(times.tolist()) == ({int(second)} if kept else set())


def test_a_terminal_at_the_radius_is_out_of_reach() -> None:
    rng = np.random.RandomState(SMALL.customer_seed)
    x, y = rng.uniform(0, 100), rng.uniform(0, 100)
    rng = np.random.RandomState(SMALL.terminal_seed)
    tx, ty = rng.uniform(0, 100), rng.uniform(0, 100)
    distance = math.sqrt((tx - x) ** 2 + (ty - y) ** 2)
    pair = replace(HONEST, customers=1, terminals=1, radius=distance)
    assert len(generate(pair)) == 0
    assert len(generate(replace(pair, radius=math.nextafter(distance, math.inf)))) > 0


def test_a_scenario_overwrites_an_earlier_one(
    small: HandbookStream, honest: HandbookStream
) -> None:
    large = honest.amount > SMALL.amount_limit
    assert set(small.scenario[large].tolist()) == {1, 2, 3}
    only_terminals = generate(replace(SMALL, customers_per_day=0))
    assert ((only_terminals.scenario == 2) & (small.scenario == 3)).any()


def test_sorted_by_time_and_numbered(small: HandbookStream) -> None:
    assert len(small) == len(small.event_time_us) > 500
    assert (np.diff(small.event_time_us) >= 0).all()
    assert small.transaction_id.tolist() == list(range(len(small)))
    first_day = np.datetime64("2020-02-20", "us").astype(np.int64)
    assert small.start_us == first_day
    assert min(days_of(small)) == 0
    assert max(days_of(small)) == SMALL.days - 1


def test_the_columns_types(small: HandbookStream) -> None:
    assert {f.name: str(np.asarray(getattr(small, f.name)).dtype) for f in fields(small)} == {
        "transaction_id": "int64",
        "event_time_us": "int64",
        "customer_id": "int64",
        "terminal_id": "int64",
        "amount": "float64",
        "is_fraud": "bool",
        "scenario": "int8",
        "start_us": "int64",
    }


def test_the_same_parameters_give_the_same_stream(small: HandbookStream) -> None:
    assert same(generate(SMALL), small)
    assert not same(generate(replace(SMALL, terminal_seed=2)), small)
    assert not same(generate(replace(SMALL, customer_seed=1)), small)


def test_global_random_state_is_neither_changed_nor_used(small: HandbookStream) -> None:
    legacy = np.random.get_state(legacy=False)
    plain = random.getstate()
    try:
        random.seed(20)
        np.random.seed(20)
        before = (random.getstate(), repr(np.random.get_state()))
        assert same(generate(SMALL), small)
        assert (random.getstate(), repr(np.random.get_state())) == before
    finally:
        random.setstate(plain)
        np.random.set_state(legacy)


def test_progress_rises_from_zero_to_one() -> None:
    seen: list[float] = []
    generate(SMALL, progress=seen.append)
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert seen == sorted(seen)
    assert len(seen) > 10


def test_no_terminal_in_reach_is_an_empty_stream(tmp_path: Path) -> None:
    empty = generate(replace(SMALL, radius=0.0))
    assert len(empty) == 0
    path = tmp_path / "empty.csv"
    write_csv(empty, path)
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("seed", [0, 7_000_000])
def test_frauds_are_drawn_from_the_seed_of_their_day(seed: int) -> None:
    world = replace(SMALL, draw_seed=seed, amount_limit=math.inf)
    stream = generate(world)
    day = (stream.event_time_us - stream.start_us) // (DAY_S * 1_000_000)
    for scenario, ids, population, n, length in (
        (2, stream.terminal_id, world.terminals, world.terminals_per_day, world.terminal_days),
        (3, stream.customer_id, world.customers, world.customers_per_day, world.customer_days),
    ):
        drawn = [
            np.random.RandomState(seed + first).choice(population, n, replace=False)
            for first in range(world.days)
        ]
        for row in np.flatnonzero(stream.scenario == scenario):
            days = range(max(0, day[row] - length + 1), day[row] + 1)
            assert any(ids[row] in drawn[first] for first in days)


def test_impossible_parameters_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        HandbookParameters(
            days=0,
            terminals=1,
            customers=2,
            customer_one_in=0,
            min_mean_amount=200.0,
            amount_spread=-1.0,
            max_daily_rate=math.nan,
            draw_seed=-1,
        )
    text = str(caught.value)
    for name in (
        "days=0",
        "terminals_per_day=2",
        "customers_per_day=3",
        "customer_one_in=0",
        "min_mean_amount=200.0",
        "amount_spread=-1.0",
        "max_daily_rate=nan",
        "draw_seed=-1",
    ):
        assert name in text


def test_csv_round_trip(small: HandbookStream, tmp_path: Path) -> None:
    path = tmp_path / "handbook.csv"
    path.write_text("an older file")
    write_csv(small, path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    times = [dt.datetime.fromisoformat(row["TX_DATETIME"] + "+00:00") for row in rows]
    assert [int(t.timestamp()) * 1_000_000 for t in times] == small.event_time_us.tolist()
    assert [float(row["TX_AMOUNT"]) for row in rows] == small.amount.tolist()
    whole = {
        "TRANSACTION_ID": small.transaction_id,
        "CUSTOMER_ID": small.customer_id,
        "TERMINAL_ID": small.terminal_id,
        "TX_TIME_SECONDS": (small.event_time_us - small.start_us) // 1_000_000,
        "TX_TIME_DAYS": np.array(days_of(small)),
        "TX_FRAUD": small.is_fraud.astype(int),
        "TX_FRAUD_SCENARIO": small.scenario,
    }
    for name, column in whole.items():
        assert [int(row[name]) for row in rows] == column.tolist(), name


def test_csv_in_many_blocks_is_the_same(
    small: HandbookStream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(small, tmp_path / "one.csv")
    monkeypatch.setattr("stream.simulate.handbook._CSV_BLOCK_ROWS", 7)
    write_csv(small, tmp_path / "many.csv")
    assert (tmp_path / "many.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()


def test_parquet_round_trip(small: HandbookStream, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason=NO_DUCKDB)
    path = tmp_path / "it's a handbook.parquet"
    path.write_text("an older file")
    write_parquet(small, path)
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(path))
        types = dict(zip(relation.columns, map(str, relation.types), strict=True))
        data = relation.fetchnumpy()
    assert types == {
        "TRANSACTION_ID": "INTEGER",
        "TX_DATETIME": "TIMESTAMP",
        "CUSTOMER_ID": "INTEGER",
        "TERMINAL_ID": "INTEGER",
        "TX_AMOUNT": "DOUBLE",
        "TX_TIME_SECONDS": "INTEGER",
        "TX_TIME_DAYS": "SMALLINT",
        "TX_FRAUD": "TINYINT",
        "TX_FRAUD_SCENARIO": "TINYINT",
    }
    assert data["TX_DATETIME"].astype(np.int64).tolist() == small.event_time_us.tolist()
    assert data["TX_AMOUNT"].tobytes() == small.amount.tobytes()
    assert data["TX_TIME_DAYS"].tolist() == days_of(small)
    assert data["TX_FRAUD"].astype(bool).tolist() == small.is_fraud.tolist()
    assert data["TX_FRAUD_SCENARIO"].tolist() == small.scenario.tolist()
    for name in ("TRANSACTION_ID", "CUSTOMER_ID", "TERMINAL_ID"):
        assert data[name].tolist() == getattr(small, name.lower()).tolist()


def test_parquet_without_duckdb_names_the_extra(
    small: HandbookStream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(InputFileError, match=r"\[offline\]"):
        write_parquet(small, tmp_path / "handbook.parquet")
    assert not (tmp_path / "handbook.parquet").exists()
