"""Labels of made-up payments are of the payments that they name."""

from __future__ import annotations

import math

import numpy as np
from inputs.payments import CARDS, LABELS, TRANSACTIONS, Payments


def test_a_label_is_that_of_its_payment_whatever_came_since() -> None:
    payments = Payments(3)
    paid = [payments.pay() for _ in range(400)]
    labels = [payments.label(number) for number in range(400)]
    assert [p["transaction_id"] for p in paid] == [each["transaction_id"] for each in labels]
    frauds = np.array([label["is_fraud"] for label in labels])
    assert 0.1 < frauds.mean() < 0.3
    # Frauds are of larger amounts: a model can learn it from these labels.
    amounts = np.array([math.log(p["amount_minor"] + 1) for p in paid])
    assert amounts[frauds].mean() > amounts[~frauds].mean() + 2
    assert {p["card_id"] for p in paid} == set(CARDS)


def test_what_is_said_stands_instead() -> None:
    payments = Payments(3, ["a", "b"])
    assert payments.pay(merchant_id="shop")["merchant_id"] == "shop"
    assert [payments.card(number) for number in range(3)] == ["a", "b", "a"]
    wrong = payments.label(0, is_fraud=not payments.frauds[0], source="ANALYST_REVIEW")
    assert (wrong["is_fraud"], wrong["source"]) == (not payments.frauds[0], "ANALYST_REVIEW")


def test_they_are_records_of_the_contracts() -> None:
    payments = Payments(3)
    payment = payments.pay()
    assert TRANSACTIONS.decode(TRANSACTIONS.encode(payment))["transaction_id"] == "t-0"
    assert LABELS.decode(LABELS.encode(payments.label(0)))["transaction_id"] == "t-0"
