"""Finding bugs: one, a page, what may be done with it, its history."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, joinedload

from bugflow.db.queries import matches, page_of
from bugflow.db.tables import Attachment, Bug, BugEvent, Comment, PinRow, Project, Team, User
from bugflow.domain.accounts import Action, Actor, Role, Scope, scope_of
from bugflow.domain.bugs import MOVES, Status
from bugflow.domain.predictions import Task
from bugflow.errors import NotFound, UnknownReference
from bugflow.schemas.bugs import BugDetail, BugFilter, BugPage, BugRead, EventPage, EventRead
from bugflow.schemas.predictions import StoredPrediction
from bugflow.services import predictions

_SORT_KEYS = {"created_at": Bug.created_at, "updated_at": Bug.updated_at, "severity": Bug.severity_rank, "id": None}


NAMES = (joinedload(Bug.project), joinedload(Bug.team), joinedload(Bug.reporter), joinedload(Bug.assigned_to))
"""How everything is loaded that a bug's list entry names."""


def get_bug(session: Session, bug_id: int) -> Bug:
    """A bug with its names.

    Raises:
        NotFound: There is none of that id.
    """
    bug = session.scalar(select(Bug).where(Bug.id == bug_id).options(*NAMES))
    if bug is None:
        raise NotFound(what="bug", key=bug_id)
    return bug


def get_locked(session: Session, bug_id: int) -> Bug:
    """A bug that nobody else can change until this transaction ends.

    Raises:
        NotFound: There is none of that id.
    """
    bug = session.scalar(
        select(Bug)
        .where(Bug.id == bug_id)
        .options(*NAMES)
        .with_for_update(of=Bug)
        .execution_options(populate_existing=True)
    )
    if bug is None:
        raise NotFound(what="bug", key=bug_id)
    return bug


def touch(bug: Bug, *, now: datetime) -> None:
    """Note that a bug changed: its ETag is another one from now on."""
    bug.version += 1
    bug.updated_at = now


def owns(actor: Actor, bug: Bug) -> bool:
    """Whether a bug is the actor's own: a tester's while it is open and they reported it; a developer's when it is
    assigned to them or their team, or they reported it.
    """
    if actor.role is Role.TESTER:
        return bug.reporter_id == actor.id and bug.status is Status.OPEN
    in_team = actor.team_id is not None and bug.team_id == actor.team_id
    return in_team or actor.id in (bug.assigned_to_id, bug.reporter_id)


def may(actor: Actor, action: Action, bug: Bug) -> bool:
    scope = scope_of(actor, action)
    return scope is Scope.ALL or (scope is Scope.OWN and owns(actor, bug))


def detail_of(session: Session, bug: Bug, actor: Actor) -> BugDetail:
    """A bug as its own page shows it to the actor."""
    stored = predictions.predictions_of(session, [bug.id])[bug.id]
    moves = list(MOVES[bug.status]) if may(actor, Action.MOVE_BUG, bug) else []
    return BugDetail(
        **BugRead.model_validate(bug).model_dump(),
        predictions=[StoredPrediction.model_validate(row) for row in stored],
        pinned=find_pinned_tasks(session, bug.id),
        moves=moves,
        may_edit=may(actor, Action.EDIT_BUG, bug),
        may_correct=may(actor, Action.CORRECT, bug),
        may_assign=may(actor, Action.ASSIGN_BUG, bug),
        may_attach=may(actor, Action.ATTACH, bug),
        n_comments=_count(session, Comment, bug.id),
        n_attachments=_count(session, Attachment, bug.id),
    )


def find_pinned_tasks(session: Session, bug_id: int) -> list[Task]:
    """The fields of a bug that every later model must get right, in the order of tasks."""
    newest = select(func.max(PinRow.id)).where(PinRow.bug_id == bug_id).group_by(PinRow.task)
    found = set(session.scalars(select(PinRow.task).where(PinRow.id.in_(newest), PinRow.is_pinned)))
    return [task for task in Task if task in found]


def _count(session: Session, kind: type[Comment] | type[Attachment], bug_id: int) -> int:
    return session.scalar(select(func.count()).select_from(kind).where(kind.bug_id == bug_id)) or 0


def list_bugs(session: Session, actor: Actor, wanted: BugFilter) -> BugPage:
    """A page of bugs; what a filter names and does not exist matches nothing.

    Raises:
        InvalidCursor: The cursor was made for another order.
    """
    query = _filtered(session, actor, wanted)
    rows, next_cursor = page_of(
        session,
        query,
        load=NAMES,
        key=_SORT_KEYS[wanted.sort.removeprefix("-")],
        identity=Bug.id,
        sort=wanted.sort,
        cursor=wanted.cursor,
        limit=wanted.limit,
    )
    total = None
    if wanted.total:
        total = session.scalar(select(func.count()).select_from(query.with_only_columns(Bug.id).subquery()))
    return BugPage(items=[BugRead.model_validate(row) for row in rows], next_cursor=next_cursor, total=total)


def _filtered(session: Session, actor: Actor, wanted: BugFilter) -> Select[Bug]:
    """The bugs that meet every condition that was given."""
    given: list[tuple[object, Callable[[], ColumnElement[bool]]]] = [
        (wanted.status, lambda: Bug.status.in_(wanted.status)),
        (wanted.severity, lambda: Bug.severity.in_(wanted.severity)),
        (wanted.team, lambda: Bug.team_id.in_(_ids(session, Team, wanted.team))),
        (wanted.project, lambda: Bug.project_id.in_(_ids(session, Project, wanted.project))),
        (wanted.assigned_to, lambda: _assigned_to(wanted.assigned_to or "", actor)),
        (wanted.reporter, lambda: Bug.reporter_id == _user_id(wanted.reporter or "", actor)),
        (wanted.needs_review is not None, lambda: Bug.needs_review == wanted.needs_review),
        (wanted.created_after, lambda: Bug.created_at >= wanted.created_after),
        (wanted.created_before, lambda: Bug.created_at < wanted.created_before),
        (wanted.updated_after, lambda: Bug.updated_at >= wanted.updated_after),
        (wanted.q, lambda: matches(session, wanted.q or "")),
    ]
    return select(Bug).where(*(condition() for value, condition in given if value))


def _ids(session: Session, kind: type[Team | Project], names: list[str]) -> list[int]:
    # Ids, not a subquery: with them the planner can walk an index in the wanted order.
    return list(session.scalars(select(kind.id).where(kind.name.in_(names))))


def _assigned_to(wanted: str, actor: Actor) -> ColumnElement[bool]:
    if wanted == "nobody":
        return Bug.assigned_to_id.is_(None)
    if wanted == "my_team":
        return Bug.team_id == actor.team_id
    return Bug.assigned_to_id == _user_id(wanted, actor)


def _user_id(wanted: str, actor: Actor) -> int:
    return actor.id if wanted == "me" else int(wanted)


def list_events(session: Session, bug_id: int, *, cursor: str | None, limit: int) -> EventPage:
    """A bug's history, oldest first.

    Raises:
        NotFound: There is no such bug.
    """
    demand_bug(session, bug_id)
    query, load = select(BugEvent).where(BugEvent.bug_id == bug_id), [joinedload(BugEvent.actor)]
    rows, next_cursor = page_of(
        session, query, load=load, key=None, identity=BugEvent.id, sort="id", cursor=cursor, limit=limit
    )
    items = [EventRead.model_validate(row) for row in rows]
    _name_assignees(session, items)
    return EventPage(items=items, next_cursor=next_cursor)


def _name_assignees(session: Session, events: list[EventRead]) -> None:
    """Show people by the name they have now; the history keeps their ids."""
    moves = [event for event in events if event.field == "assigned_to"]
    ids = {int(value) for event in moves for value in (event.old_value, event.new_value) if value}
    if ids:
        names = dict(session.execute(select(User.id, User.display_name).where(User.id.in_(ids))).all())
        for event in moves:
            event.old_value = names.get(int(event.old_value)) if event.old_value else None
            event.new_value = names.get(int(event.new_value)) if event.new_value else None


def demand_bug(session: Session, bug_id: int) -> None:
    """Let pass if the bug exists.

    Raises:
        NotFound: It does not.
    """
    if session.scalar(select(Bug.id).where(Bug.id == bug_id)) is None:
        raise NotFound(what="bug", key=bug_id)


def find_assignee(session: Session, user_id: int | None) -> int | None:
    """The id of an active person, or None for nobody.

    Raises:
        UnknownReference: There is no such active person.
    """
    if user_id is None:
        return None
    user = session.get(User, user_id)
    if user is None or not user.is_active:
        raise UnknownReference(field="assigned_to_id", what="user", key=user_id)
    return user.id
