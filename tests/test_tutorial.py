"""docs/tutorial.md, typed: every command in its order, in a folder of its own, on a real broker.

A block says behind its language in which terminal it is typed; a block of text behind it is what is
seen there then. Words must be the same; numbers, times and ids are of the machine, `…` is anything,
a line of `...` is any lines, and a block that says `exact` leaves nothing open.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tutorial.md"
SERVERS = ("broker", "worker", "payments")
# A first start compiles kernels, a backtest decides everything twice; and others compute beside.
START_S, SOON_S = 900, 600
MARK = "the-shell-is-back"


@dataclass(frozen=True)
class Block:
    """A block of the page, and what is seen once it is typed."""

    line: int
    terminal: str
    typed: str
    seen: str | None = None
    exact: bool = False


def blocks() -> list[Block]:
    """Every block of the page, in order."""
    found: list[Block] = []
    text = PAGE.read_text(encoding="utf-8")
    for match in re.finditer(r"^```(\w+) ?(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 1
        language, word, body = match.groups()
        if language == "sh":
            found.append(Block(line, word, body))
            continue
        assert language == "text", f"line {line}: a block of {language} is not typed by the test"
        last = found.pop()
        assert last.seen is None, f"line {line}: nothing was typed for this"
        found.append(Block(last.line, last.terminal, last.typed, body, word == "exact"))
    return found


BLOCKS = blocks()


def plain(line: str) -> str:
    """A line without what differs from run to run."""
    line = re.sub(r"[─-╿▀-█]+", " ", line)
    line = re.sub(r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{12,64}\b", "<id>", line)
    line = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?", "<time>", line)
    line = re.sub(r"[-+]?\d+(,\d{3})*(\.\d+)?(e-?\d+)?", "<n>", line)
    return " ".join(line.split())


def is_seen(expected: str, shown: str, exact: bool = False) -> bool:
    """Tell whether lines are as expected: one behind the other, but where `...` stands."""
    wanted, lines = expected.splitlines(), shown.splitlines()
    if not exact:
        wanted, lines = [plain(line) for line in wanted], [plain(line) for line in lines]
    patterns = [re.escape(line).replace("…", ".*") if line != "..." else "..." for line in wanted]
    return _matches([each for each in patterns if each], [each for each in lines if each])


def _matches(patterns: list[str], lines: list[str]) -> bool:
    if not patterns:
        return not lines
    if patterns[0] == "...":
        return any(_matches(patterns[1:], lines[at:]) for at in range(len(lines) + 1))
    if not lines or not re.fullmatch(patterns[0], lines[0]):
        return False
    return _matches(patterns[1:], lines[1:])


class Terminal:
    """A shell that somebody types into."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.shown = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.shown += line

    def type(self, text: str) -> None:
        assert self._process.stdin is not None
        self.shown = ""
        # What is typed asks nobody: a command that would is not to eat the lines behind it.
        self._process.stdin.write(f"{{ {text}\n}} </dev/null\necho {MARK} $?\n")
        self._process.stdin.flush()

    def wait(self, seconds: float) -> tuple[str, int]:
        """Wait until the shell is back; return what was shown, and the last exit status."""
        until = time.monotonic() + seconds
        while not (back := re.search(rf"^{MARK} (\d+)$", self.shown, re.MULTILINE)):
            assert time.monotonic() < until, self.shown
            time.sleep(0.02)
        return self.shown[: back.start()], int(back[1])

    def watch(self, expected: str, seconds: float) -> None:
        """Wait until this is seen, of a command that goes on."""
        until = time.monotonic() + seconds
        while not is_seen(f"{expected}...\n", self.shown):
            assert MARK not in self.shown, self.shown
            assert time.monotonic() < until, self.shown
            time.sleep(0.05)

    def interrupt(self) -> None:
        """Press Ctrl-C: it is for what runs in the shell."""
        pid = self._process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGINT)

    def close(self) -> None:
        try:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._reader.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def terminals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Terminal]]:
    """Shells in one empty folder, in which `fraudstream` is this source."""
    folder = tmp_path_factory.mktemp("tutorial")
    command = tmp_path_factory.mktemp("bin") / "fraudstream"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stream "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    own = {
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        # Others may listen where the page says.
        "FRAUD_KAFKA__BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "FRAUD_ADMIN__PORT": str(free_port()),
    }
    mine = {name: text for name, text in os.environ.items() if not name.startswith("FRAUD_")}
    found = {name: Terminal(folder, {**mine, **own}) for name in ("you", *SERVERS)}
    yield found
    for each in found.values():
        each.close()


def test_every_block_is_for_a_terminal_and_the_first_sets_up() -> None:
    assert BLOCKS[0].terminal == "setup"
    assert BLOCKS[0].typed.startswith("make setup\n")
    assert all(each.terminal in ("you", *SERVERS) for each in BLOCKS[1:])
    assert [each.terminal for each in BLOCKS if each.terminal in SERVERS] == list(SERVERS)
    fences = PAGE.read_text(encoding="utf-8").count("\n```")
    assert fences == 2 * sum(1 + (each.seen is not None) for each in BLOCKS)


def test_words_that_differ_are_found() -> None:
    assert is_seen("a 12 …\n...\nz\n", "a 7 and so on\nb\nc\nz\n")
    assert not is_seen("a\nz\n", "a\nb\nz\n")
    assert not is_seen("ordered: 1 rules\n", "refused: 1 rules\n")
    assert not is_seen("set 12\n", "set 13\n", exact=True)


@pytest.mark.slow
@pytest.mark.timeout(START_S + SOON_S)
def test_every_command_shows_what_the_page_says(terminals: dict[str, Terminal]) -> None:
    for each in BLOCKS[1:]:
        terminal, where = terminals[each.terminal], f"{PAGE.name}:{each.line}"
        began = time.monotonic()
        terminal.type(each.typed)
        if each.terminal != "you":
            terminal.watch(each.seen or "", START_S)
            print(f"--- {where}, {time.monotonic() - began:.1f} s")
            continue
        shown, status = terminal.wait(SOON_S)
        print(f"--- {where}, {time.monotonic() - began:.1f} s\n{each.typed}>>>\n{shown}")
        assert "Traceback" not in shown, where
        if each.seen is None:
            assert status == 0, f"{where}:\n{shown}"
        else:
            assert is_seen(each.seen, shown, each.exact), f"{where}:\n{shown}"
    for name in reversed(SERVERS):
        terminals[name].interrupt()
        shown, status = terminals[name].wait(30)
        assert status == 130, f"{name}:\n{shown}"
        assert "Traceback" not in shown, f"{name}:\n{shown}"
