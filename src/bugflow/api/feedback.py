"""Corrections and confirmations over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status

from bugflow.api.bugs import MetricsDep
from bugflow.api.deps import Cursor, Limit, May, Now, ReadSession, RuntimeDep, WriteSession, link_next
from bugflow.domain.accounts import Action, Actor
from bugflow.domain.feedback import FeedbackKind
from bugflow.schemas.base import MAX_INTEGER
from bugflow.schemas.feedback import FeedbackCreate, FeedbackGiven, FeedbackPage, ReviewPage
from bugflow.services import feedback

v1 = APIRouter(prefix="/feedback", tags=["feedback"])

FeedbackReader = Annotated[Actor, Depends(May(Action.READ_FEEDBACK))]


@v1.get("")
def list_feedback(
    _actor: FeedbackReader,
    session: ReadSession,
    request: Request,
    response: Response,
    bug_id: Annotated[int | None, Query(ge=1, le=MAX_INTEGER)] = None,
    kind: Annotated[FeedbackKind | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> FeedbackPage:
    """What people said about predictions, newest first."""
    page = feedback.list_feedback(session, bug_id=bug_id, kind=kind, cursor=cursor, limit=limit)
    link_next(request, response, page)
    return page


@v1.post("", status_code=status.HTTP_201_CREATED)
def give_feedback(
    body: FeedbackCreate,
    actor: Annotated[Actor, Depends(May(Action.CORRECT))],
    session: WriteSession,
    runtime: RuntimeDep,
    metrics: MetricsDep,
    now: Now,
) -> FeedbackGiven:
    """Correct a predicted field, or confirm it by sending the predicted label."""
    answer = feedback.give_feedback(
        session, actor=actor, body=body, retrain_after=runtime.settings.retrain_after_corrections, now=now
    )
    metrics.count_feedback([body.label])
    return answer


@v1.get("/queue")
def list_review_queue(
    _actor: FeedbackReader,
    session: ReadSession,
    request: Request,
    response: Response,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> ReviewPage:
    """Unresolved bugs with a prediction that the machine was not sure of, newest first."""
    page = feedback.list_review_queue(session, cursor=cursor, limit=limit)
    link_next(request, response, page)
    return page
