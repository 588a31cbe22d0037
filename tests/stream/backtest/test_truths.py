"""Labels as truths, beside plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from inputs.streams import HASH_KEY
from seeds import seeds

from schemas.columns import Reason
from schemas.compiler import compile_schema
from schemas.decoder import Decoder
from schemas.records import RecordCodec, builtin
from schemas.roles import LABEL_ROLES
from schemas.siphash import hash_texts
from stream.backtest.truths import Truths
from stream.evaluation.ledger import UNKNOWN

CODEC = RecordCodec(builtin("label"), 2)
START_US = 1_700_000_000_000_000


@pytest.fixture(scope="module")
def decoder():
    programs = {2: compile_schema(builtin("label"), LABEL_ROLES)}
    return Decoder(LABEL_ROLES.layout, programs, HASH_KEY)


def label(name, is_fraud, seconds, confidence=1.0):
    return {
        "transaction_id": name,
        "is_fraud": is_fraud,
        "source": "CUSTOMER",
        "label_time": START_US + int(seconds * 1_000_000),
        "confidence": confidence,
    }


def truths_of(decoder, *batches, confidence_min=0.5):
    truths = Truths(confidence_min)
    for labels in batches:
        values = [CODEC.encode(each) if isinstance(each, dict) else each for each in labels]
        truths.add(decoder.decode(values, START_US + 10**12))
    return truths


def asked(truths, *names, seconds=0):
    times_us = np.full(len(names), START_US + seconds * 1_000_000)
    return truths.of(hash_texts(list(names), HASH_KEY), times_us).tolist()


def test_the_label_of_the_later_time_stands_whenever_it_came(decoder):
    truths = truths_of(decoder, [label("a", False, 9)], [label("a", True, 5), label("b", True, 1)])
    assert asked(truths, "a", "b", "c") == [0, 1, UNKNOWN]
    assert truths.latest_us == START_US + 9_000_000


def test_of_labels_of_one_time_the_later_arrival_stands(decoder):
    truths = truths_of(decoder, [label("a", False, 5), label("a", True, 5)])
    assert asked(truths, "a") == [1]


def test_a_label_from_before_its_payment_is_of_something_else(decoder):
    truths = truths_of(decoder, [label("a", True, 5)])
    assert asked(truths, "a", seconds=6) == [UNKNOWN]
    assert asked(truths, "a", seconds=5) == [1]


def test_what_is_not_sure_enough_or_cannot_be_read_says_nothing(decoder):
    truths = truths_of(decoder, [label("a", True, 5, confidence=0.4), b"\0", None])
    assert asked(truths, "a") == [UNKNOWN]
    assert truths.latest_us is None


@seeds(8)
def test_it_is_what_plain_loops_say(seed, decoder):
    rng = np.random.default_rng(seed)
    names = [f"t-{number}" for number in range(20)]
    arrived = [
        label(str(rng.choice(names)), bool(rng.random() < 0.5), int(rng.integers(0, 6)), sure)
        for sure in rng.choice([0.2, 0.5, 1.0], int(rng.integers(0, 80))).tolist()
    ]
    cuts = np.sort(rng.integers(0, len(arrived) + 1, 3)).tolist()
    batches = [arrived[a:b] for a, b in zip([0, *cuts], [*cuts, len(arrived)], strict=True)]
    truths = truths_of(decoder, *batches)
    made = rng.integers(0, 6, len(names))
    found = truths.of(hash_texts(names, HASH_KEY), START_US + made * 1_000_000)
    expected = []
    for name, at in zip(names, made.tolist(), strict=True):
        stands = None
        for each in arrived:
            if each["transaction_id"] != name or each["confidence"] < 0.5:
                continue
            if stands is None or each["label_time"] >= stands["label_time"]:
                stands = each
        early = stands is not None and stands["label_time"] < START_US + at * 1_000_000
        expected.append(UNKNOWN if stands is None or early else int(stands["is_fraud"]))
    assert found.tolist() == expected


def test_rows_that_were_refused_are_no_labels(decoder):
    batch = decoder.decode([CODEC.encode(label("a", True, 5))], START_US + 10**12)
    batch.reason[:] = Reason.UNREADABLE_FIELD
    truths = Truths(0.5)
    truths.add(batch)
    assert asked(truths, "a") == [UNKNOWN]
