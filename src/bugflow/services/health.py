"""How the models do since they answer, and where the loop stands: figures to watch, each from a bounded query."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from bugflow.db.tables import Bug, BugEvent, Feedback, GateVerdict, ModelStage, PredictionRow, RetrainingRun
from bugflow.domain.bugs import EventKind
from bugflow.domain.drift import Drift, Movement, compare
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Decision, Task
from bugflow.domain.registry import RunState, Stage
from bugflow.ml.metrics import calibration_error, reliability
from bugflow.schemas.health import ModelHealth, Reliability, Tradeoff

N_REPORTS = 500  # on each side of a comparison: chance then moves a histogram of ten bins by 0.04, a real shift by 0.1
N_POINTS = 20  # of the curve of precision against coverage
FEWEST_SPOKEN = 50  # with fewer the calibration error of a perfect model is above 0.1

_FEATURES = {
    "confidence": "how sure it is",
    "label": "what it answers",
    "project": "the projects that reports come from",
    "length": "how long reports are",
}


@dataclass(frozen=True, slots=True)
class Loop:
    """Where the loop stands.

    Attributes:
        verdicts: How many candidates the gate let pass and refused, by task.
        runs: How many retrainings are in each state.
        waiting_seconds: How long the oldest one that has not ended has been asked for; 0 if all have.
        reported_at, predicted_at: When the newest report and the newest prediction were made.
    """

    models: Sequence[ModelHealth]
    verdicts: Mapping[tuple[Task, bool], int]
    runs: Mapping[RunState, int]
    waiting_seconds: float
    reported_at: datetime | None
    predicted_at: datetime | None


def watch_loop(session: Session, versions: Mapping[Task, str], *, now: datetime) -> Loop:
    """Everything that is worth an alert; `versions` is what answers now."""
    verdicts = select(GateVerdict.task, GateVerdict.passed, func.count()).group_by(GateVerdict.task, GateVerdict.passed)
    runs = session.execute(select(RetrainingRun.state, func.count()).group_by(RetrainingRun.state))
    waiting = session.scalar(
        select(func.min(RetrainingRun.created_at)).where(RetrainingRun.state.in_([RunState.QUEUED, RunState.RUNNING]))
    )
    newest = select(PredictionRow.created_at).order_by(PredictionRow.id.desc()).limit(1)
    return Loop(
        models=model_health(session, versions),
        verdicts={(task, passed): n for task, passed, n in session.execute(verdicts)},
        runs={state: n for state, n in runs},  # noqa: C416 - rows, not pairs
        waiting_seconds=max(0.0, (now - waiting).total_seconds()) if waiting else 0.0,
        reported_at=session.scalar(select(func.max(BugEvent.created_at)).where(BugEvent.kind == EventKind.REPORTED)),
        predicted_at=session.scalar(newest),
    )


def model_health(session: Session, versions: Mapping[Task, str]) -> list[ModelHealth]:
    """How what answers for each task does, over its newest reports, and how far these are from its first ones."""
    return [_health_of(session, task, versions[task]) for task in Task]


def _health_of(session: Session, task: Task, version: str) -> ModelHealth:
    newest = _rows(session, task, version, newest=True)
    words = _newest_words(session, task, [row.bug_id for row in newest])
    spoken = [(row, words[row.bug_id]) for row in newest if row.bug_id in words]
    n_corrected = sum(kind is not FeedbackKind.CONFIRMATION for _, (kind, _) in spoken)
    n_acted = sum(row.decision is Decision.AUTO for row in newest)
    movement = _movement(newest, _rows(session, task, version, newest=False))
    error, bins = None, []
    if len(spoken) >= FEWEST_SPOKEN:
        confidence = np.asarray([row.confidence for row, _ in spoken], np.float64)
        right = np.asarray([row.label == label for row, (_, label) in spoken], bool)
        error = round(calibration_error(confidence, right), 4)
        bins = reliability(confidence, right)
    corrected = {row.bug_id for row, (kind, _) in spoken if kind is not FeedbackKind.CONFIRMATION}
    return ModelHealth(
        task=task,
        model=version,
        since=session.scalar(
            select(func.max(ModelStage.created_at)).where(
                ModelStage.task == task, ModelStage.stage == Stage.CHAMPION, ModelStage.model == version
            )
        ),
        n_predicted=len(newest),
        n_corrected=n_corrected,
        n_spoken=len(spoken),
        acceptance=round(1 - n_corrected / len(newest), 4) if newest else None,
        coverage=round(n_acted / len(newest), 4) if newest else None,
        calibration_error=error,
        drift=movement.word,
        drift_indices={name: round(index, 4) for name, index in movement.indices.items()},
        advice=_advice(movement),
        reliability=[Reliability(confidence=round(said, 4), right=round(found, 4), n=n) for said, found, n in bins],
        tradeoff=_tradeoff([(row.confidence, row.bug_id not in corrected) for row in newest]),
    )


def _tradeoff(answers: Sequence[tuple[float, bool]]) -> list[Tradeoff]:
    """Precision at about each twentieth of the coverage; `answers`: confidence, and whether it was kept."""
    surest = sorted(answers, key=lambda answer: -answer[0])
    places = [math.ceil(len(surest) * part / N_POINTS) - 1 for part in range(1, N_POINTS + 1)] if surest else []
    curve = []
    for least in dict.fromkeys(surest[place][0] for place in places):
        acted = [is_kept for confidence, is_kept in surest if confidence >= least]  # all that are as sure, not some
        curve.append(
            Tradeoff(
                confidence=round(least, 4),
                coverage=round(len(acted) / len(surest), 4),
                precision=round(sum(acted) / len(acted), 4),
            )
        )
    return curve


def _rows(session: Session, task: Task, version: str, *, newest: bool) -> Sequence[Row[Any]]:
    """The newest predictions of a version, or its first ones; walks an index, whatever else there is."""
    order = PredictionRow.id.desc() if newest else PredictionRow.id
    columns = (PredictionRow.id, PredictionRow.bug_id, PredictionRow.label, PredictionRow.confidence)
    query = (
        select(*columns, PredictionRow.decision, Bug.project_id, func.length(Bug.description).label("length"))
        .join(Bug, Bug.id == PredictionRow.bug_id)
        .where(PredictionRow.task == task, PredictionRow.model_version == version)
    )
    return session.execute(query.order_by(order).limit(N_REPORTS)).all()


def _newest_words(session: Session, task: Task, bug_ids: Sequence[int]) -> dict[int, tuple[FeedbackKind, str]]:
    """What people said last of each bug: an override, made while reporting, is a disagreement."""
    query = select(Feedback.bug_id, Feedback.kind, Feedback.label).where(
        Feedback.bug_id.in_(bug_ids), Feedback.task == task
    )
    return {bug_id: (kind, label) for bug_id, kind, label in session.execute(query.order_by(Feedback.id))}


def _movement(newest: Sequence[Row[Any]], first: Sequence[Row[Any]]) -> Movement:
    """Of all these, each once and in order, the later part against the earlier one; they overlap while it is young."""
    rows = sorted({row.id: row for row in (*first, *newest)}.values(), key=lambda row: int(row.id))
    n = min(N_REPORTS, len(rows) // 2)
    return compare(_features(rows[:n]), _features(rows[len(rows) - n :]))


def _features(rows: Sequence[Row[Any]]) -> dict[str, list[object]]:
    return {
        "confidence": [min(int(row.confidence * 10), 9) for row in rows],
        "label": [row.label for row in rows],
        "project": [row.project_id for row in rows],
        "length": [int(row.length).bit_length() for row in rows],  # doublings, as lengths spread over all sizes
    }


def _advice(movement: Movement) -> str:
    if movement.moved_most is None:
        return ""
    changed = f"{_FEATURES[movement.moved_most].capitalize()} changed since it began to answer."
    if movement.word is Drift.FAR:
        return f"{changed} Correct what is wrong in Review, then train; until then a higher promise is safer."
    return f"{changed} Look at what waits in Review, and train when people have spoken on it."
