from types import FunctionType

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from naive import siphash24 as naive_siphash24

from schemas.columns import NO_KEY
from schemas.memory import address_of
from schemas.siphash import KEY_BYTES, hash_texts, key_words, siphash24, siphash24_word

KEY = bytes(range(16))
MESSAGE = bytes(range(15))

# Of the 64 vectors in the reference implementation's vectors.h, under the same key, for
# messages 00, 00 01, and so on: every length of a last word, and a second word.
VECTORS = {
    0: "310e0edd47db6f72",
    1: "fd67dc93c539f874",
    2: "5a4fa9d909806c0d",
    3: "2d7efbd796666785",
    4: "b7877127e09427cf",
    5: "8da699cd64557618",
    6: "cee3fe586e46c9cb",
    7: "37d1018bf50002ab",
    8: "6224939a79f5f593",
    9: "b0e4a90bdf82009e",
    15: "e545be4961ca29a1",
    16: "db9bc2577fcc2a3f",
}


def hash_bytes(data, key=KEY, before=b"", after=b""):
    """Hash bytes that lie between others, at any alignment."""
    array = np.frombuffer(before + data + after + b"\0", np.uint8)
    start = address_of(array) + np.uint64(len(before))
    k0, k1 = key_words(key)
    return int(siphash24(start, start + np.uint64(len(data)), k0, k1))


def test_the_vector_of_the_paper():
    assert hash_bytes(MESSAGE) == 0xA129CA6149BE45E5
    assert naive_siphash24(KEY, MESSAGE) == 0xA129CA6149BE45E5


@pytest.mark.parametrize("length", VECTORS)
def test_the_vectors_of_the_reference_implementation(length):
    expected = int.from_bytes(bytes.fromhex(VECTORS[length]), "little")
    assert hash_bytes(bytes(range(length))) == expected
    assert naive_siphash24(KEY, bytes(range(length))) == expected


@pytest.mark.parametrize("length", range(41))
def test_every_length_to_forty_agrees_with_big_integers(length):
    rng = np.random.default_rng(length)
    for _ in range(5):
        key, data = rng.bytes(16), rng.bytes(length)
        assert hash_bytes(data, key) == naive_siphash24(key, data), (key.hex(), data.hex())


@given(st.binary(min_size=16, max_size=16), st.binary(max_size=300))
@example(bytes(16), bytes(256))  # The length enters modulo 256.
@example(b"\xff" * 16, b"\xff" * 257)
def test_any_bytes_agree_with_big_integers(key, data):
    assert hash_bytes(data, key) == naive_siphash24(key, data)


@given(st.binary(max_size=40), st.binary(max_size=9), st.binary(max_size=9))
def test_the_bytes_around_do_not_count(data, before, after):
    assert hash_bytes(data, KEY, before, after) == naive_siphash24(KEY, data)


@given(st.lists(st.text(max_size=30), max_size=20))
@example([])
@example([""])
@example(["", "", "é"])
def test_hash_texts_hashes_each_text_as_utf8(texts):
    hashes = hash_texts(texts, KEY)
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [naive_siphash24(KEY, text.encode()) for text in texts]


@given(st.integers(-(2**63), 2**63 - 1), st.binary(min_size=16, max_size=16))
@example(0, KEY)
@example(-1, KEY)
@example(-(2**63), KEY)
@example(2**63 - 1, KEY)
def test_an_integer_hashes_as_its_eight_little_endian_bytes(value, key):
    data = value.to_bytes(8, "little", signed=True)
    k0, k1 = key_words(key)
    assert int(siphash24_word(np.int64(value), k0, k1)) == hash_bytes(data, key)
    assert hash_texts(["", value], key)[1] == hash_bytes(data, key)


def over_rounds(kernel, state):
    """Copy a kernel's code over rounds that always end in the same state."""
    function = getattr(kernel, "py_func", kernel)
    names = {**function.__globals__, "_round": lambda *_: tuple(map(np.uint64, state))}
    return FunctionType(function.__code__, names)


# Nobody knows a message that hashes to zero, so the last line is tried by itself.
@pytest.mark.parametrize(
    ("state", "expected"),
    [((0, 0, 0, 0), 1), ((5, 5, 7, 7), 1), ((0, 0, 0, 1), 1), ((3, 1, 0, 0), 2)],
)
def test_a_hash_of_zero_is_moved_to_one_since_zero_is_nobody(state, expected):
    assert NO_KEY == 0
    zero = np.uint64(0)
    assert int(over_rounds(siphash24, state)(zero, zero, zero, zero)) == expected
    assert int(over_rounds(siphash24_word, state)(zero, zero, zero)) == expected


def test_a_key_is_two_little_endian_words():
    assert [int(word) for word in key_words(KEY)] == [0x0706050403020100, 0x0F0E0D0C0B0A0908]


@pytest.mark.parametrize("length", [0, 8, 15, 17, 32])
def test_a_key_of_another_length_is_refused_by_its_length(length):
    with pytest.raises(ValueError, match=f"has {KEY_BYTES} bytes, this one has {length}$"):
        key_words(bytes(length))
    with pytest.raises(ValueError, match=f"this one has {length}$"):
        hash_texts(["a"], bytes(length))
