"""Signatures are those of Standard Webhooks, by its own published vector."""

import base64

import pytest

from schemas.errors import ConfigError
from stream.webhook.signature import key_of, signed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NAME, AT_S = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330


def test_the_published_vector_is_signed_as_published():
    assert signed(key_of(SECRET), NAME, AT_S, b'{"test": 2432232314}') == {
        "webhook-id": NAME,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    ("name", "at_s", "body"),
    [("msg_x", AT_S, b"b"), (NAME, AT_S + 1, b"b"), (NAME, AT_S, b"b ")],
)
def test_whatever_is_changed_changes_the_signature(name, at_s, body):
    key = key_of(SECRET)
    other = signed(key, name, at_s, body)["webhook-signature"]
    assert other != signed(key, NAME, AT_S, b"b")["webhook-signature"]


def test_a_secret_may_stand_without_its_prefix():
    assert key_of(SECRET.removeprefix("whsec_")) == key_of(SECRET)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_not base64",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_\u00e4" + "a" * 40,
    ],
)
def test_another_secret_is_refused_and_not_quoted(secret):
    with pytest.raises(ConfigError) as refused:
        key_of(secret)
    assert "openssl rand" in str(refused.value)
    assert len(secret) < 10 or secret not in str(refused.value)
