"""Verdicts from a table: rows as they are given, and every wrong one named."""

import pytest

from schemas.errors import InputFileError
from stream.cases import verdict_file
from stream.cases.verdict import Verdict
from stream.cases.verdict_file import read_verdicts

ONE, TWO = "0" * 31 + "1", "0" * 31 + "2"


def written(tmp_path, text):
    path = tmp_path / "verdicts.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_rows_take_what_they_lack_from_the_options(tmp_path):
    path = written(
        tmp_path,
        f'\ufeffalert_id,verdict,note,by,confidence\r\n{ONE},fraud,"a, b",bob,0.5\r\n{TWO},legit\n',
    )
    assert read_verdicts(path, "ann", "batch", 0.9) == [
        Verdict(ONE, True, "bob", "a, b", 0.5),
        Verdict(TWO, False, "ann", "batch", 0.9),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the header is ''"),
        ("alert,verdict\n", "must have alert_id, verdict"),
        (f"alert_id,verdict,card\n{ONE},fraud,1\n", "must have alert_id, verdict"),
        ("alert_id,verdict\n", "there is no row in it"),
        (f"alert_id,verdict\n{ONE},fraud\n{TWO},perhaps\n", "line 3: a verdict is 'fraud'"),
        (f"alert_id,verdict\n{ONE}\n", "line 2: a verdict is"),
        (f"alert_id,verdict\n{ONE},fraud\n{ONE},legit\n", "line 3: the alert of line 2 once more"),
        (f"alert_id,verdict,confidence\n{ONE},fraud,high\n", "line 2: 'high' is no confidence"),
        (b"alert_id,verdict\n\xff,fraud\n", "no CSV file in UTF-8"),
        (f'alert_id,verdict\n"{ONE},fraud\n', "no CSV file"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(tmp_path, text, expected):
    with pytest.raises(InputFileError) as refused:
        read_verdicts(written(tmp_path, text), "ann")
    assert expected in str(refused.value)


def test_many_wrong_rows_are_not_all_told(tmp_path):
    path = written(tmp_path, "alert_id,verdict\n" + "x,fraud\n" * 15)
    with pytest.raises(InputFileError) as refused:
        read_verdicts(path, "ann")
    assert str(refused.value).count("\n") == 11
    assert "and 5 more" in str(refused.value)


def test_a_file_has_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(verdict_file, "ROWS_MAX", 1)
    path = written(tmp_path, f"alert_id,verdict\n{ONE},fraud\n{TWO},fraud\n")
    with pytest.raises(InputFileError, match="more than 1 rows: divide it"):
        read_verdicts(path, "ann")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputFileError, match=r"nothing\.csv"):
        read_verdicts(tmp_path / "nothing.csv", "ann")
