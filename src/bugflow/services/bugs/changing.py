"""Changing a bug: moving, correcting, assigning, editing."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from bugflow.db.tables import Bug, BugEvent, Comment, User
from bugflow.domain.accounts import Action, Actor, demand
from bugflow.domain.audit import AuditAction
from bugflow.domain.bugs import EventKind, Status, check_move
from bugflow.domain.notifications import NotificationKind
from bugflow.domain.predictions import BugText, Task
from bugflow.errors import LostUpdate
from bugflow.ml.duplicates.search import DuplicateSearch
from bugflow.schemas.bugs import BugDetail, BugPatch, BugUpdate, BugUpdated
from bugflow.services import audit, deliveries, feedback, notifications, retraining, teams
from bugflow.services.bugs import reading
from bugflow.services.duplicates import finding, fingerprints
from bugflow.services.review import twins
from bugflow.services.review.twins import Changed


def update_bug(
    session: Session, search: DuplicateSearch, *, actor: Actor, body: BugUpdate, retrain_after: int, now: datetime
) -> BugUpdated:
    """Move a bug, correct its predictions, assign it, leave a note: what the requirements document's form does.

    All of it happens or nothing. Bugs that say nearly the same are found before the first statement.

    Args:
        retrain_after: New corrections after which a retraining begins.

    Raises:
        NotFound, Forbidden, IllegalMove, UnknownReference, UnknownLabel, AlreadySaid: See their messages.
    """
    near = twins.find_twins(search, body.bug_id) if body.correction_team or body.correction_severity else []
    bug = reading.get_locked(session, body.bug_id)
    demand(actor, Action.MOVE_BUG, own=reading.owns(actor, bug))
    corrections = [(Task.SEVERITY, body.correction_severity), (Task.TEAM, body.correction_team)]
    given = [(task, label) for task, label in corrections if label is not None]
    if given:
        demand(actor, Action.CORRECT)
    changed = Changed()
    for task, label in given:
        _, changed = feedback.apply_feedback(
            session, bug, task, label, near=near, actor=actor, reason=body.reason, now=now
        )
    if body.status is not None and body.status is not bug.status:
        _move(session, bug, body.status, actor=actor, now=now)
    if body.assigned_to_id is not None:
        _assign(session, bug, body.assigned_to_id, actor=actor, now=now)
    if body.note and body.note.strip():
        session.add(Comment(bug_id=bug.id, author_id=actor.id, text=body.note, created_at=now))
        session.add(BugEvent(bug_id=bug.id, kind=EventKind.COMMENTED, actor_id=actor.id, created_at=now))
    reading.touch(bug, now=now)
    fields = body.model_dump(exclude_none=True, exclude={"bug_id", "reason"})
    _record_change(session, bug, actor, fields, now=now)
    return BugUpdated(
        message="Bug updated (AI Feedback Recorded)" if given else "Bug updated",
        feedback_count=feedback.count_corrections(session),
        retraining=retraining.note_feedback(session, threshold=retrain_after, now=now) if given else None,
        n_new_suggestions=changed.n_suggested,
        n_similar_waiting=changed.n_waiting,
    )


def patch_bug(
    session: Session,
    search: DuplicateSearch,
    bug_id: int,
    *,
    actor: Actor,
    body: BugPatch,
    retrain_after: int,
    now: datetime,
    if_match: int | None = None,
) -> BugDetail:
    """Change the fields that were sent.

    A severity or team is a correction or confirmation, so only a PM may send one.

    Args:
        retrain_after: New corrections after which a retraining begins.
        if_match: The version that the sender saw; None changes whatever is there.

    Raises:
        NotFound, Forbidden, IllegalMove, LostUpdate, UnknownReference, UnknownLabel, AlreadySaid: See their messages.
    """
    near = twins.find_twins(search, bug_id) if body.severity is not None or body.team is not None else []
    bug = reading.get_locked(session, bug_id)
    if if_match is not None and if_match != bug.version:
        raise LostUpdate(what="bug", yours=f'"{if_match}"', current=f'"{bug.version}"')
    sent = body.model_fields_set - {"reason"}
    own = reading.owns(actor, bug)
    demand(actor, Action.EDIT_BUG, own=own)  # also of a body that changes nothing: it would grow the version
    if "status" in sent:
        demand(actor, Action.MOVE_BUG, own=own)
    if "assigned_to_id" in sent:
        demand(actor, Action.ASSIGN_BUG, own=own)
    if sent & {"severity", "team"}:
        demand(actor, Action.CORRECT)
    _edit(session, bug, actor=actor, body=body, now=now)
    for task, label in ((Task.SEVERITY, body.severity), (Task.TEAM, body.team)):
        if label is not None:
            feedback.apply_feedback(session, bug, task, label, near=near, actor=actor, reason=body.reason, now=now)
    if body.status is not None and body.status is not bug.status:
        _move(session, bug, body.status, actor=actor, now=now)
    if "assigned_to_id" in sent:
        _assign(session, bug, body.assigned_to_id, actor=actor, now=now)
    reading.touch(bug, now=now)
    session.flush()
    _record_change(session, bug, actor, sent, now=now)
    if sent & {"severity", "team"}:
        retraining.note_feedback(session, threshold=retrain_after, now=now)
    return reading.detail_of(session, bug, actor)


def _edit(session: Session, bug: Bug, *, actor: Actor, body: BugPatch, now: datetime) -> None:
    before = (bug.title, bug.description, bug.project_id)
    if body.title is not None and body.title.strip() != bug.title:
        _changed(session, bug, "title", bug.title, body.title.strip(), actor=actor, now=now)
        bug.title = body.title.strip()
    if body.description is not None and body.description != bug.description:
        # The old text is kept: training must see what was known when the bug was filed.
        _changed(session, bug, "description", bug.description, body.description, actor=actor, now=now)
        bug.description = body.description
    if body.project is not None:
        project = teams.get_or_create_project(session, body.project, now=now)
        if project.id != bug.project_id:
            _changed(session, bug, "project", bug.project.name, project.name, actor=actor, now=now)
            bug.project, bug.project_id = project, project.id
    if (bug.title, bug.description, bug.project_id) != before:
        fingerprints.keep_words(session, bug.id, BugText(bug.title, bug.description, bug.project.name))


def _changed(
    session: Session, bug: Bug, field: str, old: str | None, new: str | None, *, actor: Actor, now: datetime
) -> None:
    session.add(
        BugEvent(
            bug_id=bug.id,
            kind=EventKind.CHANGED,
            actor_id=actor.id,
            field=field,
            old_value=old,
            new_value=new,
            created_at=now,
        )
    )


def _move(session: Session, bug: Bug, new: Status, *, actor: Actor, now: datetime) -> None:
    check_move(bug.status, new)
    _changed(session, bug, "status", bug.status, new, actor=actor, now=now)
    bug.status = new
    bug.resolved_at = now if new is Status.RESOLVED else None
    people = [bug.reporter_id, bug.assigned_to_id, *finding.followers_of(session, bug.id)]
    notifications.notify(session, NotificationKind.MOVED, bug_id=bug.id, user_ids=people, actor_id=actor.id, now=now)
    deliveries.add_for_team(session, NotificationKind.MOVED, bug=bug, actor_id=actor.id, now=now)


def _assign(session: Session, bug: Bug, user_id: int | None, *, actor: Actor, now: datetime) -> None:
    if user_id == bug.assigned_to_id:
        return
    new_id = reading.find_assignee(session, user_id)
    # Ids, not names: the history cannot be changed, a person must be erasable.
    old, new = (None if one is None else str(one) for one in (bug.assigned_to_id, new_id))
    bug.assigned_to = session.get(User, new_id) if new_id is not None else None
    _changed(session, bug, "assigned_to", old, new, actor=actor, now=now)
    notifications.notify(
        session, NotificationKind.ASSIGNED, bug_id=bug.id, user_ids=[new_id], actor_id=actor.id, now=now
    )


def _record_change(session: Session, bug: Bug, actor: Actor, fields: Iterable[str], *, now: datetime) -> None:
    """Log what was changed; corrections have logged themselves."""
    changed = sorted(set(fields) - {"correction_severity", "correction_team", "severity", "team"})
    if changed:
        subject = f"bug:{bug.id}"
        audit.record(session, AuditAction.BUG_CHANGED, actor_id=actor.id, subject=subject, now=now, fields=changed)
