"""Promises of reading files of reports."""

from pathlib import Path

import polars as pl
import pytest

from bugflow.domain.predictions import BugText
from bugflow.errors import InvalidFile
from bugflow.ml.reports import read_reports, to_texts

ROWS = {"id": ["a", "b"], "title": ["Crash", None], "description": [None, 'It, "really"\nfails']}
TEXTS = [BugText("Crash", ""), BugText("", 'It, "really"\nfails')]


def test_the_three_formats_say_the_same_and_nulls_are_empty(tmp_path: Path) -> None:
    frame = pl.DataFrame(ROWS)
    frame.write_csv(tmp_path / "bugs.csv")
    frame.write_parquet(tmp_path / "bugs.parquet")
    frame.write_ndjson(tmp_path / "bugs.jsonl")
    for name in ("bugs.csv", "bugs.parquet", "bugs.jsonl"):
        read = read_reports(tmp_path / name, required=["id"])
        assert read["id"].to_list() == ["a", "b"]
        assert to_texts(read) == TEXTS


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("bugs.txt", "", r"must end in one of \.csv"),
        ("bugs.csv", "", "is empty"),
        ("bugs.csv", "id,title\n1,a\n2,b,c\n", "line 3 has 3 columns, the first line 2"),
        ("bugs.csv", "id,body\n1,a\n", "'title' or 'description'. It has: id, body"),
        ("bugs.csv", "title\na\n", "column 'id' is missing. It has: title"),
        ("bugs.jsonl", '{"id": 1, "title": "a"}\n{"id": 2, "title": }\n', "line 2 is no JSON"),
        ("bugs.jsonl", '{"id": 1, "title": "a"}\n[1]\n', "line 2 is no object"),
        ("bugs.jsonl", '{"id": 1, "title": ["a"]}\n', "line 1, column title: expected text, found list"),
        ("bugs.parquet", "PAR1", "no Parquet file"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_remedy(
    tmp_path: Path, name: str, content: str, complaint: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InvalidFile, match=complaint) as caught:
        read_reports(path, required=["id"])
    assert str(path) in str(caught.value)


def test_text_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "bugs.csv").write_bytes(b"id,title\n1,caf\xe9 au lait\n")
    with pytest.raises(InvalidFile, match="not UTF-8"):
        read_reports(tmp_path / "bugs.csv")


def test_a_missing_file_and_a_column_of_numbers_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="no such file"):
        read_reports(tmp_path / "bugs.csv")
    pl.DataFrame({"title": [1, 2]}).write_parquet(tmp_path / "bugs.parquet")
    with pytest.raises(InvalidFile, match="'title' holds Int64, not text"):
        read_reports(tmp_path / "bugs.parquet")


def test_surrogates_and_mixed_ids_are_no_problem(tmp_path: Path) -> None:
    (tmp_path / "bugs.jsonl").write_text('{"id": 1, "title": "a \\ud800 b"}\n\n{"id": "x"}\n')
    read = read_reports(tmp_path / "bugs.jsonl", required=["id"])
    assert read["id"].to_list() == ["1", "x"]
    assert read["title"].to_list() == ["a ? b", ""]
