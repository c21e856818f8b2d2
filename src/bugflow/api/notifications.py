"""Notifications over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status

from bugflow.api.deps import Cursor, Limit, Now, ReadSession, Self, WriteSession, link_next
from bugflow.schemas.notifications import NotificationCount, NotificationPage, NotificationsSeen
from bugflow.services import notifications

v1 = APIRouter(prefix="/notifications", tags=["notifications"])


@v1.get("")
def list_notifications(
    actor: Self,
    session: ReadSession,
    request: Request,
    response: Response,
    unread: Annotated[bool, Query()] = False,
    cursor: Cursor = None,
    limit: Limit = 25,
) -> NotificationPage:
    """The own notifications, newest first."""
    page = notifications.list_notifications(session, actor, unread=unread, cursor=cursor, limit=limit)
    link_next(request, response, page)
    return page


@v1.get("/count")
def count_unread(actor: Self, session: ReadSession) -> NotificationCount:
    return NotificationCount(n_unread=notifications.count_unread(session, actor))


@v1.post("/read", status_code=status.HTTP_204_NO_CONTENT)
def mark_read(body: NotificationsSeen, actor: Self, session: WriteSession, now: Now) -> None:
    notifications.mark_read(session, actor, ids=body.ids, now=now)
