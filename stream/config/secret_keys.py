"""Secrets as they are given: themselves, or ``file:/path`` of a file that holds them."""

from __future__ import annotations

import re
from pathlib import Path

from schemas.errors import ConfigError
from stream.config.values import ENV_PREFIX

SNAPSHOT_KEY_VARIABLE = f"{ENV_PREFIX}SECURITY__SNAPSHOT_KEY"


def hash_key_of(text: str) -> bytes:
    """Return the 16 bytes of the key that ids are hashed with.

    Raises
    ------
    ConfigError
        If there is none, or it is not 32 hexadecimal digits.
    """
    return _key_of("hash_key", text, r"[0-9a-fA-F]{32}", "32 hexadecimal digits", 16)


def snapshot_key_of(text: str) -> bytes | None:
    """Return the key that seals snapshots; None: they are not sealed.

    Raises
    ------
    ConfigError
        If it is no even number of at least 32 hexadecimal digits.
    """
    if not text:
        return None
    digits = r"([0-9a-fA-F]{2}){16,}"
    return _key_of("snapshot_key", text, digits, "at least 32 hexadecimal digits", 32)


def redis_url_of(text: str) -> str:
    """Return the URL of Redis, which may hold a password; empty: there is none.

    Raises
    ------
    ConfigError
        If the file that holds it cannot be read, or is empty.
    """
    return _given("redis.url", f"{ENV_PREFIX}REDIS__URL", text, "URL")


def webhook_url_of(text: str) -> str:
    """Return where alerts are sent, which may be a secret; empty: nowhere.

    Raises
    ------
    ConfigError
        If the file that holds it cannot be read, or is empty.
    """
    return _given("webhook.url", f"{ENV_PREFIX}WEBHOOK__URL", text, "URL")


def webhook_secret_of(text: str) -> str:
    """Return what requests are signed with, as it is written; empty: there is none.

    Raises
    ------
    ConfigError
        If the file that holds it cannot be read, or is empty.
    """
    return _given("webhook.secret", f"{ENV_PREFIX}WEBHOOK__SECRET", text, "secret")


def admin_token_of(text: str) -> str:
    """Return what the admin port asks for; empty: nothing.

    Raises
    ------
    ConfigError
        If it is shorter than 16 characters, or one of them has no place in a header.
    """
    if not text:
        return ""
    variable = f"{ENV_PREFIX}ADMIN__TOKEN"
    token = _read("admin.token", variable, text) if text.startswith("file:") else text
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]{16,256}", token):
        raise ConfigError(
            "admin.token must be 16 to 256 letters, digits or any of . _ ~ + / = -: make one with "
            f"`openssl rand -hex 32` and set {variable} to it, or to 'file:/path' of a file that "
            "holds it"
        )
    return token


def _key_of(name: str, text: str, pattern: str, what: str, length: int) -> bytes:
    """Return the bytes of a key, or say what it must be and how one of `length` bytes is made."""
    variable = f"{ENV_PREFIX}SECURITY__{name.upper()}"
    if text.startswith("file:"):
        text = _read(f"security.{name}", variable, text)
    if not re.fullmatch(pattern, text):
        raise ConfigError(
            f"security.{name} must be {what}: make one with `openssl rand -hex {length}` and set "
            f"{variable} to it, or to 'file:/path' of a file that holds it"
        )
    return bytes.fromhex(text)


def _given(name: str, variable: str, text: str, what: str) -> str:
    """Return a text that may be in a file, as it is."""
    if not text.startswith("file:"):
        return text
    found = _read(name, variable, text)
    if not found:
        raise ConfigError(f"{name}: the file that it names holds no {what}")
    return found


def _read(name: str, variable: str, text: str) -> str:
    """Return what a file holds; nothing if it is no text."""
    try:
        return Path(text.removeprefix("file:")).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{name}: cannot read the file that {variable} names: {error}") from error
    except ValueError:  # The error of a codec would quote the bytes.
        return ""
