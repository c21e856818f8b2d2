"""Bugs over HTTP."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response, status

from bugflow.api.deps import (
    Cursor,
    Limit,
    May,
    Now,
    Reader,
    ReadSession,
    RowId,
    RuntimeDep,
    TeamNames,
    WriteSession,
    link_next,
)
from bugflow.api.metrics import Metrics
from bugflow.domain.accounts import Action, Actor
from bugflow.errors import LostUpdate
from bugflow.schemas.bugs import (
    BugCreate,
    BugDetail,
    BugFilter,
    BugPage,
    BugPatch,
    BugReported,
    BugUpdate,
    BugUpdated,
    EventPage,
)
from bugflow.schemas.predictions import ExplanationRead
from bugflow.services import predictions
from bugflow.services.bugs import changing, reading, reporting

router = APIRouter(tags=["bugs"])
v1 = APIRouter(prefix="/bugs", tags=["bugs"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1, max_length=200, pattern=r"^[!-~]+$", description="Makes a repeated request report one bug only."
    ),
]


async def get_metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


MetricsDep = Annotated[Metrics, Depends(get_metrics)]


@router.post("/report_bug", status_code=status.HTTP_201_CREATED)
def report_bug(
    body: BugCreate,
    actor: Annotated[Actor, Depends(May(Action.REPORT))],
    session: WriteSession,
    runtime: RuntimeDep,
    team_names: TeamNames,
    metrics: MetricsDep,
    now: Now,
    idempotency_key: IdempotencyKey = None,
) -> BugReported:
    """Report a bug; severity and team are predicted where they are left out."""
    answer = reporting.report_bug(
        session,
        runtime.predictor,
        actor=actor,
        body=body,
        team_names=team_names,
        policy=runtime.policy,
        now=now,
        idempotency_key=idempotency_key,
    )
    metrics.count_report(answer.predictions)
    return answer


@router.post("/update_bug")
def update_bug(
    body: BugUpdate,
    actor: Annotated[Actor, Depends(May(Action.MOVE_BUG))],
    session: WriteSession,
    runtime: RuntimeDep,
    metrics: MetricsDep,
    now: Now,
) -> BugUpdated:
    """Move a bug, correct its predictions, assign it, leave a note."""
    answer = changing.update_bug(
        session,
        runtime.duplicates,
        actor=actor,
        body=body,
        retrain_after=runtime.settings.retrain_after_corrections,
        now=now,
    )
    metrics.count_feedback([body.correction_severity, body.correction_team])
    return answer


@v1.get("")
def list_bugs(
    wanted: Annotated[BugFilter, Query()], actor: Reader, session: ReadSession, request: Request, response: Response
) -> BugPage:
    """A page of bugs; the conditions are joined by "and", values of one field by "or"."""
    page = reading.list_bugs(session, actor, wanted)
    link_next(request, response, page)
    return page


@v1.get("/{bug_id}", responses={304: {"description": "Not modified since the version in If-None-Match"}})
def get_bug(
    bug_id: RowId,
    actor: Reader,
    session: ReadSession,
    response: Response,
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
) -> BugDetail:
    """A bug as its own page shows it to whoever asks; its version is the ETag."""
    bug = reading.detail_of(session, reading.get_bug(session, bug_id), actor)
    response.headers["ETag"] = f'"{bug.version}"'
    if if_none_match is not None and response.headers["ETag"] == if_none_match.removeprefix("W/"):
        response.status_code = status.HTTP_304_NOT_MODIFIED
    return bug


@v1.patch("/{bug_id}")
def patch_bug(
    bug_id: RowId,
    body: BugPatch,
    actor: Annotated[Actor, Depends(May(Action.EDIT_BUG))],
    session: WriteSession,
    runtime: RuntimeDep,
    response: Response,
    now: Now,
    if_match: Annotated[str | None, Header(max_length=200, description="The ETag you last saw.")] = None,
) -> BugDetail:
    """Change the fields that are sent; with `If-Match` only if nobody else changed the bug meanwhile."""
    version = _version(if_match)
    bug = changing.patch_bug(
        session,
        runtime.duplicates,
        bug_id,
        actor=actor,
        body=body,
        retrain_after=runtime.settings.retrain_after_corrections,
        now=now,
        if_match=version,
    )
    response.headers["ETag"] = f'"{bug.version}"'
    return bug


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'(?:W/)?"(\d{1,18})"', if_match.strip())
    if found is None:
        raise LostUpdate(what="bug", yours=if_match[:50], current="another version")
    return int(found[1])


@v1.get("/{bug_id}/events")
def list_events(
    bug_id: RowId,
    _actor: Reader,
    session: ReadSession,
    request: Request,
    response: Response,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> EventPage:
    """What happened to a bug, oldest first."""
    page = reading.list_events(session, bug_id, cursor=cursor, limit=limit)
    link_next(request, response, page)
    return page


@v1.get("/{bug_id}/explanation")
def explain_bug(bug_id: RowId, _actor: Reader, runtime: RuntimeDep, team_names: TeamNames) -> list[ExplanationRead]:
    """Why the present model gives a bug its severity and team: word by word, and the nearest bugs people labelled."""
    return predictions.explain_bug(runtime.database, runtime.predictor, runtime.duplicates, bug_id, teams=team_names)
