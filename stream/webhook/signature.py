"""Signatures by which a receiver knows who sent a request: Standard Webhooks, version 1.

HMAC-SHA-256 over ``id.timestamp.body``, with a secret that both know.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from schemas.errors import ConfigError

PREFIX = "whsec_"
BYTES_MIN, BYTES_MAX = 24, 64


def key_of(secret: str) -> bytes:
    """Return the bytes of a secret.

    Raises
    ------
    ConfigError
        If it is no base64 of 24 to 64 bytes; its text is not quoted.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not BYTES_MIN <= len(key) <= BYTES_MAX:
        raise ConfigError(
            f"webhook.secret must be {PREFIX!r} and base64 of {BYTES_MIN} to {BYTES_MAX} bytes: "
            f"make one with `echo {PREFIX}$(openssl rand -base64 32)`, set FRAUD_WEBHOOK__SECRET "
            "to it, or to 'file:/path' of a file that holds it, and give it to the receiver"
        )
    return key


def signed(key: bytes, name: str, at_s: int, body: bytes) -> Mapping[str, str]:
    """Return the headers of a request.

    Parameters
    ----------
    key : bytes
    name : str
        Of what is told; the same each time that it is sent again.
    at_s : int
        Now, seconds since the epoch: a receiver refuses what is old.
    body : bytes
    """
    text = b".".join((name.encode(), str(at_s).encode(), body))
    code = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{code}",
    }
