"""What an import writes, and what it does when it is repeated, stopped or killed."""

import datetime as dt
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.conftest import BOTH
from tests.factories import PASSWORD
from tests.services.importing import Importing, counts, reasons

from bugflow.db.tables import AuditEntry, BugEvent, PredictionRow, Project, User
from bugflow.domain.audit import AuditAction
from bugflow.domain.bugs import EventKind, SetBy, Status
from bugflow.domain.predictions import Severity, Task
from bugflow.errors import InvalidFile, InvalidFilter, UnknownLabel, WrongCredentials
from bugflow.services import audit
from bugflow.services.imports.importing import BATCH, IMPORTER

both = pytest.mark.parametrize("kind", BOTH)


class Killed(BaseException):
    """As sudden as a signal: nothing catches it."""


def kill_after(n_batches: int) -> Callable[[int], None]:
    left = itertools.count(n_batches - 1, -1)

    def progress(_n: int) -> None:
        if next(left) <= 0:
            raise Killed

    return progress


def bug(n: int, **more: object) -> dict[str, object]:
    return {"id": n, "title": f"Bug {n}", "description": f"It fails {n} times", **more}


@both
def test_a_bug_is_written_with_all_that_the_row_says(importing: Importing) -> None:
    ann = importing.house.person("ann")
    ben = importing.house.person("ben", "developer", team="Backend")
    row = {
        "key": "SHOP-7",
        "summary": "Orders vanish",
        "body": "At night",
        "product": "Web  Shop",
        "priority": "Blocker",
        "team": "devops",
        "state": "Closed",
        "created": "2025-12-24T18:00:00+01:00",
        "closed_at": "2025-12-25",
        "author": "ANN",
        "assignee": "Ben",
    }
    report = importing.run(importing.rows(row))
    assert (report.n_read, report.n_added, report.n_already_there, report.bad_rows) == (1, 1, 0, [])
    assert report.columns["id"] == "key"
    [got] = importing.bugs()
    assert (got.title, got.description) == ("Orders vanish", "At night")
    assert (got.status, got.severity, got.severity_rank) == (Status.RESOLVED, Severity.CRITICAL, Severity.CRITICAL.rank)
    assert (got.severity_set_by, got.team_set_by) == (SetBy.PERSON, SetBy.PERSON)
    assert (got.reporter_id, got.assigned_to_id) == (ann.id, ben.id)
    assert got.created_at == dt.datetime(2025, 12, 24, 17, tzinfo=dt.UTC)
    assert got.resolved_at == got.updated_at == dt.datetime(2025, 12, 25, tzinfo=dt.UTC)
    read = ann.bug(got.id)
    assert (read["project"], read["team"]) == ("Web Shop", "DevOps")


@both
def test_what_the_row_leaves_out_is_predicted_and_kept_with_its_version(importing: Importing) -> None:
    importing.house.assessor.severity, importing.house.assessor.team = "high", "Mobile"
    importing.run(importing.rows(bug(1), bug(2, severity="low")))
    first, second = importing.bugs()
    assert (first.severity, first.severity_set_by, first.team_set_by) == (Severity.HIGH, SetBy.MACHINE, SetBy.MACHINE)
    assert (second.severity, second.severity_set_by) == (Severity.LOW, SetBy.PERSON)
    with importing.house.runtime.database.read() as session:
        kept = session.scalars(select(PredictionRow).order_by(PredictionRow.bug_id, PredictionRow.task)).all()
    assert [(row.bug_id, row.task, row.label, row.model_version) for row in kept] == [
        (first.id, Task.SEVERITY, "high", "severity-7"),
        (first.id, Task.TEAM, "Mobile", "team-7"),
        (second.id, Task.SEVERITY, "high", "severity-7"),
        (second.id, Task.TEAM, "Mobile", "team-7"),
    ]


def test_what_the_machine_is_unsure_of_waits_for_review_unless_the_row_says_it(importing: Importing) -> None:
    importing.house.assessor.unsure(Task.SEVERITY)
    importing.run(importing.rows(bug(1), bug(2, severity="low")))
    assert [bug.needs_review for bug in importing.bugs()] == [True, False]


def test_the_machine_does_not_set_critical_in_an_import_either(importing: Importing) -> None:
    importing.house.assessor.severity = "critical"
    importing.run(importing.rows(bug(1)))
    [got] = importing.bugs()
    assert (got.severity, got.needs_review) == (Severity.HIGH, True)


@both
def test_an_import_leaves_events_and_an_audit_entry_a_batch(importing: Importing) -> None:
    importing.run(importing.rows(*(bug(n) for n in range(BATCH + 1))))
    with importing.house.runtime.database.read() as session:
        events = session.scalars(select(BugEvent).order_by(BugEvent.id)).all()
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.number)).all()
        verdict = audit.verify(session)
    assert len(events) == BATCH + 1
    assert {event.kind for event in events} == {EventKind.IMPORTED}
    assert (events[0].note, events[0].created_at) == ("old 0", importing.house.now)
    assert [entry.action for entry in entries] == [AuditAction.BUGS_IMPORTED] * 2
    assert [entry.details["n_bugs"] for entry in entries] == [BATCH, 1]
    assert verdict.ok


@both
def test_a_second_import_adds_nothing(importing: Importing) -> None:
    path = importing.rows(*(bug(n) for n in range(5)), {"title": "without an id"})
    assert importing.run(path).n_added == 6
    before = importing.counts()
    again = importing.run(path)
    assert (again.n_read, again.n_added, again.n_already_there) == (6, 0, 6)
    assert importing.counts() == before


def test_the_same_ids_of_another_source_are_other_bugs(importing: Importing) -> None:
    path = importing.rows(bug(1))
    importing.run(path, source="one")
    assert importing.run(path, source="two").n_added == 1


@both
def test_an_import_killed_after_a_batch_goes_on_behind_it(importing: Importing) -> None:
    n = 2 * BATCH + 10
    path = importing.rows(*(bug(n) for n in range(n)))
    with pytest.raises(Killed):
        importing.run(path, progress=kill_after(1))
    assert len(importing.bugs()) == BATCH
    report = importing.run(path)
    assert (report.n_added, report.n_already_there) == (n - BATCH, BATCH)
    after = importing.counts()
    assert (after["bug"], after["imported_bug"], after["bug_event"], after["prediction"]) == (n, n, n, 2 * n)
    assert [bug.title for bug in importing.bugs()] == [f"Bug {k}" for k in range(n)]


def test_an_import_killed_inside_a_batch_leaves_nothing_of_it(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = importing.rows(bug(1), bug(2))
    before = importing.counts()
    with monkeypatch.context() as broken:

        def record(*_given: object, **_named: object) -> None:
            raise Killed

        broken.setattr(audit, "record", record)
        with pytest.raises(Killed):
            importing.run(path)
    assert importing.counts() == before
    assert importing.run(path).n_added == 2


@both
def test_a_dry_run_tells_the_same_and_writes_nothing(importing: Importing) -> None:
    path = importing.rows(bug(1), bug(2, severity="awful"), bug(3))
    before = importing.counts()
    told = importing.run(path, dry_run=True)
    assert importing.counts() == before
    assert importing.house.assessor.asked == []
    done = importing.run(path)
    assert (
        (told.n_read, told.n_added, told.bad_rows)
        == (done.n_read, done.n_added, done.bad_rows)
        == (
            3,
            2,
            told.bad_rows,
        )
    )


def test_bad_rows_are_left_out_and_told(importing: Importing) -> None:
    report = importing.run(importing.rows(bug(1), bug(2, severity="awful"), bug(3)))
    assert [bug.title for bug in importing.bugs()] == ["Bug 1", "Bug 3"]
    assert reasons(report) == {2: "its severity 'awful' is unknown; say --map-severity 'awful=high'"}
    assert (report.n_read, report.n_added) == (3, 2)


@pytest.mark.parametrize("bad", [{"severity": "awful"}, {"id": 0}], ids=["unknown word", "repeated id"])
def test_one_bad_row_stops_the_whole_import_where_that_is_asked(importing: Importing, bad: dict[str, object]) -> None:
    n = BATCH + 5
    path = importing.rows(*(bug(k) for k in range(n)), bug(n, **bad))
    before = importing.counts()
    with pytest.raises(InvalidFile, match=rf"line {n + 1}: its .*Nothing was imported\."):
        importing.run(path, stop_on_bad_row=True)
    assert importing.counts() == before
    good = importing.rows(*(bug(k) for k in range(n)), name="good.jsonl")
    assert importing.run(good, stop_on_bad_row=True).n_added == n


def test_a_repeated_id_is_a_bad_row_also_batches_later(importing: Importing) -> None:
    rows = [bug(n) for n in range(BATCH + 1)]
    report = importing.run(importing.rows(*rows, bug(0)))
    assert reasons(report) == {BATCH + 2: "its id '0' stands in line 1 too"}
    assert report.n_added == BATCH + 1


def test_words_and_columns_can_be_explained(importing: Importing) -> None:
    path = importing.file("nr,headline,heat,where\n1,Hot,boiling,limbo\n")
    importing.run(
        path,
        columns={"id": "nr", "title": "headline", "severity": "heat", "status": "where"},
        severities={"boiling": "critical"},
        statuses={"limbo": "in_progress"},
    )
    [got] = importing.bugs()
    assert (got.title, got.severity, got.status) == ("Hot", Severity.CRITICAL, Status.IN_PROGRESS)


def test_a_wrong_explanation_is_refused_before_anything_is_written(importing: Importing) -> None:
    path, before = importing.rows(bug(1)), importing.counts()
    with pytest.raises(InvalidFilter):
        importing.run(path, columns={"colour": "title"})
    with pytest.raises(InvalidFilter):
        importing.run(path, columns={"title": "nope"})
    with pytest.raises(UnknownLabel):
        importing.run(path, severities={"x": "huge"})
    assert importing.counts() == before


@both
def test_bugs_of_people_who_are_not_here_are_held_by_an_account_that_cannot_sign_in(importing: Importing) -> None:
    importing.run(importing.rows(bug(1, reporter="Zoe", assigned_to="Zoe"), bug(2)))
    with importing.house.runtime.database.read() as session:
        importer = session.scalars(select(User).where(User.username == IMPORTER)).one()
    assert not importer.is_active
    assert [(bug.reporter_id, bug.assigned_to_id) for bug in importing.bugs()] == [(importer.id, None)] * 2
    for password in ("!", PASSWORD, importer.password_hash):
        with pytest.raises(WrongCredentials):
            importing.house.sign_in(IMPORTER, password)


@both
def test_projects_that_differ_in_case_are_one_and_a_retired_one_is_a_bad_row(importing: Importing) -> None:
    pia = importing.house.person("pia", "pm")
    for name in ("Shop", "Attic"):
        answer = pia.post("/api/v1/projects", json={"name": name})
        assert answer.status_code == 201, answer.text
    assert pia.patch(f"/api/v1/projects/{answer.json()['id']}", json={"is_active": False}).status_code == 200
    report = importing.run(importing.rows(bug(1, project="SHOP"), bug(2, project="shop"), bug(3, project="attic")))
    assert report.n_added == 2
    assert "its project 'attic' was retired" in reasons(report)[3]
    assert counts(importing.house, Project) == {"project": 2}


@both
def test_moments_at_the_ends_of_the_calendar_can_be_read_again(importing: Importing) -> None:
    importing.run(importing.rows(bug(1, created="0001-01-01"), bug(2, created="9999-12-31T23:59:59")))
    assert [bug.created_at.year for bug in importing.bugs()] == [1, 9999]


@both
def test_imported_bugs_are_found_by_their_words(importing: Importing) -> None:
    importing.run(importing.rows(bug(1, description="the quokka escapes"), bug(2)))
    ann = importing.house.person("ann")
    found = ann.get("/api/v1/bugs", params={"q": "quokka"}).json()
    assert [item["title"] for item in found["items"]] == ["Bug 1"]


# -- Anything ---

_numbers = itertools.count()

CSV_PIECES = st.sampled_from([b'"', b",", b"\n", b"\r", b"\x00", b"\xff", b"\xef\xbb\xbf", b"id,title\n", b"1,a\n"])
JSONL_PIECES = st.sampled_from(
    [b"{", b"}", b"[", b'"', b":", b",", b"\n", b"\\ud800", b"\xff\xfe", b'"title"', b'{"title": "a"}\n', b"1e999"]
)


def _import_anything(importing: Importing, content: bytes, suffix: str) -> None:
    path = importing.file(content, f"fuzz{suffix}")
    try:
        report = importing.run(path, source=f"fuzz {next(_numbers)}")
    except (InvalidFile, InvalidFilter):
        return
    assert report.n_read == report.n_added + report.n_already_there + len(report.bad_rows)
    assert all(bad.reason.encode("utf-8") for bad in report.bad_rows)


fuzzed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@fuzzed
@given(body=st.lists(CSV_PIECES | st.binary(max_size=8), max_size=30).map(b"".join), named=st.booleans())
def test_any_bytes_are_a_csv_file_or_are_refused(importing: Importing, body: bytes, named: bool) -> None:
    _import_anything(importing, b"id,title,created\n" * named + body, ".csv")


@fuzzed
@given(body=st.lists(JSONL_PIECES | st.binary(max_size=8), max_size=30).map(b"".join), named=st.booleans())
def test_any_bytes_are_a_jsonl_file_or_are_refused(importing: Importing, body: bytes, named: bool) -> None:
    _import_anything(importing, b'{"title": "a"}\n' * named + body, ".jsonl")


@settings(fuzzed, max_examples=30)
@given(at=st.integers(0, 10**6), noise=st.binary(min_size=1, max_size=40))
def test_any_damage_to_a_parquet_file_is_told_or_harmless(importing: Importing, at: int, noise: bytes) -> None:
    import polars as pl

    path = Path(importing.folder / "whole.parquet")
    if not path.exists():
        pl.DataFrame({"id": [1, 2, 3], "title": ["a", "b", "c"]}).write_parquet(path)
    whole = path.read_bytes()
    at %= len(whole)
    _import_anything(importing, whole[:at] + noise + whole[at + len(noise) :], ".parquet")
