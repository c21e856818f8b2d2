"""Promises of `bugflow data prepare`: what is written, what is counted, what is refused."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from bugflow.cli.data import app
from bugflow.errors import InUse, InvalidFile, InvalidFilter, TooFewSamples
from bugflow.ml.prepare import plan, read, run, unit
from bugflow.ml.prepare.options import Options, Sampling, Split, parse_labels
from bugflow.ml.prepare.run import prepare
from bugflow.ml.train.dataset import read_dataset
from bugflow.ml.train.recipe import default_recipe

WORDS = ("page", "window", "file", "menu", "cache", "thread", "socket", "table", "colour", "printer", "cursor", "mouse")
LABELS = ("crash", "error", "typo", "slow")


def _report(number: int) -> dict[str, str]:
    """Reports that share few words in a row."""
    words = [WORDS[(number // 12**place + place * number) % 12] + str(number % 7) for place in range(6)]
    title = f"{LABELS[number % 4]} in the {words[0]} number {number}"
    description = f"Report {number}: the {words[1]} of {words[2]} fails after {words[3]} and {words[4]}, {words[5]}."
    created = f"20{10 + number // 28 % 10}-0{number % 9 + 1}-{number % 28 + 1:02}T10:00:00Z"
    return {
        "id": str(number),
        "title": title,
        "description": description,
        "project": f"p{number % 3}",
        "created": created,
    }


@pytest.fixture
def bugs(tmp_path: Path) -> Path:
    path = tmp_path / "bugs.csv"
    pl.DataFrame([_report(number) for number in range(400)]).write_csv(path)
    return path


def _run(paths: list[Path] | Path, out: Path, *, workers: int = 1, **options: Any) -> dict[str, Any]:
    given = [paths] if isinstance(paths, Path) else paths
    return prepare(given, out, Options(**options), workers=workers, progress=lambda *_: None).report


def _parts(out: Path) -> dict[str, pl.DataFrame]:
    return {part: pl.read_parquet(out / f"{part}.parquet") for part in ("train", "validation", "test")}


def _bytes(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


# -- What is written ---


def test_reports_are_labelled_by_keywords_and_split_70_15_15(bugs: Path, tmp_path: Path) -> None:
    report = _run(bugs, tmp_path / "out")
    parts = _parts(tmp_path / "out")
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 280, "validation": 60, "test": 60}
    assert parts["train"].columns[:5] == ["description", "project", "severity", "team", "title"]
    crashes = parts["test"].filter(pl.col("title").str.starts_with("crash"))
    assert crashes["severity"].unique().to_list() == ["critical"]
    for part, rows in parts.items():
        assert report["labels"][part]["severity"] == dict(sorted(rows["severity"].value_counts().iter_rows()))
    assert report["labels"]["validation"]["severity"] == {"critical": 15, "high": 15, "low": 15, "medium": 15}


def test_texts_are_written_raw_and_cleaned(tmp_path: Path) -> None:
    path = tmp_path / "bugs.jsonl"
    path.write_text(
        json.dumps({"title": "It <b>breaks</b>", "body": "see https://example.org/x for the details"}) + "\n"
    )
    _run(path, tmp_path / "out")
    row = pl.concat(_parts(tmp_path / "out").values()).row(0, named=True)
    assert row["title"] == "It <b>breaks</b>"
    assert row["description"] == "see https://example.org/x for the details"
    assert row["text"] == "It breaks\nsee for the details"


def test_training_reads_what_was_written(bugs: Path, tmp_path: Path) -> None:
    _run(bugs, tmp_path / "out")
    data = read_dataset(
        [tmp_path / "out" / "train.parquet"], default_recipe("severity", "severity"), progress=lambda _: None
    )
    assert data.facts["n_reports"] == 280


def test_columns_can_hold_the_labels_and_rows_without_any_are_counted(tmp_path: Path) -> None:
    rows = [
        _report(number) | {"priority": ("High", "low", "", "x")[number % 4], "area": "Core"} for number in range(40)
    ]
    for number in range(0, 40, 4):
        rows[number]["area"] = ""
    rows[2]["area"] = ""
    pl.DataFrame(rows).write_csv(tmp_path / "bugs.csv")
    report = _run(tmp_path / "bugs.csv", tmp_path / "out", label_columns={"severity": "priority", "team": "area"})
    assert report["counts"]["unlabelled"] == 1
    assert report["counts"]["rejected"] == 10
    assert report["rejected"][0] == {
        "file": "bugs.csv", "line": 5, "column": "severity",
        "reason": "'x' is no severity. Write low, medium, high, critical, or nothing.",
    }  # fmt: skip
    rows_out = pl.concat(_parts(tmp_path / "out").values())
    assert set(rows_out["severity"]) == {"high", "low", None}
    assert set(rows_out["team"]) == {"Core", None}


def test_short_texts_and_what_is_no_bug_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [_report(number) | {"issue_type": "Bug"} for number in range(20)]
    rows[3] |= {"title": "short", "description": "<b>very</b>"}
    rows[4]["issue_type"] = "Feature"
    pl.DataFrame(rows).write_parquet(tmp_path / "bugs.parquet")
    counts = _run(tmp_path / "bugs.parquet", tmp_path / "out")["counts"]
    assert (counts["too_short"], counts["not_bugs"], counts["kept"]) == (1, 1, 18)


def test_every_row_is_accounted_for(bugs: Path, tmp_path: Path) -> None:
    bugs.write_text(bugs.read_text() + "1,2\n" + ",,,,\n" + bugs.read_text().split("\n")[1] + "\n")
    counts = _run(bugs, tmp_path / "out", sample=100)["counts"]
    gone = ("other_events", "rejected", "not_bugs", "unlabelled", "too_short", "exact_duplicates", "near_duplicates")
    kept = ("not_drawn", "left_out", "train", "validation", "test")
    assert counts["read"] == sum(counts[name] for name in (*gone, *kept)) == 403
    assert (counts["rejected"], counts["exact_duplicates"], counts["not_drawn"]) == (1, 1, 300)


def test_a_github_archive_gives_its_opened_issues(tmp_path: Path) -> None:
    issue = {"number": 7, "title": "Crash on start", "body": "It crashes when I open the second window"}
    about = {"repo": {"name": "a/b"}, "created_at": "2016-01-01T00:00:00Z"}
    events = [
        {"id": "1", "type": "PushEvent", "payload": {"size": 1}, **about},
        {"id": "2", "type": "IssuesEvent", "payload": {"action": "opened", "issue": issue}, **about},
        {"id": "3", "type": "IssuesEvent", "payload": {"action": "closed", "issue": issue}, **about},
        {
            "id": "4",
            "type": "IssuesEvent",
            "payload": {"action": "opened", "issue": issue | {"pull_request": {}}},
            **about,
        },
        {"id": "5", "type": "IssuesEvent", "payload": {"action": "opened", "issue": 5}, **about},
    ]
    lines = [json.dumps(event, separators=(",", ":")) for event in events]
    with gzip.open(tmp_path / "2016-01-01-0.json.gz", "wt") as file:
        file.write("\n".join([*lines, lines[1][:-9], ""]))
    report = _run(tmp_path / "2016-01-01-0.json.gz", tmp_path / "out")
    row = pl.concat(_parts(tmp_path / "out").values()).row(0, named=True)
    assert (row["id"], row["project"], row["title"]) == ("a/b#7", "a/b", "Crash on start")
    assert row["created"] == "2016-01-01T00:00:00Z"
    assert report["counts"]["other_events"] == 3
    assert [(each["line"], each["reason"][:13]) for each in report["rejected"]] == [
        (5, "the event hol"), (6, "it is no JSON"),
    ]  # fmt: skip


def test_the_formats_say_the_same(tmp_path: Path) -> None:
    frame = pl.DataFrame([_report(number) for number in range(60)])
    frame.write_csv(tmp_path / "bugs.csv")
    frame.write_parquet(tmp_path / "bugs.parquet")
    frame.write_ndjson(tmp_path / "bugs.jsonl")
    with gzip.open(tmp_path / "bugs.jsonl.gz", "wb") as file:
        file.write((tmp_path / "bugs.jsonl").read_bytes())
    made = []
    for number, name in enumerate(("bugs.csv", "bugs.parquet", "bugs.jsonl", "bugs.jsonl.gz")):
        _run(tmp_path / name, tmp_path / f"out{number}")
        made.append([(tmp_path / f"out{number}" / f"{part}.parquet").read_bytes() for part in ("train", "test")])
    assert made.count(made[0]) == 4


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("2015-01-31", "2015-01-31T00:00:00Z"), ("2015/01/31 12:00:00 -0800", "2015-01-31T20:00:00Z"),
     ("2015-01-31T12:00:00.123Z", "2015-01-31T12:00:00Z"), ("2015-01-31 12:00:00 UTC", "2015-01-31T12:00:00Z"),
     ("2015-01-31T12:00+01:00", "2015-01-31T11:00:00Z"), ("yesterday", None), ("", None)],
)  # fmt: skip
def test_dates_are_read_in_their_common_forms(tmp_path: Path, written: str, read_as: str | None) -> None:
    pl.DataFrame([_report(1) | {"created": written}]).write_csv(tmp_path / "bugs.csv")
    report = _run(tmp_path / "bugs.csv", tmp_path / "out")
    assert pl.concat(_parts(tmp_path / "out").values())["created"].to_list() == [read_as]
    assert report["counts"]["undated"] == (read_as is None)


# -- Sampling and splitting ---


def test_a_sample_keeps_the_shares_of_the_labels(tmp_path: Path) -> None:
    rows = [_report(4 * number + (number % 10 == 0)) for number in range(300)]  # one in ten an error, the rest crashes
    pl.DataFrame(rows).write_csv(tmp_path / "bugs.csv")
    _run(tmp_path / "bugs.csv", tmp_path / "out", sample=50)
    labels = pl.concat(_parts(tmp_path / "out").values())["severity"]
    assert (len(labels), (labels == "high").sum()) == (50, 5)
    _run(tmp_path / "bugs.csv", tmp_path / "plain", sample=50, sampling=Sampling.PLAIN)
    assert sum(map(len, _parts(tmp_path / "plain").values())) == 50


def test_a_larger_sample_holds_the_smaller_one_and_a_seed_changes_it(bugs: Path, tmp_path: Path) -> None:
    drawn = []
    for number, options in enumerate(({"sample": 40}, {"sample": 80}, {"sample": 40, "seed": 1})):
        _run(bugs, tmp_path / str(number), **options)
        drawn.append(set(pl.concat(_parts(tmp_path / str(number)).values())["id"]))
    assert drawn[0] < drawn[1]
    assert drawn[0] != drawn[2]


def test_split_by_time_trains_on_the_past_of_each_tracker(tmp_path: Path) -> None:
    for name, era in (("old", 2001), ("new", 2021)):
        rows = [
            _report(n + 100 * (era - 2001)) | {"created": f"{era}-01-01T00:{n % 60:02}:{n // 60:02}Z"}
            for n in range(100)
        ]
        rows[5]["created"] = ""
        pl.DataFrame(rows).write_csv(tmp_path / f"{name}.csv")
    _run([tmp_path / "old.csv", tmp_path / "new.csv"], tmp_path / "out", split=Split.TIME)
    parts = _parts(tmp_path / "out")
    for source in ("old", "new"):
        own = {part: rows.filter(source=source)["created"] for part, rows in parts.items()}
        assert own["train"].drop_nulls().max() < own["validation"].min() <= own["validation"].max() < own["test"].min()  # type: ignore[operator]
        assert [len(dates) for dates in own.values()] == [70, 15, 15]


@pytest.mark.parametrize("split", list(Split))
def test_a_duplicate_cluster_stays_on_one_side(tmp_path: Path, split: Split) -> None:
    rows = [
        _report(number) | {"duplicate_of": str((number + 200) % 300) if number % 3 == 0 else ""}
        for number in range(300)
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "bugs.csv")
    report = _run(tmp_path / "bugs.csv", tmp_path / "out", split=split)
    side = {row["id"]: part for part, rows in _parts(tmp_path / "out").items() for row in rows.iter_rows(named=True)}
    together = [(row["id"], row["duplicate_of"]) for row in rows if row["duplicate_of"]]
    assert all(side[one] == side[other] for one, other in together if one in side and other in side)
    assert (report["counts"]["left_out"] > 0) == (split is Split.TIME)


# -- The same bytes, whatever happens ---


def test_workers_and_the_size_of_units_do_not_change_a_byte(
    bugs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(bugs, tmp_path / "one")
    monkeypatch.setattr(plan, "UNIT_BYTES", 9_000)
    monkeypatch.setattr(read, "BATCH", 17)
    _run(bugs, tmp_path / "many")
    _run(bugs, tmp_path / "two", workers=2)
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "many") == _bytes(tmp_path / "two")


def test_an_interrupted_run_goes_on_where_it_was(bugs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "UNIT_BYTES", 9_000)
    _run(bugs, tmp_path / "whole")
    done: list[int] = []

    def run_three(part: plan.Unit, number: int, options: Options, work: Path) -> dict[str, Any]:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(number)
        return unit.run_unit(part, number, options, work)

    monkeypatch.setattr(run, "run_unit", run_three)
    with pytest.raises(KeyboardInterrupt):
        _run(bugs, tmp_path / "out")
    assert not (tmp_path / "out").exists()

    def run_the_rest(part: plan.Unit, number: int, options: Options, work: Path) -> dict[str, Any]:
        done.append(number)
        return unit.run_unit(part, number, options, work)

    monkeypatch.setattr(run, "run_unit", run_the_rest)
    _run(bugs, tmp_path / "out")
    assert len(done) == len(set(done)) >= 6
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bugs.csv", "out", "whole"]


def test_a_changed_input_starts_anew(bugs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "write_parts", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _run(bugs, tmp_path / "out")
    monkeypatch.undo()
    pl.DataFrame([_report(number) for number in range(100)]).write_csv(bugs)
    assert _run(bugs, tmp_path / "out")["counts"]["read"] == 100


def test_a_second_run_says_that_there_is_nothing_to_do(bugs: Path, tmp_path: Path) -> None:
    arguments = ["prepare", str(bugs), str(tmp_path / "out"), "--workers", "1"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    assert "Saved" in first.output
    before = _bytes(tmp_path / "out")
    again = CliRunner().invoke(app, arguments)
    assert "nothing to do" in again.output
    assert _bytes(tmp_path / "out") == before


def test_the_report_names_inputs_outputs_and_their_hashes_and_no_place(bugs: Path, tmp_path: Path) -> None:
    report = _run(bugs, tmp_path / "out")
    assert report["inputs"][0]["name"] == "bugs.csv"
    assert sorted(report["outputs"]) == ["rejected.jsonl", "test.parquet", "train.parquet", "validation.parquet"]
    assert all(len(each["sha256"]) == 64 for each in report["outputs"].values())
    assert str(tmp_path) not in (tmp_path / "out" / "report.json").read_text()


# -- What is refused ---


def test_another_output_is_never_overwritten(bugs: Path, tmp_path: Path) -> None:
    _run(bugs, tmp_path / "out")
    with pytest.raises(InvalidFile, match="another name or remove it"):
        _run(bugs, tmp_path / "out", sample=5)


def test_two_runs_cannot_make_the_same_output(bugs: Path, tmp_path: Path) -> None:
    (tmp_path / ".out.work").mkdir()
    with run._only_run(tmp_path / ".out.work", tmp_path / "out"), pytest.raises(InUse, match="another run"):
        _run(bugs, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("bugs.txt", b"", "must end in one of"),
        ("none.csv", None, "no such file"),
        ("bugs.csv", b"", "line 1: it is empty"),
        ("bugs.csv", b"\xff\xfea\x00", "line 1: it is UTF-16"),
        ("bugs.csv", b"id,text_of_bug\n1,x\n", "line 1: it needs a column 'title' or 'description'. It has: id"),
        ("bugs.csv", b'title\nfine here\n"not closed\nand so on\n', "line 3: unexpected end of data. Double each"),
        ("bugs.csv", b'title\nfine here\n"a" b\n', "line 3: .* expected after"),
        ("bugs.parquet", b"PAR1", "no Parquet file"),
        ("bugs.json.gz", b"[]", "no gzip file"),
        ("bugs.json.gz", gzip.compress(b'{"title": "a"}\n' * 9_999)[:-20], "line .*: the compressed data is damaged"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_with_place_and_remedy(
    tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidFile, match=complaint) as caught:
        _run(tmp_path / name, tmp_path / "out")
    assert str(tmp_path / name) in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_missing_label_column_and_a_column_of_numbers_are_named(bugs: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"column 'priority' is missing. It has: id, title"):
        _run(bugs, tmp_path / "out", label_columns={"severity": "priority"})
    pl.DataFrame({"title": [1, 2]}).write_parquet(tmp_path / "numbers.parquet")
    with pytest.raises(InvalidFile, match="'title' holds Int64, not text"):
        _run(tmp_path / "numbers.parquet", tmp_path / "out")


@pytest.mark.parametrize(
    ("line", "column", "complaint"),
    [
        (b"{", None, "it is no JSON"),
        (b"[1]", None, "it is no object"),
        (b'{"title": ["a"]}', "title", "expected text, found list"),
        (b'{"title": "a", "project": {}}', "project", "expected text, found dict"),
        (b'{"x": 1}', None, "it has neither title nor description, but: x"),
        (b'{"title": "\xe9"}', None, "it is no JSON"),
    ],
)
def test_an_unreadable_line_is_left_out_and_named(
    tmp_path: Path, line: bytes, column: str | None, complaint: str
) -> None:
    good = [json.dumps(_report(number)).encode() for number in range(9)]
    (tmp_path / "bugs.jsonl").write_bytes(b"\n".join([*good[:4], b"", line, *good[4:]]))
    report = _run(tmp_path / "bugs.jsonl", tmp_path / "out")
    (found,) = [json.loads(row) for row in (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()]
    assert (found["file"], found["line"], found["column"]) == ("bugs.jsonl", 6, column)
    assert found["reason"].startswith(complaint)
    assert report["counts"]["kept"] == 9


def test_lines_are_counted_across_texts_of_several_lines_and_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "UNIT_BYTES", 300)
    rows = [f'"title {n}","first line of {n}\r\n\nthird line, of it"\r\n'.encode() for n in range(50)]
    rows[30] = b"only one cell\r\n"
    rows[40] = b"caf\xe9,and a description of it\r\n"
    (tmp_path / "bugs.csv").write_bytes(b"\xef\xbb\xbftitle,description\r\n" + b"".join(rows))
    found = _run(tmp_path / "bugs.csv", tmp_path / "out", near_duplicates=False)["rejected"]
    assert [(each["line"], each["column"], each["reason"][:14]) for each in found] == [
        (92, None, "1 columns, but"), (120, "title", "it is not UTF-"),
    ]  # fmt: skip


def test_nothing_left_and_nothing_dated_are_said(bugs: Path, tmp_path: Path) -> None:
    (tmp_path / "short.csv").write_text("title\nshort\n")
    with pytest.raises(TooFewSamples, match=r"no row is left to write \(read 1, .*too_short 1"):
        _run(tmp_path / "short.csv", tmp_path / "out")
    pl.read_csv(bugs).drop("created").write_csv(tmp_path / "undated.csv")
    with pytest.raises(TooFewSamples, match="no row has a date in a column 'created'"):
        _run(tmp_path / "undated.csv", tmp_path / "out", split=Split.TIME)
    assert not (tmp_path / "out").exists()


def test_the_folder_above_must_be_there(bugs: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"does not exist\. Make it first"):
        _run(bugs, tmp_path / "nowhere" / "out")


def test_labels_are_keywords_or_columns() -> None:
    assert parse_labels(["keywords"]) == {}
    assert parse_labels(["severity=priority", "team"]) == {"severity": "priority", "team": "team"}
    for wrong in (["priority"], ["severity", "severity=x"], ["keywords", "team"]):
        with pytest.raises(InvalidFilter, match="--labels cannot be"):
            parse_labels(wrong)


def test_the_command_shows_what_was_unreadable(bugs: Path, tmp_path: Path) -> None:
    bugs.write_text(bugs.read_text() + "1,2\n" * 25)
    result = CliRunner().invoke(app, ["prepare", str(bugs), str(tmp_path / "out"), "--workers", "1"])
    assert "bugs.csv, line 402: 2 columns, but the first line has 5." in result.output
    assert "and 5 more unreadable rows" in result.output
