"""`bugflow import`: what it prints, what it refuses, and what it leaves."""

import json
import sqlite3
from pathlib import Path

import pytest
from tests.cli.conftest import Run

ROWS = "id,title,heat\n1,The server crashes,boiling\n2,,cold\n3,A typo,cold\n3,A typo again,cold\n"


@pytest.fixture
def file(tmp_path: Path, migrated: Path) -> Path:
    path = tmp_path / "old tracker.csv"
    path.write_text(ROWS)
    return path


EXPLAINED = ["--map", "severity=heat", "--map-severity", "boiling=critical", "--map-severity", "cold=low"]


def titles(folder: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(folder / "bugflow.db") as connection:
        found: list[tuple[str, str]] = connection.execute("SELECT title, severity FROM bug ORDER BY id").fetchall()
    connection.close()
    return found


def test_it_says_how_it_understood_the_file_what_it_added_and_what_was_bad(
    run: Run, migrated: Path, file: Path
) -> None:
    done = run("import", str(file), *EXPLAINED)
    assert done.code == 0
    assert "Columns: id <- id, title <- title, severity <- heat\n" in done.out
    assert "4 rows: 2 added, 0 already there, 2 bad.\n" in done.out
    assert done.err.splitlines() == [
        "line 3: it has neither a title nor a description",
        "line 5: its id '3' stands in line 4 too",
    ]
    assert titles(migrated) == [("The server crashes", "critical"), ("A typo", "low")]
    again = run("import", str(file), *EXPLAINED)
    assert "4 rows: 0 added, 2 already there, 2 bad.\n" in again.out


def test_a_dry_run_says_what_would_be_added_and_adds_nothing(run: Run, migrated: Path, file: Path) -> None:
    done = run("import", str(file), *EXPLAINED, "--dry-run")
    assert "4 rows: 2 would be added, 0 already there, 2 bad.\n" in done.out
    assert titles(migrated) == []


def test_bad_rows_are_kept_in_a_file(run: Run, file: Path, tmp_path: Path) -> None:
    done = run("import", str(file), *EXPLAINED, "--bad-rows", str(tmp_path / "bad.jsonl"))
    assert done.code == 0
    kept = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [row["line"] for row in kept] == [3, 5]
    assert kept[0]["reason"] == "it has neither a title nor a description"


def test_of_many_bad_rows_the_first_are_shown_and_the_rest_counted(run: Run, tmp_path: Path, migrated: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text("id,title\n" + "1\n" * 25)
    done = run("import", str(path))
    assert len(done.err.splitlines()) == 21
    assert done.err.splitlines()[-1] == "… and 5 more bad rows; --bad-rows FILE keeps all."


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--stop-on-bad-row"], r"InvalidFile: .*line 3: it has neither .* Nothing was imported\."),
        (["--map", "colour=title"], "InvalidFilter: --map cannot be 'colour'"),
        (["--map", "title=nope"], "InvalidFilter: --map title cannot be 'nope'. Choose one of: id, title, heat"),
        (["--map", "title"], "InvalidFilter: --map cannot be 'title'. Choose one of: NAME=VALUE"),
        (["--map-severity", "x=huge"], "UnknownLabel: --map-severity has no label 'huge'"),
        (["--map-status", "x=huge"], "UnknownLabel: --map-status has no label 'huge'"),
        (["--bad-rows", "/nowhere/bad.jsonl"], "InvalidFile: /nowhere/bad.jsonl cannot be used"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_it_cannot_do_is_one_line_before_anything_is_written(
    run: Run, migrated: Path, file: Path, more: list[str], said: str
) -> None:
    import re

    done = run("import", str(file), *EXPLAINED[:2], *EXPLAINED[2:], *more)
    assert done.code == 2
    assert re.match(said, done.err), done.err
    assert done.err.count("\n") == 1
    assert titles(migrated) == []


@pytest.mark.parametrize("name", ["nowhere.csv", "damaged.parquet", "empty.jsonl", "list.xlsx"])
def test_a_file_that_cannot_be_read_is_one_line(run: Run, migrated: Path, tmp_path: Path, name: str) -> None:
    if not name.startswith("nowhere"):
        (tmp_path / name).write_bytes(b"PAR1 none" if "parquet" in name else b"")
    done = run("import", str(tmp_path / name))
    assert done.code == 2
    assert done.err.startswith("InvalidFile: ")
    assert done.err.count("\n") == 1


def test_rows_without_a_project_get_the_one_named_or_the_source(run: Run, migrated: Path, file: Path) -> None:
    run("import", str(file), "--source", "one")
    run("import", str(file), "--source", "two", "--project", " Web  Shop ")
    run("import", str(file), "--source", "three", "--project", " ")
    with sqlite3.connect(migrated / "bugflow.db") as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM project ORDER BY id")]
    connection.close()
    assert names == ["one", "Web Shop", "three"]
