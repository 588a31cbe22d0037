"""A report as one file; tests/integration/test_page_in_browser.py opens one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

from inputs.page_boards import Boards

from stream.page.one_file import one_file

BOARDS = Boards()


def test_it_holds_the_board_and_the_history() -> None:
    history = BOARDS.history(20)
    text = one_file(BOARDS.board(0), history)
    numbers = re.search(r'id="numbers">(.*?)</script>', text, re.DOTALL)
    assert numbers
    assert json.loads(numbers[1]) == {"board": BOARDS.board(0), "history": history}


def test_the_same_numbers_give_the_same_file() -> None:
    code = "from inputs.page_boards import Boards; from stream.page.one_file import one_file; "
    code += "import sys; sys.stdout.write(one_file(Boards().board(0), []))"
    lives = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    ]
    assert lives[0] == lives[1]
    assert len(lives[0]) > 50_000


def test_it_asks_nobody_for_anything() -> None:
    text = one_file(BOARDS.board(0), [])
    assert re.findall(r'(?:src|href)="(?!#)', text) == []
    assert not re.search(r"^\s*(import|export) ", text, re.MULTILINE)
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}


def test_no_text_of_strangers_ends_the_element_that_holds_it() -> None:
    board = BOARDS.board(0)
    board["alerts"][0]["transaction_id"] = "</script><script>alert(1)</script><!--"
    text = one_file(board, [])
    assert text.count("</script>") == one_file(BOARDS.board(0), []).count("</script>") == 2
    assert "<!--" not in text
