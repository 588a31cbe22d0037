"""Orders: what is refused and why, and what an engine that took one keeps."""

from __future__ import annotations

import numpy as np
import pytest
from inputs.published import published
from inputs.streams import (
    HASH_KEY,
    LAYOUT,
    build_engine,
    hostile_log,
    orders_of,
    random_parameters,
    run_engine,
)
from seeds import seeds
from workers.restarts import every_part, restarted

from models.states.snapshot import State, pack
from schemas.columns import REASON_TEXT, Reason
from schemas.compiler import compile_schema
from schemas.decoder import Decoder
from schemas.records import RecordCodec, builtin
from schemas.registry import FileRegistry
from schemas.roles import CONTROL_ROLES
from stream.engine.control import (
    ControlKind,
    Erased,
    ErasureReader,
    OrderRefusedError,
    Orders,
    Way,
)
from stream.engine.state import restore

NOW_US = 1_780_000_000_000_000
ORDER = {"kind": "ERASE", "entity": "card", "key": "00000000000000ff"}
ORDER |= {"requested_at": NOW_US, "request_id": "r-1"}
CODEC = published("control")


@pytest.fixture(scope="module")
def decoder():
    program = compile_schema(builtin("control"), CONTROL_ROLES)
    return Decoder(CONTROL_ROLES.layout, {12: program}, HASH_KEY)


def read(decoder, *values):
    """What becomes of orders where erasing is all that is known: reasons, and who is erased."""
    reader = ErasureReader(LAYOUT.entities, HASH_KEY)
    erases = Way(reader, lambda erased, effects: effects.erased.append(erased))
    orders = Orders({ControlKind.ERASE: erases}, HASH_KEY)
    effects = orders.take(decoder.decode(list(values), NOW_US))
    return effects.reasons, effects.erased


def test_orders_are_read_in_their_order(decoder):
    values = [CODEC.encode({**ORDER, **more}) for more in ({}, {"entity": "merchant"}, {})]
    values[2] = CODEC.encode({**ORDER, "key": "FFFFffff00000001"})
    reasons, erased = read(decoder, *values)
    assert reasons.tolist() == [Reason.OK] * 3
    assert erased == [
        Erased("card", 0xFF),
        Erased("merchant", 0xFF),
        Erased("card", 0xFFFF_FFFF_0000_0001),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": "UNKNOWN"}, Reason.CONTROL_UNKNOWN_KIND),
        ({"kind": "PROMOTE"}, Reason.CONTROL_UNKNOWN_KIND),
        ({"entity": "curd"}, Reason.CONTROL_UNKNOWN_ENTITY),
        ({"entity": ""}, Reason.CONTROL_UNKNOWN_ENTITY),
        ({"key": "ff"}, Reason.CONTROL_KEY_INVALID),
        ({"key": "0" * 16}, Reason.CONTROL_KEY_INVALID),
        ({"key": "0x000000000000ff"}, Reason.CONTROL_KEY_INVALID),
        ({"key": "4111111111111111x"}, Reason.CONTROL_KEY_INVALID),
        ({"key": "00000000000000ff\n"}, Reason.CONTROL_KEY_INVALID),
        ({"key": chr(0x660) * 16}, Reason.CONTROL_KEY_INVALID),
        ({"key": ""}, Reason.ID_EMPTY),
        ({"key": "f" * 65}, Reason.ID_TOO_LONG),
        ({"requested_at": NOW_US + 10**9}, Reason.EVENT_TIME_IN_FUTURE),
    ],
)
def test_what_is_no_order_is_refused_by_name(decoder, change, reason):
    reasons, erased = read(decoder, CODEC.encode({**ORDER, **change}), CODEC.encode(ORDER))
    assert [Reason(each) for each in reasons] == [reason, Reason.OK]
    assert erased == [Erased("card", 0xFF)]
    assert REASON_TEXT[reason]
    if reason.name.startswith("CONTROL"):
        assert reason.stage == "control"


def test_bytes_that_are_no_record_are_refused(decoder):
    value = CODEC.encode(ORDER)
    values = [value[:n] for n in range(len(value))] + [value + b"\0", None, b"\0\0\0\0\x01abc"]
    reasons, erased = read(decoder, *values)
    assert (reasons != Reason.OK).all()
    assert erased == []


def test_orders_of_the_first_contract_are_taken():
    first = FileRegistry().schema_of(8)
    program = compile_schema(first, CONTROL_ROLES)
    decoder = Decoder(CONTROL_ROLES.layout, {8: program}, HASH_KEY)
    reasons, erased = read(decoder, RecordCodec(first, 8).encode(ORDER))
    assert reasons.tolist() == [Reason.OK]
    assert erased == [Erased("card", 0xFF)]


def test_an_order_that_is_refused_while_it_is_carried_out_keeps_none_from_being_taken(decoder):
    done = []

    def carry_out(what, effects):
        if what == "b":
            raise OrderRefusedError(Reason.CONTROL_UNKNOWN_MODEL)
        done.append(what)

    ways = {ControlKind.PROMOTE: Way(lambda entity, text: text, carry_out)}
    orders = [{**ORDER, "kind": "PROMOTE", "key": key} for key in "abc"]
    batch = decoder.decode([CODEC.encode(order) for order in orders], NOW_US)
    effects = Orders(ways, HASH_KEY).take(batch)
    assert done == ["a", "c"]
    expected = [Reason.OK, Reason.CONTROL_UNKNOWN_MODEL, Reason.OK]
    assert effects.reasons.tolist() == expected
    assert batch.reason.tolist() == [Reason.OK] * 3


def holds(state, key, at=""):
    """Which arrays of 64-bit words hold a key."""
    for name, array in state.arrays.items():
        if array.dtype.itemsize == 8 and (array.view(np.uint64) == np.uint64(key)).any():
            yield at + name
    for name, part in state.parts.items():
        yield from holds(part, key, f"{at}{name}/")


@seeds(6)
def test_nothing_of_an_engine_holds_an_erased_key(seed):
    rng = np.random.default_rng(seed)
    log = hostile_log(rng, 250)
    engine = build_engine(random_parameters(rng))
    run_engine(engine, log)
    taken = log.transactions.reason == Reason.OK
    places = set()
    for at, name in enumerate(LAYOUT.entities):
        for key in np.unique(log.transactions.entities[at, taken]).tolist():
            if key == 0:
                continue
            before = list(holds(engine.state(), key))
            places |= set(before)
            effects = engine.control(orders_of([(name, key)]))
            assert effects.erased == [(name, key)]
            assert effects.reasons.tolist() == [Reason.OK]
            assert list(holds(engine.state(), key)) == []
            data = pack(engine.state())
            assert int(key).to_bytes(8, "little") not in data
            assert f"{key:016x}".encode() not in data
            restarted(engine)
    assert any(place.startswith("features/card/rows") for place in places)
    assert any(place.startswith("waiting/subjects") for place in places)
    # Of transactions only those of nobody are known: everybody else was erased.
    arrays = engine.state().parts["waiting"].arrays
    keys, subjects = (
        np.concatenate([arrays[name], arrays[f"{name}/wrapped"]]) for name in ("keys", "subjects")
    )
    assert not subjects.any()
    assert np.isin(keys, [0, *log.transactions.transaction_key]).all()
    assert (keys == 0).any()
    assert engine.counters.erasures > 5


def test_erasing_again_or_nobody_who_is_known_changes_nothing():
    rng = np.random.default_rng(3)
    engine = build_engine(random_parameters(rng))
    log = hostile_log(rng, 150)
    run_engine(engine, log)
    key = int(log.transactions.entities[0, log.transactions.reason == Reason.OK][0])
    engine.control(orders_of([("card", key)]))
    before = {name: pack(part) for name, part in engine.state().parts.items()}
    engine.control(orders_of([("card", key), ("card", 12345), ("merchant", 12345)]))
    assert {name: pack(part) for name, part in engine.state().parts.items()} == before


def test_a_snapshot_of_before_orders_were_known_is_taken_and_its_cards_can_be_erased():
    rng = np.random.default_rng(5)
    parameters = random_parameters(rng)
    engine = build_engine(parameters)
    log = hostile_log(rng, 150)
    run_engine(engine, log)
    capped = LAYOUT.entities[parameters.labels.capped_entity]

    def without(state):
        new = ("parts", "subjects", "subjects/wrapped")
        arrays = {name: array for name, array in state.arrays.items() if name not in new}
        header = dict(state.header)
        if "counters" in header:
            header["counters"] = {k: v for k, v in header["counters"].items() if k != "erasures"}
        parts = {name: without(part) for name, part in state.parts.items()}
        return State(state.kind, header, arrays, parts)

    older = without(engine.state())
    assert len(list(every_part(older))) > 5
    heir = build_engine(parameters)
    heir._barrier = restore(heir, older)
    taken = log.transactions.reason == Reason.OK
    keys = log.transactions.entities[parameters.labels.capped_entity, taken]
    for key in np.unique(keys[keys != 0]).tolist():
        heir.control(orders_of([(capped, key)]))
        assert list(holds(heir.state(), key)) == []
