"""The page's routes, by a real server on a loopback port."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from inputs.page_boards import Boards
from servers.page_site import Site

from stream.page.static_files import static_files

BOARDS = Boards()
SECONDS = 10
# A stream that is open keeps a server from ending for as long as it likes.
STOP_SECONDS = 2.0


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as started:
        yield started


def asked(
    site: Site, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=SECONDS)
    with closing(connection):
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response, response.read()


def opened(site: Site) -> socket.socket:
    """Open a stream, and return its connection."""
    connection = socket.create_connection(("127.0.0.1", site.port), timeout=SECONDS)
    connection.sendall(b"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return connection


def read_until(connection: socket.socket, what: bytes) -> bytes:
    found = b""
    while what not in found:
        piece = connection.recv(65536)
        assert piece, f"the stream ended before {what!r}: {found!r}"
        found += piece
    return found


def test_the_page_is_at_the_root(site: Site) -> None:
    response, body = asked(site, "/")
    assert response.status == 200
    assert response.getheader("content-type") == "text/html; charset=utf-8"
    assert body == static_files()["index.html"].content


@pytest.mark.parametrize("path", sorted(static_files()))
def test_each_of_its_files_is_served_with_its_type(path: str, site: Site) -> None:
    response, body = asked(site, f"/static/{path}")
    assert response.status == 200
    assert response.getheader("content-type") == static_files()[path].content_type
    assert body == static_files()[path].content


def test_the_icon_is_where_browsers_look_for_it(site: Site) -> None:
    response, body = asked(site, "/favicon.ico")
    assert response.status == 200
    assert (response.headers["content-type"], body) == (
        "image/svg+xml",
        asked(site, "/static/icon.svg")[1],
    )


def test_a_file_that_is_known_is_not_sent_again(site: Site) -> None:
    first, body = asked(site, "/static/app.js")
    tag = first.getheader("etag")
    assert tag
    again, nothing = asked(site, "/static/app.js", **{"If-None-Match": f'"old", W/{tag}'})
    assert (again.status, nothing) == (304, b"")
    assert again.getheader("etag") == tag
    other, whole = asked(site, "/static/app.js", **{"If-None-Match": '"old"'})
    assert (other.status, whole) == (200, body)
    assert first.getheader("cache-control") == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/nobody.js",
        "/static/../feed.py",
        "/static/..%2ffeed.py",
        "/static/panels",
        "/static//etc/passwd",
        "/static/%2e%2e/__init__.py",
        "/feed.py",
    ],
)
def test_nothing_else_of_the_disk_is_sent(path: str, site: Site) -> None:
    assert asked(site, path)[0].status == 404


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/board", "/api/stream"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(path: str, method: str, site: Site) -> None:
    assert asked(site, path, method)[0].status == 405


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/board", "/api/stream"])
def test_a_question_about_the_headers_is_answered_and_opens_nothing(path: str, site: Site) -> None:
    response, body = asked(site, path, "HEAD")
    assert (response.status, body) == (200, b"")
    assert site.feed.streams == 0


def board_of(site: Site, path: str = "/api/board") -> Any:
    response, body = asked(site, path)
    assert response.status == 200
    assert response.getheader("content-type") == "application/json"
    assert response.getheader("cache-control") == "no-store"
    return json.loads(body)


def test_before_the_first_board_there_is_none(site: Site) -> None:
    assert board_of(site) == {"board": None, "history": []}


def test_a_page_that_is_opened_late_gets_the_latest_board_and_the_past(site: Site) -> None:
    points = BOARDS.history(30)
    for point in points:
        site.history.add(point)
    site.feed.publish(BOARDS.board(0))
    site.feed.publish(BOARDS.board(1))
    assert board_of(site) == {"board": BOARDS.board(1), "history": points}


def test_a_page_that_comes_back_gets_what_it_missed(site: Site) -> None:
    points = BOARDS.history(30)
    for point in points:
        site.history.add(point)
    since = points[-3]["time_ms"]
    assert board_of(site, f"/api/board?since={since}")["history"] == points[-2:]


def test_a_time_that_is_none_is_refused_in_words(site: Site) -> None:
    response, body = asked(site, "/api/board?since=yesterday")
    assert response.status == 400
    assert body == b"since is a time in milliseconds since 1970"


def test_while_the_worker_stops_there_are_no_numbers_any_more(site: Site) -> None:
    site.feed.publish(BOARDS.board(1))
    site.feed.close()
    for path in ("/api/board", "/api/stream"):
        response, body = asked(site, path)
        assert response.status == 503
        assert body == b"the worker is stopping: load the page again once it has started"


def test_a_stream_begins_at_once_and_goes_on(site: Site) -> None:
    site.feed.publish(BOARDS.board(1))
    with closing(opened(site)) as connection:
        head = read_until(connection, b"data: ")
        assert b"200 OK" in head
        assert b"text/event-stream" in head
        site.feed.publish(BOARDS.board(2))
        read_until(connection, f"id: {BOARDS.now_ms(2)}".encode())


def test_a_page_that_is_closed_makes_room(site: Site) -> None:
    with closing(opened(site)) as connection:
        read_until(connection, b"retry:")
        assert site.feed.streams == 1
    deadline = time.monotonic() + SECONDS
    while site.feed.streams:
        assert time.monotonic() < deadline, "nobody noticed that the page was closed"
        time.sleep(0.01)


def test_beyond_so_many_streams_the_answer_says_what_to_do() -> None:
    with Site(streams_max=2) as site, closing(opened(site)) as one, closing(opened(site)) as two:
        read_until(one, b"retry:")
        read_until(two, b"retry:")
        response, body = asked(site, "/api/stream")
        assert response.status == 503
        assert response.getheader("retry-after") == "5"
        assert body.startswith(b"2 live pages are open, and no more may be: close one")


def test_a_stream_without_boards_says_that_it_is_there() -> None:
    with Site(heartbeat_s=0.05) as site, closing(opened(site)) as connection:
        read_until(connection, b": nothing new\n\n")


def test_open_streams_do_not_keep_the_server_from_stopping() -> None:
    with Site() as site:
        site.feed.publish(BOARDS.board(1))
        streams = [opened(site) for _ in range(20)]
        try:
            for stream in streams:
                read_until(stream, b"data: ")
            assert site.stop() < STOP_SECONDS
        finally:
            for stream in streams:
                stream.close()


def test_nor_does_a_browser_that_takes_nothing() -> None:
    with Site(patience_s=1) as site, closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", site.port))
        connection.sendall(b"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        read_until(connection, b"retry:")
        # More than the connection holds: the server's own buffers are full then.
        for second in range(300):
            site.feed.publish(BOARDS.board(second))
            time.sleep(0.002)
        assert site.stop() < STOP_SECONDS


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(site: Site) -> None:
    policy = asked(site, "/")[0].getheader("content-security-policy") or ""
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert re.findall(r"https?:|\*|data:|blob:", policy) == []
