"""What partitions tell each other, as records: whole, or passed over."""

import numpy as np
import pytest
from inputs.feature_streams import HASH_KEY, INPUTS, LAYOUT

from schemas.records import RecordCodec, builtin
from stream.exchange.shared_payments import SharedPayments
from stream.features.declare import declare
from stream.features.feature_set import FeatureSet
from stream.features.sharing import SharedLayout

NAMES = ["merchant.count_1h", "merchant.amount_sum_1h"]
CODEC = RecordCodec(builtin("shared"), 21)
ROWS_MAX = 8


def payments(names=NAMES, hash_key=HASH_KEY, partition=2):
    features = FeatureSet(declare(names, INPUTS), LAYOUT, INPUTS)
    layout = SharedLayout(features, ("merchant",), hash_key)
    return SharedPayments("shared", CODEC, layout, ROWS_MAX, partition)


def words(n, width=4):
    return np.arange(width * n, dtype=np.int64).reshape(width, n) - 5


def record(**changes):
    (told,) = payments().records([words(3)])
    return CODEC.encode({**CODEC.decode(told.value), **changes})


def test_what_is_told_is_what_is_heard_in_the_partition_of_the_payments():
    told = [words(3), words(0), words(ROWS_MAX)]
    records = list(payments().records(told))
    assert [(each.topic, each.key, each.partition) for each in records] == [("shared", None, 2)] * 2
    heard = [payments(partition=0).read(each.value) for each in records]
    assert [each.partition for each in heard] == [2, 2]
    np.testing.assert_array_equal(heard[0].words, told[0])
    np.testing.assert_array_equal(heard[1].words, told[2])
    assert heard[0].words.dtype == np.int64


def test_words_that_mean_something_else_are_passed_over():
    value = record()
    assert payments().read(value) is not None
    assert payments(hash_key=bytes(16)).read(value) is None
    assert payments(["merchant.count_1h"]).read(value) is None
    # A window more needs no other words.
    assert payments([*NAMES, "merchant.amount_max_7d"]).read(value) is not None


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"no record",
        record()[:-1],
        record(rows=0),
        record(rows=2),
        record(rows=-3),
        record(rows=2**30),
        record(partition=-1),
        record(words=b""),
        record(words=bytes(8 * 4 * (ROWS_MAX + 1)), rows=ROWS_MAX + 1),
    ],
)
def test_what_is_no_such_record_is_passed_over(value):
    assert payments().read(value) is None
