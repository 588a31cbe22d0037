"""CPython's own random numbers inside kernels: the same seed, the same draws.

A forest that shall be River's tree by tree must toss River's coins. The generator is
MT19937 (Matsumoto & Nishimura 1998, "Mersenne Twister", ACM TOMACS 8(1)), seeded as
``random.Random`` seeds it. Its state is 625 words, those of ``getstate()[1]``: 624 of
the recurrence, and how many of them were drawn.
"""

from __future__ import annotations

import numpy as np
from numba import float64, int64, uint32
from numpy.typing import NDArray

from schemas.jit import inlined, kernel, uncounted

N_WORDS = 624
_MIDDLE = 397
_WORD = 0xFFFFFFFF


def seeded(seed: int) -> NDArray[np.uint32]:
    """Return the state of ``random.Random(seed)``.

    Parameters
    ----------
    seed : int
        Any integer; its sign does not matter, as in CPython.

    Returns
    -------
    ndarray of uint32, shape (625,)
    """
    rest = abs(seed)
    key: list[int] = []
    while rest or not key:
        key.append(rest & _WORD)
        rest >>= 32
    words = np.zeros(N_WORDS + 1, np.uint32)
    _fill(words, np.array(key, np.uint32))
    return words


@uncounted
@kernel
def _fill(words, key):
    """Fill the recurrence from a key of words ("init_by_array" of the paper's authors)."""
    mask = int64(0xFFFFFFFF)
    word = int64(19650218)
    words[0] = uint32(word)
    for i in range(1, N_WORDS):
        word = (1812433253 * (word ^ (word >> 30)) + i) & mask
        words[i] = uint32(word)
    i, j = 1, 0
    for _ in range(max(N_WORDS, len(key))):
        word = int64(words[i - 1])
        mixed = int64(words[i]) ^ (((word ^ (word >> 30)) * 1664525) & mask)
        words[i] = uint32((mixed + int64(key[j]) + j) & mask)
        i, j = _next(words, i), (j + 1) % len(key)
    for _ in range(N_WORDS - 1):
        word = int64(words[i - 1])
        mixed = int64(words[i]) ^ (((word ^ (word >> 30)) * 1566083941) & mask)
        words[i] = uint32((mixed - i) & mask)
        i = _next(words, i)
    words[0] = uint32(0x80000000)
    words[N_WORDS] = uint32(N_WORDS)


@uncounted
@inlined
def _next(words, i):
    """Return the index after i, round the words that follow the first."""
    if i + 1 < N_WORDS:
        return i + 1
    words[0] = words[N_WORDS - 1]
    return 1


@uncounted
@kernel
def _turn(words):
    """Compute the next 624 words of the recurrence."""
    for i in range(N_WORDS):
        ahead = i + 1 if i + 1 < N_WORDS else 0
        middle = i + _MIDDLE if i + _MIDDLE < N_WORDS else i + _MIDDLE - N_WORDS
        joint = (words[i] & uint32(0x80000000)) | (words[ahead] & uint32(0x7FFFFFFF))
        word = words[middle] ^ (joint >> uint32(1))
        if joint & uint32(1):
            word ^= uint32(0x9908B0DF)
        words[i] = uint32(word)
    words[N_WORDS] = uint32(0)


@uncounted
@kernel
def draw(words):
    """Return 32 random bits."""
    if words[N_WORDS] >= N_WORDS:
        _turn(words)
    at = int64(words[N_WORDS])
    words[N_WORDS] = uint32(at + 1)
    word = uint32(words[at])
    word ^= word >> uint32(11)
    word ^= (word << uint32(7)) & uint32(0x9D2C5680)
    word ^= (word << uint32(15)) & uint32(0xEFC60000)
    word ^= word >> uint32(18)
    return uint32(word)


@uncounted
@kernel
def uniform(words):
    """Return a number in [0, 1) of 53 random bits: ``random()``."""
    high = float64(draw(words) >> uint32(5))
    low = float64(draw(words) >> uint32(6))
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0)


@uncounted
@kernel
def below(words, n):
    """Return a whole number in [0, n), n from 1 to 2**31: ``randrange(n)``."""
    n_bits = 0
    while (n >> n_bits) > 0:
        n_bits += 1
    found = int64(draw(words) >> uint32(32 - n_bits))
    while found >= n:
        found = int64(draw(words) >> uint32(32 - n_bits))
    return found


@uncounted
@kernel
def poisson(words, threshold):
    """Return a Poisson number by multiplying uniforms (Knuth, TAOCP vol. 2, 3.4.1).

    Parameters
    ----------
    threshold : float
        exp(-rate).
    """
    k, product = 0, 1.0
    while product > threshold:
        k += 1
        product *= uniform(words)
    return k - 1


@uncounted
@kernel
def sample(words, pool, n, k, chosen):
    """Choose k different ones of ``pool[:n]``, in the order of ``random.sample``.

    Parameters
    ----------
    pool : ndarray of int32, shape (at least n,)
        Its order may be changed.
    chosen : ndarray of int32, shape (at least k,)
        Written.
    """
    # CPython forgets nothing it drew where a set of k is smaller than a list of n.
    room = 21
    if k > 5:
        table = 4
        while table < 3 * k:
            table *= 4
        room += table
    if n <= room:
        for i in range(k):
            j = below(words, n - i)
            chosen[i] = pool[j]
            pool[j] = pool[n - i - 1]
        return
    for i in range(k):
        candidate = pool[below(words, n)]
        while _holds(chosen, i, candidate):
            candidate = pool[below(words, n)]
        chosen[i] = candidate


@uncounted
@inlined
def _holds(chosen, n, candidate):
    """Say whether the first n chosen hold a candidate; those of a pool are all different."""
    found = False
    for i in range(n):
        found = found or chosen[i] == candidate
    return found
