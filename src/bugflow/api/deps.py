"""What routes are handed: the runtime, a transaction, whoever asks."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Path, Query, Request, Response
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy.orm import Session

from bugflow.domain.accounts import Action, Actor, Scope, demand, scope_of
from bugflow.errors import NotSignedIn
from bugflow.runtime import Runtime
from bugflow.schemas.base import MAX_INTEGER
from bugflow.schemas.pages import Page
from bugflow.services import sign_ins, teams


async def get_runtime(request: Request) -> Runtime:  # async: it costs no thread
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(get_runtime)]


async def get_now(runtime: RuntimeDep) -> datetime:
    return runtime.clock()


Now = Annotated[datetime, Depends(get_now)]


def read_session(runtime: RuntimeDep) -> Iterator[Session]:
    with runtime.database.read() as session:
        yield session


def write_session(runtime: RuntimeDep) -> Iterator[Session]:
    with runtime.database.write() as session:
        yield session


ReadSession = Annotated[Session, Depends(read_session, scope="function")]
WriteSession = Annotated[Session, Depends(write_session, scope="function")]
"""One transaction, committed before the response: with the default scope a failed commit would still answer 201."""


def get_team_names(runtime: RuntimeDep) -> list[str]:
    """The teams that may be predicted, read in a transaction of its own that ends before the model is asked."""
    with runtime.database.read() as session:
        return teams.active_team_names(session)


TeamNames = Annotated[list[str], Depends(get_team_names)]

_bearer = OAuth2PasswordBearer(tokenUrl="token", auto_error=False)


class May:
    """Lets a signed-in person pass whose role may do the action at all; "own" is decided by the service."""

    def __init__(self, action: Action) -> None:
        self.action = action

    def __call__(self, runtime: RuntimeDep, token: Annotated[str | None, Depends(_bearer)], now: Now) -> Actor:
        if token is None:
            raise NotSignedIn
        with runtime.database.read() as session:
            actor = sign_ins.get_actor(session, runtime.tokens, token, now=now)
        demand(actor, self.action, own=scope_of(actor, self.action) is Scope.OWN)
        return actor


class Anyone:
    """Declares a route that needs no sign-in."""

    async def __call__(self) -> None:
        return None


Reader = Annotated[Actor, Depends(May(Action.READ))]
Self = Annotated[Actor, Depends(May(Action.MANAGE_SELF))]

RowId = Annotated[int, Path(ge=1, le=MAX_INTEGER)]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100)]


def link_next(request: Request, response: Response, page: Page[Any]) -> None:
    """Say in a `Link` header where the next page is (RFC 8288)."""
    if page.next_cursor is not None:
        query = [(key, value) for key, value in request.query_params.multi_items() if key != "cursor"]
        url = f"{request.url.path}?{urlencode([*query, ('cursor', page.next_cursor)])}"
        response.headers["Link"] = f'<{url}>; rel="next"'
