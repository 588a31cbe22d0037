"""One request, to receivers that answer, refuse, redirect, hang, drip and lie."""

import time

import pytest
from servers.web_receiver import Receiver, drip, free_port, hang, raw, status

from stream.webhook.post import BODY_MAX, post
from stream.webhook.target import Target, target_of

TIMEOUT_S = 0.6


def sent(url, body=b"{}", timeout_s=TIMEOUT_S, **more):
    more = {"allow_private": True} | more
    return post(target_of(url), {"webhook-id": "a-1"}, body, timeout_s, **more)


def test_a_request_carries_what_it_should():
    with Receiver(status(202, b"thanks\n\x1b[31m")) as receiver:
        answer = sent(receiver.url, b'{"a":1}')
    assert (answer.status, answer.text) == (202, "thanks  [31m")
    (asked,) = receiver.asked
    assert (asked.path, asked.body) == ("/alerts?of=us", b'{"a":1}')
    assert asked.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert asked.headers["webhook-id"] == "a-1"
    assert asked.headers["content-length"] == "7"


@pytest.mark.parametrize("code", [400, 404, 410, 500, 503])
def test_a_refusal_is_told_with_its_words(code):
    with Receiver(status(code, b"because", retry_after="7")) as receiver:
        assert sent(receiver.url) == (code, "because", "7")


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_nobody_is_followed(code):
    with Receiver() as other, Receiver(status(code, b"", location=other.url)) as receiver:
        assert sent(receiver.url).status == code
    assert other.asked == []


def test_who_does_not_answer_is_given_so_long_and_no_longer():
    with Receiver(hang(10)) as receiver:
        began_s = time.monotonic()
        answer = sent(receiver.url)
        assert time.monotonic() - began_s < 4 * TIMEOUT_S
    assert answer.status == 0
    assert "gave no answer" in answer.text


def test_who_answers_byte_by_byte_gains_no_time():
    with Receiver(drip(10)) as receiver:
        began_s = time.monotonic()
        assert sent(receiver.url).status == 0
        assert time.monotonic() - began_s < 4 * TIMEOUT_S


def test_a_body_without_end_is_not_read():
    endless = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n" + b"y" * 1_000_000
    with Receiver(raw(endless)) as receiver:
        answer = sent(receiver.url, timeout_s=5)
    assert answer.status == 200
    assert len(answer.text) <= 200 <= BODY_MAX


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 " + b"2" * 100_000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_answer_is_none(data):
    with Receiver(raw(data)) as receiver:
        answer = sent(receiver.url)
    assert answer.status == 0
    assert len(answer.text) < 300


def test_where_nobody_listens_there_is_no_answer():
    answer = sent(f"http://127.0.0.1:{free_port()}/")
    assert answer.status == 0
    assert "refused" in answer.text


def test_this_machine_is_not_asked_unless_it_is_allowed():
    with Receiver() as receiver:
        answer = sent(receiver.url, allow_private=False)
    assert receiver.asked == []
    assert answer.status == 0
    assert "not on the public internet" in answer.text


def test_the_connection_goes_to_the_address_that_was_checked():
    """A name that says another address the second time is asked one time only."""
    asked = []

    def resolve(host, port, **_):
        asked.append(host)
        place = ("127.0.0.1" if len(asked) == 1 else "10.255.255.1", port)
        return [(2, 1, 6, "", place)]

    with Receiver() as receiver:
        target = Target(False, "rebinds.example", receiver.port, "/")
        answer = post(target, {}, b"", TIMEOUT_S, True, resolve)
    assert answer.status == 204
    assert asked == ["rebinds.example"]
    assert receiver.asked[0].headers["host"] == f"rebinds.example:{receiver.port}"


def test_tls_is_asked_for_a_certificate_of_the_name():
    with Receiver() as receiver:
        target = Target(True, "127.0.0.1", receiver.port, "/")
        answer = post(target, {}, b"", TIMEOUT_S, allow_private=True)
    assert answer.status == 0
    assert receiver.asked == []
