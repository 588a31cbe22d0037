"""What orders do to an engine: to its lists, in the order of arrival and by event time."""

from __future__ import annotations

import json

import numpy as np
import pytest
from inputs.streams import HASH_KEY, LAYOUT, SECOND, START_US, block, feature_set

from models.silent import SilentLearner
from models.states.snapshot import pack, unpack
from schemas.columns import ID_START, ID_STOP, Reason, Transactions
from schemas.roles import CONTROL_ROLES
from schemas.siphash import hash_texts
from stream.app import codec_of, decoders_of, registry_of
from stream.config.configuration import load
from stream.engine.engine import Engine
from stream.engine.parameters import EngineParameters
from stream.lists.declaration import ListDeclaration, ListKind
from stream.lists.orders import CHANGES_MAX, ListsOrder, text_of

LISTS = (ListDeclaration("blocked", "card", ListKind.DENY, 2), ListDeclaration("shops", "merchant"))
PARAMETERS = EngineParameters(
    features=feature_set(("amount", "card.count_1h")),
    events_max=1_000,
    entities_max=1_000,
    waiting_max=1_000,
    hash_key=HASH_KEY,
    allowed_lateness_us=SECOND,
    batch_rows_max=64,
    lists=LISTS,
)


def engine_of():
    return Engine(PARAMETERS, SilentLearner())


def payments(first, n):
    """Payments half a second apart."""
    rows = [
        {
            "time_us": START_US + at * SECOND // 2,
            "key": at + 1,
            "entities": [1 + at % 5, 9],
            "numeric": [0.0, 0.0],
        }
        for at in range(first, first + n)
    ]
    return block(LAYOUT, rows)


def orders(*texts, kind="LISTS", entity=""):
    data = [text.encode() for text in texts]
    stops = np.cumsum([len(each) for each in data])
    longs = np.zeros((CONTROL_ROLES.layout.width, len(texts)), np.int64)
    longs[ID_START], longs[ID_STOP] = stops - [len(each) for each in data], stops
    batch = Transactions(CONTROL_ROLES.layout, longs, np.frombuffer(b"".join(data), np.uint8))
    batch.categorical[0], batch.categorical[1] = hash_texts([kind, entity], HASH_KEY)
    return batch


def order(name="blocked", add=(), remove=(), until_us=None):
    added = [{"key": f"{key:016x}", "until": until_us} for key in add]
    removed = [f"{key:016x}" for key in remove]
    whole = {"list": name, "add": added, "remove": removed, "reason": "stolen", "by": "anna"}
    return json.dumps(whole)


def test_orders_change_lists_and_what_is_refused_has_its_reason():
    engine = engine_of()
    taken = engine.control(
        orders(
            order(add=[1, 2]),
            order(add=[3]),
            order(remove=[1]),
            order(add=[3]),
            order("nobodys", add=[3]),
            "{}",
        )
    )
    assert taken.reasons.tolist() == [
        Reason.OK,
        Reason.CONTROL_LIST_FULL,
        Reason.OK,
        Reason.OK,
        Reason.CONTROL_LIST_UNKNOWN,
        Reason.CONTROL_LIST_ORDER_INVALID,
    ]
    times = np.full(3, START_US)
    members = engine.lists.members("blocked", np.array([1, 2, 3], np.uint64), times)
    assert members.tolist() == [False, True, True]
    assert engine.lists.versions() == {"blocked": 3, "shops": 0}


def test_the_longest_order_reaches_the_engine_as_it_was_sent():
    config = load(None, topics={"control": "fraud.control"})
    registry = registry_of(config)
    decoder = decoders_of(config, registry, HASH_KEY).control
    keys = np.random.default_rng(1).integers(1, 2**64, CHANGES_MAX, np.uint64)
    since_us = np.full(CHANGES_MAX, START_US)
    sent = ListsOrder("shops", keys, since_us, since_us + 1, keys[:0], "ü" * 200, "b" * 100)
    record = {"kind": "LISTS", "entity": "merchant", "key": text_of(sent)}
    record |= {"requested_at": START_US, "request_id": "r-1"}
    value = codec_of(registry, "control", "fraud.control").encode(record)
    engine = engine_of()
    assert engine.control(decoder.decode([value], START_US)).reasons.tolist() == [Reason.OK]
    assert engine.lists.members("shops", keys, since_us).all()
    assert engine.lists.entry("shops", int(keys[7]), START_US).reason == "ü" * 200


def test_who_is_erased_leaves_the_lists():
    engine = engine_of()
    engine.control(orders(order(add=[1, 2]), order("shops", add=[1])))
    engine.control(orders(f"{1:016x}", kind="ERASE", entity="card"))
    assert engine.lists.sizes() == {"blocked": 1, "shops": 1}


def test_a_restarted_engine_has_the_lists():
    engine, other = engine_of(), engine_of()
    engine.control(orders(order(add=[1, 2], until_us=START_US + SECOND)))
    other.restore(unpack(pack(engine.state())))
    assert pack(other.lists.state()) == pack(engine.lists.state())
    assert other.lists.sizes()["blocked"] == 2


@pytest.mark.parametrize("size", [1, 7, 60])
def test_what_has_ended_is_forgotten_at_the_same_place_however_the_stream_is_cut(size):
    engine = engine_of()
    engine.control(orders(order(add=[1], until_us=START_US + 10 * SECOND), order(add=[2])))
    gone = None
    for first in range(0, 60, size):
        engine.step(payments(first, size))
        if gone is None and engine.lists.sizes()["blocked"] == 1:
            gone = first
    assert engine.lists.sizes()["blocked"] == 1
    # The watermark is a second behind, and passes the end with the payment of second 11.
    assert gone == 22 - 22 % size
