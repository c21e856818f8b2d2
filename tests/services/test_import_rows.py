"""What a row of another tracker means, or why it is not taken."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bugflow.domain.bugs import MAX_DESCRIPTION_CHARACTERS, MAX_TITLE_CHARACTERS, Status
from bugflow.domain.imports import SEVERITY_WORDS, STATUS_WORDS
from bugflow.domain.predictions import Severity
from bugflow.errors import InvalidFilter, UnknownLabel
from bugflow.services.imports.rows import (
    BadRowError,
    ReadBug,
    RowMapping,
    map_columns,
    map_severities,
    map_statuses,
    read_bug,
)

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)

COLUMNS = ["id", "title", "description", "project", "severity", "team", "status", "resolution", "created_at"]


def mapping_of(columns: list[str] | None = None, **given: Any) -> RowMapping:
    values: dict[str, Any] = {
        "columns": map_columns(COLUMNS if columns is None else columns, {}),
        "severities": map_severities({}),
        "statuses": map_statuses({}),
        "team_names": {"backend": "Backend"},
        "default_project": "Old",
        "now": NOW,
    }
    return RowMapping(**{**values, **given})


def read(**values: Any) -> ReadBug:
    return read_bug(1, {"id": "1", "title": "a", **values}, mapping_of())


# -- Columns ---


def test_columns_are_understood_by_their_name_in_any_case() -> None:
    mapped = map_columns(["Issue Key", " Summary ", "BODY", "Priority", "State", "Assignee"], {})
    assert mapped == {
        "id": "Issue Key",
        "title": " Summary ",
        "description": "BODY",
        "severity": "Priority",
        "status": "State",
        "assigned_to": "Assignee",
    }


def test_the_likelier_name_wins() -> None:
    assert map_columns(["priority", "severity", "summary", "title"], {}) == {"title": "title", "severity": "severity"}


def test_a_told_column_wins_over_its_name_and_an_empty_one_leaves_the_field_out() -> None:
    mapped = map_columns(["title", "what", "severity"], {"title": "what", "severity": ""})
    assert mapped == {"title": "what"}


def test_an_unknown_field_is_refused_with_the_fields_there_are() -> None:
    with pytest.raises(InvalidFilter, match=r"--map cannot be 'colour'\. Choose one of: id, title"):
        map_columns(["title"], {"colour": "title"})


def test_an_unknown_column_is_refused_with_the_columns_there_are() -> None:
    with pytest.raises(InvalidFilter, match=r"--map title cannot be 'nope'\. Choose one of: headline, id"):
        map_columns(["headline", "id"], {"title": "nope"})


def test_a_file_without_anything_to_read_is_refused_with_the_option_that_helps() -> None:
    with pytest.raises(InvalidFilter, match=r"--map title=COLUMN .* headline, id"):
        map_columns(["headline", "id"], {})


# -- Words ---


@pytest.mark.parametrize(("word", "severity"), SEVERITY_WORDS.items())
def test_severity_words_of_known_trackers_are_understood(word: str, severity: Severity) -> None:
    assert read(severity=f" {word.upper()} ").severity is severity


@pytest.mark.parametrize(("word", "status"), STATUS_WORDS.items())
def test_status_words_of_known_trackers_are_understood(word: str, status: Status) -> None:
    assert read(status=word.title()).status is status


@pytest.mark.parametrize(
    ("resolution", "status"),
    [("FIXED", Status.RESOLVED), ("Cannot Reproduce", Status.RESOLVED), ("Unresolved", Status.OPEN), ("", Status.OPEN)],
)
def test_without_a_status_the_resolution_decides(resolution: str, status: Status) -> None:
    assert read(resolution=resolution).status is status


def test_what_the_row_leaves_out_is_left_to_the_machine() -> None:
    bug = read()
    assert (bug.severity, bug.team, bug.status, bug.project) == (None, None, Status.OPEN, "Old")
    assert (bug.created_at, bug.resolved_at) == (NOW, None)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"severity": "Awful"}, "its severity 'Awful' is unknown; say --map-severity 'Awful=high'"),
        ({"status": "Limbo"}, "its status 'Limbo' is unknown; say --map-status 'Limbo=resolved'"),
        ({"team": "Moon"}, "there is no active team 'Moon' (there are Backend); create it or fix the row"),
        ({"created_at": "soon"}, "its created_at 'soon' is no moment; use ISO 8601, 2026-03-14T09:26:53Z"),
        ({"created_at": 17}, "its created_at is no moment; use ISO 8601, 2026-03-14T09:26:53Z"),
        (
            {"created_at": "0001-01-01T00:00:00+14:00"},
            "its created_at 0001-01-01T00:00:00+14:00 is outside the calendar",
        ),
        ({"title": " ", "description": None}, "it has neither a title nor a description"),
        ({"description": "x" * (MAX_DESCRIPTION_CHARACTERS + 1)}, "its description has 100,001 characters"),
    ],
)
def test_what_is_not_understood_is_a_bad_row_with_its_remedy(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRowError) as told:
        read(**values)
    assert str(told.value).startswith(reason)


def test_words_can_be_explained() -> None:
    mapping = mapping_of(
        severities=map_severities({" Awful ": "critical", "major": "low"}), statuses=map_statuses({"Limbo": "resolved"})
    )
    bug = read_bug(1, {"title": "a", "severity": "AWFUL", "status": "limbo"}, mapping)
    assert (bug.severity, bug.status) == (Severity.CRITICAL, Status.RESOLVED)
    assert read_bug(1, {"title": "a", "severity": "major"}, mapping).severity is Severity.LOW


def test_a_word_explained_by_what_is_no_label_is_refused_with_the_labels() -> None:
    with pytest.raises(UnknownLabel, match=r"--map-severity has no label 'huge'.*low, medium, high, critical"):
        map_severities({"awful": "huge"})
    with pytest.raises(UnknownLabel, match=r"--map-status has no label 'done'.*open, in_progress, resolved"):
        map_statuses({"limbo": "done"})


# -- Texts, moments, ids ---


def test_a_title_of_its_own_stays_and_a_missing_one_is_the_first_line() -> None:
    assert read(title="My title", description="text").title == "My title"
    assert read(title="", description="\n first line \nsecond").title == "first line"


def test_a_long_title_keeps_all_its_words() -> None:
    long = "word " * 100 + "end"
    bug = read(title=long, description="details")
    assert len(bug.title) <= MAX_TITLE_CHARACTERS
    assert bug.title.endswith("…")
    assert bug.description == f"{long}\n\ndetails"


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-03-14T09:26:53Z", dt.datetime(2026, 3, 14, 9, 26, 53, tzinfo=dt.UTC)),
        ("2026-03-14 09:26:53+02:00", dt.datetime(2026, 3, 14, 7, 26, 53, tzinfo=dt.UTC)),
        ("2026-03-14T09:26", dt.datetime(2026, 3, 14, 9, 26, tzinfo=dt.UTC)),
        (" 2026-03-14 ", dt.datetime(2026, 3, 14, tzinfo=dt.UTC)),
        (dt.date(2026, 3, 14), dt.datetime(2026, 3, 14, tzinfo=dt.UTC)),
        (dt.datetime(2026, 3, 14, 1), dt.datetime(2026, 3, 14, 1, tzinfo=dt.UTC)),  # noqa: DTZ001 - as Parquet has it
        ("", NOW),
        ("  ", NOW),
        (None, NOW),
    ],
)
def test_moments_are_read_as_utc(given: object, moment: dt.datetime) -> None:
    assert read(created_at=given).created_at == moment


def test_a_row_without_an_id_is_known_by_its_content() -> None:
    def id_of(values: dict[str, Any]) -> str:
        return read_bug(1, values, mapping_of()).external_id

    assert id_of({"title": "a", "more": 1}) == id_of({"more": 1, "title": "a"})
    assert id_of({"title": "a", "more": 1}) != id_of({"title": "a", "more": 2})
    assert id_of({"id": 0, "title": "a"}) == "0"


def test_the_project_of_a_row_is_one_line_of_at_most_80_characters() -> None:
    assert read(project=" Web \n Shop ").project == "Web Shop"
    assert read(project="x" * 200).project == "x" * 80


def test_a_row_of_a_retired_project_is_a_bad_row() -> None:
    with pytest.raises(BadRowError, match="its project 'ATTIC' was retired"):
        read_bug(1, {"title": "a", "project": "ATTIC"}, mapping_of(retired_projects=frozenset({"attic"})))


# -- Anything ---

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(st.characters(codec=None, categories=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PARQUET = st.dates() | st.datetimes() | st.datetimes(timezones=st.just(dt.UTC)) | st.binary() | st.timedeltas()
MOMENTS = st.builds(
    "{}T{}{}".format, st.dates(), st.times(), st.sampled_from(["", "Z", "+14:00", "-23:59", "+23:59:59.999999"])
)
WORDS = st.sampled_from([*SEVERITY_WORDS, *STATUS_WORDS, "Backend", "nonsense"])
VALUES = JSON | PARQUET | MOMENTS | WORDS


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(COLUMNS) | st.text(max_size=5), VALUES), max_size=5))
def test_any_row_is_a_bug_or_a_bad_row(rows: list[dict[str, Any]]) -> None:
    mapping = mapping_of()
    told: list[str] = []
    for line, values in enumerate(rows, start=1):
        try:
            bug = read_bug(line, values, mapping)
        except BadRowError as error:
            told.append(str(error))
            continue
        assert 0 < len(bug.title) <= MAX_TITLE_CHARACTERS
        assert 0 < len(bug.description) <= MAX_DESCRIPTION_CHARACTERS
        assert 0 < len(bug.external_id) <= 200
        assert 0 < len(bug.project) <= 80
        assert bug.created_at.tzinfo is dt.UTC
        for text in (bug.title, bug.description, bug.external_id, bug.project):
            assert "\x00" not in text
            assert text.encode("utf-8")
    assert "".join(told).encode("utf-8") or not told
