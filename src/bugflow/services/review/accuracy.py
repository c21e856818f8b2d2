"""How often the machine is right, from the bugs that were drawn at random."""

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from bugflow.db.tables import Feedback, PredictionRow, ReviewRequest
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.review import Cause, wilson_interval
from bugflow.schemas.stats import Accuracy


def measure_accuracy(session: Session) -> list[Accuracy]:
    """Share of right predictions by field and model, among drawn bugs on which a project manager has spoken.

    People correct what is wrong and pass over what is right, so the share of corrections among all bugs says little.
    Drawn bugs are put to them whatever the machine was sure of, and stay in the queue until both fields are confirmed
    or corrected. What remains biased: of the drawn ones some are decided early because they are wrong, so the figure is
    fair once nearly all are (`n_decided` against `n_drawn`); those resolved before anyone looked never count; who sees
    what was predicted agrees with it more often than who does not; and bugs of an import are never drawn.
    """
    request, words = ReviewRequest, Feedback
    newest = (
        select(func.max(words.id))
        .where(words.bug_id == request.bug_id, words.task == request.task, words.kind != FeedbackKind.OVERRIDE)
        .correlate(request)
        .scalar_subquery()
    )
    columns = (PredictionRow.task, PredictionRow.model_version)
    query = (
        select(*columns, func.count(), func.count(words.id), _n(words.kind == FeedbackKind.CONFIRMATION))
        .select_from(request)
        .join(PredictionRow, and_(PredictionRow.bug_id == request.bug_id, PredictionRow.task == request.task))
        .outerjoin(words, words.id == newest)
        .where(request.cause == Cause.SPOT_CHECK)
        .group_by(*columns)
        .order_by(*columns)
    )
    answer = []
    for task, version, n_drawn, n_decided, n_right in session.execute(query):
        low, high = wilson_interval(n_right, n_decided)
        answer.append(
            Accuracy(
                task=task,
                model_version=version,
                n_drawn=n_drawn,
                n_decided=n_decided,
                n_right=n_right,
                accuracy=round(n_right / n_decided, 4) if n_decided else None,
                low=round(low, 4),
                high=round(high, 4),
            )
        )
    return answer


def _n(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
