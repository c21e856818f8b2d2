"""Comments: adding, editing, removing them."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from bugflow.db.queries import page_of
from bugflow.db.tables import BugEvent, Comment
from bugflow.domain.accounts import Action, Actor, demand
from bugflow.domain.audit import AuditAction
from bugflow.domain.bugs import EventKind
from bugflow.domain.notifications import NotificationKind
from bugflow.errors import NotFound
from bugflow.schemas.comments import CommentPage, CommentRead
from bugflow.services import audit, deliveries, notifications
from bugflow.services.bugs import reading
from bugflow.services.duplicates import finding


def list_comments(session: Session, bug_id: int, *, cursor: str | None, limit: int) -> CommentPage:
    """A bug's comments, oldest first.

    Raises:
        NotFound: There is no such bug.
    """
    reading.demand_bug(session, bug_id)
    query, load = select(Comment).where(Comment.bug_id == bug_id), [joinedload(Comment.author)]
    rows, next_cursor = page_of(
        session, query, load=load, key=None, identity=Comment.id, sort="id", cursor=cursor, limit=limit
    )
    return CommentPage(items=[CommentRead.model_validate(row) for row in rows], next_cursor=next_cursor)


def add_comment(session: Session, bug_id: int, *, actor: Actor, text: str, now: datetime) -> CommentRead:
    """Say something about a bug; its reporter, its assignee, its followers and all who commented before are told.

    Raises:
        NotFound: There is no such bug.
    """
    bug = reading.get_locked(session, bug_id)
    earlier = session.scalars(select(Comment.author_id).where(Comment.bug_id == bug_id).distinct()).all()
    comment = Comment(bug_id=bug_id, author_id=actor.id, text=text, created_at=now)
    session.add_all([comment, BugEvent(bug_id=bug_id, kind=EventKind.COMMENTED, actor_id=actor.id, created_at=now)])
    reading.touch(bug, now=now)
    session.flush()
    people = [bug.reporter_id, bug.assigned_to_id, *earlier, *finding.followers_of(session, bug_id)]
    notifications.notify(
        session, NotificationKind.COMMENTED, bug_id=bug_id, user_ids=people, actor_id=actor.id, now=now
    )
    deliveries.add_for_team(session, NotificationKind.COMMENTED, bug=bug, actor_id=actor.id, now=now)
    audit.record(session, AuditAction.BUG_COMMENTED, actor_id=actor.id, subject=f"bug:{bug_id}", now=now)
    return CommentRead.model_validate(_get(session, bug_id, comment.id))


def edit_comment(
    session: Session, bug_id: int, comment_id: int, *, actor: Actor, text: str, now: datetime
) -> CommentRead:
    """Change an own comment; a PM may change any.

    Raises:
        NotFound: There is no such comment on this bug.
        Forbidden: It is someone else's.
    """
    comment = _get(session, bug_id, comment_id)
    demand(actor, Action.EDIT_COMMENT, own=comment.author_id == actor.id)
    comment.text, comment.edited_at = text, now
    audit.record(session, AuditAction.COMMENT_CHANGED, actor_id=actor.id, subject=f"comment:{comment_id}", now=now)
    return CommentRead.model_validate(comment)


def remove_comment(session: Session, bug_id: int, comment_id: int, *, actor: Actor, now: datetime) -> None:
    """Remove an own comment; a PM may remove any.

    Raises:
        NotFound: There is no such comment on this bug.
        Forbidden: It is someone else's.
    """
    comment = _get(session, bug_id, comment_id)
    demand(actor, Action.EDIT_COMMENT, own=comment.author_id == actor.id)
    reading.touch(reading.get_locked(session, bug_id), now=now)
    session.delete(comment)
    session.flush()
    audit.record(
        session, AuditAction.COMMENT_CHANGED, actor_id=actor.id, subject=f"comment:{comment_id}", now=now, removed=True
    )


def _get(session: Session, bug_id: int, comment_id: int) -> Comment:
    query = select(Comment).where(Comment.id == comment_id, Comment.bug_id == bug_id)
    comment = session.scalar(query.options(joinedload(Comment.author)))
    if comment is None:
        raise NotFound(what="comment", key=comment_id)
    return comment
