"""Keys as they are given: hexadecimal digits, or ``file:/path`` of a file that holds them."""

from __future__ import annotations

import re
from pathlib import Path

from schemas.errors import ConfigError
from stream.values import ENV_PREFIX

HASH_KEY_VARIABLE = f"{ENV_PREFIX}SECURITY__HASH_KEY"
SNAPSHOT_KEY_VARIABLE = f"{ENV_PREFIX}SECURITY__SNAPSHOT_KEY"


def hash_key_of(text: str) -> bytes:
    """Return the 16 bytes of the key that ids are hashed with.

    Raises
    ------
    ConfigError
        If there is none, or it is not 32 hexadecimal digits.
    """
    text = _told("hash_key", text)
    if not re.fullmatch(r"[0-9a-fA-F]{32}", text):
        raise ConfigError(
            "security.hash_key must be 32 hexadecimal digits: make one with "
            f"`openssl rand -hex 16` and set {HASH_KEY_VARIABLE} to it, "
            "or to 'file:/path' of a file that holds it"
        )
    return bytes.fromhex(text)


def snapshot_key_of(text: str) -> bytes | None:
    """Return the key that seals snapshots; None: they are not sealed.

    Raises
    ------
    ConfigError
        If it is no even number of at least 32 hexadecimal digits.
    """
    if not text:
        return None
    text = _told("snapshot_key", text)
    if not re.fullmatch(r"([0-9a-fA-F]{2}){16,}", text):
        raise ConfigError(
            "security.snapshot_key must be at least 32 hexadecimal digits: make one with "
            f"`openssl rand -hex 32` and set {SNAPSHOT_KEY_VARIABLE} to it, "
            "or to 'file:/path' of a file that holds it"
        )
    return bytes.fromhex(text)


def _told(name: str, text: str) -> str:
    """Return a secret, or what the file holds that it names; nothing, if that is no text."""
    if not text.startswith("file:"):
        return text
    try:
        return Path(text.removeprefix("file:")).read_text(encoding="utf-8").strip()
    except OSError as error:
        variable = f"{ENV_PREFIX}SECURITY__{name.upper()}"
        raise ConfigError(
            f"security.{name}: cannot read the file that {variable} names: {error}"
        ) from error
    except ValueError:  # The error of a codec would quote the bytes.
        return ""
