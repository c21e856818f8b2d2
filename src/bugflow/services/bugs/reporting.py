"""Reporting a bug."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from bugflow.db.queries import insert_new
from bugflow.db.tables import Bug, BugEvent, IdempotencyKey, PredictionRow
from bugflow.domain.accounts import Actor
from bugflow.domain.audit import AuditAction
from bugflow.domain.bugs import EventKind, SetBy, Status, title_of
from bugflow.domain.duplicates import Reading
from bugflow.domain.predictions import Assessment, BugText, Severity, Task
from bugflow.errors import IdempotencyKeyReused
from bugflow.ml.predictor import Assessor
from bugflow.schemas.bugs import BugCreate, BugReported
from bugflow.services import audit, feedback, notifications, predictions, teams
from bugflow.services.bugs import reading
from bugflow.services.duplicates import finding, fingerprints
from bugflow.services.experiments import measuring
from bugflow.services.review import waiting


@dataclass(frozen=True, slots=True)
class TriagePolicy:
    """What the PM allows the machine.

    Attributes:
        machine_sets_critical: Else it sets `high` and asks a person.
        spot_check_share: Of new reports, so many are checked by a person, however sure it is.
    """

    machine_sets_critical: bool = False
    spot_check_share: float = 0.0


def report_bug(
    session: Session,
    predictor: Assessor,
    *,
    actor: Actor,
    body: BugCreate,
    team_names: Sequence[str],
    policy: TriagePolicy,
    now: datetime,
    idempotency_key: str | None = None,
) -> BugReported:
    """Save a report, triaged: what the reporter left out is predicted, what they chose otherwise is an override.

    The prediction is made before the first statement, so that no lock waits for a model.

    Raises:
        UnknownReference: The team or assignee does not exist or is not active, or the project was retired.
        IdempotencyKeyReused: The key belongs to another report.
    """
    title = (body.title or title_of(body.description)).strip()
    text = BugText(title, body.description, body.project)
    # Its meaning only if it was previewed: else a worker reads it in a moment, and the reporter does not wait for that.
    n = predictions.N_DUPLICATES + finding.SPARE
    assessment = predictor.assess([text], teams=team_names, reading=Reading.REMEMBERED, n_duplicates=n)[0]

    if idempotency_key is not None:
        earlier = _claim_key(session, actor, idempotency_key, body, now=now)
        if earlier is not None:
            return _reported(session, reading.get_bug(session, earlier), assessment)
    bug = _new_bug(session, actor=actor, body=body, title=title, assessment=assessment, policy=policy, now=now)
    session.add(bug)
    session.flush()
    if assessment.fingerprint is not None:
        fingerprints.keep_new(session, [(bug.id, assessment.fingerprint)])
    _keep_predictions(session, bug, assessment, actor=actor, now=now)
    bug.needs_review |= waiting.draw_spot_check(session, bug.id, share=policy.spot_check_share, now=now)
    session.add(BugEvent(bug_id=bug.id, kind=EventKind.REPORTED, actor_id=actor.id, created_at=now))
    maybe_critical = body.severity is None and assessment.severity.label == Severity.CRITICAL != bug.severity
    notifications.notify_report(session, bug, maybe_critical=maybe_critical, actor_id=actor.id, now=now)
    if idempotency_key is not None:
        session.execute(
            update(IdempotencyKey)
            .where(IdempotencyKey.user_id == actor.id, IdempotencyKey.key == idempotency_key)
            .values(bug_id=bug.id)
        )
    audit.record(
        session,
        AuditAction.BUG_REPORTED,
        actor_id=actor.id,
        subject=f"bug:{bug.id}",
        now=now,
        severity=bug.severity.value,
        team=bug.team.name,
        source=assessment.source.value,
    )
    return _reported(session, bug, assessment)


def _new_bug(
    session: Session,
    *,
    actor: Actor,
    body: BugCreate,
    title: str,
    assessment: Assessment,
    policy: TriagePolicy,
    now: datetime,
) -> Bug:
    guess = predictions.working_severity(assessment.severity, machine_sets_critical=policy.machine_sets_critical)
    severity = body.severity or guess
    team = teams.get_team(session, body.team if body.team is not None else assessment.team.label)
    unsure = (body.severity is None and predictions.is_unsure(assessment.severity, severity)) or (
        body.team is None and predictions.is_unsure(assessment.team, team.name)
    )
    return Bug(
        title=title,
        description=body.description,
        project=teams.get_or_create_project(session, body.project, now=now),
        status=Status.OPEN,
        severity=severity,
        severity_rank=severity.rank,
        severity_set_by=SetBy.MACHINE if body.severity is None else SetBy.PERSON,
        team=team,
        team_set_by=SetBy.MACHINE if body.team is None else SetBy.PERSON,
        needs_review=unsure,
        reporter_id=actor.id,
        assigned_to_id=reading.find_assignee(session, body.assigned_to_id),
        created_at=now,
        updated_at=now,
        version=1,
    )


def _keep_predictions(session: Session, bug: Bug, assessment: Assessment, *, actor: Actor, now: datetime) -> None:
    measuring.keep_silent(session, bug.id, assessment.silent, now=now)
    rows = [PredictionRow(**predictions.row_of(p, bug_id=bug.id, now=now)) for p in assessment.predictions]
    session.add_all(rows)
    session.flush()
    for row in rows:
        label, set_by = (
            (bug.severity.value, bug.severity_set_by) if row.task is Task.SEVERITY else (bug.team.name, bug.team_set_by)
        )
        if set_by is SetBy.PERSON and label != row.label:
            feedback.record_override(session, bug, row, label, actor=actor, now=now)


def _claim_key(session: Session, actor: Actor, key: str, body: BugCreate, *, now: datetime) -> int | None:
    """The bug that this key already led to, or None when the key is now this request's."""
    request_hash = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    values = {"user_id": actor.id, "key": key, "request_hash": request_hash, "created_at": now}
    if insert_new(session, IdempotencyKey, values):
        return None
    earlier = session.get_one(IdempotencyKey, (actor.id, key))
    if earlier.request_hash != request_hash or earlier.bug_id is None:
        raise IdempotencyKeyReused
    return earlier.bug_id


def _reported(session: Session, bug: Bug, assessment: Assessment) -> BugReported:
    return BugReported(
        id=bug.id,
        title=bug.title,
        status=bug.status,
        severity=bug.severity,
        severity_set_by=bug.severity_set_by,
        team=bug.team.name,
        team_set_by=bug.team_set_by,
        needs_review=bug.needs_review,
        predictions=predictions.shown(assessment),
        duplicates=finding.shown(session, assessment.duplicates, n=predictions.N_DUPLICATES, without=bug.id),
        source=assessment.source,
    )
