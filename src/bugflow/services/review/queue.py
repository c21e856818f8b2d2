"""The queue: what a person is to look at next, by how much their word would teach."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from bugflow.db.tables import Bug, Feedback, ReviewRequest
from bugflow.domain.bugs import Status
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Task
from bugflow.domain.review import Cause, closest, uncertainty
from bugflow.ml import review
from bugflow.ml.live import NEAR
from bugflow.schemas.bugs import BugRead
from bugflow.schemas.predictions import StoredPrediction
from bugflow.schemas.review import ReviewItem, ReviewQueue
from bugflow.services import predictions
from bugflow.services.bugs import reading
from bugflow.services.duplicates import fingerprints
from bugflow.services.predictions import LEAST_ALIKE
from bugflow.services.review.waiting import Waiting, find_waiting
from bugflow.services.review.words import Words, find_words

NEWEST_WAITING = 500  # bugs that are ranked; older ones come up as these are answered
EVERY = 5  # places; each of them is a spot check's while there is one

RANDOM = "A random check: it measures how often BugFlow is right"


@dataclass(frozen=True, slots=True)
class _Place:
    """A bug on its way into the queue, with why it stands where it stands."""

    waiting: Waiting
    reasons: list[str] = field(default_factory=lambda: [RANDOM])
    suggested_team: str | None = None


def list_review_queue(session: Session, *, limit: int) -> ReviewQueue:
    """Unresolved bugs on which a person's word is asked.

    First those whose near twin a person gave another label, newest first; then by how much a word would teach. Each
    fifth is a spot check, the oldest first: its place must not depend on what the machine made of it.
    """
    waits = (Bug.needs_review, Bug.status != Status.RESOLVED)
    is_drawn = _is_drawn()
    oldest = select(Bug.id).where(*waits, is_drawn).order_by(Bug.created_at, Bug.id).limit(limit)
    newest = select(Bug.id).where(*waits, ~is_drawn).order_by(Bug.created_at.desc(), Bug.id.desc())
    ranked = _rank(session, find_waiting(session, session.scalars(newest.limit(NEWEST_WAITING)).all()), n=limit)
    checks = [_Place(one) for one in find_waiting(session, session.scalars(oldest).all())]
    places: list[_Place] = []
    while len(places) < limit and (ranked or checks):
        is_turn = len(places) % EVERY == EVERY - 1
        places.append((checks if checks and (is_turn or not ranked) else ranked).pop(0))
    n_waiting = session.scalar(select(func.count()).select_from(Bug).where(*waits)) or 0
    return ReviewQueue(items=_items(session, places), n_waiting=n_waiting)


def _is_drawn() -> ColumnElement[bool]:
    """Whether a bug was drawn for a spot check and a PM has still to speak on one of its fields."""
    spoken = exists().where(
        Feedback.bug_id == ReviewRequest.bug_id,
        Feedback.task == ReviewRequest.task,
        Feedback.kind != FeedbackKind.OVERRIDE,
    )
    return exists().where(ReviewRequest.bug_id == Bug.id, ReviewRequest.cause == Cause.SPOT_CHECK, ~spoken)


def _rank(session: Session, pool: Sequence[Waiting], *, n: int) -> list[_Place]:
    """The n that come first, with why."""
    vectors = fingerprints.find_vectors(session, [one.bug_id for one in pool])
    words = {task: find_words(session, task) for task in Task}
    cosines = {task: words[task].alike(vectors) for task in Task}
    nearest = {task: cosines[task].max(axis=1, initial=0) for task in Task}
    covered = np.asarray(
        [min((nearest[task][row] for task in one.tasks), default=1) for row, one in enumerate(pool)], np.float32
    )
    doubts = np.asarray([sum(_doubts(one).values()) for one in pool], np.float32)
    twins = {
        row: _find_twin(one, words[Task.TEAM], cosines[Task.TEAM][row])
        for row, one in enumerate(pool)
        if Task.TEAM in one.tasks
    }
    first = [row for row, one in enumerate(pool) if twins.get(row) or Cause.TWIN in one.asked]
    order = dict.fromkeys([*first, *review.rank(vectors, doubts, covered=covered, n=n)])
    return [_place(pool[row], twins.get(row), covered=float(covered[row])) for row in [*order][:n]]


def _find_twin(one: Waiting, words: Words, cosines: NDArray[np.float32]) -> tuple[int, str] | None:
    """The nearest bug that says nearly the same and was given another team, with that team."""
    near = np.flatnonzero(cosines >= NEAR)
    for place in near[np.argsort(-cosines[near], kind="stable")].tolist():
        if words.labels[place] != one.labels[Task.TEAM]:
            return words.bug_ids[place], words.labels[place]
    return None


def _place(one: Waiting, twin: tuple[int, str] | None, *, covered: float) -> _Place:
    doubts = _doubts(one)
    reasons = [_doubt(one, task) for task in sorted(one.unsure, key=lambda task: -doubts[task])]
    if covered < LEAST_ALIKE:
        reasons.append("Nothing like it was labelled yet")
    if twin is not None:
        reasons.insert(0, f"Near twin #{twin[0]} was given to {twin[1]}")
    elif Cause.TWIN in one.asked:
        reasons.insert(0, "A near twin was given to another team")
    return _Place(one, reasons, twin[1] if twin else None)


def _doubts(one: Waiting) -> dict[Task, float]:
    """How unsure the machine was of each field that waits."""
    return {task: uncertainty(one.said[task].probabilities) for task in one.tasks if task in one.said}


def _doubt(one: Waiting, task: Task) -> str:
    said = one.said[task]
    if said.label != one.labels[task]:
        return f"Perhaps {said.label}"
    return f"Unsure between {' and '.join(closest(said.probabilities))}"


def _items(session: Session, places: Sequence[_Place]) -> list[ReviewItem]:
    ids = [place.waiting.bug_id for place in places]
    bugs = {bug.id: bug for bug in session.scalars(select(Bug).where(Bug.id.in_(ids)).options(*reading.NAMES))}
    stored = predictions.predictions_of(session, ids)
    return [
        ReviewItem(
            bug=BugRead.model_validate(bugs[one.bug_id]),
            predictions=[StoredPrediction.model_validate(said) for said in stored[one.bug_id]],
            tasks=one.tasks,
            reasons=place.reasons,
            is_spot_check=Cause.SPOT_CHECK in one.asked,
            suggested_team=place.suggested_team,
        )
        for place in places
        for one in [place.waiting]
    ]
