"""Corrections and confirmations over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, status

from bugflow.api.bugs import MetricsDep
from bugflow.api.deps import Cursor, Limit, May, Now, ReadSession, RowId, RuntimeDep, WriteSession, link_next
from bugflow.domain.accounts import Action, Actor
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Task
from bugflow.schemas.base import MAX_INTEGER
from bugflow.schemas.feedback import FeedbackCreate, FeedbackGiven, FeedbackPage
from bugflow.schemas.pins import PinCreate, PinPage, PinRead
from bugflow.schemas.review import Contradiction, ReviewQueue
from bugflow.services import feedback, pins
from bugflow.services.review import contradictions, queue

v1 = APIRouter(prefix="/feedback", tags=["feedback"])

FeedbackReader = Annotated[Actor, Depends(May(Action.READ_FEEDBACK))]
Corrector = Annotated[Actor, Depends(May(Action.CORRECT))]


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
    actor: Corrector,
    session: WriteSession,
    runtime: RuntimeDep,
    metrics: MetricsDep,
    now: Now,
) -> FeedbackGiven:
    """Correct a predicted field, or confirm it by sending the predicted label."""
    answer = feedback.give_feedback(
        session,
        runtime.duplicates,
        actor=actor,
        body=body,
        retrain_after=runtime.settings.retrain_after_corrections,
        now=now,
    )
    metrics.count_feedback([body.label])
    return answer


@v1.get("/queue")
def list_review_queue(_actor: FeedbackReader, session: ReadSession, limit: Limit = 25) -> ReviewQueue:
    """Unresolved bugs on which a person's word is asked, the ones that would teach most first; each with why."""
    return queue.list_review_queue(session, limit=limit)


@v1.get("/contradictions")
def list_contradictions(_actor: FeedbackReader, session: ReadSession, limit: Limit = 25) -> list[Contradiction]:
    """Bugs that say nearly the same, to which people gave different labels, the most alike first."""
    return contradictions.list_contradictions(session, limit=limit)


@v1.get("/pins")
def list_pins(
    _actor: FeedbackReader,
    session: ReadSession,
    request: Request,
    response: Response,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> PinPage:
    """The bugs that every later model must get right, newest pin first."""
    page = pins.list_pins(session, cursor=cursor, limit=limit)
    link_next(request, response, page)
    return page


@v1.post("/pins", status_code=status.HTTP_201_CREATED)
def pin_bug(body: PinCreate, actor: Corrector, session: WriteSession, runtime: RuntimeDep, now: Now) -> PinRead:
    """Pin a bug: a model that gets it wrong where the one before did not is refused. Confirms what nobody spoke on."""
    return pins.pin_bug(session, runtime.duplicates, actor=actor, body=body, now=now)


@v1.delete("/pins/{bug_id}/{task}", status_code=status.HTTP_204_NO_CONTENT)
def unpin_bug(bug_id: RowId, task: Task, actor: Corrector, session: WriteSession, now: Now) -> None:
    """Take a pin away; what people call the bug stays."""
    pins.unpin_bug(session, bug_id, task, actor=actor, now=now)
