"""Beginning and ending comparisons, and what follows when one of two models won."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.db.tables import Experiment, ModelRow
from bugflow.domain.accounts import Actor
from bugflow.domain.audit import AuditAction
from bugflow.domain.experiments import Comparison, ExperimentKind, Winner, find_winner
from bugflow.errors import AlreadyChampion, ExperimentEnded, ExperimentRunning, NotFound
from bugflow.ml.shelf import Shelf
from bugflow.schemas.experiments import ExperimentCreate, ExperimentRead
from bugflow.services import audit, notifications, registry
from bugflow.services.experiments import measuring


def start_experiment(
    session: Session, shelf: Shelf, body: ExperimentCreate, *, actor: Actor | None, now: datetime
) -> ExperimentRead:
    """Hold a registered model against the champion of its task.

    Raises:
        NotFound: There is no such model.
        AlreadyChampion: It answers already.
        NotPassed: It is to answer, and the gate refused it.
        ExperimentRunning: Two models of the task are being compared.
    """
    model = session.get(ModelRow, body.challenger)
    if model is None:
        raise NotFound(what="model", key=body.challenger)
    champion = registry.adopt_first(session, shelf, model.task, now=now)
    if champion.name == model.name:
        raise AlreadyChampion(name=model.name)
    if body.kind is ExperimentKind.AB:
        registry.demand_passed(session, model.name)
    for running in measuring.find_running(session, model.task):
        raise ExperimentRunning(
            experiment_id=running.id, task=model.task.value, champion=running.champion, challenger=running.challenger
        )
    row = measuring.begin(
        session,
        model.task,
        body.kind,
        champion=champion.name,
        challenger=model.name,
        reason=body.reason,
        n_most=body.n_most,
        actor_id=actor.id if actor else None,
        now=now,
    )
    _record(session, AuditAction.EXPERIMENT_STARTED, row, actor=actor, now=now)
    return measuring.get_experiment(session, row.id, now=now)


def stop_experiment(
    session: Session, experiment_id: int, *, actor: Actor | None, reason: str, now: datetime
) -> ExperimentRead:
    """End a comparison before anyone won; the champion answers on.

    Raises:
        NotFound: There is no such experiment.
        ExperimentEnded: It has ended already.
    """
    row = _get_locked(session, experiment_id)
    if row.ended_at is not None:
        raise ExperimentEnded(experiment_id=experiment_id, outcome=row.outcome)
    who = actor.username if actor else "the command line"
    measuring.end(session, row, f"Stopped by {who}: {reason}", winner=None, now=now)
    _record(session, AuditAction.EXPERIMENT_ENDED, row, actor=actor, now=now)
    return measuring.get_experiment(session, row.id, now=now)


def conclude_won(session: Session, shelf: Shelf, *, promote: bool, now: datetime) -> list[str]:
    """End the comparisons that someone won or that took long enough, with what follows.

    A challenger that was better for half of the bugs is promoted, if that is the policy. A former champion that would
    have been right more often than the new one comes back, whatever the policy.

    Returns:
        Outcomes, in words.
    """
    outcomes = []
    for known in measuring.find_running(session):
        row = _get_locked(session, known.id)
        found = measuring.measure(session, row, now=now)
        winner = find_winner(row.kind, found, n_most=row.n_most) if row.ended_at is None else None
        if winner is None:
            continue
        measuring.end(session, row, _describe(row, found, winner, promote=promote), winner=winner, now=now)
        _record(session, AuditAction.EXPERIMENT_ENDED, row, actor=None, now=now)
        if winner is Winner.CHALLENGER and row.kind is ExperimentKind.PROBATION:
            registry.roll_back(session, shelf, row.task, actor=None, reason=row.outcome, now=now)
        elif winner is Winner.CHALLENGER and row.kind is ExperimentKind.AB and promote:
            registry.promote(session, shelf, row.challenger, actor=None, reason=row.outcome, now=now)
        notifications.notify_of_models(session, row.outcome, now=now)
        outcomes.append(row.outcome)
    return outcomes


def _describe(row: Experiment, found: Comparison, winner: Winner, *, promote: bool) -> str:
    """What came of it, for people."""
    if row.kind is ExperimentKind.AB:
        figures = (
            f"People corrected {row.challenger} on {found.corrected_of_challenger} of {found.shown_by_challenger} "
            f"bugs, {row.champion} on {found.corrected_of_champion} of {found.shown_by_champion}."
        )
    else:
        figures = (
            f"Of {found.n} bugs {row.challenger} alone would have been right on {found.only_challenger}, "
            f"{row.champion} alone on {found.only_champion}."
        )
    follows = {
        (ExperimentKind.AB, Winner.CHALLENGER): "It answers for all now." if promote else "A PM may promote it.",
        (ExperimentKind.AB, Winner.CHAMPION): f"{row.champion} answers for all again.",
        (ExperimentKind.SHADOW, Winner.CHALLENGER): "A PM may promote it.",
        (ExperimentKind.SHADOW, Winner.CHAMPION): f"{row.champion} answers on.",
        (ExperimentKind.PROBATION, Winner.CHALLENGER): f"So {row.challenger} answers again.",
    }
    trusted = f"{row.champion} is trusted now." if row.kind is ExperimentKind.PROBATION else "No difference was found."
    return f"{figures} {follows.get((row.kind, winner), trusted)}"


def _get_locked(session: Session, experiment_id: int) -> Experiment:
    row = session.scalar(select(Experiment).where(Experiment.id == experiment_id).with_for_update())
    if row is None:
        raise NotFound(what="experiment", key=experiment_id)
    return row


def _record(session: Session, action: AuditAction, row: Experiment, *, actor: Actor | None, now: datetime) -> None:
    audit.record(
        session,
        action,
        actor_id=actor.id if actor else None,
        subject=f"experiment:{row.id}",
        now=now,
        kind=row.kind.value,
        champion=row.champion,
        challenger=row.challenger,
    )
