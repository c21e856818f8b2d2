"""The audit log over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from bugflow.api.deps import Cursor, Limit, May, ReadSession, link_next
from bugflow.domain.accounts import Action, Actor
from bugflow.schemas.audit import AuditPage, AuditVerdict
from bugflow.services import audit

v1 = APIRouter(prefix="/audit", tags=["audit"])

AuditReader = Annotated[Actor, Depends(May(Action.READ_AUDIT))]


@v1.get("")
def list_entries(
    _actor: AuditReader,
    session: ReadSession,
    request: Request,
    response: Response,
    subject: Annotated[str | None, Query(max_length=80, pattern=r"^[a-z]+:[\w]+$", examples=["bug:12"])] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AuditPage:
    """What was done, newest first."""
    page = audit.list_entries(session, cursor=cursor, limit=limit, subject=subject)
    link_next(request, response, page)
    return page


@v1.get("/verify")
def verify(_actor: AuditReader, session: ReadSession) -> AuditVerdict:
    """Recompute the hash chain: finds any entry edited, removed, inserted or moved."""
    return audit.verify(session)
