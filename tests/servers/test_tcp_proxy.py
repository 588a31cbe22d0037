"""The proxy that tests put between a client and a server does what it says."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from servers.tcp_proxy import TcpProxy


class Echo:
    """Answers what it is asked, in capitals, and remembers it."""

    def __init__(self) -> None:
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client:
            while data := client.recv(1000):
                self.heard += data
                client.sendall(data.upper())

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TcpProxy]:
    with TcpProxy(echo.port) as made:
        yield made


def ask(proxy: TcpProxy, question: bytes, timeout_s: float = 5.0) -> bytes:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=timeout_s) as client:
        client.sendall(question)
        return client.recv(1000)


def test_it_passes_on_and_can_be_slow(proxy: TcpProxy) -> None:
    assert ask(proxy, b"hello") == b"HELLO"
    proxy.latency_s = 0.2
    began_s = time.monotonic()
    assert ask(proxy, b"hello") == b"HELLO"
    assert time.monotonic() - began_s >= 0.2
    assert proxy.connections == 2


def test_a_lost_answer_was_heard_all_the_same(proxy: TcpProxy, echo: Echo) -> None:
    proxy.drop_next = 1
    assert ask(proxy, b"one") == b""
    assert ask(proxy, b"two") == b"TWO"
    proxy.drop_replies = True
    assert ask(proxy, b"three") == b""
    assert ask(proxy, b"four") == b""
    assert (echo.heard, proxy.dropped) == (b"onetwothreefour", 3)


def test_a_question_is_cut_where_it_is_told_to(proxy: TcpProxy, echo: Echo) -> None:
    proxy.cut_after(3)
    assert ask(proxy, b"hello") in (b"HEL", b"")
    deadline = time.monotonic() + 5
    while echo.heard != b"hel":
        assert time.monotonic() < deadline
        time.sleep(0.005)
    proxy.cut_after(None)
    assert ask(proxy, b"hello") == b"HELLO"


def test_a_black_hole_answers_nothing_until_it_does(proxy: TcpProxy) -> None:
    proxy.blackhole = True
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.2) as client:
        client.sendall(b"hello")
        with pytest.raises(TimeoutError):
            client.recv(10)
        proxy.blackhole = False
        client.settimeout(5)
        assert client.recv(10) == b"HELLO"


def test_connections_are_cut_and_refused(proxy: TcpProxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
        client.sendall(b"hello")
        assert client.recv(10) == b"HELLO"
        proxy.cut()
        assert client.recv(10) == b""
    proxy.refuse = True
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    with client, contextlib.suppress(ConnectionResetError):
        assert client.recv(10) == b""
