"""Retraining runs: when one begins, how it is given up, what became of it."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from bugflow.db.queries import page_of
from bugflow.db.tables import Feedback, GateVerdict, RetrainingRun
from bugflow.domain.accounts import Actor
from bugflow.domain.audit import AuditAction
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.registry import RunState, Trigger
from bugflow.errors import NotFound, RunEnded
from bugflow.schemas.bugs import RetrainingState
from bugflow.schemas.registry import RunDetail, RunPage, RunRead
from bugflow.services import audit, notifications, registry


def note_feedback(session: Session, *, threshold: int, now: datetime) -> RetrainingState | None:
    """Begin a retraining, or join the one that waits, where enough was corrected since the last one.

    In the transaction of the correction, so that neither is without the other.
    """
    waiting = _find_unended(session)
    if waiting is not None:
        return RetrainingState(run_id=waiting.id, state=waiting.state)
    if count_new(session) < threshold:
        return None
    run = _add_run(session, Trigger.CORRECTIONS, actor_id=None, now=now)
    return RetrainingState(run_id=run.id, state=run.state)


def count_new(session: Session) -> int:
    """Corrections since the last retraining that was not given up."""
    learned = select(func.max(RetrainingRun.up_to_feedback_id)).where(
        RetrainingRun.state.not_in([RunState.CANCELLED, RunState.FAILED])
    )
    since = session.scalar(learned) or 0
    query = select(func.count()).where(Feedback.kind == FeedbackKind.CORRECTION, Feedback.id > since)
    return session.scalar(query.select_from(Feedback)) or 0


def request_retraining(session: Session, trigger: Trigger, *, actor: Actor | None, now: datetime) -> RetrainingRun:
    """Begin a retraining, or join the one that waits or runs."""
    return _find_unended(session) or _add_run(session, trigger, actor_id=actor.id if actor else None, now=now)


def cancel_retraining(session: Session, run_id: int, *, actor: Actor, now: datetime) -> RunDetail:
    """Give up a retraining before its next step; what answers stays as it is.

    Raises:
        NotFound: There is no such run.
        RunEnded: It has ended already.
    """
    run = get_locked(session, run_id)
    if run.state.ended:
        raise RunEnded(run_id=run_id, state=run.state.value)
    end(session, run_id, RunState.CANCELLED, f"Cancelled by {actor.username}.", now=now)
    audit.record(session, AuditAction.RETRAINING_CANCELLED, actor_id=actor.id, subject=f"run:{run_id}", now=now)
    return get_run(session, run_id)


def find_queued(session: Session) -> int | None:
    """The run that waits for a worker."""
    query = select(RetrainingRun.id).where(RetrainingRun.state == RunState.QUEUED).order_by(RetrainingRun.id)
    return session.scalar(query.limit(1))


def list_runs(session: Session, *, cursor: str | None, limit: int) -> RunPage:
    """Retraining runs, newest first."""
    rows, next_cursor = page_of(
        session,
        select(RetrainingRun),
        load=[joinedload(RetrainingRun.actor)],
        key=None,
        identity=RetrainingRun.id,
        sort="-id",
        cursor=cursor,
        limit=limit,
    )
    return RunPage(items=[RunRead.model_validate(row) for row in rows], next_cursor=next_cursor)


def get_run(session: Session, run_id: int) -> RunDetail:
    """One run with what the gate said.

    Raises:
        NotFound: There is no such run.
    """
    run = session.get(RetrainingRun, run_id, options=[joinedload(RetrainingRun.actor)], populate_existing=True)
    if run is None:
        raise NotFound(what="retraining run", key=run_id)
    verdicts = session.scalars(select(GateVerdict).where(GateVerdict.run_id == run_id).order_by(GateVerdict.id))
    return RunDetail(
        **RunRead.model_validate(run).model_dump(),
        plan=run.plan,
        verdicts=[registry.read_verdict(row) for row in verdicts],
    )


def get_locked(session: Session, run_id: int) -> RetrainingRun:
    """A run that is to be changed.

    Raises:
        NotFound: There is no such run.
    """
    run = session.get(RetrainingRun, run_id, with_for_update=True)
    if run is None:
        raise NotFound(what="retraining run", key=run_id)
    return run


def _find_unended(session: Session) -> RetrainingRun | None:
    query = select(RetrainingRun).where(RetrainingRun.state.in_([RunState.QUEUED, RunState.RUNNING]))
    return session.scalar(query.order_by(RetrainingRun.id).limit(1))


def _add_run(session: Session, trigger: Trigger, *, actor_id: int | None, now: datetime) -> RetrainingRun:
    run = RetrainingRun(
        trigger=trigger,
        state=RunState.QUEUED,
        step="waiting for a worker",
        up_to_feedback_id=0,
        plan={},
        outcome="",
        actor_id=actor_id,
        created_at=now,
    )
    session.add(run)
    session.flush()
    action = AuditAction.RETRAINING_REQUESTED
    audit.record(session, action, actor_id=actor_id, subject=f"run:{run.id}", now=now, trigger=trigger.value)
    return run


def end(session: Session, run_id: int, state: RunState, outcome: str, *, now: datetime) -> None:
    """Write down what came of a run; project managers are told, but of what one of them gave up."""
    session.execute(
        update(RetrainingRun)
        .where(RetrainingRun.id == run_id)
        .values(state=state, step="ended", outcome=outcome, ended_at=now)
    )
    if state is not RunState.CANCELLED:
        notifications.notify_of_models(session, outcome, now=now)
