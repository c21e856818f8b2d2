"""What the dashboard and the charts draw."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from statistics import median

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from bugflow.db.tables import Bug, BugEvent, Feedback, PredictionRow, Team
from bugflow.domain.accounts import Actor
from bugflow.domain.bugs import EventKind, Status
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Decision, Severity, Task
from bugflow.schemas.stats import Acceptance, FeedbackWeek, Overview, SeverityCount, TeamLoad, TrendDay, TriageWeek
from bugflow.services.feedback import count_corrections
from bugflow.services.retraining import count_new

RECENT_DAYS = 90

_UNRESOLVED = Bug.status != Status.RESOLVED


def _n(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def overview(session: Session, actor: Actor, *, retrain_after: int, now: datetime) -> Overview:
    """The totals of the dashboard, in one pass over the bugs."""
    week_ago = now - timedelta(days=7)
    counts = session.execute(
        select(
            func.count().label("n_bugs"),
            _n(Bug.status == Status.OPEN).label("n_open"),
            _n(Bug.status == Status.IN_PROGRESS).label("n_in_progress"),
            _n(Bug.status == Status.RESOLVED).label("n_resolved"),
            _n(and_(_UNRESOLVED, Bug.severity == Severity.CRITICAL)).label("n_critical_open"),
            _n(and_(_UNRESOLVED, Bug.needs_review)).label("n_needs_review"),
            _n(and_(_UNRESOLVED, Bug.assigned_to_id.is_(None))).label("n_unassigned"),
            _n(and_(_UNRESOLVED, Bug.assigned_to_id == actor.id)).label("n_mine"),
            _n(and_(_UNRESOLVED, Bug.team_id == (actor.team_id or 0))).label("n_my_team"),
            _n(Bug.created_at >= week_ago).label("n_reported_last_7_days"),
            _n(func.coalesce(Bug.resolved_at >= week_ago, False)).label("n_resolved_last_7_days"),
        ).select_from(Bug)
    ).one()
    return Overview(
        **counts._asdict(),
        n_corrections=count_corrections(session),
        n_new_corrections=count_new(session),
        retrain_after_corrections=retrain_after,
        median_hours_to_triage=_median_hours(_triage_times(session, now - timedelta(days=RECENT_DAYS))),
        median_hours_to_resolve=_median_hours(_resolution_times(session, now)),
        acceptance=_recent_acceptance(session, now),
    )


def _triage_times(session: Session, since: datetime) -> Sequence[tuple[datetime, datetime]]:
    """When bugs were filed and when a person first moved, assigned, corrected or confirmed them."""
    by_person = [EventKind.CHANGED, EventKind.CORRECTED, EventKind.CONFIRMED]
    first = (
        select(BugEvent.bug_id, func.min(BugEvent.created_at).label("at"))
        .where(BugEvent.kind.in_(by_person), BugEvent.created_at >= since)
        .group_by(BugEvent.bug_id)
        .subquery()
    )
    query = select(Bug.created_at, first.c.at).join(first, first.c.bug_id == Bug.id)
    return session.execute(query.where(Bug.created_at >= since)).all()


def _resolution_times(session: Session, now: datetime) -> Sequence[tuple[datetime, datetime | None]]:
    query = select(Bug.created_at, Bug.resolved_at).where(Bug.resolved_at >= now - timedelta(days=RECENT_DAYS))
    return session.execute(query).all()


def _median_hours(times: Sequence[tuple[datetime, datetime | None]]) -> float | None:
    hours = [(end - start).total_seconds() / 3600 for start, end in times if end is not None]
    return round(median(hours), 1) if hours else None


def _recent_acceptance(session: Session, now: datetime) -> float | None:
    since = now - timedelta(days=RECENT_DAYS)
    n_predicted = sum(_made(session, since).values())
    n_corrected = sum(n for (*_, agrees), n in _fates(session, since).items() if not agrees)
    return round(1 - n_corrected / n_predicted, 4) if n_predicted else None


def severity_counts(session: Session) -> list[SeverityCount]:
    """Bugs by severity and status, most severe first."""
    query = select(Bug.severity, Bug.status, func.count()).group_by(Bug.severity, Bug.status)
    found = {(severity, status): n for severity, status, n in session.execute(query)}
    return [
        SeverityCount(
            severity=severity,
            n_open=found.get((severity, Status.OPEN), 0),
            n_in_progress=found.get((severity, Status.IN_PROGRESS), 0),
            n_resolved=found.get((severity, Status.RESOLVED), 0),
            n_total=sum(found.get((severity, status), 0) for status in Status),
        )
        for severity in reversed(Severity)
    ]


def team_loads(session: Session) -> list[TeamLoad]:
    """Bugs by team, retired teams only while they still have unresolved ones, heaviest load first."""
    query = (
        select(
            Team.name,
            Team.is_active,
            _n(Bug.status == Status.OPEN),
            _n(Bug.status == Status.IN_PROGRESS),
            _n(Bug.status == Status.RESOLVED),
            _n(and_(_UNRESOLVED, Bug.severity == Severity.CRITICAL)),
        )
        .outerjoin(Bug, Bug.team_id == Team.id)
        .group_by(Team.id, Team.name, Team.is_active)
    )
    loads = [
        TeamLoad(team=name, n_open=n_open, n_in_progress=n_doing, n_resolved=n_done, n_critical_open=n_critical)
        for name, is_active, n_open, n_doing, n_done, n_critical in session.execute(query)
        if is_active or n_open + n_doing
    ]
    return sorted(loads, key=lambda load: (-(load.n_open + load.n_in_progress), load.team))


def feedback_weeks(session: Session, *, n_weeks: int, now: datetime) -> list[FeedbackWeek]:
    """What people said about predictions, week by week, oldest first, empty weeks too."""
    weeks = _weeks(n_weeks, now)
    counts: Counter[tuple[date, FeedbackKind]] = Counter()
    n_before = 0
    for at, kind in session.execute(select(Feedback.created_at, Feedback.kind)):
        week = _monday(at.astimezone(UTC).date())
        counts[week, kind] += 1
        n_before += kind is FeedbackKind.CORRECTION and week < weeks[0]
    answer = []
    total = n_before
    for week in weeks:
        total += counts[week, FeedbackKind.CORRECTION]
        answer.append(
            FeedbackWeek(
                week=week,
                n_corrections=counts[week, FeedbackKind.CORRECTION],
                n_confirmations=counts[week, FeedbackKind.CONFIRMATION],
                n_overrides=counts[week, FeedbackKind.OVERRIDE],
                n_corrections_total=total,
            )
        )
    return answer


def triage_weeks(session: Session, *, n_weeks: int, now: datetime) -> list[TriageWeek]:
    """How long reports waited for a person, by the week in which they came, oldest first, empty weeks too."""
    weeks = _weeks(n_weeks, now)
    since = datetime.combine(weeks[0], time(), UTC)
    filed_at = session.scalars(select(Bug.created_at).where(Bug.created_at >= since)).all()
    reported = Counter(map(_monday, _days(filed_at)))
    times: dict[date, list[tuple[datetime, datetime]]] = {}
    for filed, triaged in _triage_times(session, since):
        times.setdefault(_monday(filed.astimezone(UTC).date()), []).append((filed, triaged))
    return [
        TriageWeek(
            week=week,
            n_reported=reported[week],
            n_triaged=len(times.get(week, [])),
            median_hours=_median_hours(times.get(week, [])),
        )
        for week in weeks
    ]


def _weeks(n: int, now: datetime) -> list[date]:
    """The Mondays of the last n weeks, oldest first."""
    this_monday = _monday(now.astimezone(UTC).date())
    return [this_monday - timedelta(weeks=ago) for ago in reversed(range(n))]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def trends(session: Session, *, n_days: int, now: datetime) -> list[TrendDay]:
    """Bugs reported, resolved and unresolved, day by day in UTC, oldest first."""
    today = now.astimezone(UTC).date()
    start = today - timedelta(days=n_days - 1)
    midnight = datetime(start.year, start.month, start.day, tzinfo=UTC)
    reported = Counter(_days(session.scalars(select(Bug.created_at).where(Bug.created_at >= midnight)).all()))
    resolved = Counter(_days(session.scalars(select(Bug.resolved_at).where(Bug.resolved_at >= midnight)).all()))
    n_unresolved_before = session.scalar(
        select(func.count())
        .select_from(Bug)
        .where(Bug.created_at < midnight, or_(Bug.status != Status.RESOLVED, Bug.resolved_at >= midnight))
    )
    n_open = n_unresolved_before or 0
    answer = []
    for offset in range(n_days):
        day = start + timedelta(days=offset)
        n_open += reported[day] - resolved[day]
        answer.append(TrendDay(day=day, n_reported=reported[day], n_resolved=resolved[day], n_open=n_open))
    return answer


def _days(moments: Sequence[datetime | None]) -> list[date]:
    return [moment.astimezone(UTC).date() for moment in moments if moment is not None]


def acceptance(session: Session) -> list[Acceptance]:
    """How each model's predictions fared, by field and version."""
    made = _made(session, None)
    fates = _fates(session, None)
    answer = []
    for task, version in sorted({(task, version) for task, version, _ in made}):
        by_decision = {decision: made.get((task, version, decision), 0) for decision in Decision}
        corrected = {decision: fates.get((task, version, decision, False), 0) for decision in Decision}
        n_predicted, n_corrected, n_acted = (
            sum(by_decision.values()),
            sum(corrected.values()),
            by_decision[Decision.AUTO],
        )
        answer.append(
            Acceptance(
                task=task,
                model_version=version,
                n_predicted=n_predicted,
                n_corrected=n_corrected,
                n_confirmed=sum(fates.get((task, version, decision, True), 0) for decision in Decision),
                acceptance=round(1 - n_corrected / n_predicted, 4),
                coverage=round(n_acted / n_predicted, 4),
                precision=round(1 - corrected[Decision.AUTO] / n_acted, 4) if n_acted else None,
            )
        )
    return answer


def _made(session: Session, since: datetime | None) -> dict[tuple[Task, str, Decision], int]:
    """Predictions counted by field, version and decision."""
    columns = (PredictionRow.task, PredictionRow.model_version, PredictionRow.decision)
    query = select(*columns, func.count()).group_by(*columns)
    if since is not None:
        query = query.where(PredictionRow.created_at >= since)
    return {(task, version, decision): n for task, version, decision, n in session.execute(query)}


def _fates(session: Session, since: datetime | None) -> dict[tuple[Task, str, Decision, bool], int]:
    """Predictions on which a person spoke, counted by field, version, decision and whether the newest word agrees
    (an override is a disagreement).
    """
    newest = select(func.max(Feedback.id)).group_by(Feedback.bug_id, Feedback.task)
    agrees = Feedback.kind == FeedbackKind.CONFIRMATION
    columns = (PredictionRow.task, PredictionRow.model_version, PredictionRow.decision, agrees.label("agrees"))
    query = (
        select(*columns, func.count())
        .join(Feedback, and_(Feedback.bug_id == PredictionRow.bug_id, Feedback.task == PredictionRow.task))
        .where(Feedback.id.in_(newest))
        .group_by(*columns[:3], "agrees")
    )
    if since is not None:
        query = query.where(PredictionRow.created_at >= since)
    rows = session.execute(query)
    return {(task, version, decision, bool(agreed)): n for task, version, decision, agreed, n in rows}
