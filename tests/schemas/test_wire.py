import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SchemaError
from schemas.wire import HEADER_SIZE, MAGIC, frame, unframe


def test_the_header_is_a_zero_byte_and_a_big_endian_id():
    assert frame(0x01020304, b"body") == b"\x00\x01\x02\x03\x04body"
    assert (MAGIC, HEADER_SIZE) == (0, 5)


@given(st.integers(0, 2**32 - 1), st.binary(min_size=1))
def test_unframe_undoes_frame(schema_id, payload):
    assert unframe(frame(schema_id, payload)) == (schema_id, payload)


@pytest.mark.parametrize("size", range(HEADER_SIZE + 1))
def test_a_value_without_a_body_is_too_short(size):
    with pytest.raises(SchemaError, match=f"value of {size} bytes is too short"):
        unframe(bytes(size))


@pytest.mark.parametrize("first", [1, 0x7B, 0xFF])
def test_another_first_byte_is_named(first):
    with pytest.raises(SchemaError, match=f"starts with byte 0x{first:02x}, not 0x00"):
        unframe(bytes([first]) + b"\x00\x00\x00\x01body")


@pytest.mark.parametrize("schema_id", [-1, 2**32])
def test_an_id_that_does_not_fit_is_refused(schema_id):
    with pytest.raises(SchemaError, match=f"id {schema_id} does not fit"):
        frame(schema_id, b"body")
