"""Boards as JSON that every browser can read."""

from __future__ import annotations

from typing import Any

import msgspec


def encoded(value: object) -> bytes:
    """Return a value as JSON, in one line; what is no finite number is null.

    Raises
    ------
    TypeError
        If it holds what is neither a plain value nor one of NumPy's scalars.
    """
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        # Half a surrogate pair, as text of strangers may have it; JSON in UTF-8 cannot.
        return _ENCODER.encode(_mended(value))


def _plain(value: Any) -> Any:
    """Return one of NumPy's scalars as Python's own."""
    item = getattr(value, "item", None)
    if item is None:
        raise TypeError(f"a board holds plain values, not {type(value).__name__}")
    return item()


def _mended(value: Any) -> Any:
    """Return a value with a question mark for each character that UTF-8 cannot say."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_mended(key): _mended(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_mended(each) for each in value]
    return value


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
