"""The admin port over real sockets: it answers beside the main thread, and it always ends."""

import http.client
import signal
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from schemas.errors import AdminError
from stream.admin.security import Access
from stream.admin.server import GRACE_S, AdminServer

SECONDS = 10


async def hello(request):
    return PlainTextResponse(f"{request.method} {threading.current_thread().name}")


async def for_ever(_):
    import asyncio

    async def pieces():
        while True:
            yield b"data: still here\n\n"
            await asyncio.sleep(0.05)

    return StreamingResponse(pieces(), media_type="text/event-stream")


ROUTES = [Route("/", hello), Route("/stream", for_ever)]


@pytest.fixture
def server():
    with AdminServer(ROUTES, Access()) as running:
        yield running


def get(server, path="/"):
    with urllib.request.urlopen(server.address + path, timeout=SECONDS) as answer:
        return answer.status, answer.read().decode()


def test_it_answers_from_a_thread_of_its_own(server):
    assert get(server) == (200, "GET admin port")
    assert threading.current_thread().name != "admin port"


def test_it_leaves_signals_alone():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with AdminServer(ROUTES, Access()) as server:
        assert get(server)[0] == 200
        assert {n: signal.getsignal(n) for n in before} == before
    assert {n: signal.getsignal(n) for n in before} == before


def test_a_port_that_is_taken_is_named_with_what_to_do(server):
    with pytest.raises(AdminError, match=rf"127\.0\.0\.1:{server.port} cannot be bound") as why:
        AdminServer(ROUTES, Access(), server.port)
    assert "another process may have it" in str(why.value)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_named(host):
    with pytest.raises(AdminError, match=host.replace(".", r"\.")):
        AdminServer(ROUTES, Access(host, (), "x" * 16))


def test_a_port_can_be_used_again_at_once():
    first = AdminServer(ROUTES, Access())
    with first:
        assert get(first)[0] == 200
    with AdminServer(ROUTES, Access(), first.port) as second:
        assert second.port == first.port
        assert get(second)[0] == 200


def test_one_that_was_never_started_is_closed_as_well():
    server = AdminServer(ROUTES, Access())
    server.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port), 1)


def silent(port):
    """Connect and say nothing."""
    return socket.create_connection(("127.0.0.1", port), SECONDS)


def half_a_request(port):
    connection = silent(port)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: local")
    return connection


def kept_alive(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("GET", "/")
    assert connection.getresponse().read()
    return connection


def reads_a_stream(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("GET", "/stream")
    assert connection.getresponse().read(10)
    return connection


def never_reads(port):
    connection = silent(port)
    connection.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection


@pytest.mark.parametrize(
    "client", [silent, half_a_request, kept_alive, reads_a_stream, never_reads]
)
def test_it_ends_in_time_whoever_is_connected(client):
    before = threading.active_count()
    server = AdminServer(ROUTES, Access())
    server.start()
    assert get(server)[0] == 200
    connections = [client(server.port) for _ in range(5)]
    time.sleep(0.2)
    begun = time.monotonic()
    server.close()
    took = time.monotonic() - begun
    for connection in connections:
        connection.close()
    assert took < GRACE_S + 1
    assert threading.active_count() == before


def test_a_request_of_any_length_is_refused_and_the_next_is_answered(server):
    with silent(server.port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert get(server)[0] == 200


def test_the_guard_stands_before_every_route():
    with AdminServer(ROUTES, Access(token="x" * 16)) as server:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(server)
        with pytest.raises(urllib.error.HTTPError, match="405"):
            urllib.request.urlopen(
                urllib.request.Request(server.address, data=b"x"), timeout=SECONDS
            )
