"""Attachments over HTTP: multipart in, a download out."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Response, UploadFile, status

from bugflow.api.deps import May, Now, Reader, ReadSession, RowId, RuntimeDep, WriteSession
from bugflow.domain.accounts import Action, Actor
from bugflow.errors import TooLarge
from bugflow.schemas.attachments import AttachmentRead
from bugflow.services import attachments

v1 = APIRouter(prefix="/bugs/{bug_id}/attachments", tags=["attachments"])


@v1.get("")
def list_attachments(bug_id: RowId, _actor: Reader, session: ReadSession) -> list[AttachmentRead]:
    return attachments.list_attachments(session, bug_id)


@v1.post("", status_code=status.HTTP_201_CREATED)
def attach(
    bug_id: RowId,
    file: UploadFile,
    actor: Annotated[Actor, Depends(May(Action.ATTACH))],
    session: WriteSession,
    runtime: RuntimeDep,
    now: Now,
) -> AttachmentRead:
    """Add a log file or screenshot."""
    limit = runtime.settings.attachment_limit_bytes
    content = file.file.read(limit + 1)
    if len(content) > limit:
        raise TooLarge(size_bytes=file.size or len(content), limit_bytes=limit)
    return attachments.attach(
        session,
        bug_id,
        actor=actor,
        filename=file.filename or "",
        content=content,
        per_bug=runtime.settings.attachments_per_bug,
        now=now,
    )


@v1.get("/{attachment_id}/content", response_class=Response, responses={200: {"content": {"*/*": {}}}})
def download(bug_id: RowId, attachment_id: RowId, _actor: Reader, session: ReadSession) -> Response:
    """The file itself, always as a download: what people upload is never shown as a page of ours."""
    row = attachments.get_content(session, bug_id, attachment_id)
    disposition = f"attachment; filename*=UTF-8''{quote(row.filename)}"
    return Response(row.content, media_type=row.media_type, headers={"Content-Disposition": disposition})


@v1.delete("/{attachment_id}", status_code=status.HTTP_204_NO_CONTENT)
def remove_attachment(
    bug_id: RowId,
    attachment_id: RowId,
    actor: Annotated[Actor, Depends(May(Action.REMOVE_ATTACHMENT))],
    session: WriteSession,
    now: Now,
) -> None:
    attachments.remove_attachment(session, bug_id, attachment_id, actor=actor, now=now)
