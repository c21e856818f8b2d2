"""Comments over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, status

from bugflow.api.deps import Cursor, Limit, May, Now, Reader, ReadSession, RowId, WriteSession, link_next
from bugflow.domain.accounts import Action, Actor
from bugflow.schemas.comments import CommentPage, CommentRead, CommentWrite
from bugflow.services import comments

v1 = APIRouter(prefix="/bugs/{bug_id}/comments", tags=["comments"])

Editor = Annotated[Actor, Depends(May(Action.EDIT_COMMENT))]


@v1.get("")
def list_comments(
    bug_id: RowId,
    _actor: Reader,
    session: ReadSession,
    request: Request,
    response: Response,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> CommentPage:
    """A bug's comments, oldest first."""
    page = comments.list_comments(session, bug_id, cursor=cursor, limit=limit)
    link_next(request, response, page)
    return page


@v1.post("", status_code=status.HTTP_201_CREATED)
def add_comment(
    bug_id: RowId,
    body: CommentWrite,
    actor: Annotated[Actor, Depends(May(Action.COMMENT))],
    session: WriteSession,
    now: Now,
) -> CommentRead:
    return comments.add_comment(session, bug_id, actor=actor, text=body.text, now=now)


@v1.patch("/{comment_id}")
def edit_comment(
    bug_id: RowId, comment_id: RowId, body: CommentWrite, actor: Editor, session: WriteSession, now: Now
) -> CommentRead:
    return comments.edit_comment(session, bug_id, comment_id, actor=actor, text=body.text, now=now)


@v1.delete("/{comment_id}", status_code=status.HTTP_204_NO_CONTENT)
def remove_comment(bug_id: RowId, comment_id: RowId, actor: Editor, session: WriteSession, now: Now) -> None:
    comments.remove_comment(session, bug_id, comment_id, actor=actor, now=now)
