"""Bugs that say the same, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, status

from bugflow.api.deps import May, Now, Reader, RowId, RuntimeDep, WriteSession
from bugflow.domain.accounts import Action, Actor
from bugflow.schemas.duplicates import (
    DuplicateDismiss,
    DuplicateLinkCreate,
    DuplicateSearchRequest,
    DuplicatesFound,
    DuplicatesRead,
)
from bugflow.services.bugs import linking
from bugflow.services.duplicates import finding

v1 = APIRouter(tags=["duplicates"])

Linker = Annotated[Actor, Depends(May(Action.LINK_DUPLICATE))]


@v1.post("/duplicates/search", dependencies=[Depends(May(Action.PREDICT))])
def search_duplicates(body: DuplicateSearchRequest, runtime: RuntimeDep) -> DuplicatesFound:
    """Find bugs that may say the same as a text; nothing is saved."""
    return finding.search_duplicates(runtime.database, runtime.duplicates, body=body)


@v1.get("/bugs/{bug_id}/duplicates")
def list_duplicates(
    bug_id: RowId, actor: Reader, runtime: RuntimeDep, limit: Annotated[int, Query(ge=0, le=20)] = 5
) -> DuplicatesRead:
    """What a bug repeats, what repeats it, and what may."""
    return linking.read_duplicates(runtime.database, runtime.duplicates, bug_id, actor=actor, n=limit)


@v1.post("/bugs/{bug_id}/duplicates", status_code=status.HTTP_201_CREATED)
def link_duplicate(
    bug_id: RowId, body: DuplicateLinkCreate, actor: Linker, session: WriteSession, now: Now
) -> DuplicatesRead:
    """Say that a bug repeats another one; the link goes to the root."""
    linking.link(session, bug_id, body.duplicate_of, actor=actor, now=now, probability=body.probability)
    return linking.describe(session, bug_id, found=[], actor=actor, n=0)


@v1.post("/bugs/{bug_id}/duplicates/dismissed", status_code=status.HTTP_204_NO_CONTENT)
def dismiss_duplicate(bug_id: RowId, body: DuplicateDismiss, actor: Linker, session: WriteSession, now: Now) -> None:
    """Say that two bugs are not the same; they are not suggested for one another again."""
    linking.dismiss(session, bug_id, body.other_id, actor=actor, now=now, probability=body.probability)


@v1.delete("/bugs/{bug_id}/duplicates/{other_id}", status_code=status.HTTP_204_NO_CONTENT)
def split_duplicate(bug_id: RowId, other_id: RowId, actor: Linker, session: WriteSession, now: Now) -> None:
    """Take a link back."""
    linking.split(session, bug_id, other_id, actor=actor, now=now)


@v1.put("/bugs/{bug_id}/followers/me", status_code=status.HTTP_204_NO_CONTENT)
def follow_bug(bug_id: RowId, actor: Reader, session: WriteSession, now: Now) -> None:
    """Say that a bug is yours too: you are told what becomes of it, or of the root that it repeats."""
    linking.follow(session, bug_id, user_id=actor.id, now=now)


@v1.delete("/bugs/{bug_id}/followers/me", status_code=status.HTTP_204_NO_CONTENT)
def unfollow_bug(bug_id: RowId, actor: Reader, session: WriteSession) -> None:
    linking.unfollow(session, bug_id, user_id=actor.id)
