"""SipHash-2-4: ids become 64-bit keyed hashes, and the id itself goes no further.

A keyed pseudo-random function rather than a fast plain hash, for two reasons: a
card number hashed without a key is found by trying all of them (BIN and last
four digits leave about 1e5), and a producer who can choose ids must not be able
to choose collisions. Aumasson & Bernstein, "SipHash: a fast short-input PRF",
INDOCRYPT 2012, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from schemas.jit import kernel
from schemas.memory import address_of, byte_at, word_at

KEY_BYTES = 16


@kernel
def _rotate(word, bits):
    return (word << uint64(bits)) | (word >> uint64(64 - bits))


@kernel
def _round(v0, v1, v2, v3):
    v0 += v1
    v1 = _rotate(v1, 13) ^ v0
    v0 = _rotate(v0, 32)
    v2 += v3
    v3 = _rotate(v3, 16) ^ v2
    v0 += v3
    v3 = _rotate(v3, 21) ^ v0
    v2 += v1
    v1 = _rotate(v1, 17) ^ v2
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


@kernel
def siphash24(start, stop, k0, k1):
    """Hash the bytes between two addresses under the key (k0, k1).

    Parameters
    ----------
    start, stop : uint64
        Addresses of the first byte and behind the last.
    k0, k1 : uint64
        The key's halves, little-endian.

    Returns
    -------
    uint64
        Never 0: that is the key of "nobody" (`schemas.columns.NO_KEY`), so a
        hash of 0 is moved to 1.
    """
    v0 = uint64(k0) ^ uint64(0x736F6D6570736575)
    v1 = uint64(k1) ^ uint64(0x646F72616E646F6D)
    v2 = uint64(k0) ^ uint64(0x6C7967656E657261)
    v3 = uint64(k1) ^ uint64(0x7465646279746573)
    position = start
    while position + uint64(8) <= stop:
        word = word_at(position)
        v3 ^= word
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0 ^= word
        position += uint64(8)
    word = (stop - start) << uint64(56)
    shift = uint64(0)
    while position < stop:
        word |= byte_at(position) << shift
        shift += uint64(8)
        position += uint64(1)
    v3 ^= word
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0 ^= word
    v2 ^= uint64(0xFF)
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return max(v0 ^ v1 ^ v2 ^ v3, uint64(1))


@kernel
def siphash24_word(value, k0, k1):
    """Hash an integer id as its eight little-endian bytes; as `siphash24` otherwise."""
    word = uint64(value)
    last = uint64(8) << uint64(56)
    v0 = uint64(k0) ^ uint64(0x736F6D6570736575)
    v1 = uint64(k1) ^ uint64(0x646F72616E646F6D)
    v2 = uint64(k0) ^ uint64(0x6C7967656E657261)
    v3 = uint64(k1) ^ uint64(0x7465646279746573) ^ word
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0 ^= word
    v3 ^= last
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0 ^= last
    v2 ^= uint64(0xFF)
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return max(v0 ^ v1 ^ v2 ^ v3, uint64(1))


def key_words(key: bytes) -> tuple[np.uint64, np.uint64]:
    """Split a 16-byte key into the two words the kernels take.

    Raises
    ------
    ValueError
        If the key is not 16 bytes long.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a hash key has {KEY_BYTES} bytes, this one has {len(key)}")
    k0, k1 = np.frombuffer(key, "<u8")
    return k0, k1


@kernel
def _hash_spans(base, starts, k0, k1, out):
    for i in range(out.shape[0]):
        out[i] = siphash24(base + uint64(starts[i]), base + uint64(starts[i + 1]), k0, k1)


def hash_texts(texts: Sequence[str | int | bytes], key: bytes) -> NDArray[np.uint64]:
    """Hash texts, for the edges: look-ups, labels, tables of symbols and conditions.

    An integer is hashed as `siphash24_word` does it.

    Returns
    -------
    ndarray of uint64, shape (len(texts),)
    """
    encoded = [_bytes_of(text) for text in texts]
    starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in encoded], out=starts[1:])
    out = np.empty(len(texts), np.uint64)
    k0, k1 = key_words(key)
    data = np.frombuffer(b"".join(encoded) or b"\0", np.uint8)
    _hash_spans(address_of(data), starts, k0, k1, out)
    return out


def _bytes_of(text: str | int | bytes) -> bytes:
    if isinstance(text, int):
        return text.to_bytes(8, "little", signed=True)
    return text.encode() if isinstance(text, str) else text
