"""``fraudstream report``: the live page of a moment as one file, to send and to keep.

Of a running worker; or, where none answers, of what the configuration's workers left on the disk.
"""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import NamedTuple

import msgspec

from schemas.errors import AdminError, ConfigError
from stream.cli.console import OK, emit_json, say
from stream.config.configuration import Config, load
from stream.page.board import Board, Point
from stream.page.one_file import one_file
from stream.page.period import moment_ms, within
from stream.stopped_workers_board import left_by

_TIMEOUT_S = 10.0
_BYTES_MAX = 64 * 2**20
# The end of time, for whoever asks for no end.
_NO_END_MS = 2**53


class _Shown(msgspec.Struct):
    """What a worker's page is given."""

    board: Board | None
    history: list[Point]


class _Page(NamedTuple):
    """What becomes a report."""

    board: Board
    history: list[Point]


class _NobodyError(AdminError):
    """Nobody answers there."""


def write_report(
    url: str, began: str, ended: str, path: Path, config_path: Path | None, as_json: bool
) -> int:
    """Ask a worker for its page, and write it as a file; return the exit status."""
    config = load(config_path)
    shown = _shown(url, config)
    now_ms = shown.board["now_ms"]
    times = _times(began, ended, now_ms)
    board, history = within(shown.board, shown.history, *times)
    text = one_file(board, history)
    path.write_text(text, encoding="utf-8")
    report = {
        "report": str(path),
        "bytes": len(text.encode()),
        "windows": len(board["quality"]["windows"]),
        "points": len(history),
        "left": shown.board["about"].get("left"),
    }
    if as_json:
        emit_json(report)
    else:
        say(f"wrote {path}: open it in a browser, or send it; it asks nobody for anything")
    return OK


def _shown(url: str, config: Config) -> _Page:
    """Return the page of a worker; of one that does not answer what it left."""
    port = config.admin.port
    address = url or (f"http://{_bracketed(config.admin.host)}:{port}" if port else "")
    if not address and not config.recovery.folder:
        raise ConfigError(
            "no worker to ask: give --url http://127.0.0.1:9464, or the --config of a worker "
            "with admin.port, or with the recovery.folder in which it left its state"
        )
    if address:
        try:
            shown = _ask(address, config.admin_token())
        except _NobodyError as error:
            # Whoever names a worker wants that one.
            if url or not config.recovery.folder:
                raise
            say(f"note: {error}")
        else:
            if shown.board is None:
                raise AdminError(
                    f"{address}: the worker has nothing to show yet: ask again in a second"
                )
            return _Page(shown.board, shown.history)
    left = left_by(config)
    say(f"note: the report is of {left.said}, and of the page's past beside it")
    return _Page(left.board, left.history)


def _times(began: str, ended: str, now_ms: int) -> tuple[int, int]:
    def read(option: str, text: str) -> int:
        try:
            return moment_ms(text, now_ms)
        except ValueError as error:
            raise ConfigError(f"{option}: {error}") from error

    from_ms = read("--from", began) if began else 0
    to_ms = read("--to", ended) if ended else _NO_END_MS
    if from_ms >= to_ms:
        raise ConfigError(f"--from {began} is not before --to {ended}")
    return from_ms, to_ms


def _ask(address: str, token: str) -> _Shown:
    url = f"{address.rstrip('/')}/api/board"
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(f"--url: {address!r} is no address of a worker: write http://HOST:PORT")
    request = urllib.request.Request(url)  # noqa: S310 - http or https, as was just seen.
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    answer = _answer(request, address)
    try:
        return msgspec.json.decode(answer, type=_Shown)
    except msgspec.DecodeError as error:
        raise AdminError(
            f"{address}: what answers there is no page of this release: {error}"
        ) from error


def _answer(request: urllib.request.Request, address: str) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - as above.
            return answer.read(_BYTES_MAX)
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(500).decode("utf-8", "replace").strip()
        hint = "; set FRAUD_ADMIN__TOKEN" if error.code == 401 else ""
        raise AdminError(f"{address}: refused with {error.code}: {said}{hint}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise _NobodyError(
            f"{address}: nobody answers ({reason}): is a worker running with admin.port and "
            "admin.page there?"
        ) from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
