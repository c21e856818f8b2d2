"""The audit log: what was done, by whom, in a chain of hashes."""

from contextlib import closing
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.db.queries import page_of
from bugflow.db.tables import AuditEntry, AuditHead
from bugflow.domain.audit import GENESIS, AuditAction, hash_entry
from bugflow.schemas.audit import AuditPage, AuditRead, AuditVerdict


def record(
    session: Session,
    action: AuditAction,
    *,
    actor_id: int | None,
    subject: str,
    now: datetime,
    **details: Any,
) -> None:
    """Add an entry in the caller's transaction.

    On PostgreSQL the lock on the chain's end orders all writers from here to their commit, so record last.

    Args:
        subject: What it was done to, `bug:12`.
        details: JSON values; ids and labels, never texts, names or secrets.
    """
    head = session.scalars(select(AuditHead).with_for_update().execution_options(populate_existing=True)).one()
    number = head.number + 1
    entry_hash = hash_entry(
        number=number,
        at=now,
        actor_id=actor_id,
        action=action,
        subject=subject,
        details=details,
        previous_hash=head.hash,
    )
    session.add(
        AuditEntry(
            number=number,
            at=now,
            actor_id=actor_id,
            action=action,
            subject=subject,
            details=details,
            previous_hash=head.hash,
            hash=entry_hash,
        )
    )
    head.number, head.hash = number, entry_hash
    session.flush()


def list_entries(session: Session, *, cursor: str | None, limit: int, subject: str | None = None) -> AuditPage:
    """The log, newest first."""
    query = select(AuditEntry)
    if subject:
        query = query.where(AuditEntry.subject == subject)
    rows, next_cursor = page_of(
        session, query, key=None, identity=AuditEntry.number, sort="-number", cursor=cursor, limit=limit
    )
    return AuditPage(items=[AuditRead.model_validate(row) for row in rows], next_cursor=next_cursor)


def verify(session: Session) -> AuditVerdict:
    """Recompute the whole chain: finds any entry edited, removed, inserted or moved, also at the end."""
    expected_number, previous_hash = 0, GENESIS
    problem: str | None = None
    query = select(AuditEntry).order_by(AuditEntry.number).execution_options(yield_per=1000)
    with closing(session.scalars(query)) as entries:
        for entry in entries:
            expected_number += 1
            problem = _problem_of(entry, expected_number, previous_hash)
            if problem:
                break
            previous_hash = entry.hash
    head = session.scalars(select(AuditHead)).one_or_none()
    if head is None:
        problem = problem or "the chain's end is missing"
    elif problem is None and (head.number, head.hash) != (expected_number, previous_hash):
        problem = f"the log ends at entry {expected_number}, but {head.number} were written"
    return AuditVerdict(ok=problem is None, n_entries=expected_number, head=previous_hash, problem=problem)


def _problem_of(entry: AuditEntry, expected_number: int, previous_hash: str) -> str | None:
    if entry.number != expected_number:
        return f"entry {expected_number} is missing"
    if entry.previous_hash != previous_hash:
        return f"entry {entry.number} does not follow the one before it"
    recomputed = hash_entry(
        number=entry.number,
        at=entry.at,
        actor_id=entry.actor_id,
        action=entry.action,
        subject=entry.subject,
        details=entry.details,
        previous_hash=entry.previous_hash,
    )
    return None if recomputed == entry.hash else f"entry {entry.number} was changed after it was written"
