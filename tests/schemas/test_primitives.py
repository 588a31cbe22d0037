import math
import random
import struct
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.columns import Reason
from schemas.memory import address_of, byte_at, double_at, float_at, word_at
from schemas.primitives import (
    decimal_to_double,
    decimal_to_minor,
    is_utf8,
    read_header,
    read_length,
    read_varint,
    real_amount,
    to_micros,
    whole_amount,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
LARGEST = 10**12
I64_MAX = 2**63 - 1

# What lies behind the limit would make most mistakes succeed: the rest of an integer,
# the rest of a character. A kernel that reads on is found out by its answer.
BEHIND = b"\x80\x80\x00\xbf\x80\x01\x00\x00"


def span(data):
    """Return an array to keep alive, the address of the bytes and that of their limit."""
    array = np.frombuffer(data + BEHIND, np.uint8)
    start = address_of(array)
    return array, start, start + np.uint64(len(data))


def over(kernel, data, *more):
    """Call a kernel over bytes."""
    array, start, stop = span(data)
    result = kernel(start, stop, *more)
    assert array is not None
    return result


def read(kernel, data):
    """Call a reader; return (value, bytes taken, reason)."""
    array, start, stop = span(data)
    value, position, reason = kernel(start, stop)
    assert array is not None
    return int(value), int(position - start), Reason(reason)


def varint(value):
    """Write a zigzag integer, as the specification words it."""
    raw = (value << 1) ^ (value >> 63)
    return groups(raw & (2**64 - 1))


def groups(raw):
    out = bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    return bytes([*out, raw])


EDGES = sorted({s * 2**b + d for b in range(63) for d in (-1, 0, 1) for s in (-1, 1)})


# Loads


def test_loads_are_little_endian_and_need_no_alignment():
    import numba

    wrap = (lambda f: f) if numba.config.DISABLE_JIT else numba.njit

    @wrap
    def load(address):
        return byte_at(address), word_at(address), double_at(address), float_at(address)

    for shift in range(9):
        data = bytes(shift) + struct.pack("<d", -1234.5678) + bytes(8)
        array = np.frombuffer(data, np.uint8)
        byte, word, double, single = load(address_of(array) + np.uint64(shift))
        assert int(byte) == data[shift]
        assert int(word) == int.from_bytes(data[shift : shift + 8], "little")
        assert double == -1234.5678
        assert single == np.float32(struct.unpack_from("<f", data, shift)[0])
    top = np.full(8, 0xFF, np.uint8)
    assert [int(x) for x in load(address_of(top))[:2]] == [0xFF, 2**64 - 1]


# Integers


@given(INT64)
@example(0)
@example(I64_MAX)
@example(-(2**63))
def test_every_integer_comes_back_from_its_bytes(value):
    data = varint(value)
    assert len(data) <= 10
    assert read(read_varint, data) == (value, len(data), Reason.OK)


def test_the_edges_of_every_length_come_back():
    for value in [*EDGES, I64_MAX, -(2**63)]:
        data = varint(value)
        assert read(read_varint, data) == (value, len(data), Reason.OK), value


@given(INT64)
@example(0)
@example(-(2**63))
def test_an_integer_cut_anywhere_is_truncated(value):
    data = varint(value)
    for length in range(len(data)):
        assert read(read_varint, data[:length])[2] == Reason.TRUNCATED


@given(st.integers(0, 2**63 - 1), st.integers(1, 10))
@example(0, 1)
@example(0, 9)
def test_an_integer_in_more_bytes_than_it_needs_is_refused(raw, more):
    short = groups(raw)
    padded = bytes(byte | 0x80 for byte in short) + b"\x80" * (more - 1) + b"\0"
    assert read(read_varint, padded)[2] == Reason.VARINT_TOO_LONG


@pytest.mark.parametrize("last", range(256))
def test_the_tenth_byte_holds_one_bit_only(last):
    data = b"\xff" * 9 + bytes([last])
    value, taken, reason = read(read_varint, data)
    if last == 1:
        assert (value, taken, reason) == (-(2**63), 10, Reason.OK)
    else:
        assert reason == Reason.VARINT_TOO_LONG
    assert taken <= 10


@given(st.binary(max_size=12))
@example(b"\x80" * 12)
@example(b"\xff" * 12)
@example(b"\x80" * 9 + b"\x01")
def test_whatever_is_read_as_an_integer_is_written_just_so(data):
    value, taken, reason = read(read_varint, data)
    if reason == Reason.OK:
        assert varint(value) == data[:taken]
    assert taken <= len(data)


@given(INT64, st.integers(0, 20))
@example(0, 0)
@example(20, 20)
@example(-1, 20)
@example(I64_MAX, 20)
@example(-(2**63), 20)
def test_a_length_must_fit_before_the_limit(length, there):
    head = varint(length)
    value, taken, reason = read(read_length, head + bytes(there))
    assert taken == len(head)
    if length < 0:
        assert reason == Reason.NEGATIVE_LENGTH
    elif length > there:
        assert reason == Reason.TRUNCATED
    else:
        assert (value, reason) == (length, Reason.OK)


def test_a_length_hands_on_what_is_wrong_with_its_integer():
    assert read(read_length, b"")[2] == Reason.TRUNCATED
    assert read(read_length, b"\x80")[2] == Reason.TRUNCATED
    assert read(read_length, b"\x80\x00")[2] == Reason.VARINT_TOO_LONG


# UTF-8


def python_says(data):
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


HOSTILE = [
    b"\xc0\x80",  # Overlong: NUL in two bytes,
    b"\xc1\xbf",
    b"\xe0\x9f\xbf",  # in three,
    b"\xe0\xa0\x80",  # and the first that is not.
    b"\xf0\x8f\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xed\x9f\xbf",  # The last before the surrogates,
    b"\xed\xa0\x80",  # the first of them,
    b"\xed\xbf\xbf",  # the last,
    b"\xee\x80\x80",  # and the first behind.
    b"\xf4\x8f\xbf\xbf",  # The last code point.
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfe",
    b"\xff",
    b"\x80",
    b"\xbf",
    b"\xc2",
    b"\xe2\x82",
    b"\xf0\x9f\x92",
    b"\xe2\x28\xa1",
    b"\xe2\x82\x28",
    b"\xf0\x28\x8c\xbc",
    b"\xf0\x90\x28\xbc",
    b"\xf0\x28\x8c\x28",
]


@pytest.mark.parametrize("data", HOSTILE, ids=bytes.hex)
def test_hostile_bytes_are_text_exactly_when_python_says_so(data):
    for before in range(10):
        for after in range(10):
            framed = b"a" * before + data + b"a" * after
            assert over(is_utf8, framed) == python_says(framed), framed


def test_every_pair_of_bytes_is_text_exactly_when_python_says_so():
    leads = range(0, 256, 1)
    wrong = [
        (a, b)
        for a in leads
        for b in (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xFF)
        if over(is_utf8, bytes([a, b])) != python_says(bytes([a, b]))
    ]
    assert wrong == []


def test_the_bounds_of_three_and_four_bytes_are_those_of_python():
    bounds = (0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0)
    for lead in (0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5):
        for second in bounds:
            for rest in (b"\x80", b"\xbf", b"\x7f", b"\xc0", b"\x80\x80", b"\xbf\xbf", b"\x80\xc0"):
                data = bytes([lead, second]) + rest
                assert over(is_utf8, data) == python_says(data), data.hex()


@given(st.binary(max_size=40))
def test_any_bytes_are_text_exactly_when_python_says_so(data):
    assert over(is_utf8, data) == python_says(data)


@given(st.text(max_size=12), st.integers(0, 50), st.integers(0, 255))
def test_text_with_one_byte_changed_is_text_exactly_when_python_says_so(text, at, byte):
    data = bytearray(text.encode())
    assert over(is_utf8, bytes(data))
    if data:
        data[at % len(data)] = byte
    assert over(is_utf8, bytes(data)) == python_says(bytes(data))


@given(st.text(min_size=1, max_size=12))
@example("\U0010ffff")
def test_text_cut_anywhere_is_text_exactly_when_python_says_so(text):
    data = text.encode()
    for length in range(len(data)):
        assert over(is_utf8, data[:length]) == python_says(data[:length])


# Decimals


def unscaled_bytes(value, more=0):
    """Two's complement in as few bytes as it takes, and some more."""
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return value.to_bytes(min(size + more, max(size, 16)), "big", signed=True)


UNSCALED = st.one_of(
    st.integers(-(2**127), 2**127 - 1),
    st.integers(-(10**9), 10**9),
    st.integers(-(2**64), 2**64),
)


@given(UNSCALED, st.integers(0, 38), st.integers(0, 15))
@example(-1234, 2, 15)  # Sign bytes alone: a sum of them would round the number away.
@example(-1, 0, 15)
@example(-(2**127), 0, 0)
@example(2**127 - 1, 38, 0)
@example(0, 0, 15)
def test_a_decimal_is_near_to_what_python_makes_of_it(unscaled, scale, more):
    value, reason = over(decimal_to_double, unscaled_bytes(unscaled, more), scale)
    expected = float(Fraction(unscaled, 10**scale))
    assert reason == Reason.OK
    if abs(unscaled) < 2**53 and scale <= 22:
        assert value == expected
    else:
        assert value == pytest.approx(expected, rel=1e-14, abs=0)


def test_a_decimal_without_bytes_is_zero():
    assert over(decimal_to_double, b"", 2) == (0.0, Reason.OK)
    assert over(decimal_to_minor, b"", 0, LARGEST) == (0, Reason.OK)


@pytest.mark.parametrize("first", [b"\0", b"\xff"])
def test_a_decimal_of_seventeen_bytes_is_refused_before_it_is_read(first):
    data = first + bytes(16)
    assert over(decimal_to_double, data, 0)[1] == Reason.DECIMAL_TOO_LONG
    assert over(decimal_to_minor, data, 0, LARGEST)[1] == Reason.DECIMAL_TOO_LONG
    assert over(decimal_to_double, data[1:], 0)[1] == Reason.OK
    assert over(decimal_to_minor, data[1:], 0, LARGEST)[1] == Reason.OK


@given(UNSCALED, st.integers(-38, 3), st.integers(0, 15))
@example(5, -1, 0)
@example(4, -1, 0)
@example(49, -2, 0)
@example(50, -2, 0)
@example(449, -3, 0)  # Rounded once, not digit by digit.
@example(100 * 10**18, -16, 3)  # 100.00 in wei: far above 64 bits, and a fine amount.
@example(LARGEST * 10**20, -20, 0)
@example(2**127 - 1, -38, 0)
@example(2**127 - 1, 0, 0)
@example(2**62, 0, 0)
@example(2**63, 0, 0)
@example(LARGEST, 0, 0)
@example(LARGEST, 1, 0)
@example(LARGEST * 10, -1, 0)
@example(LARGEST // 1000, 3, 0)
@example(-1, 0, 0)
@example(-1, -38, 0)
def test_a_decimal_amount_is_rounded_half_up_once(unscaled, power, more):
    data = unscaled_bytes(unscaled, more)
    value, reason = over(decimal_to_minor, data, power, LARGEST)
    if unscaled < 0:
        assert reason == Reason.AMOUNT_NEGATIVE
        return
    with localcontext() as context:
        context.prec = 100
        expected = int(Decimal(unscaled).scaleb(power).quantize(Decimal(1), ROUND_HALF_UP))
    if reason == Reason.OK:
        value, reason = whole_amount(value, 1, LARGEST)  # As the compiled decoder does.
    if expected > LARGEST:
        assert reason == Reason.AMOUNT_TOO_LARGE
    else:
        assert (value, reason) == (expected, Reason.OK)


def test_amounts_with_fractions_of_the_minor_unit_round_as_decimal_does():
    rng = random.Random(1)
    for _ in range(300):
        unscaled, digits = rng.randrange(10**12), rng.randrange(1, 7)
        minor, _ = over(decimal_to_minor, unscaled_bytes(unscaled), -digits, LARGEST)
        expected = Decimal(unscaled).scaleb(-digits).quantize(Decimal(1), ROUND_HALF_UP)
        assert minor == int(expected), (unscaled, digits)


# Amounts


@given(INT64, st.sampled_from([1, 10, 100, 1000]))
@example(-1, 1)
@example(0, 100)
@example(LARGEST, 1)
@example(LARGEST + 1, 1)
@example(LARGEST // 100, 100)
@example(LARGEST // 100 + 1, 100)
@example(I64_MAX, 1000)
@example(-(2**63), 1000)
def test_a_whole_amount_is_refused_or_exact(value, factor):
    minor, reason = whole_amount(value, factor, LARGEST)
    if value < 0:
        assert reason == Reason.AMOUNT_NEGATIVE
    elif value * factor > LARGEST:
        assert reason == Reason.AMOUNT_TOO_LARGE
    else:
        assert (minor, reason) == (value * factor, Reason.OK)


@given(st.floats(), st.sampled_from([1.0, 100.0, 1000.0]))
@example(0.005, 100.0)
@example(0.015, 100.0)
@example(2.5, 1.0)
@example(3.5, 1.0)
@example(1.005, 100.0)  # A double a little below; its hundredfold is, too.
@example(-0.0, 100.0)
@example(-0.001, 100.0)  # Not a refund of nothing: negative.
@example(-5e-324, 1.0)
@example(1e300, 1000.0)
@example(1.7e308, 1000.0)  # Its thousandfold is infinite.
@example(float(LARGEST), 1.0)
@example(float(LARGEST) + 0.5, 1.0)
@example(float(LARGEST) + 1, 1.0)
@example(LARGEST / 100, 100.0)
def test_a_floating_amount_is_refused_or_rounded_half_to_even(value, factor):
    minor, reason = real_amount(value, factor, LARGEST)
    if not math.isfinite(value):
        assert reason == Reason.AMOUNT_NOT_FINITE
    elif value < 0:
        assert reason == Reason.AMOUNT_NEGATIVE
    elif value * factor > LARGEST + 1 or round(value * factor) > LARGEST:
        assert reason == Reason.AMOUNT_TOO_LARGE
    else:
        rounded = Decimal(value * factor).quantize(Decimal(1), ROUND_HALF_EVEN)
        assert (minor, reason) == (int(rounded), Reason.OK)


def test_every_price_in_cents_survives_as_a_double():
    for cents in [*range(0, 100_000, 7), *range(10**9, 10**9 + 1000)]:
        assert real_amount(cents / 100, 100.0, LARGEST) == (cents, Reason.OK)


# Times


@given(INT64, st.sampled_from([1_000_000, 1_000, 1, -1_000]))
@example(I64_MAX, 1_000_000)
@example(-(2**63), 1_000_000)
@example(-(2**63), 1)
@example(-(2**63), -1_000)
@example(I64_MAX // 1000, 1000)
@example(I64_MAX // 1000 + 1, 1000)
@example(-(I64_MAX // 1000), 1000)
@example(-(I64_MAX // 1000) - 1, 1000)
@example(-1, -1_000)
@example(999, -1_000)
def test_a_time_saturates_where_it_does_not_fit(value, factor):
    expected = value // -factor if factor < 0 else value * factor
    if abs(expected) > I64_MAX:
        expected = I64_MAX if value > 0 else -I64_MAX
    assert to_micros(np.int64(value), factor) == expected


def test_no_time_is_ever_the_mark_of_a_missing_one():
    for value in (-(2**63), -(2**63) + 1, -(2**63) // 1000):
        for factor in (1_000_000, 1_000, 1, -1_000):
            assert to_micros(np.int64(value), factor) != -(2**63)


def test_nanoseconds_before_the_epoch_go_down_not_towards_zero():
    floor = Decimal(-1500).scaleb(-3).to_integral_value(ROUND_FLOOR)
    assert to_micros(np.int64(-1500), -1_000) == int(floor) == -2


# Headers


@pytest.mark.parametrize(
    ("data", "schema_id", "reason"),
    [
        (b"", -1, Reason.NULL_VALUE),
        (b"\0", -1, Reason.TOO_SHORT),
        (b"\0\0\0\0", -1, Reason.TOO_SHORT),
        (b"\0\0\0\0\x07", 7, Reason.OK),
        (b"\0\xff\xff\xff\xff", 2**32 - 1, Reason.OK),
        (b"\0\x80\0\0\0", 2**31, Reason.OK),
        (b"\0\x01\x02\x03\x04more", 0x01020304, Reason.OK),
        (b"\x01\0\0\0\x07", -1, Reason.WRONG_MAGIC),
        (b"{", -1, Reason.WRONG_MAGIC),
        (bytes(20), 0, Reason.OK),
        (bytes(21), -1, Reason.OVERSIZE),
        (b"\xff" * 21, -1, Reason.OVERSIZE),
    ],
)
def test_a_header_is_a_zero_byte_and_a_big_endian_id(data, schema_id, reason):
    assert over(read_header, data, 20) == (schema_id, reason)
