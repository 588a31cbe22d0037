"""States as bytes: the same back, or refused; never anything else."""

import hashlib
import json
import math
import struct

import msgspec
import numpy as np
import pytest
from seeds import seeds

from models.states import packing
from models.states.packing import MAGIC, seal, unseal
from models.states.snapshot import DEPTH_MAX, State, pack, unpack
from schemas.errors import SnapshotError

KEY = b"sixteen bytes or more"
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DTYPES = ["bool", "float32", "float64", *INTEGERS]


def random_array(rng):
    dtype = rng.choice(DTYPES)
    shape = tuple(rng.integers(0, 5, rng.integers(0, 4)))
    values = np.frombuffer(rng.bytes(8 * math.prod(shape) + 8), np.uint8)
    if dtype == "bool":
        return (values[: math.prod(shape)] > 127).reshape(shape)
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return values[:size].view(dtype).reshape(shape).copy()


def random_value(rng, depth=0):
    kind = rng.integers(8 if depth < 3 else 6)
    if kind == 6:
        return [random_value(rng, depth + 1) for _ in range(rng.integers(3))]
    if kind == 7:
        return {random_name(rng): random_value(rng, depth + 1) for _ in range(rng.integers(3))}
    number = float(rng.normal() * 10.0 ** rng.integers(-300, 300))
    return [None, True, int(rng.integers(2**62)), -(2**63), number, random_name(rng)][kind]


def random_name(rng):
    return "".join(rng.choice(list('aZ_0é中🙂"\\\n\x00.'), rng.integers(6)))


def random_state(rng, depth=0):
    n = rng.integers(0, 4, 3)
    return State(
        f"{random_name(rng)}/1",
        {random_name(rng): random_value(rng) for _ in range(n[0])},
        {random_name(rng): random_array(rng) for _ in range(n[1])},
        {random_name(rng): random_state(rng, depth + 1) for _ in range(n[2] if depth < 3 else 0)},
    )


def assert_same(one, other):
    assert (one.kind, one.header) == (other.kind, other.header)
    assert json.dumps(one.header, sort_keys=True) == json.dumps(other.header, sort_keys=True)
    assert one.arrays.keys() == other.arrays.keys()
    assert one.parts.keys() == other.parts.keys()
    for name, values in one.arrays.items():
        found = other.arrays[name]
        assert (values.dtype, values.shape) == (found.dtype, found.shape)
        # Bit for bit: NaN has many.
        assert values.tobytes() == found.tobytes()
    for name, part in one.parts.items():
        assert_same(part, other.parts[name])


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "keyed"])
@seeds(30)
def test_a_state_comes_back_as_it_was(seed, key):
    state = random_state(np.random.default_rng(seed))
    assert_same(unpack(pack(state, key), key), state)


def small():
    """A state in which everything occurs once."""
    arrays = {"weights": np.array([1.5, -0.0, np.nan]), "seen": np.array([[True], [False]])}
    scaler = State("scaler/1", {"n": 3}, {"means": np.arange(4, dtype=np.float32)})
    header = {"rate": 0.1, "names": ["a", "b"], "limits": {"a": 1}, "flag": True, "none": None}
    return State("model/1", header, arrays, {"scaler": scaler})


def test_equal_states_are_equal_bytes():
    state = small()
    turned = State(
        state.kind,
        dict(reversed(state.header.items())),
        dict(reversed(state.arrays.items())),
        state.parts,
    )
    assert pack(state) == pack(turned) == pack(unpack(pack(state)))
    digest = hashlib.sha256(pack(state)).hexdigest()
    # On every machine and in every release: whoever changes the bytes changes VERSION.
    assert digest == "3e26195a86619b805682a20abc5940495d76151b425adbe5e0227a62f2448b8f"


def test_memory_order_does_not_matter():
    values = np.arange(12.0).reshape(3, 4)
    given = [values, np.asfortranarray(values), values.astype(">f8"), np.repeat(values, 2, 0)[::2]]
    assert len({pack(State("m/1", {}, {"values": each})) for each in given}) == 1


def test_arrays_that_come_back_are_copies_in_machine_order():
    data = bytearray(pack(small()))
    state = unpack(data)
    data[-200:] = bytes(200)
    assert_same(state, small())
    for values in (*state.arrays.values(), *state.parts["scaler"].arrays.values()):
        assert values.flags.writeable
        assert values.flags.c_contiguous
        assert values.dtype.isnative


def test_every_array_begins_at_a_multiple_of_64_bytes():
    data = pack(State("m/1", {}, {c: np.full(3, i + 1, np.uint8) for i, c in enumerate("abc")}))
    assert len(data) % 64 == 0
    assert [data.index(bytes([i] * 3)) % 64 for i in (1, 2, 3)] == [0, 0, 0]


@pytest.mark.parametrize("view", [bytes, bytearray, memoryview])
def test_any_buffer_can_be_read(view):
    assert_same(unpack(view(pack(small()))), small())


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "keyed"])
def test_every_changed_byte_is_noticed(key):
    data = pack(small(), key)
    for at in range(len(data)):
        for change in (0x01, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[at] ^= change
            with pytest.raises(SnapshotError):
                unpack(damaged, key)


def test_every_cut_is_noticed():
    data = pack(small())
    for length in range(len(data)):
        with pytest.raises(SnapshotError):
            unpack(data[:length])
    with pytest.raises(SnapshotError, match="of"):
        unpack(data + b"\0")
    with pytest.raises(SnapshotError, match="cut short or mixed up"):
        unpack(data * 2)


def test_bytes_of_something_else_are_refused():
    for data in (b"", b"\0" * 64, b"\x80\x04" + b"N." * 100, b"PK\x03\x04" + bytes(100)):
        with pytest.raises(SnapshotError, match="no state"):
            unpack(data)


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_another_version_is_refused_by_its_number_whatever_follows(version):
    data = bytearray(pack(small()))
    data[8:12] = struct.pack("<I", version)
    told = f"format {version}, and this release reads format 1: read it with the release"
    with pytest.raises(SnapshotError, match=told):
        unpack(data)
    with pytest.raises(SnapshotError, match=told):
        unpack(data[:64])


def test_a_key_is_asked_for_and_must_be_the_right_one():
    keyed, plain = pack(small(), KEY), pack(small())
    with pytest.raises(SnapshotError, match="give the key"):
        unpack(keyed)
    with pytest.raises(SnapshotError, match="sealed without a key"):
        unpack(plain, KEY)
    with pytest.raises(SnapshotError, match="another key"):
        unpack(keyed, KEY + b"!")
    assert keyed != pack(small(), KEY + b"!")


def test_a_plain_digest_on_a_keyed_state_is_refused():
    """Who has no key can still say that there is none: then the reader must."""
    data = bytearray(pack(small(), KEY))
    data[12:16] = struct.pack("<I", packing.PLAIN)
    data[32:64] = hashlib.sha256(data[:32] + data[64:]).digest()
    with pytest.raises(SnapshotError, match="sealed without a key"):
        unpack(data, KEY)
    data[12:16] = struct.pack("<I", packing.KEYED)
    data[32:64] = hashlib.sha256(data[:32] + data[64:]).digest()
    with pytest.raises(SnapshotError, match="digest"):
        unpack(data, KEY)


def test_a_short_key_is_refused():
    for use in (lambda: pack(small(), b"short"), lambda: unpack(pack(small(), KEY), b"")):
        with pytest.raises(ValueError, match="give at least 16"):
            use()


def forged(header, payload=b""):
    """Bytes whose digest is right, as anybody can make them without a key."""
    content = header if isinstance(header, bytes) else msgspec.json.encode(header)
    values = np.frombuffer(payload + bytes(-len(payload) % 64), np.uint8)
    return seal(content, [values])


def table(arrays=None, header=None, parts=None, kind="m/1"):
    return {"kind": kind, "header": header or {}, "arrays": arrays or {}, "parts": parts or {}}


def nested(n, inner):
    for _ in range(n):
        inner = table(parts={"p": inner})
    return inner


F8 = np.arange(8.0).tobytes()

HOSTILE = {
    "huge shape": forged(table({"a": ["float64", [2**40], 0]}), F8),
    "shape beyond all memory": forged(table({"a": ["float64", [2**62, 2**62], 0]}), F8),
    "huge shape of nothing": forged(table({"a": ["float64", [0, 2**63, 2**63], 0]}), F8),
    "shape a little too large": forged(table({"a": ["float64", [9], 0]}), F8),
    "negative shape": forged(table({"a": ["float64", [-8], 0]}), F8),
    "two negative shapes": forged(table({"a": ["float64", [-2, -4], 0]}), F8),
    "float in a shape": forged(table({"a": ["float64", [8.0], 0]}), F8),
    "shape of too many dimensions": forged(table({"a": ["float64", [1] * 100, 0]}), F8),
    "endless number": forged(
        b'{"kind":"m/1","header":{},"arrays":{"a":["float64",['
        + b"9" * 10000
        + b'],0]},"parts":{}}'
    ),
    "negative offset": forged(table({"a": ["float64", [8], -64]}), F8),
    "offset beyond the end": forged(table({"a": ["float64", [8], 64]}), F8),
    "offset out of line": forged(table({"a": ["float64", [7], 8]}), F8),
    "overlapping arrays": forged(table({"a": ["float64", [8], 0], "b": ["float64", [8], 0]}), F8),
    "arrays in another order": forged(
        table({"a": ["float64", [8], 64], "b": ["float64", [8], 0]}), F8 * 2
    ),
    "bytes of no array": forged(table({"a": ["float64", [8], 0]}), F8 * 2),
    "bytes after an array": forged(table({"a": ["float64", [7], 0]}), F8),
    "arrays without bytes": forged(table({"a": ["float64", [8], 0]})),
    "object type": forged(table({"a": ["object", [8], 0]}), F8),
    "numpy's name of objects": forged(table({"a": ["|O", [8], 0]}), F8),
    "numpy's name of a number": forged(table({"a": ["<f8", [8], 0]}), F8),
    "structured type": forged(table({"a": ["f8,f8", [4], 0]}), F8),
    "time": forged(table({"a": ["datetime64[ns]", [8], 0]}), F8),
    "half": forged(table({"a": ["float16", [32], 0]}), F8),
    "truth value of 2": forged(table({"a": ["bool", [1], 0]}), b"\x02"),
    "place with too few": forged(table({"a": ["float64", [8]]}), F8),
    "place with too many": forged(table({"a": ["float64", [8], 0, 0]}), F8),
    "name twice": forged(
        b'{"kind":"m/1","header":{},"arrays":{"a":["float64",[8],0],"a":["float64",[8],0]},'
        b'"parts":{}}',
        F8,
    ),
    "parameter twice": forged(b'{"kind":"m/1","header":{"a":1,"a":2},"arrays":{},"parts":{}}'),
    "space": forged(b'{"kind": "m/1","header":{},"arrays":{},"parts":{}}'),
    "names out of order": forged(table(header={"b": 1, "a": 2})),
    "unknown field": forged(table() | {"code": "import os"}),
    "field missing": forged({"kind": "m/1", "header": {}, "arrays": {}}),
    "no table": forged([1, 2]),
    "no JSON": forged(b"\x80\x04N."),
    "empty header": forged(b""),
    "no Unicode": forged(b'{"kind":"\xff","header":{},"arrays":{},"parts":{}}'),
    "kind of a number": forged(table(kind=1)),
    "deep parts": forged(nested(DEPTH_MAX, table())),
    "very deep parts": forged(b'{"parts":{"p":' * 50_000),
    "deep header": forged(table(header={"a": json.loads("[" * 40 + "]" * 40)})),
    "very deep header": forged(
        b'{"kind":"m/1","header":{"a":'
        + b"[" * 200_000
        + b"]" * 200_000
        + b'},"arrays":{},"parts":{}}'
    ),
    "infinite number": forged(b'{"kind":"m/1","header":{"a":1e999},"arrays":{},"parts":{}}'),
    "NaN": forged(b'{"kind":"m/1","header":{"a":NaN},"arrays":{},"parts":{}}'),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_forged_header_is_refused(data):
    with pytest.raises(SnapshotError):
        unpack(data)


def test_what_is_forged_above_would_be_read_were_it_right():
    state = unpack(forged(table({"a": ["float64", [8], 0]}, {"n": 1}), F8))
    assert state.arrays["a"].tolist() == list(range(8))
    assert unpack(forged(nested(DEPTH_MAX - 1, table()))).kind == "m/1"


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 9 * 2**20, 65, 200])
def test_a_header_longer_than_the_bytes_is_refused(length):
    data = bytearray(forged(table()))
    data[24:32] = struct.pack("<Q", length)
    data[32:64] = hashlib.sha256(data[:32] + data[64:]).digest()
    with pytest.raises(SnapshotError):
        unpack(data)


def test_a_header_beyond_its_bound_is_not_read(monkeypatch):
    data = pack(small())
    monkeypatch.setattr(packing, "HEADER_MAX", 30)
    with pytest.raises(SnapshotError, match="longer than it can be"):
        unpack(data)


def test_bytes_between_header_and_arrays_are_refused():
    data = bytearray(forged(table()))
    data[-1] = 1
    data[32:64] = hashlib.sha256(data[:32] + data[64:]).digest()
    with pytest.raises(SnapshotError, match="between header and arrays"):
        unpack(data)


def test_an_unknown_form_of_digest_is_refused():
    data = bytearray(pack(small()))
    data[12:16] = struct.pack("<I", 7)
    with pytest.raises(SnapshotError, match="unknown form 7"):
        unpack(data)


NO_BYTES = {
    "objects": (State("m/1", {}, {"a": np.array([None])}), "state.a is object: give bool"),
    "text": (State("m/1", {}, {"a": np.array(["x"])}), "state.a is"),
    "times": (State("m/1", {}, {"a": np.zeros(2, "M8[s]")}), "state.a is datetime64"),
    "complex": (State("m/1", {}, {"a": np.zeros(2, complex)}), "state.a is complex128"),
    "half": (State("m/1", {}, {"a": np.zeros(2, np.float16)}), "state.a is float16"),
    "dimensions": (State("m/1", {}, {"a": np.zeros((1,) * 9)}), "state.a has shape"),
    "NaN": (State("m/1", {"rate": math.nan}), "state.rate is nan: give a finite number"),
    "infinity": (State("m/1", {"limits": [0.0, -math.inf]}), r"state.limits\[1\] is -inf"),
    "beyond 64 bits": (State("m/1", {"seed": [2**70]}), r"state.seed\[0\] is beyond 64 bits: give"),
    "unsigned": (State("m/1", {"seed": 2**64}), "state.seed is beyond 64 bits"),
    "signed": (State("m/1", {"seed": -(2**63) - 1}), "state.seed is beyond 64 bits"),
    "no end": (State("m/1", {"seed": 10**5000}), "state.seed is beyond 64 bits"),
    "numpy number": (State("m/1", {"rate": np.float64(1)}), "state.rate is a float64: give None"),
    "tuple": (State("m/1", {"limits": {"low": (1, 2)}}), "state.limits.low is a tuple"),
    "bytes": (State("m/1", {"a": b"x"}), "state.a is a bytes"),
    "number as a name": (State("m/1", {"a": {1: 2}}), "state.a is a dict"),
    "number as a parameter": (State("m/1", {1: 2}), "state has the name 1"),
    "number as an array": (State("m/1", {}, {1: np.zeros(1)}), "state has the name 1"),
    "half a letter": (State("m/1", {"a": "\ud800"}), "no Unicode"),
    "deep": (State("m/1", {"a": json.loads("[" * 40 + "]" * 40)}), "lies too deep"),
    "long": (State("m/1", {"a": "x" * (8 * 2**20)}), "bytes of at most 8388608"),
    "in a part": (State("m/1", parts={"p": State("p/1", {"a": math.inf})}), "state.p.a is inf"),
}


@pytest.mark.parametrize(("state", "told"), NO_BYTES.values(), ids=NO_BYTES)
def test_what_has_no_bytes_is_named(state, told):
    with pytest.raises(ValueError, match=told):
        pack(state)


def test_parts_within_parts_have_an_end():
    state = State("p/1")
    for _ in range(DEPTH_MAX - 1):
        state = State("p/1", parts={"p": state})
    assert unpack(pack(state)) == state
    with pytest.raises(ValueError, match="lies too deep"):
        pack(State("p/1", parts={"p": state}))


def test_an_envelope_is_header_and_arrays():
    data = seal(b"header", [np.arange(3, dtype=np.uint8), np.zeros(0), np.ones(1)])
    header, arrays = unseal(memoryview(data))
    assert data[:8] == MAGIC
    assert (bytes(header), len(arrays)) == (b"header", 128)
    assert bytes(arrays[:3]) == b"\0\1\2"


def test_nothing_is_allocated_for_what_is_not_there():
    import tracemalloc

    tracemalloc.start()
    try:
        for name in ("huge shape", "shape beyond all memory", "offset beyond the end"):
            with pytest.raises(SnapshotError):
                unpack(HOSTILE[name])
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
