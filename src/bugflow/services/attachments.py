"""Attachments: adding, handing out, removing them."""

import hashlib
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, undefer

from bugflow.db.tables import Attachment, BugEvent
from bugflow.domain.accounts import Action, Actor, demand
from bugflow.domain.attachments import media_type_of, safe_filename
from bugflow.domain.audit import AuditAction
from bugflow.domain.bugs import EventKind
from bugflow.errors import NotFound, RefusedAttachment
from bugflow.schemas.attachments import AttachmentRead
from bugflow.services import audit
from bugflow.services.bugs import reading


def list_attachments(session: Session, bug_id: int) -> list[AttachmentRead]:
    """A bug's attachments without their content, oldest first.

    Raises:
        NotFound: There is no such bug.
    """
    reading.demand_bug(session, bug_id)
    query = select(Attachment).where(Attachment.bug_id == bug_id).options(joinedload(Attachment.uploader))
    return [AttachmentRead.model_validate(row) for row in session.scalars(query.order_by(Attachment.id))]


def attach(
    session: Session, bug_id: int, *, actor: Actor, filename: str, content: bytes, per_bug: int, now: datetime
) -> AttachmentRead:
    """Add a file to a bug.

    Args:
        per_bug: How many a bug can have.

    Raises:
        NotFound: There is no such bug.
        Forbidden: A tester attaches to a bug that is not theirs or no longer open.
        RefusedAttachment: The file's kind, content or number is not taken.
    """
    filename = safe_filename(filename)
    media_type = media_type_of(filename, content)
    bug = reading.get_locked(session, bug_id)
    demand(actor, Action.ATTACH, own=reading.owns(actor, bug))
    n = session.scalar(select(func.count()).select_from(Attachment).where(Attachment.bug_id == bug_id)) or 0
    if n >= per_bug:
        raise RefusedAttachment(filename=filename, reason=f"the bug has {n} already; remove one first.")
    row = Attachment(
        bug_id=bug_id,
        uploader_id=actor.id,
        filename=filename,
        media_type=media_type,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        created_at=now,
    )
    event = BugEvent(bug_id=bug_id, kind=EventKind.ATTACHED, actor_id=actor.id, new_value=filename, created_at=now)
    session.add_all([row, event])
    reading.touch(bug, now=now)
    session.flush()
    audit.record(
        session,
        AuditAction.ATTACHMENT_ADDED,
        actor_id=actor.id,
        subject=f"bug:{bug_id}",
        now=now,
        attachment=row.id,
        sha256=row.sha256,
    )
    return AttachmentRead.model_validate(_get(session, bug_id, row.id))


def get_content(session: Session, bug_id: int, attachment_id: int) -> Attachment:
    """An attachment with its bytes.

    Raises:
        NotFound: There is no such attachment on this bug.
    """
    return _get(session, bug_id, attachment_id, with_content=True)


def remove_attachment(session: Session, bug_id: int, attachment_id: int, *, actor: Actor, now: datetime) -> None:
    """Remove an own attachment; a PM may remove any. The history keeps its name, the log its hash.

    Raises:
        NotFound: There is no such attachment on this bug.
        Forbidden: It is someone else's.
    """
    row = _get(session, bug_id, attachment_id)
    demand(actor, Action.REMOVE_ATTACHMENT, own=row.uploader_id == actor.id)
    bug = reading.get_locked(session, bug_id)
    session.delete(row)
    session.add(
        BugEvent(bug_id=bug_id, kind=EventKind.DETACHED, actor_id=actor.id, old_value=row.filename, created_at=now)
    )
    reading.touch(bug, now=now)
    session.flush()
    audit.record(
        session,
        AuditAction.ATTACHMENT_REMOVED,
        actor_id=actor.id,
        subject=f"bug:{bug_id}",
        now=now,
        attachment=attachment_id,
        sha256=row.sha256,
    )


def _get(session: Session, bug_id: int, attachment_id: int, *, with_content: bool = False) -> Attachment:
    query = select(Attachment).where(Attachment.id == attachment_id, Attachment.bug_id == bug_id)
    query = query.options(joinedload(Attachment.uploader))
    if with_content:
        query = query.options(undefer(Attachment.content))
    row = session.scalar(query)
    if row is None:
        raise NotFound(what="attachment", key=attachment_id)
    return row
