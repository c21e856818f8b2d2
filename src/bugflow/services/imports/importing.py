"""Writing imported bugs, a batch a transaction: killed anywhere, the next run goes on behind the last batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bugflow.db.engine import Database
from bugflow.db.queries import insert_many, one_at_a_time
from bugflow.db.tables import Bug, BugEvent, ImportedBug, PredictionRow, Project, Team, User
from bugflow.domain.accounts import Role
from bugflow.domain.audit import AuditAction
from bugflow.domain.bugs import EventKind, SetBy, Status
from bugflow.domain.predictions import Assessment, BugText
from bugflow.errors import InvalidFile
from bugflow.ml.predictor import Assessor
from bugflow.services import audit, predictions, teams
from bugflow.services.bugs.reporting import TriagePolicy
from bugflow.services.duplicates import fingerprints
from bugflow.services.imports.files import Row, read_columns, read_rows
from bugflow.services.imports.rows import (
    BadRowError,
    ReadBug,
    RowMapping,
    map_columns,
    map_severities,
    map_statuses,
    read_bug,
)

BATCH = 500  # rows a transaction: larger ones gain no speed, and each holds the write lock for some 0.3 s

IMPORTER = "import"
"""User name of the account that holds imported bugs whose reporter has none here; nobody can sign in as it."""


@dataclass(frozen=True, slots=True)
class BadRow:
    line: int
    reason: str


@dataclass(slots=True)
class ImportReport:
    """What an import did, or in a dry run would do.

    Attributes:
        columns: Field to column, as they were understood.
    """

    columns: Mapping[str, str]
    n_read: int = 0
    n_added: int = 0
    n_already_there: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file is imported.

    Attributes:
        source: Name under which the ids of its rows are remembered.
        columns: Field to column, where names do not say it.
        severities, statuses: Words of the file to severities and statuses.
        stop_on_bad_row: Import nothing if a row is bad; else bad rows are left out and reported.
        dry_run: Read and check everything, write nothing.
    """

    source: str
    default_project: str
    columns: Mapping[str, str] = field(default_factory=dict)
    severities: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    stop_on_bad_row: bool = False
    dry_run: bool = False


def import_file(
    database: Database,
    predictor: Assessor,
    path: Path,
    *,
    options: ImportOptions,
    policy: TriagePolicy,
    now: datetime,
    progress: Callable[[int], None] = lambda _n: None,
) -> ImportReport:
    """Import the bugs of a CSV, JSONL or Parquet file; rows imported before are passed over.

    Opens its own transactions, one a batch; the models are asked between them. Of two imports of one source at the same
    moment each adds what the other has not.

    Args:
        progress: Told how many more rows are done.

    Raises:
        InvalidFile: The file cannot be read, names a column twice that is to be read, or has a bad row and
            `stop_on_bad_row` is set.
        InvalidFilter, UnknownLabel: The mapping names what does not exist.
    """
    with database.read() as session:
        team_names = teams.active_team_names(session)
        retired = session.scalars(select(Project.name).where(~Project.is_active)).all()
    columns = read_columns(path)
    mapping = RowMapping(
        columns=map_columns(columns, options.columns),
        severities=map_severities(options.severities),
        statuses=map_statuses(options.statuses),
        team_names={name.lower(): name for name in team_names},
        default_project=options.default_project,
        now=now,
        retired_projects=frozenset(name.lower() for name in retired),
    )
    _demand_one_of_each(path, columns, mapping)
    if options.stop_on_bad_row:
        _check_all(path, mapping)
    report = ImportReport(columns=mapping.columns)
    for n_rows, bugs in _batches(path, mapping, report):
        with database.read() as session:
            known = _known(session, options.source, bugs)
        new = [bug for bug in bugs if bug.external_id not in known]
        n_added = len(new)
        if new and not options.dry_run:
            texts = [BugText(bug.title, bug.description, bug.project) for bug in new]
            assessments = predictor.assess(texts, teams=team_names)
            with database.write() as session:
                assessed = list(zip(new, assessments, strict=True))
                n_added = _write(session, assessed, options=options, policy=policy, now=now)
        report.n_added += n_added
        report.n_already_there += len(bugs) - n_added
        progress(n_rows)
    if report.n_added and not options.dry_run:
        database.refresh_statistics()
    return report


def _demand_one_of_each(path: Path, columns: Sequence[str], mapping: RowMapping) -> None:
    """Of what is not read, such as the comments of a Jira export, there may be several."""
    for field_name, column in mapping.columns.items():
        if columns.count(column) > 1:
            reason = (
                f"more than one column is called '{column}'. Rename all but one of them, "
                f"or leave the {field_name} out with --map {field_name}="
            )
            raise InvalidFile(path=path, reason=reason)


def _check_all(path: Path, mapping: RowMapping) -> None:
    report = ImportReport(columns=mapping.columns)
    for _ in _batches(path, mapping, report):
        if report.bad_rows:
            bad = report.bad_rows[0]
            raise InvalidFile(path=path, reason=f"line {bad.line}: {bad.reason}. Nothing was imported.")


def _read(row: Row, mapping: RowMapping) -> ReadBug:
    if row.problem is not None:
        raise BadRowError(row.problem)
    return read_bug(row.line, row.values, mapping)


def _batches(path: Path, mapping: RowMapping, report: ImportReport) -> Iterator[tuple[int, list[ReadBug]]]:
    """Rows read, and the good ones among them; bad ones and repeated ids go to the report."""
    rows = read_rows(path)
    first_lines: dict[str, int] = {}
    while chunk := list(islice(rows, BATCH)):
        bugs = []
        for row in chunk:
            try:
                bug = _read(row, mapping)
            except BadRowError as error:
                report.bad_rows.append(BadRow(row.line, str(error)))
                continue
            first_line = first_lines.setdefault(bug.external_id, row.line)
            if first_line == row.line:
                bugs.append(bug)
            else:
                reason = f"its id '{bug.external_id[:60]}' stands in line {first_line} too"
                report.bad_rows.append(BadRow(row.line, reason))
        report.n_read += len(chunk)
        yield len(chunk), bugs


def _known(session: Session, source: str, bugs: Iterable[ReadBug]) -> set[str]:
    ids = [bug.external_id for bug in bugs]
    query = select(ImportedBug.external_id).where(ImportedBug.source == source, ImportedBug.external_id.in_(ids))
    return set(session.scalars(query))


def _write(
    session: Session,
    assessed: Sequence[tuple[ReadBug, Assessment]],
    *,
    options: ImportOptions,
    policy: TriagePolicy,
    now: datetime,
) -> int:
    """Write one batch: bugs, what was predicted for them, where they came from, their first event; how many it was."""
    one_at_a_time(session, ImportedBug)
    known = _known(session, options.source, (bug for bug, _ in assessed))  # again: another import may have been here
    assessed = [(bug, assessment) for bug, assessment in assessed if bug.external_id not in known]
    if not assessed:
        return 0
    importer_id = _importer_id(session, now=now)
    user_ids = dict(session.execute(select(User.username, User.id).where(User.is_active)).all())
    team_ids = dict(session.execute(select(Team.name, Team.id)).all())
    names = {bug.project for bug, _ in assessed}
    project_ids = {name: teams.get_or_create_project(session, name, now=now).id for name in sorted(names)}
    rows = []
    for bug, assessment in assessed:
        guess = predictions.working_severity(assessment.severity, machine_sets_critical=policy.machine_sets_critical)
        severity = bug.severity or guess
        team = bug.team or assessment.team.label
        unsure = (bug.severity is None and predictions.is_unsure(assessment.severity, severity)) or (
            bug.team is None and predictions.is_unsure(assessment.team, team)
        )
        rows.append(
            {
                "title": bug.title,
                "description": bug.description,
                "project_id": project_ids[bug.project],
                "status": bug.status,
                "severity": severity,
                "severity_rank": severity.rank,
                "severity_set_by": SetBy.PERSON if bug.severity else SetBy.MACHINE,
                "team_id": team_ids[team],
                "team_set_by": SetBy.PERSON if bug.team else SetBy.MACHINE,
                "needs_review": unsure,
                "reporter_id": user_ids.get(bug.reporter or "", importer_id),
                "assigned_to_id": user_ids.get(bug.assigned_to or ""),
                "created_at": bug.created_at,
                "updated_at": max(bug.created_at, bug.resolved_at or bug.created_at),
                "resolved_at": bug.resolved_at if bug.status is Status.RESOLVED else None,
                "version": 1,
            }
        )
    ids = session.scalars(insert(Bug).returning(Bug.id, sort_by_parameter_order=True), rows).all()
    numbered = list(zip(ids, assessed, strict=True))
    insert_many(
        session,
        ImportedBug,
        [{"source": options.source, "external_id": bug.external_id, "bug_id": n} for n, (bug, _) in numbered],
    )
    prints = [(n, assessment.fingerprint) for n, (_, assessment) in numbered if assessment.fingerprint is not None]
    fingerprints.keep_new(session, prints)
    insert_many(
        session,
        PredictionRow,
        [predictions.row_of(p, bug_id=n, now=now) for n, (_, assessment) in numbered for p in assessment.predictions],
    )
    insert_many(
        session,
        BugEvent,
        [
            {"bug_id": n, "kind": EventKind.IMPORTED, "note": f"{options.source} {bug.external_id}", "created_at": now}
            for n, (bug, _) in numbered
        ],
    )
    audit.record(
        session,
        AuditAction.BUGS_IMPORTED,
        actor_id=None,
        subject=f"bug:{ids[0]}",
        now=now,
        n_bugs=len(ids),
        last_bug=ids[-1],
    )
    return len(ids)


def _importer_id(session: Session, *, now: datetime) -> int:
    query = select(User.id).where(User.username == IMPORTER)
    user_id = session.scalar(query)
    if user_id is None:
        one_at_a_time(session, User)
        user_id = session.scalar(query)
    if user_id is not None:
        return user_id
    user = User(
        username=IMPORTER,
        display_name="Import",
        role=Role.TESTER,
        is_admin=False,
        is_active=False,
        password_hash="!",  # noqa: S106 - no hash: nothing verifies against it
        preferences={},
        created_at=now,
    )
    session.add(user)
    session.flush()
    return user.id
