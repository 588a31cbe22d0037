"""What several workers of one command may not be told."""

from __future__ import annotations

import os
import signal

import pytest

from schemas.errors import ConfigError
from stream.commands import workers
from stream.commands.workers import check_workers, end_with_parent
from stream.config.configuration import load

EACH = {"state": "per_partition", "partial_features": True}


def test_one_state_for_all_is_one_workers() -> None:
    with pytest.raises(ConfigError, match=r"--workers 3: .*'whole' one worker.*'per_partition'"):
        check_workers(load(None), 3, None)
    check_workers(load(None), 1, None)
    check_workers(load(None, worker=EACH), 3, None)


def test_members_of_one_name_would_fence_each_other_off() -> None:
    named = load(None, worker=EACH, kafka={"client": {"group.instance.id": "a"}})
    with pytest.raises(ConfigError, match=r"--workers 2: all would be the one member"):
        check_workers(named, 2, None)
    check_workers(named, 1, None)


@pytest.mark.parametrize(("port", "page"), [(65_534, None), (0, 65_534), (9_000, 65_534)])
def test_there_must_be_a_port_for_each(port: int, page: int | None) -> None:
    config = load(None, worker=EACH, admin={"port": port})
    check_workers(config, 2, page)
    with pytest.raises(ConfigError, match=r"--workers 3: from port 65534 on"):
        check_workers(config, 3, page)


def test_who_was_started_by_nobody_ends_with_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(workers.ctypes, "CDLL", lambda _: pytest.fail("it was asked"))
    monkeypatch.setattr(os, "kill", lambda *each: told.append(each))
    end_with_parent({})
    end_with_parent({workers.PARENT: "nobody"})
    assert told == []


def test_who_lost_its_starter_already_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []

    class Calls:
        def __init__(self, _: object) -> None:
            pass

        def prctl(self, *_: int) -> int:
            return 0

    monkeypatch.setattr(workers.ctypes, "CDLL", Calls)
    monkeypatch.setattr(workers.sys, "platform", "linux")
    monkeypatch.setattr(os, "kill", lambda *each: told.append(each))
    end_with_parent({workers.PARENT: str(os.getppid())})
    assert told == []
    end_with_parent({workers.PARENT: "1" if os.getppid() != 1 else "2"})
    assert told == [(os.getpid(), signal.SIGTERM)]
