"""The command line, called in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from inputs.published import published

from stream.cli.main import main


@pytest.fixture
def run(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Call it, a module's own `COMMAND` first; return exit status, stdout and stderr."""
    command = getattr(request.module, "COMMAND", ())

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fraudstream", *command, *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        found = capsys.readouterr()
        code = ended.value.code
        return (0 if code is None else int(code)), found.out, found.err

    return run


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes, dict[str, Any], bool]]:
    """Orders that would have been sent: topic, key, record, whether to every partition.

    There are no brokers, and so no audit trail.
    """
    found: list[tuple[str, bytes, dict[str, Any], bool]] = []

    class Sender:
        def __init__(self, _: Any, topic: str, everywhere: bool) -> None:
            self._topic, self._everywhere = topic, everywhere

        def send(self, key: bytes, value: bytes) -> list[tuple[int, int]]:
            record = published("control").decode(value)
            found.append((self._topic, key, record, self._everywhere))
            return [(0, len(found))]

    monkeypatch.setenv("FRAUD_TOPICS__AUDIT", "")
    monkeypatch.setattr("stream.cases.administration.Sender", Sender)
    return found
