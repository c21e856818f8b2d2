"""What is read from CSV, JSONL and Parquet files, and how damage is told."""

import datetime as dt
import re
from pathlib import Path

import polars as pl
import pytest
from tests.services.importing import Importing, reasons

from bugflow.domain.bugs import Status
from bugflow.domain.predictions import Severity
from bugflow.errors import InvalidFile
from bugflow.services.imports.files import count_rows, read_columns

# -- CSV ---


def test_quotes_commas_and_line_ends_inside_quotes_stay_in_the_text(importing: Importing) -> None:
    path = importing.file('id,title,description\n1,"He said ""no"", twice","first\nsecond\r\nthird"\n2,plain,text\n')
    report = importing.run(path)
    first, second = importing.bugs()
    assert (first.title, first.description) == ('He said "no", twice', "first\nsecond\r\nthird")
    assert (second.title, second.description) == ("plain", "text")
    assert (report.n_read, report.n_added, report.bad_rows) == (2, 2, [])


def test_a_byte_order_mark_and_blank_lines_are_no_part_of_the_names(importing: Importing) -> None:
    assert read_columns(importing.file(b"\xef\xbb\xbfid,title\n1,a\n")) == ["id", "title"]
    assert read_columns(importing.file("\n\nid,title\n1,a\n")) == ["id", "title"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_is_read(importing: Importing, ends: str) -> None:
    report = importing.run(importing.file(ends.join(["id,title", "1,a", "", "2,b"])))
    assert [bug.title for bug in importing.bugs()] == ["a", "b"]
    assert report.n_read == 2


def test_a_row_with_a_wrong_number_of_fields_is_told_by_the_line_it_begins_in(importing: Importing) -> None:
    report = importing.run(importing.file('id,title\n1,"a\nb"\n2,c,too many\n3\n4,d\n'))
    assert [bug.title for bug in importing.bugs()] == ["a\nb", "d"]
    assert reasons(report) == {
        4: "it has 3 fields, the first line names 2",
        5: "it has 1 fields, the first line names 2",
    }


def test_a_bad_first_row_does_not_refuse_the_file(importing: Importing) -> None:
    report = importing.run(importing.file("id,title\n1\n2,good\n"))
    assert [bug.title for bug in importing.bugs()] == ["good"]
    assert list(reasons(report)) == [2]


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest_in_silence(importing: Importing) -> None:
    report = importing.run(importing.file('id,title\n1,good\n2,"open\n3,lost\n4,lost too\n'))
    assert [bug.title for bug in importing.bugs()] == ["good"]
    assert reasons(report) == {3: "a quote is opened here and never closed"}


def test_text_behind_a_closed_quote_is_a_bad_row(importing: Importing) -> None:
    report = importing.run(importing.file('id,title\n1,"a"b\n2,good\n'))
    assert [bug.title for bug in importing.bugs()] == ["good"]
    assert "its quotes are wrong" in reasons(report)[2]


def test_a_row_that_is_not_utf_8_is_a_bad_row_and_the_others_are_read(importing: Importing) -> None:
    report = importing.run(importing.file(b"id,title\n1,caf\xe9\n2,caf\xc3\xa9\n"))
    assert [bug.title for bug in importing.bugs()] == ["café"]
    assert reasons(report) == {2: "it is not UTF-8"}


def test_a_nul_is_replaced_as_no_database_keeps_it(importing: Importing) -> None:
    importing.run(importing.file("id,title\n1,a\x00b\n"))
    assert [bug.title for bug in importing.bugs()] == ["a\ufffdb"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it holds no rows"),
        (b"\n\n", "it holds no rows"),
        (b"\xff\xfei\x00d\x00", "it is not UTF-8"),
        (b'"id,title\n1,a\n', "a quote is opened here and never closed"),
    ],
)
def test_a_csv_file_without_readable_names_is_refused(importing: Importing, content: bytes, reason: str) -> None:
    with pytest.raises(InvalidFile, match=reason):
        importing.run(importing.file(content))


def test_columns_of_one_name_are_refused_as_nobody_knows_which_is_meant(importing: Importing) -> None:
    path = importing.file("id,title,body,title\n1,first,text,second\n")
    said = (
        "more than one column is called 'title'. Rename all but one of them, or leave the title out with --map title="
    )
    with pytest.raises(InvalidFile, match=re.escape(said)):
        importing.run(path)
    assert importing.bugs() == []
    importing.run(path, columns={"title": ""})
    assert [bug.description for bug in importing.bugs()] == ["text"]


def test_columns_of_one_name_that_are_not_read_do_no_harm(importing: Importing) -> None:
    importing.run(importing.file("id,title,Comment,Comment,,\n1,first,a,b,,\n"))
    assert [bug.title for bug in importing.bugs()] == ["first"]


def test_a_file_with_names_alone_adds_nothing(importing: Importing) -> None:
    assert importing.run(importing.file("id,title\n")).n_read == 0


# -- JSONL ---


def test_lines_that_are_no_json_or_no_object_are_bad_rows(importing: Importing) -> None:
    path = importing.file('{"id": 1, "title": "a"}\n{"id": 2,\n[1]\n"text"\n\n{"id": 3, "title": "b"}\n', "b.jsonl")
    report = importing.run(path)
    assert [bug.title for bug in importing.bugs()] == ["a", "b"]
    assert list(reasons(report)) == [2, 3, 4]
    assert "it is no JSON" in reasons(report)[2]
    assert reasons(report)[3] == reasons(report)[4] == "it is no JSON object"
    assert report.n_read == 5


def test_a_bad_first_line_does_not_refuse_the_file(importing: Importing) -> None:
    report = importing.run(importing.file('oops\n{"id": 3, "title": "b"}\n', "b.ndjson"))
    assert [bug.title for bug in importing.bugs()] == ["b"]
    assert list(reasons(report)) == [1]


def test_a_field_that_the_first_object_lacks_is_not_lost(importing: Importing) -> None:
    importing.run(importing.rows({"id": 1, "title": "a"}, {"id": 2, "title": "b", "severity": "critical"}))
    assert [bug.severity for bug in importing.bugs()] == [Severity.MEDIUM, Severity.CRITICAL]


@pytest.mark.parametrize("depth", [900, 950, 990, 1_000, 100_000])
def test_deep_nesting_is_a_bad_row_or_a_text_never_a_crash(importing: Importing, depth: int) -> None:
    deep = f'{{"id": 1, "title": "deep", "description": {"[" * depth}{"]" * depth}}}\n'
    report = importing.run(importing.file(deep + '{"id": 2, "title": "b"}\n', "b.jsonl"))
    assert importing.bugs()[-1].title == "b"
    assert report.n_added + len(report.bad_rows) == 2


def test_nesting_too_deep_for_an_id_is_a_bad_row(importing: Importing) -> None:
    deep = [f'{{"title": "{n}", "x": {"[" * n}{"]" * n}}}' for n in range(880, 1_000)]
    report = importing.run(importing.file("\n".join(deep), "b.jsonl"))
    assert report.n_added + len(report.bad_rows) == len(deep)


def test_lone_surrogates_are_replaced_as_no_database_keeps_them(importing: Importing) -> None:
    report = importing.run(importing.file('{"id": "\\ud800", "title": "a\\udfffb", "\\udc80": 1}\n', "b.jsonl"))
    assert [bug.title for bug in importing.bugs()] == ["a?b"]
    assert report.bad_rows == []


def test_a_reason_holds_nothing_that_cannot_be_written(importing: Importing) -> None:
    path = importing.file('{"id": 1, "title": "a", "created": "\\ud800", "severity": "\\udfff"}\n', "b.jsonl")
    [reason] = reasons(importing.run(path, columns={"severity": ""})).values()
    assert reason.encode("utf-8")
    assert reason.startswith("its created_at '?' is no moment; use ISO 8601")


def test_numbers_and_lists_become_text(importing: Importing) -> None:
    importing.run(importing.rows({"id": 7, "title": 404, "description": ["a", "ü"], "project": True}))
    [bug] = importing.bugs()
    assert (bug.title, bug.description) == ("404", '["a", "ü"]')


@pytest.mark.parametrize("content", ["", "\n", "[]\n", "oops\n"])
def test_a_jsonl_file_without_any_object_is_refused(importing: Importing, content: str) -> None:
    with pytest.raises(InvalidFile, match=r"holds no rows|not one line"):
        importing.run(importing.file(content, "b.jsonl"))


# -- Parquet ---


def test_parquet_keeps_its_types(importing: Importing) -> None:
    path = importing.folder / "bugs.parquet"
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    frame = pl.DataFrame(
        {
            "id": [1, 2],
            "title": ["a", None],
            "description": [None, "b"],
            "state": pl.Series(["closed", "open"], dtype=pl.Categorical),
            "created_at": pl.Series([moment, None], dtype=pl.Datetime("us", "UTC")),
            "closed_at": [dt.date(2026, 1, 5), None],
        }
    )
    frame.write_parquet(path)
    report = importing.run(path)
    assert report.bad_rows == []
    first, second = importing.bugs()
    assert (first.title, first.description, first.status) == ("a", "a", Status.RESOLVED)
    assert first.created_at == moment
    assert first.resolved_at == dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
    assert (second.title, second.created_at) == ("b", importing.house.now)
    assert count_rows(path) == 2


def test_a_bad_row_of_a_parquet_file_is_told_by_its_number(importing: Importing) -> None:
    path = importing.folder / "bugs.parquet"
    pl.DataFrame({"id": [1, 2, 3], "title": ["a", None, "c"]}).write_parquet(path)
    assert reasons(importing.run(path)) == {2: "it has neither a title nor a description"}


def test_a_damaged_parquet_file_is_refused(importing: Importing) -> None:
    path = importing.file(b"PAR1 this is none", "bugs.parquet")
    with pytest.raises(InvalidFile, match="damaged"):
        importing.run(path)
    assert count_rows(path) == 0


def test_damage_behind_the_beginning_of_a_parquet_file_is_told(importing: Importing) -> None:
    path = importing.folder / "bugs.parquet"
    frame = pl.DataFrame({"id": list(range(3000)), "title": [f"title {n} {n * 7919 % 104729}" for n in range(3000)]})
    frame.write_parquet(path, row_group_size=1000)
    whole = path.read_bytes()
    third = len(whole) // 3
    path.write_bytes(whole[:third] + b"\xff" * third + whole[2 * third :])
    with pytest.raises(InvalidFile, match="damaged"):
        importing.run(path)


# -- Any ---


@pytest.mark.parametrize("name", ["bugs.xlsx", "bugs", "bugs.json"])
def test_another_kind_of_file_is_refused_with_the_kinds_that_are_read(importing: Importing, name: str) -> None:
    with pytest.raises(InvalidFile, match=r"must end in \.csv, \.jsonl or \.parquet"):
        importing.run(importing.file("id,title\n1,a\n", name))


@pytest.mark.parametrize("name", ["nowhere.csv", "folder.csv", "nowhere.parquet"])
def test_a_missing_file_is_refused(importing: Importing, name: str) -> None:
    Path(importing.folder / "folder.csv").mkdir()
    with pytest.raises(InvalidFile, match="there is no such file"):
        importing.run(importing.folder / name)


def test_the_rows_of_a_text_file_are_counted_for_the_progress_bar(importing: Importing) -> None:
    assert count_rows(importing.file("id,title\n1,a\n2,b\n")) == 3
