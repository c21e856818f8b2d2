"""The precision that a PM asks for: below it the machine does not act alone."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bugflow.db.tables import PromiseRow
from bugflow.domain.accounts import Actor
from bugflow.domain.audit import AuditAction
from bugflow.domain.predictions import Task
from bugflow.ml.calibration import DEFAULT_PROMISE, PROMISES
from bugflow.ml.predictor import Assessor
from bugflow.schemas.registry import PromiseChange, PromiseRead
from bugflow.services import audit


def find_promises(session: Session) -> dict[Task, float]:
    """The precision that was asked for, by task; tasks of which nobody asked anything are left out."""
    newest = select(func.max(PromiseRow.id)).group_by(PromiseRow.task)
    rows = session.scalars(select(PromiseRow).where(PromiseRow.id.in_(newest)))
    return {row.task: row.promise for row in rows}


def list_promises(session: Session, predictor: Assessor) -> list[PromiseRead]:
    """What is promised, and on which share of reports each promise would let the machine act."""
    asked = find_promises(session)
    return [
        PromiseRead(
            task=task,
            model=predictor.versions[task],
            promise=asked.get(task, DEFAULT_PROMISE),
            coverage=predictor.coverage(task, promise=asked.get(task, DEFAULT_PROMISE)),
            curve={f"{promise:.2f}": predictor.coverage(task, promise=promise) for promise in PROMISES},
        )
        for task in Task
    ]


def change_promise(
    session: Session, predictor: Assessor, body: PromiseChange, *, actor: Actor, now: datetime
) -> list[PromiseRead]:
    """Ask for another precision; every process takes it up within seconds."""
    session.add(PromiseRow(task=body.task, promise=body.promise, actor_id=actor.id, created_at=now))
    session.flush()
    action, subject = AuditAction.PROMISE_CHANGED, f"task:{body.task.value}"
    audit.record(session, action, actor_id=actor.id, subject=subject, now=now, promise=body.promise)
    return list_promises(session, predictor)
