"""What comparisons there are, and how they stand."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from bugflow.db.queries import page_of
from bugflow.db.tables import Bug, Experiment, Feedback, PredictionRow, SilentPrediction
from bugflow.domain.experiments import HALF, PROBATION, Comparison, ExperimentKind, Trial, Winner, compare, find_settled
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Prediction, Task
from bugflow.errors import NotFound
from bugflow.schemas.experiments import ComparisonRead, ExperimentPage, ExperimentRead


def begin(
    session: Session,
    task: Task,
    kind: ExperimentKind,
    *,
    champion: str,
    challenger: str,
    reason: str,
    now: datetime,
    n_most: int = PROBATION,
    actor_id: int | None = None,
) -> Experiment:
    """Write down a comparison; serving processes take it up within seconds."""
    row = Experiment(
        task=task,
        kind=kind,
        champion=champion,
        challenger=challenger,
        share=HALF if kind is ExperimentKind.AB else 0.0,
        n_most=n_most,
        reason=reason,
        winner=None,
        outcome="",
        figures={},
        actor_id=actor_id,
        created_at=now,
        ended_at=None,
    )
    session.add(row)
    session.flush()
    return row


def end(session: Session, row: Experiment, outcome: str, *, winner: Winner | None, now: datetime) -> None:
    """Write down what came of a comparison, with its figures as they stand."""
    row.figures = asdict(measure(session, row, now=now))
    row.outcome, row.winner, row.ended_at = outcome, winner, now
    session.flush()


def find_running(session: Session, task: Task | None = None) -> list[Experiment]:
    """The comparisons that go on, of one task or of all."""
    query = select(Experiment).where(Experiment.ended_at.is_(None)).order_by(Experiment.id)
    return [*session.scalars(query if task is None else query.where(Experiment.task == task))]


def keep_silent(session: Session, bug_id: int, silent: Mapping[int, Prediction], *, now: datetime) -> None:
    """Keep what the models said that were not shown, by experiment."""
    running = {row.id for row in find_running(session)} if silent else set()
    session.add_all(
        SilentPrediction(
            experiment_id=experiment_id,
            bug_id=bug_id,
            label=prediction.label,
            confidence=prediction.confidence,
            model_version=prediction.model_version,
            created_at=now,
        )
        for experiment_id, prediction in silent.items()
        if experiment_id in running
    )


def measure(session: Session, row: Experiment, *, now: datetime) -> Comparison:
    """How a comparison stands."""
    return compare(row.kind, find_settled(_find_trials(session, row), now=now))


def get_experiment(session: Session, experiment_id: int, *, now: datetime) -> ExperimentRead:
    """One comparison.

    Raises:
        NotFound: There is no such experiment.
    """
    row = session.get(Experiment, experiment_id, options=[joinedload(Experiment.actor)], populate_existing=True)
    if row is None:
        raise NotFound(what="experiment", key=experiment_id)
    return _read(session, row, now=now)


def list_experiments(session: Session, *, cursor: str | None, limit: int, now: datetime) -> ExperimentPage:
    """Comparisons, newest first."""
    rows, next_cursor = page_of(
        session,
        select(Experiment),
        load=[joinedload(Experiment.actor)],
        key=None,
        identity=Experiment.id,
        sort="-id",
        cursor=cursor,
        limit=limit,
    )
    return ExperimentPage(items=[_read(session, row, now=now) for row in rows], next_cursor=next_cursor)


def _find_trials(session: Session, row: Experiment) -> list[Trial]:
    """What each bug of a comparison was told, and what people said of it, in the order of reporting."""
    ours = select(SilentPrediction.bug_id).where(SilentPrediction.experiment_id == row.id)
    newest = (
        select(func.max(Feedback.id))
        .where(Feedback.task == row.task, Feedback.bug_id.in_(ours))
        .group_by(Feedback.bug_id)
    )
    query = (
        select(
            PredictionRow.label,
            SilentPrediction.label,
            SilentPrediction.model_version,
            Feedback.label,
            Feedback.kind,
            Feedback.created_at,
            Bug.created_at,
        )
        .join(Bug, Bug.id == SilentPrediction.bug_id)
        .join(PredictionRow, (PredictionRow.bug_id == SilentPrediction.bug_id) & (PredictionRow.task == row.task))
        .outerjoin(Feedback, (Feedback.bug_id == SilentPrediction.bug_id) & Feedback.id.in_(newest))
        .where(SilentPrediction.experiment_id == row.id)
        .order_by(SilentPrediction.bug_id)
    )
    return [
        Trial(
            shown,
            silent,
            by_challenger=version == row.champion,
            word=label,
            reported_at=reported_at,
            said_at=None if kind is FeedbackKind.OVERRIDE else said_at,
        )
        for shown, silent, version, label, kind, said_at, reported_at in session.execute(query)
    ]


def _read(session: Session, row: Experiment, *, now: datetime) -> ExperimentRead:
    figures = row.figures or asdict(measure(session, row, now=now))
    fields = ("id", "task", "kind", "champion", "challenger", "n_most", "reason", "winner", "outcome", "actor")
    return ExperimentRead.model_validate(
        {
            **{name: getattr(row, name) for name in (*fields, "created_at", "ended_at")},
            "comparison": ComparisonRead(**figures),
        }
    )
