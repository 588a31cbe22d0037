"""An envelope of bytes: a header and arrays, so that nothing damaged or forged is taken for real.

========  ======  =======================================================
Position  Length  What
========  ======  =======================================================
0         8       `MAGIC`
8         4       version of this layout
12        4       0: SHA-256, 1: HMAC-SHA-256
16        8       length of the whole
24        8       length of the header
32        32      digest of all bytes but these 32
64        -       header
-         -       arrays, one after the other
========  ======  =======================================================

Numbers are little-endian. Header and arrays each begin at a multiple of 64 bytes, which
is where they can be read from a mapped file as they are; what lies between is zero. The
bytes of arrays say nothing of themselves: the header does. Equal contents are equal bytes.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import struct
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from schemas.errors import SnapshotError

MAGIC = b"\x89fstate\n"
VERSION = 1
PLAIN, KEYED = 0, 1
ALIGNMENT = 64
HEADER_MAX = 8 * 2**20
KEY_MIN = 16

_PREFIX = struct.Struct("<8sIIQQ")
_DIGEST = slice(_PREFIX.size, 64)
_PIECE = 2**20


def aligned(length: int) -> int:
    """Return the next multiple of the alignment."""
    return -(-length // ALIGNMENT) * ALIGNMENT


class Envelope:
    """An envelope that is not written yet; it copies nothing.

    Parameters
    ----------
    header : bytes
        At most 8 MiB.
    arrays : iterable of ndarray
        Contiguous, little-endian, of numbers or booleans; they must not change before it
        is written.
    key : bytes, optional
        At least 16 bytes: who does not have it cannot make an envelope that opens.

    Raises
    ------
    ValueError
        The header is too long, or the key too short.

    Attributes
    ----------
    size : int
        Bytes of the whole.
    """

    def __init__(
        self, header: bytes, arrays: Iterable[NDArray[Any]], key: bytes | None = None
    ) -> None:
        if len(header) > HEADER_MAX:
            raise ValueError(
                f"the header takes {len(header)} bytes of at most {HEADER_MAX}: "
                "keep numbers and names by the thousand in arrays"
            )
        self._chunks: list[bytes | memoryview] = [header, bytes(aligned(len(header)) - len(header))]
        for values in arrays:
            content = values.reshape(-1).view(np.uint8).data
            self._chunks += [content, bytes(aligned(len(content)) - len(content))]
        self.size = 64 + sum(map(len, self._chunks))
        form = PLAIN if key is None else KEYED
        self._prefix = _PREFIX.pack(MAGIC, VERSION, form, self.size, len(header))
        self._digest = _new_digest(key)

    def to_bytes(self) -> bytes:
        """Return the whole."""
        digest = self._digest.copy()
        for chunk in (self._prefix, *self._chunks):
            digest.update(chunk)
        return b"".join([self._prefix, digest.digest(), *self._chunks])

    def copied(self, memory: NDArray[np.uint8]) -> Envelope:
        """Return the same envelope of a copy, after which the arrays may change.

        Parameters
        ----------
        memory : ndarray of uint8, shape (n,)
            At least `size`; it is written over, and must stay as it then is.
        """
        copied, end = copy(self), 0
        copied._chunks = []
        for chunk in self._chunks:
            start, end = end, end + len(chunk)
            memory[start:end] = np.frombuffer(chunk, np.uint8)
        copied._chunks = [memory[:end].data]
        return copied

    def write(self, file: BinaryIO, given_up: Callable[[], bool] = lambda: False) -> None:
        """Write the whole into an empty file, piece by piece, the digest last.

        Parameters
        ----------
        file : binary file
        given_up : callable
            Asked before each piece whether nobody wants it any more.

        Raises
        ------
        OSError
            As the file raises it; ECANCELED if it was given up.
        """
        digest = self._digest.copy()
        digest.update(self._prefix)
        file.write(self._prefix + bytes(64 - _PREFIX.size))
        for piece in self._pieces():
            if given_up():
                raise OSError(errno.ECANCELED, "it was given up")
            digest.update(piece)
            file.write(piece)
        file.seek(_DIGEST.start)
        file.write(digest.digest())

    def _pieces(self) -> Iterator[bytes | memoryview]:
        """Cut chunks so small that what was digested is still at hand when it is written."""
        for chunk in self._chunks:
            for start in range(0, len(chunk), _PIECE):
                yield chunk[start : start + _PIECE]


def seal(header: bytes, arrays: Iterable[NDArray[Any]], key: bytes | None = None) -> bytes:
    """Return an `Envelope` as bytes; parameters and errors are its own."""
    return Envelope(header, arrays, key).to_bytes()


def unseal(data: memoryview, key: bytes | None = None) -> tuple[memoryview, memoryview]:
    """Return header and arrays of an envelope, once all of it was found to be whole.

    Raises
    ------
    SnapshotError
        The bytes are no envelope, not all of one, damaged, of another version, or not
        of this key.
    """
    if len(data) < 64 or bytes(data[:8]) != MAGIC:
        raise SnapshotError("these bytes are no state: they do not begin as one")
    _, version, form, total, header_length = _PREFIX.unpack(data[: _PREFIX.size])
    if version != VERSION:
        raise SnapshotError(
            f"the state is in format {version}, and this release reads format {VERSION}: "
            "read it with the release that wrote it"
        )
    if total != len(data):
        raise SnapshotError(f"the state is cut short or mixed up: {len(data)} bytes of {total}")
    _check_form(form, key)
    found = _digest([data[: _PREFIX.size], data[64:]], key)
    if not hmac.compare_digest(found, bytes(data[_DIGEST])):
        raise SnapshotError(
            "the state is damaged: its digest is not that of its bytes"
            + ("" if key is None else ", or it was sealed with another key")
        )
    start = 64 + aligned(header_length)
    if header_length > HEADER_MAX or start > total:
        raise SnapshotError(f"the state's header of {header_length} bytes is longer than it can be")
    if any(data[64 + header_length : start]):
        raise SnapshotError("the state holds bytes between header and arrays")
    return data[64 : 64 + header_length], data[start:]


def peek(file: BinaryIO) -> tuple[int, bytes, bytes]:
    """Return the size, the digest and the header that an envelope says it has.

    Nothing of it is checked: it is for telling envelopes apart, not for believing them.

    Raises
    ------
    SnapshotError
        The file does not begin as an envelope.
    OSError
        As the file raises it.
    """
    prefix = file.read(64)
    if len(prefix) < 64 or prefix[:8] != MAGIC:
        raise SnapshotError("these bytes are no state: they do not begin as one")
    _, _, _, total, length = _PREFIX.unpack(prefix[: _PREFIX.size])
    header = file.read(min(length, HEADER_MAX))
    return total, prefix[_DIGEST], header


def _check_form(form: int, key: bytes | None) -> None:
    if form not in (PLAIN, KEYED):
        raise SnapshotError(f"the state's digest is of the unknown form {form}")
    if form == KEYED and key is None:
        raise SnapshotError("the state is sealed with a key: give the key")
    if form == PLAIN and key is not None:
        raise SnapshotError(
            "the state is sealed without a key, so that anybody can have made it: "
            "read it without one if you trust where it comes from"
        )


def _digest(chunks: Iterable[bytes | memoryview], key: bytes | None) -> bytes:
    digest = _new_digest(key)
    for chunk in chunks:
        digest.update(chunk)
    return digest.digest()


def _new_digest(key: bytes | None) -> Any:
    if key is not None and len(key) < KEY_MIN:
        raise ValueError(f"key has {len(key)} bytes: give at least {KEY_MIN}")
    return hashlib.sha256() if key is None else hmac.new(key, digestmod=hashlib.sha256)
