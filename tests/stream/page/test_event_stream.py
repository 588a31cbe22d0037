"""The stream of boards, without a server: what is sent, when, and how it ends."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from inputs.page_boards import Boards

from stream.page.event_stream import RETRY_MS, EventStream
from stream.page.feed import Feed
from stream.page.history import MemoryHistory

BOARDS = Boards()
SECONDS = 10
SCOPE: dict[str, Any] = {"type": "http"}


class Browser:
    """What a server would send, and a browser that may leave or take nothing."""

    def __init__(self, takes: int = 10**9) -> None:
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self._takes = takes

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if len(self.sent) >= self._takes:
            await asyncio.Event().wait()
        self.sent.append(message)

    @property
    def text(self) -> str:
        return b"".join(each.get("body", b"") for each in self.sent).decode("utf-8")

    async def until(self, pieces: int) -> None:
        while len(self.sent) < pieces:
            await asyncio.sleep(0.005)


def stream_of(feed: Feed, browser: Browser, **times: float) -> asyncio.Task[None]:
    response = EventStream(feed, feed.subscribe(), **times)
    return asyncio.create_task(response(SCOPE, browser.receive, browser.send))


async def events_of_a_life() -> tuple[Browser, Feed]:
    feed, browser = Feed(MemoryHistory()), Browser()
    feed.publish(BOARDS.board(1))
    task = stream_of(feed, browser)
    await browser.until(3)
    feed.publish(BOARDS.board(2))
    await browser.until(4)
    feed.close()
    await asyncio.wait_for(task, SECONDS)
    return browser, feed


def test_it_says_when_to_ask_again_then_sends_numbered_boards() -> None:
    browser, _ = asyncio.run(events_of_a_life())
    opening, first, second, rest = browser.text.split("\n\n")
    assert opening == f"retry: {RETRY_MS}"
    assert rest == ""
    for n, event in ((1, first), (2, second)):
        number, kind, data = event.split("\n")
        assert number == f"id: {BOARDS.now_ms(n)}"
        assert kind == "event: board"
        assert json.loads(data.removeprefix("data: ")) == BOARDS.board(n)


def test_it_is_brought_to_its_end_when_the_feed_is_closed() -> None:
    browser, feed = asyncio.run(events_of_a_life())
    assert browser.sent[-1]["more_body"] is False
    assert feed.streams == 0


def test_it_is_never_kept_and_has_no_length() -> None:
    browser, _ = asyncio.run(events_of_a_life())
    headers = dict(browser.sent[0]["headers"])
    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert headers[b"cache-control"] == b"no-store"
    assert b"content-length" not in headers


def test_it_says_that_it_is_there_while_there_is_no_board() -> None:
    async def body() -> str:
        feed, browser = Feed(MemoryHistory()), Browser()
        task = stream_of(feed, browser, heartbeat_s=0.02)
        await asyncio.wait_for(browser.until(5), SECONDS)
        feed.close()
        await asyncio.wait_for(task, SECONDS)
        return browser.text

    pieces = asyncio.run(body()).split("\n\n")
    assert pieces[1:4] == [": nothing new"] * 3


def test_it_ends_when_the_browser_leaves() -> None:
    async def body() -> int:
        feed, browser = Feed(MemoryHistory()), Browser()
        task = stream_of(feed, browser)
        await browser.until(2)
        browser.left.set()
        await asyncio.wait_for(task, SECONDS)
        return feed.streams

    assert asyncio.run(body()) == 0


def test_a_browser_that_takes_nothing_for_long_is_let_go() -> None:
    async def body() -> int:
        feed, browser = Feed(MemoryHistory()), Browser(takes=2)
        feed.publish(BOARDS.board(1))
        task = stream_of(feed, browser, send_max_s=0.05)
        await asyncio.wait_for(task, SECONDS)
        return feed.streams

    assert asyncio.run(body()) == 0


def test_a_stream_that_is_cancelled_is_let_go() -> None:
    async def body() -> int:
        feed, browser = Feed(MemoryHistory()), Browser()
        task = stream_of(feed, browser)
        await browser.until(2)
        task.cancel()
        await asyncio.wait([task])
        return feed.streams

    assert asyncio.run(body()) == 0
