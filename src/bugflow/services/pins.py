"""The never-regress set: bugs of which a PM says that every later model must get them right."""

from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from bugflow.db.queries import page_of
from bugflow.db.tables import Bug, Feedback, PinRow
from bugflow.domain.accounts import Actor
from bugflow.domain.audit import AuditAction
from bugflow.domain.predictions import Task
from bugflow.errors import AlreadyPinned, NotFound
from bugflow.ml.duplicates.search import DuplicateSearch
from bugflow.schemas.base import Named
from bugflow.schemas.pins import PinCreate, PinPage, PinRead
from bugflow.services import audit, feedback
from bugflow.services.bugs import reading
from bugflow.services.review import twins

_NAMES = (joinedload(PinRow.bug).joinedload(Bug.team), joinedload(PinRow.actor))


def pin_bug(session: Session, search: DuplicateSearch, *, actor: Actor, body: PinCreate, now: datetime) -> PinRead:
    """Hold every later model to what people call this bug; a value on which nobody spoke is confirmed by it.

    Raises:
        NotFound: There is no such bug.
        UnknownReference: Nobody spoke on its team, and the team was retired: correct it first.
        AlreadyPinned: It is; nothing is recorded.
    """
    near = twins.find_twins(search, body.bug_id)
    bug = reading.get_locked(session, body.bug_id)
    if body.task in reading.find_pinned_tasks(session, bug.id):
        raise AlreadyPinned(field=body.task.value, bug_id=bug.id)
    said = select(Feedback.id).where(Feedback.bug_id == bug.id, Feedback.task == body.task).limit(1)
    if session.scalar(said) is None:
        label = bug.severity.value if body.task is Task.SEVERITY else bug.team.name
        feedback.apply_feedback(session, bug, body.task, label, near=near, actor=actor, reason=body.reason, now=now)
        reading.touch(bug, now=now)
    row = _add(session, bug.id, body.task, is_pinned=True, reason=body.reason, actor=actor, now=now)
    return _read(session.scalars(select(PinRow).where(PinRow.id == row.id).options(*_NAMES)).one())


def unpin_bug(session: Session, bug_id: int, task: Task, *, actor: Actor, now: datetime) -> None:
    """Hold models to it no longer.

    Raises:
        NotFound: There is no such bug, or it is not pinned for the task.
    """
    bug = reading.get_locked(session, bug_id)
    if task not in reading.find_pinned_tasks(session, bug.id):
        raise NotFound(what=f"pinned {task.value} of bug", key=bug_id)
    _add(session, bug.id, task, is_pinned=False, reason=None, actor=actor, now=now)


def list_pins(session: Session, *, cursor: str | None, limit: int) -> PinPage:
    """What is pinned now, the newest first."""
    query = select(PinRow).where(PinRow.id.in_(_newest()), PinRow.is_pinned)
    rows, next_cursor = page_of(
        session, query, load=_NAMES, key=None, identity=PinRow.id, sort="-id", cursor=cursor, limit=limit
    )
    return PinPage(items=[_read(row) for row in rows], next_cursor=next_cursor)


def find_pinned_bugs(session: Session, task: Task) -> set[int]:
    """Ids of the bugs that are pinned for a task."""
    query = select(PinRow.bug_id).where(PinRow.id.in_(_newest()), PinRow.is_pinned, PinRow.task == task)
    return set(session.scalars(query))


def _newest() -> Select[int]:
    """Id of the newest row of each bug and task."""
    return select(func.max(PinRow.id)).group_by(PinRow.bug_id, PinRow.task)


def _add(
    session: Session, bug_id: int, task: Task, *, is_pinned: bool, reason: str | None, actor: Actor, now: datetime
) -> PinRow:
    row = PinRow(
        bug_id=bug_id, task=task, is_pinned=is_pinned, reason=reason or None, actor_id=actor.id, created_at=now
    )
    session.add(row)
    session.flush()
    action = AuditAction.BUG_PINNED if is_pinned else AuditAction.BUG_UNPINNED
    audit.record(session, action, actor_id=actor.id, subject=f"bug:{bug_id}", now=now, task=task.value)
    return row


def _read(row: PinRow) -> PinRead:
    bug = row.bug
    return PinRead(
        bug_id=bug.id,
        title=bug.title,
        task=row.task,
        label=bug.severity.value if row.task is Task.SEVERITY else bug.team.name,
        reason=row.reason,
        actor=Named.model_validate(row.actor),
        created_at=row.created_at,
    )
