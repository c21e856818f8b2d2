"""Statistics over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from bugflow.api.deps import May, Now, ReadSession, RuntimeDep
from bugflow.domain.accounts import Action, Actor
from bugflow.schemas.health import ModelHealth
from bugflow.schemas.stats import (
    Acceptance,
    Accuracy,
    FeedbackWeek,
    Overview,
    SeverityCount,
    TeamLoad,
    TrendDay,
    TriageWeek,
)
from bugflow.services import health, stats
from bugflow.services.review.accuracy import measure_accuracy

v1 = APIRouter(prefix="/stats", tags=["statistics"])

StatsReader = Annotated[Actor, Depends(May(Action.READ_STATS))]


@v1.get("/overview")
def overview(actor: StatsReader, session: ReadSession, runtime: RuntimeDep, now: Now) -> Overview:
    """The totals of the dashboard."""
    return stats.overview(session, actor, retrain_after=runtime.settings.retrain_after_corrections, now=now)


@v1.get("/severity")
def severity(_actor: StatsReader, session: ReadSession) -> list[SeverityCount]:
    """Bugs by severity and status, most severe first."""
    return stats.severity_counts(session)


@v1.get("/teams")
def teams(_actor: StatsReader, session: ReadSession) -> list[TeamLoad]:
    """Bugs by team, heaviest load first."""
    return stats.team_loads(session)


@v1.get("/feedback")
def feedback(
    _actor: StatsReader, session: ReadSession, now: Now, weeks: Annotated[int, Query(ge=1, le=260)] = 26
) -> list[FeedbackWeek]:
    """Corrections and confirmations by week, oldest first."""
    return stats.feedback_weeks(session, n_weeks=weeks, now=now)


@v1.get("/triage")
def triage(
    _actor: StatsReader, session: ReadSession, now: Now, weeks: Annotated[int, Query(ge=1, le=260)] = 26
) -> list[TriageWeek]:
    """How long reports waited for a person, by week, oldest first."""
    return stats.triage_weeks(session, n_weeks=weeks, now=now)


@v1.get("/trends")
def trends(
    _actor: StatsReader, session: ReadSession, now: Now, days: Annotated[int, Query(ge=1, le=730)] = 90
) -> list[TrendDay]:
    """Bugs reported, resolved and unresolved by day, oldest first."""
    return stats.trends(session, n_days=days, now=now)


@v1.get("/health")
def model_health(_actor: StatsReader, session: ReadSession, runtime: RuntimeDep) -> list[ModelHealth]:
    """How what answers for each field does over its newest reports, and how far these are from its first ones."""
    return health.model_health(session, runtime.predictor.versions)


@v1.get("/acceptance")
def acceptance(_actor: StatsReader, session: ReadSession) -> list[Acceptance]:
    """How each model's predictions fared."""
    return stats.acceptance(session)


@v1.get("/accuracy")
def accuracy(_actor: StatsReader, session: ReadSession) -> list[Accuracy]:
    """How often each model is right, measured on bugs drawn at random on which a project manager has spoken."""
    return measure_accuracy(session)
