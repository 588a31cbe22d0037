"""Boards from one thread to the event loop of another."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from inputs.page_boards import Boards

from stream.page import feed as feed_module
from stream.page.feed import WAITING_MAX, Feed, FeedError, Stream
from stream.page.history import MemoryHistory

BOARDS = Boards()
SECONDS = 10


def feed(streams_max: int = 64) -> Feed:
    return Feed(MemoryHistory(), streams_max)


def run(body: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(asyncio.wait_for(body(), SECONDS))  # type: ignore[arg-type]


async def second_of(stream: Stream) -> int | None:
    """Return which second's board comes next."""
    frame = await stream.next()
    return None if frame is None else seconds(frame.json)


def seconds(text: bytes) -> int:
    return int((json.loads(text)["now_ms"] - BOARDS.now_ms(0)) / 1000)


def published(to: Feed, *which: int) -> None:
    """Publish from a thread, as a worker does."""
    thread = threading.Thread(target=lambda: [to.publish(BOARDS.board(n)) for n in which])
    thread.start()
    thread.join()


def test_a_stream_begins_with_the_latest_board_and_goes_on_with_the_next() -> None:
    async def body() -> list[int | None]:
        ours = feed()
        published(ours, 1, 2)
        stream = ours.subscribe()
        published(ours, 3)
        return [await second_of(stream), await second_of(stream)]

    assert run(body) == [2, 3]


def test_every_page_gets_the_same_bytes_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    encoded = feed_module.encoded
    monkeypatch.setattr(feed_module, "encoded", lambda board: calls.append(1) or encoded(board))

    async def body() -> set[int]:
        ours = feed()
        streams = [ours.subscribe() for _ in range(10)]
        published(ours, 1)
        return {id(frame.json) for stream in streams if (frame := await stream.next())}

    assert len(run(body)) == 1
    assert len(calls) == 1


def test_a_slow_browser_loses_the_oldest_boards_and_gets_the_newest() -> None:
    async def body() -> tuple[list[int | None], int]:
        ours = feed()
        stream = ours.subscribe()
        published(ours, *range(1, 50))
        await asyncio.sleep(0)
        return [await second_of(stream) for _ in range(WAITING_MAX)], stream.dropped

    kept, dropped = run(body)
    assert kept == list(range(50 - WAITING_MAX, 50))
    assert dropped == 49 - WAITING_MAX


def test_a_browser_that_takes_nothing_costs_no_memory_in_the_long_run() -> None:
    # Made beforehand: while memory is traced that would take most of the time.
    made = [BOARDS.board(second) for second in range(60)]

    async def body() -> int:
        ours = feed()
        stream = ours.subscribe()

        async def boards(n: int) -> int:
            for second in range(n):
                ours.publish(made[second % 60])
                await asyncio.sleep(0)
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        before = await boards(60)
        after = await boards(300)
        assert stream.dropped >= 350
        return after - before

    tracemalloc.start()
    try:
        # A board is some 35 kB, so those that were dropped would be ten megabytes; what else the
        # process does meanwhile is less than two.
        assert run(body) < 2_000_000
    finally:
        tracemalloc.stop()


def test_numbers_go_up_also_within_a_millisecond_and_over_a_restart() -> None:
    ours, next_life = feed(), feed()
    numbers = []
    for second in (1, 1, 1, 0, 2):
        ours.publish(BOARDS.board(second))
        assert ours.latest is not None
        numbers.append(ours.latest.number)
    next_life.publish(BOARDS.board(3))
    assert next_life.latest is not None
    assert numbers == sorted(set(numbers))
    assert next_life.latest.number > numbers[-1]


def test_a_board_may_be_changed_once_it_is_published() -> None:
    ours, board = feed(), BOARDS.board(1)
    ours.publish(board)
    board["about"]["group"] = "another"
    assert ours.latest is not None
    assert json.loads(ours.latest.json)["about"]["group"] == "fraudstream"


def test_beyond_so_many_pages_none_is_opened_until_one_is_closed() -> None:
    async def body() -> int:
        ours = feed(streams_max=2)
        first, _ = ours.subscribe(), ours.subscribe()
        with pytest.raises(FeedError, match="2 live pages are open, and no more may be: close one"):
            ours.subscribe()
        ours.unsubscribe(first)
        ours.unsubscribe(first)
        ours.subscribe()
        return ours.streams

    assert run(body) == 2


def test_closing_ends_every_stream_at_once_whatever_still_waits() -> None:
    async def body() -> list[int | None]:
        ours = feed()
        streams = [ours.subscribe() for _ in range(3)]
        published(ours, 1, 2, 3)
        threading.Thread(target=ours.close).start()
        await asyncio.sleep(0.1)
        return [await second_of(stream) for stream in streams]

    assert run(body) == [None, None, None]


def test_once_closed_nothing_is_taken_and_no_page_is_opened() -> None:
    async def body() -> None:
        with pytest.raises(FeedError, match="stopping: load the page again"):
            ours.subscribe()

    ours = feed()
    ours.publish(BOARDS.board(1))
    ours.close()
    ours.publish(BOARDS.board(2))
    run(body)
    assert ours.latest is not None
    assert seconds(ours.latest.json) == 1


def test_a_loop_that_has_ended_keeps_nobody_from_publishing() -> None:
    async def body() -> None:
        ours.subscribe()

    ours = feed()
    run(body)
    assert ours.streams == 1
    ours.publish(BOARDS.board(1))
    assert ours.streams == 0
    ours.close()


def test_publishing_takes_the_worker_little_time_however_many_pages_are_open() -> None:
    async def body() -> float:
        ours = feed()
        streams = [ours.subscribe() for _ in range(64)]
        board = BOARDS.board(1)
        best = float("inf")
        for _ in range(50):
            began = time.perf_counter()
            ours.publish(board)
            best = min(best, time.perf_counter() - began)
            await asyncio.sleep(0)
        assert all(stream.dropped for stream in streams)
        return best

    # It takes a tenth of a millisecond; the bound is for a machine that is busy.
    assert run(body) < 0.005
