"""The history that lives as long as the process."""

from __future__ import annotations

import threading

from inputs.page_boards import Boards

from stream.page.history import MemoryHistory


def test_points_come_back_in_their_order() -> None:
    history = MemoryHistory()
    points = Boards().history(20)
    for point in points:
        history.add(point)
    assert history.points() == points


def test_beyond_the_bound_the_oldest_are_forgotten() -> None:
    history = MemoryHistory(points_max=5)
    points = Boards().history(20)
    for point in points:
        history.add(point)
    assert history.points() == points[-5:]


def test_it_may_be_read_while_points_are_added() -> None:
    history, points = MemoryHistory(points_max=50), Boards().history(50)
    done = threading.Event()

    def add() -> None:
        while not done.is_set():
            for point in points:
                history.add(point)

    thread = threading.Thread(target=add)
    thread.start()
    try:
        assert all(len(history.points()) <= 50 for _ in range(2000))
    finally:
        done.set()
        thread.join()
