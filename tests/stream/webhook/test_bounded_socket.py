"""Every call of a socket is given what is left of one deadline."""

import socket

import pytest

from stream.webhook.bounded_socket import BoundedSocket


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_each_call_waits_for_what_is_left_and_no_longer(pair):
    ours, theirs = pair
    clock = Clock()
    bounded = BoundedSocket(ours, 103.0, clock)
    bounded.sendall(b"hello")
    assert (theirs.recv(10), ours.gettimeout()) == (b"hello", 3.0)
    theirs.sendall(b"one")
    reader = bounded.makefile("rb")
    clock.now_s = 102.5
    assert reader.read1(3) == b"one"
    assert ours.gettimeout() == 0.5
    clock.now_s = 103.0
    theirs.sendall(b"two")
    with pytest.raises(TimeoutError):
        reader.read1(3)
    with pytest.raises(TimeoutError):
        bounded.sendall(b"more")


def test_closing_leaves_it_open_for_the_rest_of_the_answer(pair):
    ours, theirs = pair
    bounded = BoundedSocket(ours, 103.0, Clock())
    reader = bounded.makefile()
    bounded.close()
    theirs.sendall(b"rest")
    assert reader.read1(4) == b"rest"
    bounded.end()
    assert ours.fileno() == -1
