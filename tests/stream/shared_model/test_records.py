"""What partitions tell each other of labels and models, as records: whole, or passed over."""

import numpy as np
import pytest

from models.states.snapshot import State, pack
from schemas.errors import ModelError, SnapshotError
from schemas.records import RecordCodec, builtin
from stream.labels.examples import Examples
from stream.labels.label_kinds import LabelKind
from stream.shared_model.example_records import ExampleRecords
from stream.shared_model.messages import ModelVersion, Position, SentExamples
from stream.shared_model.version_records import VersionRecords

EXAMPLE, MODEL = RecordCodec(builtin("training_example"), 22), RecordCodec(builtin("model"), 23)
WIDE = 3
KEY = b"a secret of sixteen bytes"


def examples_of(partition=2, layout="here"):
    return ExampleRecords("examples", EXAMPLE, layout, WIDE, partition)


def versions_of(layout="here", key=None):
    return VersionRecords("models", MODEL, layout, key)


def some(n, weighed=False, seed=1):
    rng = np.random.default_rng(seed)
    return Examples(
        np.where(rng.random((n, WIDE)) < 0.2, np.nan, rng.normal(size=(n, WIDE))),
        np.zeros((n, 0)),
        rng.random(n) < 0.5,
        np.zeros(n, np.bool_),
        rng.random(n) < 0.5,
        rng.choice([0, LabelKind.FEEDBACK, LabelKind.DELAYED, 3], n).astype(np.uint8),
        rng.random(n) + 0.1 if weighed else None,
    )


def assert_same(found, expected):
    for name in Examples._fields:
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            assert ours.dtype == theirs.dtype, name
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
    assert found.features.flags.writeable


def record(**changes):
    (told,) = examples_of().records([SentExamples(7, some(3, weighed=True))])
    return EXAMPLE.encode({**EXAMPLE.decode(told.value), **changes})


@pytest.mark.parametrize("weighed", [False, True])
def test_what_is_told_is_what_is_learned(weighed):
    told = [SentExamples(7, some(3, weighed)), SentExamples(7, some(5)), SentExamples(9, some(1))]
    records = list(examples_of().records(told))
    assert {(each.topic, each.key, each.partition) for each in records} == {("examples", None, 2)}
    heard = [examples_of(partition=-1).read(each.value) for each in records]
    assert [(each.partition, each.place) for each in heard] == [
        (2, Position(7, 0)),
        (2, Position(7, 1)),
        (2, Position(9, 0)),
    ]
    for each, expected in zip(heard, told, strict=True):
        assert_same(each.examples, expected.examples)


def test_many_examples_are_several_messages_in_their_order(monkeypatch):
    monkeypatch.setattr("stream.shared_model.example_records._BYTES_MAX", 4 * (8 * WIDE + 9))
    telling, examples = examples_of(), some(10, weighed=True)
    heard = [telling.read(each.value) for each in telling.records([SentExamples(3, examples)])]
    assert [each.place for each in heard] == [Position(3, part) for part in range(3)]
    assert [len(each.examples.is_fraud) for each in heard] == [4, 4, 2]
    for name in ("features", "is_fraud", "news", "kinds", "weights"):
        together = np.concatenate([getattr(each.examples, name) for each in heard])
        np.testing.assert_array_equal(together, getattr(examples, name))


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"no record",
        record()[:-1],
        record(layout="there"),
        record(rows=0),
        record(rows=2),
        record(rows=-3),
        record(rows=2**30),
        record(partition=-1),
        record(offset=-1),
        record(offset=2**62 + 1),
        record(partition=1024),
        record(part=-1),
        record(features=b""),
        record(verdicts=b"\x10\x00\x00"),
        record(verdicts=b""),
        record(weights=b"1234"),
        record(weights=np.array([1.0, 0.0, 1.0]).tobytes()),
        record(weights=np.array([1.0, -1.0, 1.0]).tobytes()),
        record(weights=np.array([1.0, np.nan, 1.0]).tobytes()),
        record(weights=np.array([1.0, np.inf, 1.0]).tobytes()),
    ],
)
def test_what_are_no_examples_is_passed_over(value):
    assert examples_of().read(record()) is not None
    assert examples_of().read(value) is None


def test_a_version_that_nobody_would_read_is_not_published(monkeypatch):
    monkeypatch.setattr("stream.shared_model.version_records._PARTS_MAX", 2)
    monkeypatch.setattr("stream.shared_model.version_records._BYTES_MAX", 100_000)
    with pytest.raises(ModelError, match=r"topics\.models: a version .* at most 200,000 are read"):
        list(versions_of().records([ModelVersion(5, STATE)]))


STATE = State("model_version/1", {"a": 1}, {"b": np.arange(40_000)})


@pytest.mark.parametrize("key", [None, KEY])
def test_a_version_comes_in_parts_that_are_the_state_together(key, monkeypatch):
    monkeypatch.setattr("stream.shared_model.version_records._BYTES_MAX", 100_000)
    telling = versions_of(key=key)
    records = list(telling.records([ModelVersion(5, STATE)]))
    assert len(records) == 4
    assert {(each.topic, each.partition) for each in records} == {("models", 0)}
    # Compacted, a topic keeps one of each.
    assert len({each.key for each in records}) == 4
    found = [telling.read(each.value) for each in records]
    assert [(each.place, each.parts) for each in found] == [(Position(5, at), 4) for at in range(4)]
    state = found[0].read(b"".join(each.content for each in found))
    assert pack(state) == pack(STATE)
    (first, *_) = [versions_of(key=b"another secret, as long").read(r.value) for r in records]
    with pytest.raises(SnapshotError):
        first.read(b"".join(each.content for each in found))


def version(**changes):
    (told,) = versions_of().records([ModelVersion(5, State("model_version/1"))])
    return MODEL.encode({**MODEL.decode(told.value), **changes})


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        version()[:-1],
        version(layout="there"),
        version(offset=-1),
        version(offset=2**62 + 1),
        version(part=-1),
        version(part=1),
        version(parts=0),
        version(parts=2**31 - 1),
        version(state=bytes(2**20)),
        record(),
    ],
)
def test_what_is_no_part_of_a_version_is_passed_over(value):
    assert versions_of().read(version()) is not None
    assert versions_of().read(value) is None
