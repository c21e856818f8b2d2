"""Telling people: rows in the transaction of what happened, so that neither exists without the other."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from bugflow.db.queries import page_of
from bugflow.db.tables import Bug, Notification, User
from bugflow.domain.accounts import Actor, Role
from bugflow.domain.notifications import NotificationKind
from bugflow.schemas.base import Named
from bugflow.schemas.notifications import NotificationPage, NotificationRead
from bugflow.services import deliveries


def notify(
    session: Session,
    kind: NotificationKind,
    *,
    bug_id: int,
    user_ids: Iterable[int | None],
    actor_id: int | None,
    now: datetime,
) -> None:
    """Tell people about a bug: each once, never the one who did it, nobody who muted the kind or is gone."""
    _tell(session, kind, bug_id=bug_id, said=None, user_ids=user_ids, actor_id=actor_id, now=now)


def notify_of_models(session: Session, said: str, *, now: datetime) -> None:
    """Tell project managers what became of a model without their doing."""
    pms = session.scalars(select(User.id).where(User.role == Role.PM)).all()
    _tell(session, NotificationKind.MODEL, bug_id=None, said=said, user_ids=pms, actor_id=None, now=now)


def _tell(
    session: Session,
    kind: NotificationKind,
    *,
    bug_id: int | None,
    said: str | None,
    user_ids: Iterable[int | None],
    actor_id: int | None,
    now: datetime,
) -> None:
    wanted = {user_id for user_id in user_ids if user_id is not None} - {actor_id}
    if not wanted:
        return
    users = session.execute(select(User.id, User.preferences).where(User.id.in_(wanted), User.is_active)).all()
    rows = [
        Notification(user_id=user_id, kind=kind, bug_id=bug_id, said=said, actor_id=actor_id, created_at=now)
        for user_id, preferences in users
        if kind not in preferences.get("muted", [])
    ]
    session.add_all(rows)
    deliveries.add_for_people(session, rows)


def notify_report(session: Session, bug: Bug, *, maybe_critical: bool, actor_id: int | None, now: datetime) -> None:
    """Tell those whom a new bug concerns: who got it, else its team; and PMs where it may be critical.

    Its team's channels hear of it in any case. Not PMs of every uncertain prediction: those wait in the review queue,
    and who is told of everything reads nothing.
    """
    if bug.assigned_to_id is not None:
        notify(
            session, NotificationKind.ASSIGNED, bug_id=bug.id, user_ids=[bug.assigned_to_id], actor_id=actor_id, now=now
        )
    else:
        members = session.scalars(select(User.id).where(User.team_id == bug.team_id, User.role == Role.DEVELOPER))
        notify(session, NotificationKind.TEAM, bug_id=bug.id, user_ids=members, actor_id=actor_id, now=now)
    deliveries.add_for_team(session, NotificationKind.TEAM, bug=bug, actor_id=actor_id, now=now)
    if maybe_critical:
        pms = session.scalars(select(User.id).where(User.role == Role.PM))
        notify(session, NotificationKind.REVIEW, bug_id=bug.id, user_ids=pms, actor_id=actor_id, now=now)


def list_notifications(
    session: Session, actor: Actor, *, unread: bool, cursor: str | None, limit: int
) -> NotificationPage:
    """The actor's notifications, newest first."""
    query = select(Notification).where(Notification.user_id == actor.id)
    load = [joinedload(Notification.bug), joinedload(Notification.actor)]
    if unread:
        query = query.where(Notification.read_at.is_(None))
    rows, next_cursor = page_of(
        session, query, load=load, key=None, identity=Notification.id, sort="-id", cursor=cursor, limit=limit
    )
    items = [
        NotificationRead(
            id=row.id,
            kind=row.kind,
            bug_id=row.bug_id,
            bug_title=row.bug.title if row.bug else None,
            said=row.said,
            actor=Named.model_validate(row.actor) if row.actor else None,
            created_at=row.created_at,
            read_at=row.read_at,
        )
        for row in rows
    ]
    return NotificationPage(items=items, next_cursor=next_cursor)


def count_unread(session: Session, actor: Actor) -> int:
    query = select(func.count()).where(Notification.user_id == actor.id, Notification.read_at.is_(None))
    return session.scalar(query.select_from(Notification)) or 0


def mark_read(session: Session, actor: Actor, *, ids: list[int] | None, now: datetime) -> None:
    """Mark the actor's notifications read; ids that are not theirs are passed over."""
    statement = update(Notification).where(Notification.user_id == actor.id, Notification.read_at.is_(None))
    if ids is not None:
        statement = statement.where(Notification.id.in_(ids))
    session.execute(statement.values(read_at=now))
