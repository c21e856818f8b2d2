"""What people say about predictions: corrections and confirmations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from bugflow.db.queries import page_of
from bugflow.db.tables import Bug, BugEvent, Feedback, PredictionRow, Project
from bugflow.domain.accounts import Actor
from bugflow.domain.audit import AuditAction
from bugflow.domain.bugs import EventKind, SetBy
from bugflow.domain.feedback import FeedbackKind, kind_of
from bugflow.domain.notifications import NotificationKind
from bugflow.domain.predictions import Severity, Task
from bugflow.errors import AlreadySaid, UnknownLabel
from bugflow.ml.duplicates.search import DuplicateSearch
from bugflow.schemas.feedback import (
    FeedbackCreate,
    FeedbackGiven,
    FeedbackPage,
    FeedbackRead,
)
from bugflow.services import audit, deliveries, notifications, retraining, teams
from bugflow.services.bugs import reading
from bugflow.services.review import twins, waiting
from bugflow.services.review.twins import Changed


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One bug and the label that a person gave it."""

    bug_id: int
    title: str
    description: str
    project: str
    created_at: datetime
    label: str
    kind: FeedbackKind
    actor_id: int
    feedback_id: int

    @property
    def strength(self) -> str:
        """How much it counts as evidence, in the words of training recipes; a PM's word is as strong as can be."""
        return "weak" if self.kind is FeedbackKind.OVERRIDE else ""


def give_feedback(
    session: Session,
    search: DuplicateSearch,
    *,
    actor: Actor,
    body: FeedbackCreate,
    retrain_after: int,
    now: datetime,
) -> FeedbackGiven:
    """Correct or confirm one predicted field of one bug.

    Bugs that say nearly the same are found before the first statement, so that no lock waits for it.

    Args:
        retrain_after: New corrections after which a retraining begins.

    Raises:
        NotFound: There is no such bug.
        UnknownLabel, UnknownReference: The task has no such label.
        AlreadySaid: A person already said exactly this; nothing is recorded.
    """
    near = twins.find_twins(search, body.bug_id)
    bug = reading.get_locked(session, body.bug_id)
    row, changed = apply_feedback(
        session, bug, body.task, body.label, near=near, actor=actor, reason=body.reason, now=now
    )
    reading.touch(bug, now=now)
    session.flush()
    shown = session.scalars(select(Feedback).where(Feedback.id == row.id).options(joinedload(Feedback.actor))).one()
    return FeedbackGiven(
        feedback=FeedbackRead.model_validate(shown),
        feedback_count=count_corrections(session),
        retraining=retraining.note_feedback(session, threshold=retrain_after, now=now),
        n_new_suggestions=changed.n_suggested,
        n_similar_waiting=changed.n_waiting,
    )


def apply_feedback(
    session: Session,
    bug: Bug,
    task: Task,
    label: str,
    *,
    near: Sequence[int],
    actor: Actor,
    reason: str | None,
    now: datetime,
) -> tuple[Feedback, Changed]:
    """Set a field to what a PM says, remember the words, write the history, tell the reporter.

    Args:
        near: Bugs that say nearly the same: `twins.find_twins`.

    Returns:
        What was said, and what it changed for those.

    Raises:
        UnknownLabel, UnknownReference: The task has no such label.
        AlreadySaid: A PM already said exactly this; nothing is recorded.
    """
    prediction = session.scalar(
        select(PredictionRow).where(PredictionRow.bug_id == bug.id, PredictionRow.task == task).limit(1)
    )
    old_label = bug.severity.value if task is Task.SEVERITY else bug.team.name
    if task is Task.SEVERITY:
        label = _severity(label).value
    else:
        team = teams.get_team(session, label, field="team")
        label = team.name
    latest = _latest(session, bug.id, task)
    if label == old_label and latest is not None and latest.kind is not FeedbackKind.OVERRIDE:
        raise AlreadySaid(field=task.value, bug_id=bug.id, label=label)
    if task is Task.SEVERITY:
        bug.severity, bug.severity_rank, bug.severity_set_by = Severity(label), Severity(label).rank, SetBy.PERSON
    else:
        bug.team, bug.team_set_by = team, SetBy.PERSON
    predicted = prediction.label if prediction else old_label
    kind = kind_of(predicted=predicted, label=label)
    row = Feedback(
        bug_id=bug.id,
        prediction_id=prediction.id if prediction else None,
        task=task,
        kind=kind,
        predicted=predicted,
        old_label=old_label,
        label=label,
        reason=reason,
        actor_id=actor.id,
        created_at=now,
    )
    session.add(row)
    session.add(
        BugEvent(
            bug_id=bug.id,
            kind=EventKind.CONFIRMED if kind is FeedbackKind.CONFIRMATION else EventKind.CORRECTED,
            actor_id=actor.id,
            field=task.value,
            old_value=old_label,
            new_value=label,
            note=reason,
            created_at=now,
        )
    )
    bug.needs_review = waiting.still_waits(session, bug)
    session.flush()
    changed = twins.note_word(session, row, near, now=now)
    if kind is FeedbackKind.CORRECTION:
        people = [bug.reporter_id, bug.assigned_to_id]
        notifications.notify(
            session, NotificationKind.CORRECTED, bug_id=bug.id, user_ids=people, actor_id=actor.id, now=now
        )
    if task is Task.TEAM and label != old_label:
        deliveries.add_for_team(session, NotificationKind.TEAM, bug=bug, actor_id=actor.id, now=now)
    elif kind is FeedbackKind.CORRECTION:
        deliveries.add_for_team(session, NotificationKind.CORRECTED, bug=bug, actor_id=actor.id, now=now)
    audit.record(
        session,
        AuditAction.BUG_CORRECTED,
        actor_id=actor.id,
        subject=f"bug:{bug.id}",
        now=now,
        kind=kind.value,
        task=task.value,
        old=old_label,
        new=label,
    )
    return row, changed


def record_override(
    session: Session, bug: Bug, prediction: PredictionRow, label: str, *, actor: Actor, now: datetime
) -> None:
    """Remember that the reporter chose another label than the machine's: a weaker word than a PM's correction."""
    session.add(
        Feedback(
            bug_id=bug.id,
            prediction_id=prediction.id,
            task=prediction.task,
            kind=FeedbackKind.OVERRIDE,
            predicted=prediction.label,
            old_label=prediction.label,
            label=label,
            reason=None,
            actor_id=actor.id,
            created_at=now,
        )
    )


def _severity(label: str) -> Severity:
    try:
        return Severity(label.strip().lower())
    except ValueError:
        raise UnknownLabel(field="severity", label=label, labels=", ".join(Severity)) from None


def _latest(session: Session, bug_id: int, task: Task) -> Feedback | None:
    query = select(Feedback).where(Feedback.bug_id == bug_id, Feedback.task == task)
    return session.scalar(query.order_by(Feedback.id.desc()).limit(1))


def count_corrections(session: Session) -> int:
    """Corrections recorded so far."""
    query = select(func.count()).select_from(Feedback).where(Feedback.kind == FeedbackKind.CORRECTION)
    return session.scalar(query) or 0


def find_training_rows(session: Session, task: Task, *, up_to: int | None = None) -> list[TrainingRow]:
    """What people said of a field, with the texts: of each bug the newest word, in the order of reporting.

    Args:
        up_to: Of their words, those up to this id; None: all.
    """
    newest = select(func.max(Feedback.id)).where(Feedback.task == task).group_by(Feedback.bug_id)
    if up_to is not None:
        newest = newest.where(Feedback.id <= up_to)
    texts = (Bug.id, Bug.title, Bug.description, Project.name, Bug.created_at)
    query = (
        select(*texts, Feedback.label, Feedback.kind, Feedback.actor_id, Feedback.id)
        .join(Feedback, Feedback.bug_id == Bug.id)
        .join(Project, Bug.project_id == Project.id)
        .where(Feedback.id.in_(newest))
        .order_by(Bug.created_at, Bug.id)
    )
    return [TrainingRow(*row) for row in session.execute(query)]


def list_feedback(
    session: Session, *, bug_id: int | None, kind: FeedbackKind | None, cursor: str | None, limit: int
) -> FeedbackPage:
    """What people said, newest first."""
    query, load = select(Feedback), [joinedload(Feedback.actor)]
    if bug_id is not None:
        query = query.where(Feedback.bug_id == bug_id)
    if kind is not None:
        query = query.where(Feedback.kind == kind)
    rows, next_cursor = page_of(
        session, query, load=load, key=None, identity=Feedback.id, sort="-id", cursor=cursor, limit=limit
    )
    return FeedbackPage(items=[FeedbackRead.model_validate(row) for row in rows], next_cursor=next_cursor)
