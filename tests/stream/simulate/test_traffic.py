"""The simulated traffic keeps its laws, and its fraud is what it says it is."""

from __future__ import annotations

import io
import json
import secrets
from collections import defaultdict, deque
from pathlib import Path
from statistics import median

import fastavro
import numpy as np
import pytest

from stream.simulate.traffic import Traffic, TrafficBlock, TrafficParameters
from stream.simulate.world import CHANNELS, KINDS, squared_distance

SCHEMA_FILE = Path(__file__).parents[3] / "schemas" / "transaction.avsc"
MINUTE_US = 60_000_000
START_US = 1_750_000_000_000_000
CALM = TrafficParameters(rate_per_s=5.0)


@pytest.fixture(scope="module")
def calm() -> TrafficBlock:
    """50,000 payments over nearly three hours."""
    return Traffic(CALM, 11, START_US).take(50_000)


@pytest.fixture(scope="module")
def busy() -> TrafficBlock:
    """400,000 payments at 500 a second, enough to see terminals."""
    return Traffic(TrafficParameters(), 12, START_US).take(400_000)


def complete_episodes(block: TrafficBlock, kind: str) -> list[TrafficBlock]:
    """Episodes of a kind far enough from both ends of the block to be whole."""
    time_us, margin_us = block.event_time_us, 13 * MINUTE_US
    whole = []
    for episode in np.unique(block.episode[block.kind == KINDS.index(kind)]):
        rows = block.payments[block.episode == episode]
        begins, ends = rows["event_time_us"][0], rows["event_time_us"][-1]
        if begins > time_us[0] + margin_us and ends < time_us[-1] - margin_us:
            whole.append(TrafficBlock(rows, block.world, block.seed, 0))
    return whole


def minutes_long(episode: TrafficBlock) -> float:
    return float(episode.event_time_us[-1] - episode.event_time_us[0]) / MINUTE_US


def multiples(episode: TrafficBlock) -> np.ndarray:
    """Amounts as multiples of their card's mean."""
    return episode.amount_minor / episode.world.mean_minor[episode.payments["card"]]


# Laws


def test_how_the_stream_is_cut_never_matters() -> None:
    for _ in range(5):
        seed = secrets.randbelow(1 << 64)
        random = np.random.Generator(np.random.PCG64(seed))
        parameters = TrafficParameters(rate_per_s=50.0, fraud_share=0.05)
        whole = Traffic(parameters, seed, START_US).take(20_000)
        cut, pieces = Traffic(parameters, seed, START_US), []
        while sum(map(len, pieces)) < 20_000:
            left = 20_000 - sum(map(len, pieces))
            pieces.append(cut.take(min(left, int(random.integers(0, 3_000)))))
        joined = np.concatenate([piece.payments for piece in pieces])
        assert joined.tobytes() == whole.payments.tobytes(), f"seed {seed}"
        ids = [name for piece in pieces for name in piece.transaction_ids]
        assert ids == whole.transaction_ids, f"seed {seed}"


def test_a_thousand_at_once_equal_ten_times_a_hundred() -> None:
    for _ in range(5):
        seed = secrets.randbelow(1 << 32)
        whole, cut = Traffic(TrafficParameters(), seed), Traffic(TrafficParameters(), seed)
        records = [record for _ in range(10) for record in cut.take(100).records()]
        assert records == list(whole.take(1_000).records()), f"seed {seed}"


def test_a_seed_decides_everything_and_another_seed_something_else() -> None:
    first, again, other = (list(Traffic(CALM, seed).take(500).records()) for seed in (1, 1, 2))
    assert first == again
    for one, two in zip(first, other, strict=True):
        assert one["event_time"] != two["event_time"]
        assert one["transaction_id"] != two["transaction_id"]


def test_global_randomness_is_left_alone() -> None:
    before = np.random.get_state(legacy=False)["state"]["key"].copy()
    Traffic(CALM, 3).take(2_000)
    after = np.random.get_state(legacy=False)["state"]["key"]
    assert np.array_equal(before, after)


def test_the_start_only_shifts_the_times() -> None:
    at_zero, later = Traffic(CALM, 4).take(3_000), Traffic(CALM, 4, START_US).take(3_000)
    assert np.array_equal(at_zero.event_time_us + START_US, later.event_time_us)
    assert np.array_equal(at_zero.amount_minor, later.amount_minor)
    assert at_zero.event_time_us[0] >= 0


def test_time_never_goes_back_not_even_between_takes() -> None:
    # At this rate many payments share a microsecond with the end of an internal block.
    traffic = Traffic(TrafficParameters(rate_per_s=1e6, fraud_share=0.1, episode_scale=0.001), 5)
    latest = -1
    for _ in range(40):
        time_us = traffic.take(25_000).event_time_us
        assert time_us[0] >= latest
        assert np.all(np.diff(time_us) >= 0)
        latest = time_us[-1]


def test_ids_are_unique_and_name_seed_and_number(calm: TrafficBlock) -> None:
    assert len(set(calm.transaction_ids)) == len(calm) == 50_000
    assert calm.transaction_ids[0] == "t-11-0"
    longest = Traffic(CALM, (1 << 64) - 1).take(1).transaction_ids[0]
    assert len(longest.encode()) <= 44


# Records


def test_every_record_fits_the_contract_strictly() -> None:
    schema = fastavro.parse_schema(json.loads(SCHEMA_FILE.read_text()))
    block = Traffic(TrafficParameters(fraud_share=0.2), 6, START_US).take(2_000)
    for record in block.records():
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, schema, record, strict=True)
        assert type(record["event_time"]) is int
        assert type(record["amount_minor"]) is int
        assert 0 < record["amount_minor"] < 10_000_000


def test_the_channels_are_those_of_the_contract() -> None:
    fields = json.loads(SCHEMA_FILE.read_text())["fields"]
    (channel,) = [field["type"] for field in fields if field["name"] == "channel"]
    assert tuple(channel["symbols"]) == CHANNELS


def test_records_agree_with_columns_and_with_themselves(calm: TrafficBlock) -> None:
    records = list(calm.records())
    assert [r["transaction_id"] for r in records] == calm.transaction_ids
    assert [r["event_time"] for r in records] == calm.event_time_us.tolist()
    assert calm.is_fraud.tolist() == [name != "genuine" for name in calm.kinds]
    for record in records:
        remote = record["channel"] in {"ONLINE", "PHONE"}
        assert record["card_present"] is not remote
        assert (record["latitude"] is None) is remote
        assert (record["longitude"] is None) is remote
        assert (record["device_id"] is not None) is (record["channel"] == "ONLINE")
        assert (record["terminal_id"] is None) is (record["channel"] == "PHONE")
        if record["channel"] == "ATM":
            assert record["category_code"] == 6011
            assert record["amount_minor"] % 1_000 == 0


def test_every_merchant_has_one_place_and_up_to_three_terminals(calm: TrafficBlock) -> None:
    facts, terminals = defaultdict(set), defaultdict(set)
    owners, cards = defaultdict(set), defaultdict(set)
    for r in calm.records():
        facts[r["merchant_id"]].add((r["category_code"], r["country"]))
        owners[r["card_id"]].add(r["customer_id"])
        cards[r["customer_id"]].add(r["card_id"])
        if r["terminal_id"] is not None:
            terminals[r["merchant_id"]].add(r["terminal_id"])
    assert {len(values) for values in facts.values()} == {1}
    assert {len(values) for values in terminals.values()} == {1, 2, 3}
    assert {len(values) for values in owners.values()} == {1}
    assert {len(values) for values in cards.values()} == {1, 2}


# Genuine traffic


def test_arrivals_come_at_the_rate_and_as_irregularly_as_a_poisson_process() -> None:
    parameters = TrafficParameters(rate_per_s=200.0, fraud_share=0.0)
    block = Traffic(parameters, 7).take(50_000)
    gaps = np.diff(block.event_time_us)
    assert gaps.mean() == pytest.approx(5_000.0, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)
    assert not block.is_fraud.any()


def test_activity_is_heavy_tailed_and_home_is_where_people_pay(calm: TrafficBlock) -> None:
    genuine = calm.payments[~calm.is_fraud]
    by_card = np.sort(np.bincount(genuine["card"], minlength=CALM.cards))
    assert by_card[-200:].sum() > 0.3 * genuine.size
    assert by_card[-1] < 0.02 * genuine.size
    in_shop = genuine[genuine["merchant"] < calm.world.physical]
    away = squared_distance(calm.world.place[in_shop["merchant"]], calm.world.home[in_shop["card"]])
    assert np.mean(away < 0.5**2) > 0.97
    assert 1.0 - in_shop.size / genuine.size == pytest.approx(0.25, abs=0.03)


# Fraud


@pytest.mark.parametrize("rate_per_s", [5.0, 500.0])
@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_the_share_of_fraud_is_as_asked(rate_per_s: float, scale: float) -> None:
    parameters = TrafficParameters(rate_per_s=rate_per_s, episode_scale=scale)
    for seed in range(3):
        fraud = Traffic(parameters, seed).take(50_000).is_fraud
        assert 0.006 < fraud.mean() < 0.015, f"seed {seed}"


def test_each_kind_has_its_share() -> None:
    parameters = TrafficParameters(fraud_share=0.02, kind_mix=(4.0, 3.0, 2.0, 1.0))
    block = Traffic(parameters, 8).take(1_000_000)
    for kind, share in zip(range(1, 5), (0.008, 0.006, 0.004, 0.002), strict=True):
        assert np.mean(block.kind == kind) == pytest.approx(share, rel=0.15), KINDS[kind]


def test_a_demo_sees_every_kind_within_ten_seconds() -> None:
    for seed in range(5):
        kinds = set(Traffic(TrafficParameters(), seed).take(5_000).kinds)
        assert kinds == set(KINDS) - {"small_amounts"}, f"seed {seed}"


def test_each_kind_but_terminals_opens_with_an_episode_however_slow_the_stream() -> None:
    block = Traffic(TrafficParameters(rate_per_s=0.01), 9).take(100)
    assert {"card_testing", "stolen_card", "account_takeover"} <= set(block.kinds)


def test_card_testing_is_a_burst_of_tiny_amounts_and_then_a_haul(calm: TrafficBlock) -> None:
    episodes = complete_episodes(calm, "card_testing")
    assert len(episodes) >= 5
    for episode in episodes:
        tiny = episode.amount_minor <= 250
        burst = episode.payments[tiny]
        assert 6 <= burst.size <= 15
        assert 1 <= np.sum(~tiny) <= 2
        assert tiny.tolist() == sorted(tiny.tolist(), reverse=True)
        assert len(np.unique(burst["merchant"])) == 1
        assert len(np.unique(episode.payments["card"])) == 1
        assert len(np.unique(episode.payments["device"])) == 1
        assert np.median(np.diff(burst["event_time_us"])) < 12_000_000
        assert np.ptp(burst["event_time_us"]) < MINUTE_US
        assert np.all(multiples(episode)[~tiny] > 7.9)
        assert {r["channel"] for r in episode.records()} == {"ONLINE"}


def test_a_stolen_card_pays_much_and_far_from_home_within_minutes(calm: TrafficBlock) -> None:
    episodes = complete_episodes(calm, "stolen_card")
    assert len(episodes) >= 5
    for episode in episodes:
        rows, world = episode.payments, calm.world
        assert 4 <= len(episode) <= 8
        assert len(np.unique(rows["card"])) == 1
        assert minutes_long(episode) < 8.0
        away = squared_distance(world.place[rows["merchant"]], world.home[rows["card"]])
        assert np.all(away > 3.0**2)
        assert np.median(multiples(episode)) > 4.0
        assert all(record["card_present"] for record in episode.records())


def test_an_account_takeover_is_a_new_device_with_growing_amounts(calm: TrafficBlock) -> None:
    episodes = complete_episodes(calm, "account_takeover")
    assert len(episodes) >= 5
    owned = set(calm.world.devices.ravel().tolist())
    for episode in episodes:
        assert 4 <= len(episode) <= 8
        assert minutes_long(episode) < 12.0
        assert len(np.unique(episode.payments["card"])) == 1
        (device,) = np.unique(episode.payments["device"])
        assert int(device) not in owned
        assert np.all(np.diff(episode.amount_minor) > 0)
        assert {r["channel"] for r in episode.records()} == {"ONLINE"}


def test_a_compromised_terminal_turns_a_third_of_its_payments(busy: TrafficBlock) -> None:
    rows, lengths, turned, seen, cards = busy.payments, [], 0, 0, []
    kind = KINDS.index("compromised_terminal")
    for episode in np.unique(rows["episode"][rows["kind"] == kind]):
        bad = rows[(rows["episode"] == episode) & (rows["kind"] == kind)]
        (terminal,) = np.unique(bad["terminal"])
        first, last = bad["event_time_us"][[0, -1]]
        # Both ends are fraud by choice of the ends: only what lies between them counts.
        between = (rows["terminal"] == terminal) & (rows["event_time_us"] > first)
        between &= rows["event_time_us"] < last
        turned += int(np.sum(rows["kind"][between] == kind))
        seen += int(between.sum())
        lengths.append(float(last - first) / MINUTE_US)
        cards.append(len(np.unique(bad["card"])))
    assert seen > 500
    assert turned / seen == pytest.approx(1 / 3, abs=0.05)
    assert max(lengths) < 6.0
    assert max(cards) >= 10
    assert np.all(rows["merchant"][rows["kind"] == kind] < busy.world.physical)


def test_amounts_at_a_compromised_terminal_are_raised(busy: TrafficBlock) -> None:
    level = busy.world.level[busy.payments["merchant"]]
    relative = multiples(busy) / level
    bad = busy.kind == KINDS.index("compromised_terminal")
    assert np.median(relative[bad]) > 3.0 * np.median(relative[~busy.is_fraud])


def test_episodes_shrink_with_the_scale() -> None:
    def typical(scale: float) -> float:
        parameters = TrafficParameters(rate_per_s=5.0, episode_scale=scale)
        block = Traffic(parameters, 10).take(50_000)
        return median(minutes_long(e) for e in complete_episodes(block, "stolen_card"))

    assert typical(0.1) == pytest.approx(0.1 * typical(1.0), rel=0.3)


def test_a_simple_velocity_rule_finds_fraud() -> None:
    block = Traffic(TrafficParameters(rate_per_s=2.0), 13).take(50_000)
    recent: defaultdict[int, deque[int]] = defaultdict(deque)
    fired = []
    for card, time_us in zip(
        block.payments["card"].tolist(), block.event_time_us.tolist(), strict=True
    ):
        times = recent[card]
        times.append(time_us)
        while times[0] <= time_us - MINUTE_US:
            times.popleft()
        fired.append(len(times) >= 5)
    alarm = np.array(fired)
    caught = np.sum(alarm & block.is_fraud)
    # By chance precision would be the share of fraud (1 %), recall the share of alarms.
    assert caught / alarm.sum() > 0.5
    assert caught / block.is_fraud.sum() > 0.15
    assert alarm.mean() < 0.01


# Arguments


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_per_s": 0.0},
        {"rate_per_s": float("nan")},
        {"cards": 0},
        {"merchants": 39},
        {"online_share": 1.0},
        {"fraud_share": 0.3},
        {"kind_mix": (0.0, 0.0, 0.0, 0.0)},
        {"kind_mix": (1.0, -1.0, 1.0, 1.0)},
        {"episode_scale": 0.0},
        {"typical_amount_minor": float("inf")},
        {"activity_tail": -1.0},
        {"wander_share": 1.1},
    ],
)
def test_impossible_parameters_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrafficParameters(**wrong)


def test_impossible_seeds_starts_and_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="seed"):
        Traffic(CALM, -1)
    with pytest.raises(ValueError, match="start_time_us"):
        Traffic(CALM, 0, -1)
    with pytest.raises(ValueError, match="n must"):
        Traffic(CALM, 0).take(-1)


def test_the_smallest_world_works() -> None:
    block = Traffic(TrafficParameters(cards=1, merchants=40, fraud_share=0.2), 0).take(2_000)
    assert len(list(block.records())) == 2_000
    assert len(Traffic(CALM, 0).take(0)) == 0
