"""``fraudstream report``: the page of a running worker as one file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from inputs.page_boards import Boards
from starlette.responses import JSONResponse
from starlette.routing import Route
from workers.left_behind import KEY, LeftBehind, left_behind, past_beside

from stream.admin.security import Access
from stream.admin.server import AdminServer
from stream.page.feed import Feed
from stream.page.history import MemoryHistory
from stream.page.routes import page_routes

COMMAND = ("report",)
TOKEN = "a-token-of-letters-and-1234"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _no_token_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FRAUD_ADMIN__TOKEN", raising=False)


@pytest.fixture
def boards() -> Boards:
    return Boards(seed=7)


@pytest.fixture
def feed(boards: Boards) -> Iterator[Feed]:
    history = MemoryHistory()
    for second in range(300):
        history.add(boards.point(second))
    feed = Feed(history)
    feed.publish(boards.board(300))
    yield feed
    feed.close()


@pytest.fixture
def address(feed: Feed) -> Iterator[str]:
    with AdminServer(page_routes(feed), Access("127.0.0.1", (), "")) as server:
        yield server.address


def test_it_is_one_file_with_the_board_and_its_history(
    run: Run, address: str, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    code, out, err = run("--url", address, "--out", path, "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    text = path.read_text("utf-8")
    assert said["bytes"] == len(text.encode())
    assert said["points"] == 300
    assert "card.amount_mean_1h" in text
    assert "src=" not in text.split('<script type="application/json"')[0]


def test_a_part_of_it_is_what_lies_within(
    run: Run, address: str, boards: Boards, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    _, out, _ = run("--url", address, "--out", path, "--from", "60s", "--json")
    said = json.loads(out)
    assert said["points"] == 60
    whole = len(boards.board(300)["quality"]["windows"])
    assert 0 < said["windows"] < whole


def test_whoever_has_no_token_is_told_so(
    run: Run, feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    with AdminServer(page_routes(feed), Access("127.0.0.1", (), TOKEN)) as server:
        code, _, err = run("--url", server.address, "--out", path)
        assert code == 1
        assert "refused with 401" in err
        assert "FRAUD_ADMIN__TOKEN" in err
        assert not path.exists()
        monkeypatch.setenv("FRAUD_ADMIN__TOKEN", TOKEN)
        assert run("--url", server.address, "--out", path)[0] == 0
    assert path.exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "give --url"),
        (("--url", "http://127.0.0.1:9"), 1, "nobody answers"),
        (("--url", "file:///etc/passwd"), 2, "no address of a worker"),
        (("--url", "127.0.0.1:9"), 2, "no address of a worker"),
    ],
)
def test_what_cannot_be_asked_is_said(
    run: Run, words: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    found, _, err = run(*words, "--out", tmp_path / "report.html")
    assert found == code
    assert message in err


# Of what was left where no worker runs.


@pytest.fixture
def stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LeftBehind:
    monkeypatch.setenv("FRAUD_SECURITY__HASH_KEY", KEY)
    monkeypatch.delenv("FRAUD_SECURITY__SNAPSHOT_KEY", raising=False)
    stood = left_behind(tmp_path)
    past_beside(tmp_path, points=30)
    return stood


@pytest.mark.parametrize("port", ["", "[admin]\nport = 9\n"])
def test_of_a_worker_that_stands_the_report_is_of_what_it_left(
    run: Run, stood: LeftBehind, tmp_path: Path, port: str
) -> None:
    path = tmp_path / "report.html"
    stood.path.write_text(stood.path.read_text() + port)
    code, out, err = run("--config", stood.path, "--out", path, "--json")
    assert code == 0
    said = json.loads(out)
    assert said["left"] == "snapshot 4"
    assert said["points"] >= 20
    assert said["windows"] > 5
    assert "note: the report is of snapshot 4" in err
    assert ("nobody answers" in err) == bool(port)
    text = path.read_text("utf-8")
    assert '"left":"snapshot 4"' in text
    _, out, _ = run("--config", stood.path, "--out", path, "--from", "60s", "--json")
    assert 0 < json.loads(out)["points"] < said["points"]


def test_who_names_a_worker_gets_no_other_report(
    run: Run, stood: LeftBehind, address: str, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    code, _, err = run("--config", stood.path, "--url", "http://127.0.0.1:9", "--out", path)
    assert (code, path.exists()) == (1, False)
    assert "nobody answers" in err
    code, out, _ = run("--config", stood.path, "--url", address, "--out", path, "--json")
    assert (code, json.loads(out)["left"]) == (0, None)


def test_a_folder_without_a_snapshot_is_said(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "none.toml"
    config.write_text(f'[recovery]\nfolder = "{tmp_path}"\n')
    code, _, err = run("--config", config, "--out", tmp_path / "report.html")
    assert code == 2
    assert "holds no snapshot yet" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "yesterday"), "--from: 'yesterday' is no time"),
        (("--to", "5-bananas"), "--to: '5-bananas' is no time"),
        (("--from", "1h", "--to", "2h"), "is not before --to"),
    ],
)
def test_times_that_are_none_are_named(
    run: Run, address: str, words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    code, _, err = run("--url", address, "--out", tmp_path / "report.html", *words)
    assert code == 2
    assert message in err


def test_another_program_there_is_no_worker(run: Run, tmp_path: Path) -> None:
    route = Route("/api/board", lambda _: JSONResponse({"board": 3}))
    with AdminServer([route], Access("127.0.0.1", (), "")) as server:
        code, _, err = run("--url", server.address, "--out", tmp_path / "report.html")
    assert code == 1
    assert "no page of this release" in err


def test_a_worker_that_has_just_begun_has_nothing_to_show(run: Run, tmp_path: Path) -> None:
    feed = Feed(MemoryHistory())
    with AdminServer(page_routes(feed), Access("127.0.0.1", (), "")) as server:
        code, _, err = run("--url", server.address, "--out", tmp_path / "report.html")
        feed.close()
    assert code == 1
    assert "nothing to show yet" in err
