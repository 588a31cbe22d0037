"""Both simulators as payments of the contract, with the truth beside them."""

from __future__ import annotations

import dataclasses
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import islice

import numpy as np
import pytest

from schemas.records import RecordCodec, builtin
from stream.simulate.handbook import HandbookParameters, HandbookStream, generate
from stream.simulate.payments import Payment, handbook_payments, traffic_payments
from stream.simulate.traffic import Traffic, TrafficParameters

CODEC = RecordCodec(builtin("transaction"), 1)
START_US = 1_750_000_000_000_000
PARAMETERS = TrafficParameters(rate_per_s=40, cards=200, fraud_share=0.1)


@pytest.fixture(scope="module")
def stream() -> HandbookStream:
    small = HandbookParameters(
        customers=60, terminals=40, days=25, radius=9.0, amount_limit=110.0, terminal_days=4
    )
    return generate(small)


@pytest.fixture(scope="module")
def handbook(stream: HandbookStream) -> list[Payment]:
    return list(handbook_payments(stream))


def traffic(n: int, seed: int = 4) -> list[Payment]:
    return list(islice(traffic_payments(Traffic(PARAMETERS, seed, START_US)), n))


def test_live_payments_fit_the_contract_to_the_last_bit() -> None:
    for payment in traffic(2_000):
        assert CODEC.decode(CODEC.encode(payment.record)) == payment.record


def test_handbook_payments_fit_the_contract_to_the_last_bit(handbook: list[Payment]) -> None:
    for payment in handbook:
        assert CODEC.decode(CODEC.encode(payment.record)) == payment.record


def test_live_payments_are_those_of_the_traffic_with_their_truth() -> None:
    block = Traffic(PARAMETERS, 4, START_US).take(1_000)
    payments = traffic(1_000)
    assert [payment.record for payment in payments] == list(block.records())
    assert [payment.is_fraud for payment in payments] == block.is_fraud.tolist()
    assert [payment.event_time_us for payment in payments] == block.event_time_us.tolist()
    assert 0 < sum(payment.is_fraud for payment in payments) < 1_000


def test_the_same_seed_gives_the_same_payments_and_another_seed_others() -> None:
    assert traffic(500) == traffic(500)
    assert traffic(500) != traffic(500, seed=5)


def test_the_truth_is_in_no_record(handbook: list[Payment]) -> None:
    names = {field["name"] for field in builtin("transaction")["fields"]}
    for payment in (handbook[0], traffic(1)[0]):
        assert set(payment.record) == names


def test_handbook_amounts_are_the_nearest_minor_units_exactly(
    handbook: list[Payment], stream: HandbookStream
) -> None:
    found = [payment.record["amount_minor"] for payment in handbook]
    assert all(type(amount) is int for amount in found)
    # The published amounts have two decimals: the text of each says the cents. Increased
    # ones are not rounded again, and five times two decimals has two as well.
    expected = [
        int((Decimal(repr(round(amount, 6))) * 100).to_integral_value(ROUND_HALF_EVEN))
        for amount in stream.amount.tolist()
    ]
    assert found == expected
    assert (np.abs(np.array(found) / 100 - stream.amount) < 1e-9).all()


@pytest.mark.parametrize(
    ("amount", "minor"),
    [(0.0, 0), (0.29, 29), (1.15, 115), (4.35, 435), (57.16, 5716), (1e7, 10**9)],
)
def test_amounts_that_binary_fractions_miss_are_not_cut(
    stream: HandbookStream, amount: float, minor: int
) -> None:
    one = dataclasses.replace(
        stream,
        **{
            field.name: getattr(stream, field.name)[:1]
            for field in dataclasses.fields(stream)
            if field.name != "start_us"
        },
    )
    one = dataclasses.replace(one, amount=np.array([amount]))
    (payment,) = handbook_payments(one)
    assert payment.record["amount_minor"] == minor


def test_handbook_payments_are_its_rows_in_its_order(
    handbook: list[Payment], stream: HandbookStream
) -> None:
    assert len(handbook) == len(stream)
    assert [p.is_fraud for p in handbook] == stream.is_fraud.tolist()
    assert [p.event_time_us for p in handbook] == stream.event_time_us.tolist()
    for payment, number, customer, terminal in zip(
        handbook,
        stream.transaction_id.tolist(),
        stream.customer_id.tolist(),
        stream.terminal_id.tolist(),
        strict=True,
    ):
        record = payment.record
        assert record["transaction_id"] == f"h-{number}"
        assert record["card_id"] == f"card-{customer}"
        assert record["customer_id"] == f"customer-{customer}"
        assert record["merchant_id"] == record["terminal_id"] == f"terminal-{terminal}"
