"""Where a webhook may go: nothing that is in our own network, however it is written."""

import socket

import pytest

from schemas.errors import ConfigError
from stream.webhook.target import Target, TargetError, addresses_of, target_of

INSIDE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *(
        "192.0.0.8",
        "192.88.99.1",
        "198.18.0.1",
        "203.0.113.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
    ),
    *(
        "64:ff9b:1::1",
        "fd00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
    ),
    *("::10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::", "2001:db8::1"),
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",  # Teredo, of the client 10.0.0.1.
]
OUTSIDE = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
TARGET = Target(True, "hooks.example", 443, "/")


def resolving(*addresses):
    """A resolver that gives these, and counts how often it was asked."""
    asked = []

    def resolve(host, port, **_):
        asked.append(host)
        return [
            (socket.AF_INET6, 1, 6, "", (each, port, 0, 0))
            if ":" in each
            else (socket.AF_INET, 1, 6, "", (each, port))
            for each in addresses
        ]

    resolve.asked = asked
    return resolve


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused_unless_it_is_allowed(address):
    with pytest.raises(TargetError, match="not on the public internet"):
        addresses_of(TARGET, resolve=resolving(address))
    assert addresses_of(TARGET, True, resolving(address))[0][0] == address


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_taken(address):
    assert addresses_of(TARGET, resolve=resolving(address))[0][:2] == (address, 443)


def test_a_name_with_one_address_inside_is_refused_whole():
    with pytest.raises(TargetError, match=r"hooks\.example is 10\.0\.0\.1"):
        addresses_of(TARGET, resolve=resolving("8.8.8.8", "10.0.0.1"))


def test_a_name_is_asked_for_once():
    resolve = resolving("8.8.8.8", "8.8.8.8", "2606:4700::1111")
    assert len(addresses_of(TARGET, resolve=resolve)) == 2
    assert resolve.asked == ["hooks.example"]


@pytest.mark.parametrize("url", ["http://2130706433/", "http://0x7f.1/", "http://127.1/"])
def test_odd_ways_to_write_this_machine_lead_to_it_and_are_refused(url):
    with pytest.raises(TargetError, match=r"is 127\.0\.0\.1"):
        addresses_of(target_of(url, allow_insecure=True))


@pytest.mark.parametrize(
    ("url", "target", "header"),
    [
        ("https://h.example", (True, "h.example", 443, "/"), "h.example"),
        ("https://h.example:8443/a?b=c", (True, "h.example", 8443, "/a?b=c"), "h.example:8443"),
        ("http://127.0.0.1:81/x", (False, "127.0.0.1", 81, "/x"), "127.0.0.1:81"),
        ("http://[::1]/x", (False, "::1", 80, "/x"), "[::1]"),
    ],
)
def test_a_url_is_read(url, target, header):
    found = target_of(url)
    assert (tuple(found), found.host_header) == (target, header)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://h.example/SECRET", "in clear"),
        ("ftp://h.example/SECRET", "must be https://"),
        ("file:///etc/SECRET", "must be https://"),
        ("https:///SECRET", "must be https://"),
        ("h.example/SECRET", "must be https://"),
        ("https://h.example/SECRET here", "must be https://"),
        ("https://h.example/SECRET\r\nX: y", "must be https://"),
        ("https://user:SECRET@h.example/", "a user, a password"),
        ("https://h.example/#SECRET", "a fragment"),
        ("https://h.example:99999/SECRET", "no address"),
        ("https://[::1/SECRET", "no address"),
    ],
)
def test_another_url_is_refused_and_its_path_not_told(url, text):
    with pytest.raises(ConfigError) as refused:
        target_of(url)
    assert text in str(refused.value)
    assert "SECRET" not in str(refused.value)
